DROP INDEX orders_by_status;
DROP INDEX inbound_shipments_by_status;
DROP INDEX returns_by_status;
CREATE INDEX orders_by_status ON orders (status, connection_id, source_id);
CREATE INDEX inbound_shipments_by_status ON inbound_shipments (status, connection_id, source_id);
CREATE INDEX returns_by_status ON returns (status, connection_id, source_id);
DELETE FROM settings WHERE name = 'search.words';
DELETE FROM record_terms WHERE term = 'WORD';
CREATE TABLE record_terms_by_row (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    data_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    term TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (connection_id, data_type, source_id, term, value)
) STRICT;
INSERT INTO record_terms_by_row SELECT connection_id, data_type, source_id, term, value FROM record_terms;
DROP TABLE record_terms;
ALTER TABLE record_terms_by_row RENAME TO record_terms;
CREATE INDEX record_terms_by_value ON record_terms (data_type, term, value, connection_id, source_id);
