-- The queue of runs: who carries a run out, what it is found by, what limits it.
ALTER TABLE runs ADD COLUMN worker TEXT;
ALTER TABLE runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN job TEXT;
ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE runs ADD COLUMN run_key TEXT;
ALTER TABLE runs ADD COLUMN started_at TEXT;
ALTER TABLE runs ADD COLUMN finished_at TEXT;
ALTER TABLE runs ADD COLUMN recoveries INTEGER NOT NULL DEFAULT 0;

-- The few that have not ended among the many that have.
CREATE INDEX runs_queued ON runs (priority DESC, id) WHERE state = 'queued';
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_job ON runs (job, id) WHERE job IS NOT NULL;
CREATE INDEX runs_by_worker ON runs (worker, id) WHERE worker IS NOT NULL;

CREATE TABLE run_tags (
    run   BLOB NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (key, value, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_tags_by_run ON run_tags (run);

-- Outlives its run: a key that was used once is used for good.
CREATE TABLE run_keys (
    run_key TEXT NOT NULL PRIMARY KEY,
    run     BLOB NOT NULL,
    at      TEXT NOT NULL
) STRICT;

CREATE TABLE workers (
    id      TEXT NOT NULL PRIMARY KEY,
    beats   INTEGER NOT NULL,
    beat_at TEXT NOT NULL
) STRICT;

-- What attempts under way use of what is limited. A row is a lease: it counts for as long as its attempt's lease does.
CREATE TABLE slots (
    pool          TEXT NOT NULL,
    run           BLOB NOT NULL,
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    attempt       INTEGER NOT NULL,
    PRIMARY KEY (pool, run, asset, partition_key, attempt),
    FOREIGN KEY (run, asset, partition_key, attempt)
        REFERENCES attempts (run, asset, partition_key, attempt) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX slots_by_attempt ON slots (run, asset, partition_key, attempt);

-- One row: who leads.
CREATE TABLE leader (
    one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    holder TEXT,
    epoch  INTEGER NOT NULL,
    beats  INTEGER NOT NULL
) STRICT;

INSERT INTO leader (one, holder, epoch, beats) VALUES (1, NULL, 0, 0);
