ALTER TABLE webhook_endpoints DROP COLUMN warehouse_customers;
ALTER TABLE webhook_endpoints DROP COLUMN records;
DROP INDEX writes_by_status;
ALTER TABLE schedules DROP COLUMN wanted_at;
