CREATE TABLE runs (
    id BLOB PRIMARY KEY NOT NULL,       -- 16 bytes
    task TEXT NOT NULL,
    service TEXT,
    scheduled INTEGER,                  -- microseconds since 1970, as all times here
    started INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT NOT NULL,              -- the word of the outcome
    result TEXT,                        -- of a bad end: systemd's result,
    exit_code INTEGER,                  -- and one of these where a process ended
    exit_signal INTEGER,
    preparation INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    error TEXT,
    trigger TEXT NOT NULL,
    retry_of BLOB,
    command TEXT,                       -- a JSON list
    options TEXT,                       -- a JSON list
    directory TEXT,
    boot TEXT,                          -- the process that drives it
    pid INTEGER,
    pid_started INTEGER
) STRICT;
CREATE INDEX runs_by_start ON runs (started);
CREATE INDEX runs_by_task ON runs (task, started);
CREATE INDEX runs_by_service ON runs (service, started) WHERE service IS NOT NULL;
CREATE TABLE attempts (
    run BLOB NOT NULL,
    number INTEGER NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    result TEXT,
    exit_code INTEGER,
    exit_signal INTEGER,
    preparation INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    tail TEXT NOT NULL,
    PRIMARY KEY (run, number)
) STRICT;
CREATE TABLE announced (
    service TEXT PRIMARY KEY NOT NULL,
    trigger TEXT NOT NULL,
    retry_of BLOB,
    at INTEGER NOT NULL
) STRICT;
