DROP INDEX orders_by_status;
DROP INDEX inbound_shipments_by_status;
DROP INDEX returns_by_status;
CREATE INDEX orders_by_status ON orders (status, connection_id, source_id);
CREATE INDEX inbound_shipments_by_status ON inbound_shipments (status, connection_id, source_id);
CREATE INDEX returns_by_status ON returns (status, connection_id, source_id);
DELETE FROM settings WHERE name = 'search.words';
DELETE FROM record_terms WHERE term = 'WORD';
