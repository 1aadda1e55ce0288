-- The state of runs. Text that is sorted or compared has collation "C", so that its order is that of the bytes, as in
-- SQLite and in Rust, whatever the database's locale. `../sqlite` holds the same tables with that database's types.

CREATE TABLE runs (
    id         uuid NOT NULL PRIMARY KEY,
    state      text NOT NULL,
    request    jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    error      jsonb
);

CREATE TABLE run_partitions (
    run           uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    position      bigint NOT NULL,
    state         text NOT NULL,
    PRIMARY KEY (run, asset, partition_key)
);

CREATE INDEX run_partitions_by_asset ON run_partitions (asset, run);

-- The newest epoch of each asset partition. A row stays for good: epochs rise over all runs, even those pruned since.
-- Its lock is the lock of the asset partition: claims and fenced writes take it first.
CREATE TABLE fences (
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    epoch         bigint NOT NULL,
    PRIMARY KEY (asset, partition_key)
);

CREATE TABLE attempts (
    run           uuid NOT NULL,
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    attempt       bigint NOT NULL,
    epoch         bigint NOT NULL,
    worker        text NOT NULL,
    state         text NOT NULL,
    started_at    timestamptz NOT NULL,
    lease_until   timestamptz NOT NULL,
    finished_at   timestamptz,
    error         jsonb,
    PRIMARY KEY (run, asset, partition_key, attempt),
    UNIQUE (asset, partition_key, epoch),
    FOREIGN KEY (run, asset, partition_key) REFERENCES run_partitions (run, asset, partition_key) ON DELETE CASCADE
);

-- Holds, whatever the code does, that one attempt at most is under way.
CREATE UNIQUE INDEX attempts_under_way ON attempts (asset, partition_key) WHERE state = 'running';

-- `body` is text: only the host reads it, and it must come back as it went in. jsonb would reorder keys, rewrite
-- numbers and refuse the NUL that a source may put into its cursor.
CREATE TABLE checkpoints (
    run           uuid NOT NULL,
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    epoch         bigint NOT NULL,
    at            timestamptz NOT NULL,
    body          text NOT NULL,
    PRIMARY KEY (run, asset, partition_key),
    FOREIGN KEY (run, asset, partition_key) REFERENCES run_partitions (run, asset, partition_key) ON DELETE CASCADE
);

-- Outlives its run, so it does not refer to one: what was loaded stays loaded when the run's history is pruned.
CREATE TABLE materializations (
    sequence      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run           uuid NOT NULL,
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    epoch         bigint NOT NULL,
    at            timestamptz NOT NULL,
    load          jsonb NOT NULL,
    counts        jsonb NOT NULL,
    plugins       jsonb NOT NULL,
    duration_ms   bigint NOT NULL,
    UNIQUE (asset, partition_key, epoch)
);

CREATE INDEX materializations_by_run ON materializations (run);

-- The index of rejects; the rows lie in the artifact store. Outlives its run, as the file does.
CREATE TABLE quarantine (
    sequence      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    artifact      text NOT NULL UNIQUE,
    run           uuid NOT NULL,
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    step          text NOT NULL,
    digest        text,
    row_count     bigint NOT NULL,
    codes         jsonb NOT NULL
);

CREATE INDEX quarantine_by_asset ON quarantine (asset);
CREATE INDEX quarantine_by_run ON quarantine (run);

-- Partitioned by time, so that old events can be dropped by the month once there is a retention job to cut the months;
-- until then the default partition takes them all.
CREATE SEQUENCE event_sequence AS bigint;

CREATE TABLE events (
    sequence      bigint NOT NULL DEFAULT nextval('event_sequence'),
    run           uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    asset         text,
    partition_key text,
    attempt       bigint,
    kind          text NOT NULL,
    data          jsonb NOT NULL,
    at            timestamptz NOT NULL
) PARTITION BY RANGE (at);

CREATE TABLE events_default PARTITION OF events DEFAULT;

CREATE INDEX events_by_run ON events (run, sequence);
