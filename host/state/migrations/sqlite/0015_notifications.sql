-- What ended well or not, until the leader has looked at it: kept in the transaction of what it tells, and removed in that of
-- what comes of it.
CREATE TABLE outcomes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    body     TEXT NOT NULL,
    at       TEXT NOT NULL
) STRICT;

CREATE TABLE notifications (
    name          TEXT NOT NULL PRIMARY KEY,
    after_outcome INTEGER NOT NULL,
    since         TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Failures that were told and go on.
CREATE TABLE incidents (
    notification  TEXT NOT NULL REFERENCES notifications (name) ON DELETE CASCADE,
    subject       TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    failures      INTEGER NOT NULL,
    opened_at     TEXT NOT NULL,
    notified_at   TEXT NOT NULL,
    PRIMARY KEY (notification, subject, partition_key)
) STRICT, WITHOUT ROWID;

-- Messages: those to be sent, and the history of the others, which outlives its notification.
CREATE TABLE deliveries (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB NOT NULL UNIQUE,
    notification TEXT NOT NULL,
    event        TEXT NOT NULL,
    subject      TEXT NOT NULL,
    outcome      INTEGER NOT NULL,
    body         TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    next_try_at  TEXT NOT NULL,
    ended_at     TEXT,
    error        TEXT,
    UNIQUE (notification, event, subject, outcome)
) STRICT;

-- The few that are to be sent among the many that were.
CREATE INDEX deliveries_pending ON deliveries (notification, sequence) WHERE state = 'pending';
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
