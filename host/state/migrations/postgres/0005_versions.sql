-- What a materialization was made by and from, and what was told of it from outside. NULL where nobody kept it.
ALTER TABLE materializations ADD COLUMN code_version text;
ALTER TABLE materializations ADD COLUMN inputs jsonb;
ALTER TABLE materializations ADD COLUMN metadata jsonb;
ALTER TABLE materializations ADD COLUMN external boolean;

-- The newest of each slice, so that how assets stand is read without their history.
CREATE TABLE newest_materializations (
    asset         text COLLATE "C" NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    epoch         bigint NOT NULL,
    PRIMARY KEY (asset, partition_key)
);

INSERT INTO newest_materializations (asset, partition_key, epoch)
SELECT asset, partition_key, MAX(epoch) FROM materializations GROUP BY asset, partition_key;
