-- The nine record tables, and all that keeps them in sync. Times are
-- microseconds since 1970, money and quantities are millionths, JSON is text.

CREATE TABLE settings (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    access TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    integration TEXT NOT NULL,
    name TEXT NOT NULL,
    customer_reference TEXT,
    status TEXT NOT NULL,
    credentials BLOB NOT NULL,
    -- A keyed hash of the credentials: connections with the same ones share a rate budget.
    account TEXT NOT NULL,
    lookback_days INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE connection_issues (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    -- '' where it concerns the whole connection.
    data_type TEXT NOT NULL,
    message TEXT NOT NULL,
    blocking INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (connection_id, code, data_type)
) STRICT;

CREATE TABLE schedules (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    data_type TEXT NOT NULL,
    interval_seconds INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    -- When it should run next by its interval, whatever is under way until then.
    due_at INTEGER NOT NULL,
    -- When a worker should look at it: then, or when a wait is over.
    next_run_at INTEGER NOT NULL,
    -- What is due is taken in this order: 0 what somebody waits for, 1 what is scheduled, 2 a backfill.
    priority INTEGER NOT NULL,
    -- The run that is queued, running or waiting.
    run_id INTEGER,
    -- Grows with every lease; a commit that names an older one is refused.
    lease_token INTEGER NOT NULL,
    leased_until INTEGER,
    leased_by TEXT,
    watermark INTEGER,
    initial_sync_completed_at INTEGER,
    fresh_as_of INTEGER,
    failures INTEGER NOT NULL,
    PRIMARY KEY (connection_id, data_type)
) STRICT;
CREATE INDEX schedules_due ON schedules (next_run_at);
CREATE INDEX schedules_by_priority ON schedules (priority, next_run_at);
CREATE INDEX schedules_leased ON schedules (leased_until) WHERE leased_until IS NOT NULL;

CREATE TABLE sync_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    data_type TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,
    waiting_until INTEGER,
    waiting_reason TEXT,
    -- When it should have begun: to be held against started_at.
    due_at INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    window_start INTEGER,
    window_end INTEGER,
    -- What the listing covers, and where it goes on: fixed when the run starts, moved on with every page.
    scope_since INTEGER,
    -- Somebody has said that it may delete however much it finds gone.
    confirm_deletions INTEGER NOT NULL,
    checkpoint TEXT,
    source_time INTEGER,
    attempts INTEGER NOT NULL,
    pages INTEGER NOT NULL,
    "read" INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    total INTEGER,
    error TEXT,
    oldest_source_date INTEGER,
    newest_source_date INTEGER
) STRICT;
CREATE INDEX sync_runs_by_schedule ON sync_runs (connection_id, data_type, id);
CREATE INDEX sync_runs_by_end ON sync_runs (finished_at);
CREATE INDEX sync_runs_open ON sync_runs (connection_id, data_type) WHERE finished_at IS NULL;

CREATE TABLE sync_rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    source_id TEXT,
    reason TEXT NOT NULL,
    raw TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX sync_rejects_by_run ON sync_rejects (run_id, id);

-- What each page of a complete listing showed, while the run is under way: what none of them showed is gone.
CREATE TABLE sync_pages (
    run_id INTEGER NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    page INTEGER NOT NULL,
    source_ids TEXT NOT NULL,
    PRIMARY KEY (run_id, page)
) STRICT;

-- The change log. Its positions are given out under the lock of change_head's only row, as the last act of a
-- transaction: the order of positions is the order of commits, without gaps.
CREATE TABLE change_head (
    id INTEGER PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL,
    -- Entries up to here have been pruned.
    pruned INTEGER NOT NULL
) STRICT;
INSERT INTO change_head (id, position, pruned) VALUES (1, 0, 0);

CREATE TABLE changes (
    position INTEGER PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    connection_id INTEGER NOT NULL,
    data_type TEXT NOT NULL,
    -- NULL for the end of a run.
    source_id TEXT,
    previous TEXT,
    run_id INTEGER,
    write_id INTEGER
) STRICT;

