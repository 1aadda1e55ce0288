-- Backfills: many runs, one a slice or a few, asked for together. Their runs are found by a tag; how far a backfill is
-- is counted, not kept.
CREATE TABLE backfills (
    id          BLOB NOT NULL PRIMARY KEY,
    state       TEXT NOT NULL,
    request     TEXT NOT NULL,
    runs        INTEGER NOT NULL,
    concurrency INTEGER,
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL
) STRICT;

-- Those that hold runs back.
CREATE INDEX backfills_open ON backfills (state) WHERE state <> 'cancelled';
