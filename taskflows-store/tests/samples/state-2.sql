-- What the second version wrote, by its own hand (`sqlite3 state.db .dump`).
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
-- What the engine of incidents knows, a row for each subject and each bundle. Moments are microseconds of the Unix time.
CREATE TABLE alert_state (
    alert_group TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    due INTEGER,
    PRIMARY KEY (alert_group, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_state_due ON alert_state (due) WHERE due IS NOT NULL;

-- How many rows the table above must have: damage that hides some of them is seen by it.
CREATE TABLE alert_total (states INTEGER NOT NULL) STRICT;
INSERT INTO alert_total VALUES (0);
CREATE TRIGGER alert_state_added AFTER INSERT ON alert_state
    BEGIN UPDATE alert_total SET states = states + 1; END;
CREATE TRIGGER alert_state_removed AFTER DELETE ON alert_state
    BEGIN UPDATE alert_total SET states = states - 1; END;

-- The ids of observations, by which a second report is known.
CREATE TABLE alert_observed (
    id TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_observed_at ON alert_observed (at);

CREATE TABLE alert_silence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    silence TEXT NOT NULL
) STRICT;

-- Messages that wait, and those that were given up.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT,
    critical INTEGER NOT NULL,
    message TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    leased_until INTEGER,
    error TEXT,
    given_up INTEGER NOT NULL DEFAULT 0,
    UNIQUE (channel, key)
) STRICT;
CREATE INDEX outbox_next ON outbox (channel, given_up, id);

-- What was settled: its key is not queued again, and what refers to it finds the receipt.
CREATE TABLE outbox_settled (
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    receipt TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (channel, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_settled_at ON outbox_settled (at);

-- How each channel does. `queued` and `bytes` say what the rows above must add up to.
CREATE TABLE outbox_channel (
    channel TEXT NOT NULL PRIMARY KEY,
    queued INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    undelivered INTEGER NOT NULL DEFAULT 0,
    unreported INTEGER NOT NULL DEFAULT 0,
    reported_at INTEGER,
    last_success INTEGER,
    last_error TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO runs VALUES (X'000000000000000000000000000000A1', 'backup', 'backup', 99000000, 100000000, 105000000, 'ok', NULL, NULL, NULL, 0, 1, 1, NULL, 'timer', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (X'000000000000000000000000000000A2', 'web', 'web', NULL, 110000000, 111000000, 'ok', NULL, NULL, NULL, 0, 1, 1, NULL, 'manual', NULL, NULL, NULL, NULL, 'b', 17, 99);
INSERT INTO runs VALUES (X'000000000000000000000000000000A3', 'web', 'web', NULL, 120000000, 121000000, 'failed', 'signal', NULL, 9, 0, 1, 1, NULL, 'retry', X'000000000000000000000000000000A1', NULL, NULL, NULL, 'b', 18, 99);
INSERT INTO announced VALUES ('api', 'manual', NULL, 125000000);
PRAGMA user_version = 2;
