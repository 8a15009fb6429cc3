-- Logins that live. Moments are seconds of the Unix time, rounded up where they end something.
CREATE TABLE login_session (
    family TEXT NOT NULL PRIMARY KEY,
    user TEXT NOT NULL,
    -- SHA-256 of the id of the newest refresh token.
    refresh BLOB NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX login_session_user ON login_session (user, expires);
CREATE INDEX login_session_expires ON login_session (expires);

-- Tokens of machines, by the SHA-256 of what they show.
CREATE TABLE api_token (
    name TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created INTEGER NOT NULL,
    last_used INTEGER,
    expires INTEGER
) STRICT, WITHOUT ROWID;

-- Tries to log in, by account and by address.
CREATE TABLE login_try (
    key BLOB NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_try_weight ON login_try (count, last);

-- How many tries are kept, which is bounded and would take long to count.
CREATE TABLE login_try_total (tries INTEGER NOT NULL) STRICT;
INSERT INTO login_try_total VALUES (0);
CREATE TRIGGER login_try_added AFTER INSERT ON login_try
    BEGIN UPDATE login_try_total SET tries = tries + 1; END;
CREATE TRIGGER login_try_removed AFTER DELETE ON login_try
    BEGIN UPDATE login_try_total SET tries = tries - 1; END;
