-- Requests that were carried out and must not be once more: half of the SHA-256 of a nonce, and until when, in seconds.
CREATE TABLE nonces (nonce BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_expire ON nonces (expires);
