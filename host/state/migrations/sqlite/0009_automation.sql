-- How far the evaluation of automation has come: one row, changed with each evaluation that came to anything.
CREATE TABLE automation (
    one          INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence     INTEGER NOT NULL,
    evaluated_at TEXT,
    -- Which materializations were seen.
    seen         TEXT
) STRICT;

-- What the condition of an asset remembers.
CREATE TABLE automation_memory (
    asset TEXT NOT NULL PRIMARY KEY,
    body  TEXT NOT NULL
) STRICT;

-- The last evaluations that came to something new, with why.
CREATE TABLE automation_evaluations (
    asset     TEXT NOT NULL,
    sequence  INTEGER NOT NULL,
    at        TEXT NOT NULL,
    requested INTEGER NOT NULL,
    runs      TEXT NOT NULL,
    tree      TEXT,
    error     TEXT,
    PRIMARY KEY (asset, sequence)
) STRICT;
