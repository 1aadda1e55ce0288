-- Backfills: many runs, one a slice or a few, asked for together. Their runs are found by a tag; how far a backfill is
-- is counted, not kept.
CREATE TABLE backfills (
    id          uuid NOT NULL PRIMARY KEY,
    state       text NOT NULL,
    request     jsonb NOT NULL,
    runs        bigint NOT NULL,
    concurrency bigint,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);

-- Those that hold runs back.
CREATE INDEX backfills_open ON backfills (state) WHERE state <> 'cancelled';
