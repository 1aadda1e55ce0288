-- The state of runs. Ids are the 16 bytes of a UUID, instants RFC 3339 text in UTC with microseconds at most (so that
-- text order is time order), documents JSON text. `../postgres` holds the same tables with that database's own types.

CREATE TABLE runs (
    id         BLOB NOT NULL PRIMARY KEY,
    state      TEXT NOT NULL,
    request    TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    error      TEXT
) STRICT;

CREATE TABLE run_partitions (
    run           BLOB NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    position      INTEGER NOT NULL,
    state         TEXT NOT NULL,
    PRIMARY KEY (run, asset, partition_key)
) STRICT;

CREATE INDEX run_partitions_by_asset ON run_partitions (asset, run);

-- The newest epoch of each asset partition. A row stays for good: epochs rise over all runs, even those pruned since.
CREATE TABLE fences (
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    PRIMARY KEY (asset, partition_key)
) STRICT;

CREATE TABLE attempts (
    run           BLOB NOT NULL,
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    attempt       INTEGER NOT NULL,
    epoch         INTEGER NOT NULL,
    worker        TEXT NOT NULL,
    state         TEXT NOT NULL,
    started_at    TEXT NOT NULL,
    lease_until   TEXT NOT NULL,
    finished_at   TEXT,
    error         TEXT,
    PRIMARY KEY (run, asset, partition_key, attempt),
    UNIQUE (asset, partition_key, epoch),
    FOREIGN KEY (run, asset, partition_key) REFERENCES run_partitions (run, asset, partition_key) ON DELETE CASCADE
) STRICT;

-- Holds, whatever the code does, that one attempt at most is under way.
CREATE UNIQUE INDEX attempts_under_way ON attempts (asset, partition_key) WHERE state = 'running';

CREATE TABLE checkpoints (
    run           BLOB NOT NULL,
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    at            TEXT NOT NULL,
    body          TEXT NOT NULL,
    PRIMARY KEY (run, asset, partition_key),
    FOREIGN KEY (run, asset, partition_key) REFERENCES run_partitions (run, asset, partition_key) ON DELETE CASCADE
) STRICT;

-- Outlives its run, so it does not refer to one: what was loaded stays loaded when the run's history is pruned.
CREATE TABLE materializations (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    run           BLOB NOT NULL,
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    at            TEXT NOT NULL,
    load          TEXT NOT NULL,
    counts        TEXT NOT NULL,
    plugins       TEXT NOT NULL,
    duration_ms   INTEGER NOT NULL,
    UNIQUE (asset, partition_key, epoch)
) STRICT;

CREATE INDEX materializations_by_run ON materializations (run);

-- The index of rejects; the rows lie in the artifact store. Outlives its run, as the file does.
CREATE TABLE quarantine (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    artifact      TEXT NOT NULL UNIQUE,
    run           BLOB NOT NULL,
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    step          TEXT NOT NULL,
    digest        TEXT,
    row_count     INTEGER NOT NULL,
    codes         TEXT NOT NULL
) STRICT;

CREATE INDEX quarantine_by_asset ON quarantine (asset);
CREATE INDEX quarantine_by_run ON quarantine (run);

CREATE TABLE events (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    run           BLOB NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    asset         TEXT,
    partition_key TEXT,
    attempt       INTEGER,
    kind          TEXT NOT NULL,
    data          TEXT NOT NULL,
    at            TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_run ON events (run, sequence);
