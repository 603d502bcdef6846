-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- Tells this installation from others in logs.
CREATE TABLE instance (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    id TEXT NOT NULL
) STRICT;

CREATE TABLE workers (
    session_id TEXT NOT NULL PRIMARY KEY,
    endpoint TEXT NOT NULL,
    process_id INTEGER NOT NULL,
    process_created TEXT NOT NULL,
    process_image TEXT NOT NULL,
    -- Id of the key that opened the session; NULL without authentication.
    owner TEXT,
    tag TEXT NOT NULL,
    client_name TEXT NOT NULL,
    backend TEXT NOT NULL,
    command_timeout INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    -- 64 bits; NULL until the worker was ready, and nobody knew of the session before.
    epoch INTEGER,
    -- The worker's secret follows from it and the instance's key.
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    -- Of the last gateway that tried to reach the worker.
    generation INTEGER NOT NULL CHECK (generation > 0)
) STRICT;
