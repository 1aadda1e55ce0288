-- Schedules and sensors, and the ticks that they made.
CREATE TABLE instigators (
    kind         text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    -- NULL: as the schema says.
    enabled      boolean,
    since        timestamptz NOT NULL,
    paused       text,
    cursor       text,
    last_tick_at timestamptz,
    sequence     bigint NOT NULL,
    failures     bigint NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE ticks (
    kind         text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    sequence     bigint NOT NULL,
    scheduled_at timestamptz NOT NULL,
    at           timestamptz NOT NULL,
    outcome      text COLLATE "C" NOT NULL,
    reason       text,
    runs         jsonb NOT NULL,
    result       jsonb,
    error        jsonb,
    PRIMARY KEY (kind, name, sequence),
    FOREIGN KEY (kind, name) REFERENCES instigators (kind, name) ON DELETE CASCADE
);

-- A schedule is due once for an instant. A sensor looks when it looks.
CREATE UNIQUE INDEX ticks_once ON ticks (name, scheduled_at) WHERE kind = 'schedule';
CREATE INDEX ticks_buffered ON ticks (kind, name, sequence) WHERE outcome = 'buffered';