-- How many calls the WMS allows an account, as its own answers said last. Null: it does not say.
CREATE TABLE rate_budgets (
    account TEXT PRIMARY KEY NOT NULL,
    call_limit INTEGER,
    remaining INTEGER,
    resets_at INTEGER,
    blocked_until INTEGER,
    observed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE writes (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    -- What names this write at the WMS.
    reference TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    source_id TEXT,
    error TEXT,
    unused_fields TEXT NOT NULL,
    api_key_id INTEGER,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    finished_at INTEGER
) STRICT;
CREATE INDEX writes_by_connection ON writes (connection_id, id);

-- What filters find inside the nested lists of records: the SKUs of lines, the tracking numbers of packages.
CREATE TABLE record_terms (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    data_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    term TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (connection_id, data_type, source_id, term, value)
) STRICT;
CREATE INDEX record_terms_by_value ON record_terms (data_type, term, value, connection_id, source_id);

CREATE TABLE inventory_items (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    warehouse_customer TEXT,
    sku TEXT,
    name TEXT NOT NULL,
    active INTEGER NOT NULL,
    unit_cost INTEGER,
    on_hand INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    fulfillable INTEGER NOT NULL,
    unfulfillable INTEGER NOT NULL,
    awaiting INTEGER NOT NULL,
    sellable INTEGER NOT NULL,
    substitute_skus TEXT NOT NULL,
    measurements TEXT,
    by_warehouse TEXT NOT NULL,
    lots TEXT NOT NULL,
    locations TEXT NOT NULL,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX inventory_items_by_change ON inventory_items (changed_at, connection_id, source_id);

CREATE TABLE products (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    warehouse_customer TEXT,
    sku TEXT,
    name TEXT NOT NULL,
    gtin TEXT,
    unit_price INTEGER,
    is_kit INTEGER NOT NULL,
    active INTEGER NOT NULL,
    country_of_origin TEXT,
    harmonized_code TEXT,
    supplier TEXT,
    supplier_products TEXT NOT NULL,
    components TEXT NOT NULL,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX products_by_change ON products (changed_at, connection_id, source_id);

CREATE TABLE orders (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    warehouse_customer TEXT,
    warehouse TEXT,
    order_number TEXT NOT NULL,
    reference_id TEXT,
    status TEXT NOT NULL,
    raw_status TEXT,
    order_type TEXT,
    channel TEXT,
    shipping_method TEXT,
    total_price INTEGER,
    ship_to TEXT,
    required_ship_date INTEGER,
    source_tags TEXT NOT NULL,
    line_items TEXT NOT NULL,
    shipments TEXT NOT NULL,
    totals TEXT NOT NULL,
    delivery TEXT NOT NULL,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX orders_by_change ON orders (changed_at, connection_id, source_id);

CREATE TABLE inbound_shipments (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    warehouse_customer TEXT,
    warehouse TEXT,
    purchase_order_number TEXT,
    status TEXT NOT NULL,
    raw_status TEXT,
    supplier TEXT,
    expected_arrival_at INTEGER,
    ship_from TEXT,
    tracking_numbers TEXT NOT NULL,
    notes TEXT NOT NULL,
    line_items TEXT NOT NULL,
    receipts TEXT NOT NULL,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX inbound_shipments_by_change ON inbound_shipments (changed_at, connection_id, source_id);

CREATE TABLE returns (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    warehouse_customer TEXT,
    "order" TEXT,
    status TEXT NOT NULL,
    raw_status TEXT,
    notes TEXT NOT NULL,
    line_items TEXT NOT NULL,
    shipments TEXT NOT NULL,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX returns_by_change ON returns (changed_at, connection_id, source_id);

CREATE TABLE shipping_methods (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    name TEXT NOT NULL,
    carrier TEXT,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX shipping_methods_by_change ON shipping_methods (changed_at, connection_id, source_id);

CREATE TABLE warehouses (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    name TEXT NOT NULL,
    code TEXT,
    address TEXT,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX warehouses_by_change ON warehouses (changed_at, connection_id, source_id);

CREATE TABLE warehouse_customers (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    name TEXT NOT NULL,
    email TEXT,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX warehouse_customers_by_change ON warehouse_customers (changed_at, connection_id, source_id);

CREATE TABLE warehouse_locations (
    connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    source_id TEXT NOT NULL,
    source_created_at INTEGER,
    source_updated_at INTEGER,
    first_seen_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    content_hash INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source_url TEXT,
    additional_fields TEXT,
    raw TEXT,
    name TEXT,
    warehouse TEXT,
    location_type TEXT,
    measurements TEXT,
    PRIMARY KEY (connection_id, source_id)
) STRICT;
CREATE INDEX warehouse_locations_by_change ON warehouse_locations (changed_at, connection_id, source_id);
CREATE INDEX orders_by_order_number ON orders (order_number, connection_id, source_id);
CREATE INDEX orders_by_reference_id ON orders (reference_id, connection_id, source_id);
CREATE INDEX orders_by_status ON orders (status, connection_id, source_id);
CREATE INDEX products_by_sku ON products (sku, connection_id, source_id);
CREATE INDEX inventory_items_by_sku ON inventory_items (sku, connection_id, source_id);
CREATE INDEX returns_by_order ON returns ("order", connection_id, source_id);
CREATE INDEX warehouse_locations_by_warehouse ON warehouse_locations (warehouse, connection_id, source_id);
