-- Times are milliseconds since 1970-01-01T00:00:00Z. Scopes, constraints and details are JSON.

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    scopes TEXT NOT NULL,
    constraints TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    last_used INTEGER,
    revoked INTEGER,
    -- That of key_revision when the key was last changed.
    revision INTEGER NOT NULL
) STRICT;

-- Counts the changes of all keys. Gateways see by it that keys they remember may have changed.
CREATE TABLE key_revision (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO key_revision (single, revision) VALUES (1, 0);

CREATE TABLE audit (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('allowed', 'denied', 'failed')),
    target TEXT,
    correlation_id TEXT,
    peer TEXT,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at, sequence);
CREATE INDEX audit_actor_at ON audit (actor, at, sequence);
