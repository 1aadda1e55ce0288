-- How far the evaluation of automation has come: one row, changed with each evaluation that came to anything.
CREATE TABLE automation (
    one          bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence     bigint NOT NULL,
    evaluated_at timestamptz,
    -- Which materializations were seen.
    seen         jsonb
);

-- What the condition of an asset remembers.
CREATE TABLE automation_memory (
    asset text COLLATE "C" NOT NULL PRIMARY KEY,
    body  jsonb NOT NULL
);

-- The last evaluations that came to something new, with why.
CREATE TABLE automation_evaluations (
    asset     text COLLATE "C" NOT NULL,
    sequence  bigint NOT NULL,
    at        timestamptz NOT NULL,
    requested bigint NOT NULL,
    runs      jsonb NOT NULL,
    tree      jsonb,
    error     jsonb,
    PRIMARY KEY (asset, sequence)
);
