-- What checks said. Outlives its run, as the materialization does; of no run where a check looked at what lies in the
-- destination by itself.
CREATE TABLE check_results (
    sequence      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run           uuid,
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    attempt       bigint,
    check_name    text COLLATE "C" NOT NULL,
    passed        boolean NOT NULL,
    severity      text NOT NULL,
    blocking      boolean NOT NULL,
    message       text NOT NULL,
    measures      jsonb NOT NULL,
    shown         boolean NOT NULL,
    at            timestamptz NOT NULL
);

CREATE INDEX check_results_by_check ON check_results (asset, check_name, sequence);
CREATE INDEX check_results_by_time ON check_results (at);

-- The last materializations of an asset, whichever slice they are of.
CREATE INDEX materializations_by_asset ON materializations (asset, sequence);

-- How the assets with a freshness policy were last seen to stand, and when they became late or fresh again.
CREATE TABLE freshness (
    asset         text COLLATE "C" NOT NULL PRIMARY KEY,
    status        text NOT NULL,
    watched_since timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL
);

CREATE TABLE freshness_changes (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset    text COLLATE "C" NOT NULL,
    status   text NOT NULL,
    due_at   timestamptz,
    last_at  timestamptz,
    at       timestamptz NOT NULL
);
