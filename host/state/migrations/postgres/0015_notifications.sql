-- What ended well or not, until the leader has looked at it: kept in the transaction of what it tells, and removed in that of
-- what comes of it. Its numbers may be committed in another order than they were given out in, so nobody remembers a number.
CREATE TABLE outcomes (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body     jsonb NOT NULL,
    at       timestamptz NOT NULL
);

CREATE TABLE notifications (
    name          text COLLATE "C" NOT NULL PRIMARY KEY,
    after_outcome bigint NOT NULL,
    since         timestamptz NOT NULL
);

-- Failures that were told and go on.
CREATE TABLE incidents (
    notification  text COLLATE "C" NOT NULL REFERENCES notifications (name) ON DELETE CASCADE,
    subject       text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    failures      bigint NOT NULL,
    opened_at     timestamptz NOT NULL,
    notified_at   timestamptz NOT NULL,
    PRIMARY KEY (notification, subject, partition_key)
);

-- Messages: those to be sent, and the history of the others, which outlives its notification.
CREATE TABLE deliveries (
    sequence     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid NOT NULL UNIQUE,
    notification text COLLATE "C" NOT NULL,
    event        text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    outcome      bigint NOT NULL,
    body         jsonb NOT NULL,
    state        text COLLATE "C" NOT NULL,
    attempts     bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    next_try_at  timestamptz NOT NULL,
    ended_at     timestamptz,
    error        jsonb,
    UNIQUE (notification, event, subject, outcome)
);

-- The few that are to be sent among the many that were.
CREATE INDEX deliveries_pending ON deliveries (notification, sequence) WHERE state = 'pending';
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
