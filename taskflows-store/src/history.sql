-- Who started a run where that was a person or a program; null where nobody said.
ALTER TABLE runs ADD COLUMN by_user TEXT;
-- A run that lasts for days is kept at its end, and finds what announced its start, whatever was announced since.
CREATE TABLE announced_starts (
    service TEXT NOT NULL,
    at INTEGER NOT NULL,
    trigger TEXT NOT NULL,
    retry_of BLOB,
    by_user TEXT,
    PRIMARY KEY (service, at)
) STRICT, WITHOUT ROWID;
INSERT INTO announced_starts (service, at, trigger, retry_of) SELECT service, at, trigger, retry_of FROM announced;
DROP TABLE announced;
