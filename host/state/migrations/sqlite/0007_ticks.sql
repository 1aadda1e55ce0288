-- Schedules and sensors, and the ticks that they made.
CREATE TABLE instigators (
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    -- NULL: as the schema says.
    enabled      INTEGER,
    since        TEXT NOT NULL,
    paused       TEXT,
    cursor       TEXT,
    last_tick_at TEXT,
    sequence     INTEGER NOT NULL,
    failures     INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticks (
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    sequence     INTEGER NOT NULL,
    scheduled_at TEXT NOT NULL,
    at           TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    reason       TEXT,
    runs         TEXT NOT NULL,
    result       TEXT,
    error        TEXT,
    PRIMARY KEY (kind, name, sequence),
    FOREIGN KEY (kind, name) REFERENCES instigators (kind, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- A schedule is due once for an instant. A sensor looks when it looks.
CREATE UNIQUE INDEX ticks_once ON ticks (name, scheduled_at) WHERE kind = 'schedule';
CREATE INDEX ticks_buffered ON ticks (kind, name, sequence) WHERE outcome = 'buffered';
