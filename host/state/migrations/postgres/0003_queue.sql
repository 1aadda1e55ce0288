-- The queue of runs: who carries a run out, what it is found by, what limits it.
ALTER TABLE runs ADD COLUMN worker text COLLATE "C";
ALTER TABLE runs ADD COLUMN priority bigint NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN job text COLLATE "C";
ALTER TABLE runs ADD COLUMN tags jsonb NOT NULL DEFAULT '{}';
ALTER TABLE runs ADD COLUMN run_key text COLLATE "C";
ALTER TABLE runs ADD COLUMN started_at timestamptz;
ALTER TABLE runs ADD COLUMN finished_at timestamptz;
ALTER TABLE runs ADD COLUMN recoveries bigint NOT NULL DEFAULT 0;

-- The few that have not ended among the many that have.
CREATE INDEX runs_queued ON runs (priority DESC, id) WHERE state = 'queued';
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_job ON runs (job, id) WHERE job IS NOT NULL;
CREATE INDEX runs_by_worker ON runs (worker, id) WHERE worker IS NOT NULL;

CREATE TABLE run_tags (
    run   uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key   text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    PRIMARY KEY (key, value, run)
);

CREATE INDEX run_tags_by_run ON run_tags (run);

-- Outlives its run: a key that was used once is used for good.
CREATE TABLE run_keys (
    run_key text COLLATE "C" NOT NULL PRIMARY KEY,
    run     uuid NOT NULL,
    at      timestamptz NOT NULL
);

CREATE TABLE workers (
    id      text COLLATE "C" NOT NULL PRIMARY KEY,
    beats   bigint NOT NULL,
    beat_at timestamptz NOT NULL
);

-- What attempts under way use of what is limited. A row is a lease: it counts for as long as its attempt's lease does.
CREATE TABLE slots (
    pool          text COLLATE "C" NOT NULL,
    run           uuid NOT NULL,
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    attempt       bigint NOT NULL,
    PRIMARY KEY (pool, run, asset, partition_key, attempt),
    FOREIGN KEY (run, asset, partition_key, attempt)
        REFERENCES attempts (run, asset, partition_key, attempt) ON DELETE CASCADE
);

CREATE INDEX slots_by_attempt ON slots (run, asset, partition_key, attempt);

-- One row: who leads.
CREATE TABLE leader (
    one    bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    holder text COLLATE "C",
    epoch  bigint NOT NULL,
    beats  bigint NOT NULL
);

INSERT INTO leader (one, holder, epoch, beats) VALUES (1, NULL, 0, 0);
