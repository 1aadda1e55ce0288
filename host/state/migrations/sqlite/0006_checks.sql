-- What checks said. Outlives its run, as the materialization does; of no run where a check looked at what lies in the
-- destination by itself.
CREATE TABLE check_results (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    run           BLOB,
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    attempt       INTEGER,
    check_name    TEXT NOT NULL,
    passed        INTEGER NOT NULL,
    severity      TEXT NOT NULL,
    blocking      INTEGER NOT NULL,
    message       TEXT NOT NULL,
    measures      TEXT NOT NULL,
    shown         INTEGER NOT NULL,
    at            TEXT NOT NULL
) STRICT;

CREATE INDEX check_results_by_check ON check_results (asset, check_name, sequence);
CREATE INDEX check_results_by_time ON check_results (at);

-- The last materializations of an asset, whichever slice they are of.
CREATE INDEX materializations_by_asset ON materializations (asset, sequence);

-- How the assets with a freshness policy were last seen to stand, and when they became late or fresh again.
CREATE TABLE freshness (
    asset         TEXT NOT NULL PRIMARY KEY,
    status        TEXT NOT NULL,
    watched_since TEXT NOT NULL,
    changed_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE freshness_changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    asset    TEXT NOT NULL,
    status   TEXT NOT NULL,
    due_at   TEXT,
    last_at  TEXT,
    at       TEXT NOT NULL
) STRICT;
