-- What a materialization was made by and from, and what was told of it from outside. NULL where nobody kept it.
ALTER TABLE materializations ADD COLUMN code_version TEXT;
ALTER TABLE materializations ADD COLUMN inputs TEXT;
ALTER TABLE materializations ADD COLUMN metadata TEXT;
ALTER TABLE materializations ADD COLUMN external INTEGER;

-- The newest of each slice, so that how assets stand is read without their history.
CREATE TABLE newest_materializations (
    asset         TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    PRIMARY KEY (asset, partition_key)
) STRICT, WITHOUT ROWID;

INSERT INTO newest_materializations (asset, partition_key, epoch)
SELECT asset, partition_key, MAX(epoch) FROM materializations GROUP BY asset, partition_key;
