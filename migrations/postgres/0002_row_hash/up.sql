-- A hash of the row, as the WMS sent it, that a record was mapped from: a row that has not changed need not be mapped again.
-- NULL: the record came another way (a write's answer, an adapter that makes a record of several rows).
ALTER TABLE inventory_items ADD COLUMN row_hash BIGINT;
ALTER TABLE products ADD COLUMN row_hash BIGINT;
ALTER TABLE orders ADD COLUMN row_hash BIGINT;
ALTER TABLE inbound_shipments ADD COLUMN row_hash BIGINT;
ALTER TABLE returns ADD COLUMN row_hash BIGINT;
ALTER TABLE shipping_methods ADD COLUMN row_hash BIGINT;
ALTER TABLE warehouses ADD COLUMN row_hash BIGINT;
ALTER TABLE warehouse_customers ADD COLUMN row_hash BIGINT;
ALTER TABLE warehouse_locations ADD COLUMN row_hash BIGINT;
