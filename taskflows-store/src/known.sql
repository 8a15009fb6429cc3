-- When somebody last logged in from an address, by a part of the SHA-256 of both, in seconds.
CREATE TABLE login_known (key BLOB NOT NULL PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX login_known_last ON login_known (last);

-- Nonces that expire before this second, or in it, are used, whether they stand in the table or not: what has expired is
-- deleted, and a clock can be set back, by a day at most.
CREATE TABLE nonces_forgotten (until INTEGER NOT NULL) STRICT;
INSERT INTO nonces_forgotten VALUES (0);
