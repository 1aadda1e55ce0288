-- What retention removes is found by an index: ended runs by when they ended, events of a kind by their order.
CREATE INDEX runs_by_end ON runs (updated_at) WHERE state IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX events_by_kind ON events (kind, sequence);

-- The events that there are stay where they are, in what was the default partition and is now that of all months up to
-- the next. They are read once, to see that they lie in it; no row is written but of clocks that go ahead. A new default
-- takes what is of no month that was cut. `maintenance.rs` cuts the months.
ALTER TABLE events DETACH PARTITION events_default;
ALTER TABLE events_default RENAME TO events_before;
CREATE TABLE events_default PARTITION OF events DEFAULT;
DO $$
DECLARE
    cut timestamptz := date_trunc('month', now() AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    WITH ahead AS (DELETE FROM events_before WHERE at >= cut RETURNING *) INSERT INTO events SELECT * FROM ahead;
    EXECUTE format('ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO (%L)', cut);
END $$;
