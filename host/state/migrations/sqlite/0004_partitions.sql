-- Slices: dynamic keys, and how the slices of an asset stand, as ranges of keys from first to last, both included.

CREATE TABLE dynamic_keys (
    name          TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    added_at      TEXT NOT NULL,
    PRIMARY KEY (name, partition_key)
) STRICT;

-- What gives an asset's keys their meaning. Its row is the lock of the asset's ranges.
CREATE TABLE partition_cuts (
    asset TEXT NOT NULL PRIMARY KEY,
    cut   TEXT NOT NULL
) STRICT;

CREATE TABLE partition_ranges (
    asset     TEXT NOT NULL,
    cut       TEXT NOT NULL,
    first_key TEXT NOT NULL,
    last_key  TEXT NOT NULL,
    state     TEXT NOT NULL,
    PRIMARY KEY (asset, cut, first_key)
) STRICT;

-- Where the attempt's slice stands among the asset's: told at the claim, used when it ends, whoever ends it.
ALTER TABLE attempts ADD COLUMN cut TEXT;
ALTER TABLE attempts ADD COLUMN previous_key TEXT;
ALTER TABLE attempts ADD COLUMN next_key TEXT;
