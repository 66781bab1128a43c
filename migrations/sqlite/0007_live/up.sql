-- The log also tells of connections' issues, some of which concern no type of record; and an entry can be found by the
-- warehouse customer of its record, whatever has become of the record since.
CREATE TABLE changes_live (
    position INTEGER PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    connection_id INTEGER NOT NULL,
    -- NULL for an issue of the connection as a whole.
    data_type TEXT,
    -- NULL for the end of a run, and for issues.
    source_id TEXT,
    previous TEXT,
    run_id INTEGER,
    write_id INTEGER,
    -- The source id of the warehouse customer that the record belonged to after the change.
    warehouse_customer TEXT,
    -- The one that it belonged to before, where that was another.
    previous_warehouse_customer TEXT,
    -- What an issue says.
    issue TEXT
) STRICT;

INSERT INTO changes_live (position, at, kind, connection_id, data_type, source_id, previous, run_id, write_id)
SELECT position, at, kind, connection_id, data_type, source_id, previous, run_id, write_id FROM changes;

DROP TABLE changes;
ALTER TABLE changes_live RENAME TO changes;

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
