-- Webhooks: who is told, how far the change log has been read for them, and what is still to be sent.

CREATE TABLE webhook_endpoints (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    url TEXT NOT NULL,
    description TEXT,
    enabled INTEGER NOT NULL,
    disabled_reason TEXT,
    disabled_at INTEGER,
    created_at INTEGER NOT NULL,
    -- What it is told of; NULL: everything.
    connection_ids TEXT,
    data_types TEXT,
    event_types TEXT,
    ordering TEXT NOT NULL,
    max_concurrency INTEGER NOT NULL,
    -- Sealed, both of them. What is sent is signed with the old one too until it expires.
    secret BLOB NOT NULL,
    old_secret BLOB,
    old_secret_expires_at INTEGER,
    -- Entries of the change log up to here are none of its business.
    from_position INTEGER NOT NULL,
    -- What is to be sent once more: entries after the one and up to the other.
    replay_after INTEGER,
    replay_until INTEGER,
    -- When its queue should be looked at; NULL: it is empty.
    next_due_at INTEGER,
    -- It has asked to be left alone until then, or is given a rest.
    not_before INTEGER,
    -- Grows with every lease of its queue; a commit that names an older one is refused.
    lease_token INTEGER NOT NULL,
    leased_until INTEGER,
    leased_by TEXT,
    last_success_at INTEGER,
    -- Since when no attempt has succeeded, and how many have failed since.
    failing_since INTEGER,
    failures INTEGER NOT NULL
) STRICT;

-- How far the change log has been read for all of them, by the one process that holds the lease.
CREATE TABLE webhook_dispatch (
    id INTEGER PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL,
    lease_token INTEGER NOT NULL,
    leased_until INTEGER,
    leased_by TEXT
) STRICT;
INSERT INTO webhook_dispatch (id, position, lease_token) SELECT 1, position, 0 FROM change_head;

-- The queue of each endpoint, and what became of what was in it.
CREATE TABLE webhook_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    endpoint_id INTEGER NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_type TEXT NOT NULL,
    event_at INTEGER NOT NULL,
    -- The entry of the change log; NULL for a test. What follows is told by it.
    position INTEGER,
    connection_id INTEGER,
    data_type TEXT,
    source_id TEXT,
    created_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    -- NULL when it is delivered or dead.
    next_attempt_at INTEGER,
    last_attempt_at INTEGER,
    last_status INTEGER,
    last_error TEXT,
    last_latency_ms INTEGER,
    -- When it was delivered or given up.
    finished_at INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at, id) WHERE finished_at IS NULL;
CREATE INDEX webhook_deliveries_by_record ON webhook_deliveries (endpoint_id, connection_id, data_type, source_id, id) WHERE finished_at IS NULL;
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, status, id);
CREATE INDEX webhook_deliveries_by_status ON webhook_deliveries (status, id);
