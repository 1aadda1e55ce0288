-- What retention removes is found by an index: ended runs by when they ended, events of a kind by their order.
CREATE INDEX runs_by_end ON runs (updated_at) WHERE state IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX events_by_kind ON events (kind, sequence);
