-- Tokens of the API. Of the secret only its digest is kept: what is stolen from here opens nothing.
CREATE TABLE tokens (
    id           text COLLATE "C" NOT NULL PRIMARY KEY,
    name         text NOT NULL,
    role         text NOT NULL,
    digest       text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
