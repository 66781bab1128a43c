-- Who asked, and under which key.
ALTER TABLE writes ADD COLUMN api_key_name TEXT;
ALTER TABLE writes ADD COLUMN idempotency_key TEXT;
-- Whether the same key is answered with this write: the newest of those that had it.
ALTER TABLE writes ADD COLUMN holds_key INTEGER NOT NULL DEFAULT 0;
-- What the key is bound to.
ALTER TABLE writes ADD COLUMN content_hash TEXT NOT NULL DEFAULT '';
-- The whole command, sealed, for as long as it may have to be looked up at the WMS. The request is kept without secrets.
ALTER TABLE writes ADD COLUMN command BLOB;
-- What the WMS answered to a passthrough.
ALTER TABLE writes ADD COLUMN answer TEXT;
-- When the server next looks after it: while it is being sent, when its sender is given up; NULL when there is nothing to do.
ALTER TABLE writes ADD COLUMN look_at INTEGER;
ALTER TABLE writes ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;
-- What the last look at the WMS has told.
ALTER TABLE writes ADD COLUMN looked TEXT;
UPDATE writes SET look_at = created_at WHERE status IN ('PENDING', 'SENT');
CREATE UNIQUE INDEX writes_by_key ON writes (connection_id, idempotency_key) WHERE holds_key;
CREATE INDEX writes_by_look ON writes (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX writes_by_end ON writes (connection_id, finished_at);
CREATE INDEX writes_by_beginning ON writes (created_at);
