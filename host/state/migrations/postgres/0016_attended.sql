-- Whether somebody waits for a run in the process that carries it out; the others are of the queue.
ALTER TABLE runs ADD COLUMN attended boolean NOT NULL DEFAULT false;
