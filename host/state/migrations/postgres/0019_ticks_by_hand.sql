-- Whether somebody asked for a tick. Those may be of any instant, of one too for which the schedule is due.
ALTER TABLE ticks ADD COLUMN by_hand boolean NOT NULL DEFAULT false;
DROP INDEX ticks_once;
CREATE UNIQUE INDEX ticks_once ON ticks (name, scheduled_at) WHERE kind = 'schedule' AND NOT by_hand;
