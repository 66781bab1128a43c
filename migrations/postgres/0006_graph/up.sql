-- Which records have the words that they are found by: none. The server makes them when it opens the database.
INSERT INTO settings (name, value) VALUES ('search.words', '{}');

-- What is counted by status is counted from the index alone.
DROP INDEX orders_by_status;
DROP INDEX inbound_shipments_by_status;
DROP INDEX returns_by_status;
CREATE INDEX orders_by_status ON orders (status, connection_id, source_id, deleted_at);
CREATE INDEX inbound_shipments_by_status ON inbound_shipments (status, connection_id, source_id, deleted_at);
CREATE INDEX returns_by_status ON returns (status, connection_id, source_id, deleted_at);
