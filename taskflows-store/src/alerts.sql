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
