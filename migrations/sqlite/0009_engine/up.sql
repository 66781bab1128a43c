-- When the records of this type are wanted again, because a write has changed some of them at the WMS; NULL as soon as a run has begun since.
ALTER TABLE schedules ADD COLUMN wanted_at INTEGER;

-- Those of which nobody knows what came of them are looked for again and again.
CREATE INDEX writes_by_status ON writes (status, id);

-- Of which records, and of whose, an endpoint is told; NULL: of all.
ALTER TABLE webhook_endpoints ADD COLUMN records TEXT;
ALTER TABLE webhook_endpoints ADD COLUMN warehouse_customers TEXT;
