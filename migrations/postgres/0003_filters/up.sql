-- Every filter and every order of a list is answered by an index. A column that may be NULL is indexed as it stands in
-- orderings (no value is the lowest), and conditions are written on that too, so that one index serves both.
ALTER TABLE products ALTER COLUMN country_of_origin TYPE TEXT COLLATE "C", ALTER COLUMN harmonized_code TYPE TEXT COLLATE "C";
DROP INDEX orders_by_reference_id;
DROP INDEX products_by_sku;
DROP INDEX inventory_items_by_sku;
DROP INDEX returns_by_order;
DROP INDEX warehouse_locations_by_warehouse;

CREATE INDEX inventory_items_by_source_id ON inventory_items (source_id, connection_id);
CREATE INDEX inventory_items_by_source_created_at ON inventory_items ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX inventory_items_by_source_updated_at ON inventory_items ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX inventory_items_by_first_seen_at ON inventory_items (first_seen_at, connection_id, source_id);
CREATE INDEX inventory_items_by_deleted_at ON inventory_items (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX inventory_items_by_on_hand ON inventory_items (on_hand, connection_id, source_id);
CREATE INDEX inventory_items_by_committed ON inventory_items (committed, connection_id, source_id);
CREATE INDEX inventory_items_by_fulfillable ON inventory_items (fulfillable, connection_id, source_id);
CREATE INDEX inventory_items_by_unfulfillable ON inventory_items (unfulfillable, connection_id, source_id);
CREATE INDEX inventory_items_by_awaiting ON inventory_items (awaiting, connection_id, source_id);
CREATE INDEX inventory_items_by_sellable ON inventory_items (sellable, connection_id, source_id);
CREATE INDEX inventory_items_by_name ON inventory_items (name, connection_id, source_id);
CREATE INDEX inventory_items_by_active ON inventory_items (active, connection_id, source_id);
CREATE INDEX inventory_items_by_warehouse_customer ON inventory_items ((COALESCE(warehouse_customer, '')), connection_id, source_id);
CREATE INDEX inventory_items_by_sku ON inventory_items ((COALESCE(sku, '')), connection_id, source_id);

CREATE INDEX products_by_source_id ON products (source_id, connection_id);
CREATE INDEX products_by_source_created_at ON products ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX products_by_source_updated_at ON products ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX products_by_first_seen_at ON products (first_seen_at, connection_id, source_id);
CREATE INDEX products_by_deleted_at ON products (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX products_by_name ON products (name, connection_id, source_id);
CREATE INDEX products_by_is_kit ON products (is_kit, connection_id, source_id);
CREATE INDEX products_by_active ON products (active, connection_id, source_id);
CREATE INDEX products_by_warehouse_customer ON products ((COALESCE(warehouse_customer, '')), connection_id, source_id);
CREATE INDEX products_by_sku ON products ((COALESCE(sku, '')), connection_id, source_id);
CREATE INDEX products_by_gtin ON products ((COALESCE(gtin, '')), connection_id, source_id);
CREATE INDEX products_by_unit_price ON products ((COALESCE(unit_price, '-9223372036854775808'::bigint)), connection_id, source_id);
CREATE INDEX products_by_country_of_origin ON products ((COALESCE(country_of_origin, '')), connection_id, source_id);
CREATE INDEX products_by_harmonized_code ON products ((COALESCE(harmonized_code, '')), connection_id, source_id);

CREATE INDEX orders_by_source_id ON orders (source_id, connection_id);
CREATE INDEX orders_by_source_created_at ON orders ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX orders_by_source_updated_at ON orders ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX orders_by_first_seen_at ON orders (first_seen_at, connection_id, source_id);
CREATE INDEX orders_by_deleted_at ON orders (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX orders_by_warehouse_customer ON orders ((COALESCE(warehouse_customer, '')), connection_id, source_id);
CREATE INDEX orders_by_warehouse ON orders ((COALESCE(warehouse, '')), connection_id, source_id);
CREATE INDEX orders_by_shipping_method ON orders ((COALESCE(shipping_method, '')), connection_id, source_id);
CREATE INDEX orders_by_raw_status ON orders ((COALESCE(raw_status, '')), connection_id, source_id);
CREATE INDEX orders_by_order_type ON orders ((COALESCE(order_type, '')), connection_id, source_id);
CREATE INDEX orders_by_reference_id ON orders ((COALESCE(reference_id, '')), connection_id, source_id);
CREATE INDEX orders_by_total_price ON orders ((COALESCE(total_price, '-9223372036854775808'::bigint)), connection_id, source_id);
CREATE INDEX orders_by_required_ship_date ON orders ((COALESCE(required_ship_date, '-infinity'::timestamptz)), connection_id, source_id);

CREATE INDEX inbound_shipments_by_source_id ON inbound_shipments (source_id, connection_id);
CREATE INDEX inbound_shipments_by_source_created_at ON inbound_shipments ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX inbound_shipments_by_source_updated_at ON inbound_shipments ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX inbound_shipments_by_first_seen_at ON inbound_shipments (first_seen_at, connection_id, source_id);
CREATE INDEX inbound_shipments_by_deleted_at ON inbound_shipments (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX inbound_shipments_by_status ON inbound_shipments (status, connection_id, source_id);
CREATE INDEX inbound_shipments_by_warehouse_customer ON inbound_shipments ((COALESCE(warehouse_customer, '')), connection_id, source_id);
CREATE INDEX inbound_shipments_by_warehouse ON inbound_shipments ((COALESCE(warehouse, '')), connection_id, source_id);
CREATE INDEX inbound_shipments_by_purchase_order_number ON inbound_shipments ((COALESCE(purchase_order_number, '')), connection_id, source_id);
CREATE INDEX inbound_shipments_by_raw_status ON inbound_shipments ((COALESCE(raw_status, '')), connection_id, source_id);
CREATE INDEX inbound_shipments_by_expected_arrival_at ON inbound_shipments ((COALESCE(expected_arrival_at, '-infinity'::timestamptz)), connection_id, source_id);

CREATE INDEX returns_by_source_id ON returns (source_id, connection_id);
CREATE INDEX returns_by_source_created_at ON returns ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX returns_by_source_updated_at ON returns ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX returns_by_first_seen_at ON returns (first_seen_at, connection_id, source_id);
CREATE INDEX returns_by_deleted_at ON returns (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX returns_by_status ON returns (status, connection_id, source_id);
CREATE INDEX returns_by_warehouse_customer ON returns ((COALESCE(warehouse_customer, '')), connection_id, source_id);
CREATE INDEX returns_by_order ON returns ((COALESCE("order", '')), connection_id, source_id);
CREATE INDEX returns_by_raw_status ON returns ((COALESCE(raw_status, '')), connection_id, source_id);

CREATE INDEX shipping_methods_by_source_id ON shipping_methods (source_id, connection_id);
CREATE INDEX shipping_methods_by_source_created_at ON shipping_methods ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX shipping_methods_by_source_updated_at ON shipping_methods ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX shipping_methods_by_first_seen_at ON shipping_methods (first_seen_at, connection_id, source_id);
CREATE INDEX shipping_methods_by_deleted_at ON shipping_methods (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX shipping_methods_by_name ON shipping_methods (name, connection_id, source_id);

CREATE INDEX warehouses_by_source_id ON warehouses (source_id, connection_id);
CREATE INDEX warehouses_by_source_created_at ON warehouses ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX warehouses_by_source_updated_at ON warehouses ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX warehouses_by_first_seen_at ON warehouses (first_seen_at, connection_id, source_id);
CREATE INDEX warehouses_by_deleted_at ON warehouses (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX warehouses_by_name ON warehouses (name, connection_id, source_id);
CREATE INDEX warehouses_by_code ON warehouses ((COALESCE(code, '')), connection_id, source_id);

CREATE INDEX warehouse_customers_by_source_id ON warehouse_customers (source_id, connection_id);
CREATE INDEX warehouse_customers_by_source_created_at ON warehouse_customers ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX warehouse_customers_by_source_updated_at ON warehouse_customers ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX warehouse_customers_by_first_seen_at ON warehouse_customers (first_seen_at, connection_id, source_id);
CREATE INDEX warehouse_customers_by_deleted_at ON warehouse_customers (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX warehouse_customers_by_name ON warehouse_customers (name, connection_id, source_id);
CREATE INDEX warehouse_customers_by_email ON warehouse_customers ((COALESCE(email, '')), connection_id, source_id);

CREATE INDEX warehouse_locations_by_source_id ON warehouse_locations (source_id, connection_id);
CREATE INDEX warehouse_locations_by_source_created_at ON warehouse_locations ((COALESCE(source_created_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX warehouse_locations_by_source_updated_at ON warehouse_locations ((COALESCE(source_updated_at, '-infinity'::timestamptz)), connection_id, source_id);
CREATE INDEX warehouse_locations_by_first_seen_at ON warehouse_locations (first_seen_at, connection_id, source_id);
CREATE INDEX warehouse_locations_by_deleted_at ON warehouse_locations (deleted_at, connection_id, source_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX warehouse_locations_by_name ON warehouse_locations ((COALESCE(name, '')), connection_id, source_id);
CREATE INDEX warehouse_locations_by_warehouse ON warehouse_locations ((COALESCE(warehouse, '')), connection_id, source_id);
CREATE INDEX warehouse_locations_by_location_type ON warehouse_locations ((COALESCE(location_type, '')), connection_id, source_id);

-- The terms of new filters, of records that are already here.
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'INVENTORY', source_id, 'WAREHOUSE', part ->> 'warehouse'
FROM inventory_items, json_array_elements(by_warehouse) AS part
WHERE part ->> 'warehouse' IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'INVENTORY', source_id, 'LOCATION', part ->> 'location'
FROM inventory_items, json_array_elements(locations) AS part
WHERE part ->> 'location' IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'INVENTORY', source_id, 'LOT', lot ->> 'lot_id'
FROM inventory_items, json_array_elements(lots) AS lot
WHERE lot ->> 'lot_id' IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'INVENTORY', source_id, 'EXPIRES_AT', substr((lot ->> 'expires_at'), 1, 19) || '.' || substr(rtrim(substr((lot ->> 'expires_at'), 21), 'Z') || '000000', 1, 6) || 'Z'
FROM inventory_items, json_array_elements(lots) AS lot
WHERE (lot ->> 'expires_at') IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'PRODUCTS', source_id, 'COMPONENT_SKU', part ->> 'sku'
FROM products, json_array_elements(components) AS part
WHERE part ->> 'sku' IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'PRODUCTS', source_id, 'SUPPLIER', supplier ->> 'name'
FROM products
WHERE (supplier ->> 'name') IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'ORDERS', source_id, 'TAG', tag
FROM orders, json_array_elements_text(source_tags) AS tag
WHERE tag IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'ORDERS', source_id, 'LOT', line ->> 'lot_id'
FROM orders, json_array_elements(shipments) AS shipment, json_array_elements(shipment -> 'packages') AS package, json_array_elements(package -> 'line_items') AS line
WHERE line ->> 'lot_id' IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'ORDERS', source_id, 'SHIPPED_AT', substr((shipment ->> 'shipped_at'), 1, 19) || '.' || substr(rtrim(substr((shipment ->> 'shipped_at'), 21), 'Z') || '000000', 1, 6) || 'Z'
FROM orders, json_array_elements(shipments) AS shipment
WHERE (shipment ->> 'shipped_at') IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'INBOUND_SHIPMENTS', source_id, 'SUPPLIER', supplier ->> 'name'
FROM inbound_shipments
WHERE (supplier ->> 'name') IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'INBOUND_SHIPMENTS', source_id, 'ARRIVED_AT', substr((receipt ->> 'arrived_at'), 1, 19) || '.' || substr(rtrim(substr((receipt ->> 'arrived_at'), 21), 'Z') || '000000', 1, 6) || 'Z'
FROM inbound_shipments, json_array_elements(receipts) AS receipt
WHERE (receipt ->> 'arrived_at') IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'RETURNS', source_id, 'WAREHOUSE', parcel ->> 'warehouse'
FROM returns, json_array_elements(shipments) AS parcel
WHERE parcel ->> 'warehouse' IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'RETURNS', source_id, 'REASON', line ->> 'reason'
FROM returns, json_array_elements(line_items) AS line
WHERE line ->> 'reason' IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'RETURNS', source_id, 'ARRIVED_AT', substr((parcel ->> 'arrived_at'), 1, 19) || '.' || substr(rtrim(substr((parcel ->> 'arrived_at'), 21), 'Z') || '000000', 1, 6) || 'Z'
FROM returns, json_array_elements(shipments) AS parcel
WHERE (parcel ->> 'arrived_at') IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'SHIPPING_METHODS', source_id, 'CARRIER', carrier ->> 'name'
FROM shipping_methods
WHERE (carrier ->> 'name') IS NOT NULL;
INSERT INTO record_terms (connection_id, data_type, source_id, term, value)
SELECT DISTINCT connection_id, 'WAREHOUSES', source_id, 'COUNTRY', address ->> 'country'
FROM warehouses
WHERE (address ->> 'country') IS NOT NULL;
