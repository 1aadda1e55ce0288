-- Slices: dynamic keys, and how the slices of an asset stand, as ranges of keys from first to last, both included.

CREATE TABLE dynamic_keys (
    name          text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    added_at      timestamptz NOT NULL,
    PRIMARY KEY (name, partition_key)
);

-- What gives an asset's keys their meaning. Its row is the lock of the asset's ranges.
CREATE TABLE partition_cuts (
    asset text COLLATE "C" NOT NULL PRIMARY KEY,
    cut   text NOT NULL
);

CREATE TABLE partition_ranges (
    asset     text COLLATE "C" NOT NULL,
    cut       text COLLATE "C" NOT NULL,
    first_key text COLLATE "C" NOT NULL,
    last_key  text COLLATE "C" NOT NULL,
    state     text NOT NULL,
    PRIMARY KEY (asset, cut, first_key)
);

-- Where the attempt's slice stands among the asset's: told at the claim, used when it ends, whoever ends it.
ALTER TABLE attempts ADD COLUMN cut text;
ALTER TABLE attempts ADD COLUMN previous_key text;
ALTER TABLE attempts ADD COLUMN next_key text;
