-- The log also tells of connections' issues, some of which concern no type of record (data_type is NULL); and an entry can be
-- found by the warehouse customer of its record, whatever has become of the record since.
ALTER TABLE changes ALTER COLUMN data_type DROP NOT NULL;
-- The source id of the warehouse customer that the record belonged to after the change.
ALTER TABLE changes ADD COLUMN warehouse_customer TEXT;
-- The one that it belonged to before, where that was another.
ALTER TABLE changes ADD COLUMN previous_warehouse_customer TEXT;
-- What an issue says.
ALTER TABLE changes ADD COLUMN issue JSON;

-- What was told before: the best that is known is whose the records are now.
UPDATE changes SET warehouse_customer = source_id WHERE data_type = 'WAREHOUSE_CUSTOMERS';
UPDATE changes SET warehouse_customer = (SELECT it.warehouse_customer FROM inventory_items AS it WHERE it.connection_id = changes.connection_id AND it.source_id = changes.source_id)
WHERE data_type = 'INVENTORY';
UPDATE changes SET warehouse_customer = (SELECT it.warehouse_customer FROM products AS it WHERE it.connection_id = changes.connection_id AND it.source_id = changes.source_id)
WHERE data_type = 'PRODUCTS';
UPDATE changes SET warehouse_customer = (SELECT it.warehouse_customer FROM orders AS it WHERE it.connection_id = changes.connection_id AND it.source_id = changes.source_id)
WHERE data_type = 'ORDERS';
UPDATE changes SET warehouse_customer = (SELECT it.warehouse_customer FROM inbound_shipments AS it WHERE it.connection_id = changes.connection_id AND it.source_id = changes.source_id)
WHERE data_type = 'INBOUND_SHIPMENTS';
UPDATE changes SET warehouse_customer = (SELECT it.warehouse_customer FROM returns AS it WHERE it.connection_id = changes.connection_id AND it.source_id = changes.source_id)
WHERE data_type = 'RETURNS';
