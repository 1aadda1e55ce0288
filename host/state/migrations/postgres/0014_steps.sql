-- What came of a step of a job that succeeded: steps behind it look at it, also when another worker goes on with the run.
ALTER TABLE run_partitions ADD COLUMN result jsonb;
