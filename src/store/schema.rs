//! The tables of both databases, in the form that `diesel print-schema` gives them. Generate it from PostgreSQL, never
//! from SQLite (see `diesel.toml`); a test compares it with what the migrations make on either.

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    settings (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    api_keys (id) {
        id -> BigInt,
        name -> Text,
        access -> Text,
        hash -> Text,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    connections (id) {
        id -> BigInt,
        integration -> Text,
        name -> Text,
        customer_reference -> Nullable<Text>,
        status -> Text,
        credentials -> Binary,
        account -> Text,
        lookback_days -> BigInt,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    connection_issues (connection_id, code, data_type) {
        connection_id -> BigInt,
        code -> Text,
        data_type -> Text,
        message -> Text,
        blocking -> Bool,
        first_seen_at -> Timestamptz,
        last_seen_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    schedules (connection_id, data_type) {
        connection_id -> BigInt,
        data_type -> Text,
        interval_seconds -> BigInt,
        enabled -> Bool,
        due_at -> Timestamptz,
        next_run_at -> Timestamptz,
        priority -> BigInt,
        run_id -> Nullable<BigInt>,
        lease_token -> BigInt,
        leased_until -> Nullable<Timestamptz>,
        leased_by -> Nullable<Text>,
        watermark -> Nullable<Timestamptz>,
        initial_sync_completed_at -> Nullable<Timestamptz>,
        fresh_as_of -> Nullable<Timestamptz>,
        failures -> BigInt,
        wanted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    sync_runs (id) {
        id -> BigInt,
        connection_id -> BigInt,
        data_type -> Text,
        trigger -> Text,
        mode -> Text,
        status -> Text,
        waiting_until -> Nullable<Timestamptz>,
        waiting_reason -> Nullable<Text>,
        due_at -> Timestamptz,
        queued_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        window_start -> Nullable<Timestamptz>,
        window_end -> Nullable<Timestamptz>,
        scope_since -> Nullable<Timestamptz>,
        confirm_deletions -> Bool,
        checkpoint -> Nullable<Json>,
        source_time -> Nullable<Timestamptz>,
        attempts -> BigInt,
        pages -> BigInt,
        read -> BigInt,
        created -> BigInt,
        updated -> BigInt,
        unchanged -> BigInt,
        deleted -> BigInt,
        rejected -> BigInt,
        total -> Nullable<BigInt>,
        error -> Nullable<Json>,
        oldest_source_date -> Nullable<Timestamptz>,
        newest_source_date -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    sync_rejects (id) {
        id -> BigInt,
        run_id -> BigInt,
        source_id -> Nullable<Text>,
        reason -> Text,
        raw -> Json,
        at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    sync_pages (run_id, page) {
        run_id -> BigInt,
        page -> BigInt,
        source_ids -> Json,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    change_head (id) {
        id -> BigInt,
        position -> BigInt,
        pruned -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    changes (position) {
        position -> BigInt,
        at -> Timestamptz,
        kind -> Text,
        connection_id -> BigInt,
        data_type -> Nullable<Text>,
        source_id -> Nullable<Text>,
        previous -> Nullable<Json>,
        run_id -> Nullable<BigInt>,
        write_id -> Nullable<BigInt>,
        warehouse_customer -> Nullable<Text>,
        previous_warehouse_customer -> Nullable<Text>,
        issue -> Nullable<Json>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    rate_budgets (account) {
        account -> Text,
        call_limit -> Nullable<BigInt>,
        remaining -> Nullable<BigInt>,
        resets_at -> Nullable<Timestamptz>,
        blocked_until -> Nullable<Timestamptz>,
        observed_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    writes (id) {
        id -> BigInt,
        connection_id -> BigInt,
        action -> Text,
        status -> Text,
        reference -> Text,
        request -> Json,
        source_id -> Nullable<Text>,
        error -> Nullable<Json>,
        unused_fields -> Json,
        api_key_id -> Nullable<BigInt>,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        api_key_name -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        holds_key -> Bool,
        content_hash -> Text,
        command -> Nullable<Binary>,
        answer -> Nullable<Json>,
        look_at -> Nullable<Timestamptz>,
        looks -> BigInt,
        looked -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    record_terms (connection_id, data_type, source_id, term, value) {
        connection_id -> BigInt,
        data_type -> Text,
        source_id -> Text,
        term -> Text,
        value -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    inventory_items (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        warehouse_customer -> Nullable<Text>,
        sku -> Nullable<Text>,
        name -> Text,
        active -> Bool,
        unit_cost -> Nullable<BigInt>,
        on_hand -> BigInt,
        committed -> BigInt,
        fulfillable -> BigInt,
        unfulfillable -> BigInt,
        awaiting -> BigInt,
        sellable -> BigInt,
        substitute_skus -> Json,
        measurements -> Nullable<Json>,
        by_warehouse -> Json,
        lots -> Json,
        locations -> Json,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    products (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        warehouse_customer -> Nullable<Text>,
        sku -> Nullable<Text>,
        name -> Text,
        gtin -> Nullable<Text>,
        unit_price -> Nullable<BigInt>,
        is_kit -> Bool,
        active -> Bool,
        country_of_origin -> Nullable<Text>,
        harmonized_code -> Nullable<Text>,
        supplier -> Nullable<Json>,
        supplier_products -> Json,
        components -> Json,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    orders (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        warehouse_customer -> Nullable<Text>,
        warehouse -> Nullable<Text>,
        order_number -> Text,
        reference_id -> Nullable<Text>,
        status -> Text,
        raw_status -> Nullable<Text>,
        order_type -> Nullable<Text>,
        channel -> Nullable<Json>,
        shipping_method -> Nullable<Text>,
        total_price -> Nullable<BigInt>,
        ship_to -> Nullable<Json>,
        required_ship_date -> Nullable<Timestamptz>,
        source_tags -> Json,
        line_items -> Json,
        shipments -> Json,
        totals -> Json,
        delivery -> Json,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    inbound_shipments (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        warehouse_customer -> Nullable<Text>,
        warehouse -> Nullable<Text>,
        purchase_order_number -> Nullable<Text>,
        status -> Text,
        raw_status -> Nullable<Text>,
        supplier -> Nullable<Json>,
        expected_arrival_at -> Nullable<Timestamptz>,
        ship_from -> Nullable<Json>,
        tracking_numbers -> Json,
        notes -> Json,
        line_items -> Json,
        receipts -> Json,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    returns (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        warehouse_customer -> Nullable<Text>,
        order -> Nullable<Text>,
        status -> Text,
        raw_status -> Nullable<Text>,
        notes -> Json,
        line_items -> Json,
        shipments -> Json,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    shipping_methods (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        name -> Text,
        carrier -> Nullable<Json>,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    warehouses (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        name -> Text,
        code -> Nullable<Text>,
        address -> Nullable<Json>,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    warehouse_customers (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        name -> Text,
        email -> Nullable<Text>,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    warehouse_locations (connection_id, source_id) {
        connection_id -> BigInt,
        source_id -> Text,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        content_hash -> BigInt,
        version -> BigInt,
        source_url -> Nullable<Text>,
        additional_fields -> Nullable<Json>,
        raw -> Nullable<Json>,
        name -> Nullable<Text>,
        warehouse -> Nullable<Text>,
        location_type -> Nullable<Text>,
        measurements -> Nullable<Json>,
        row_hash -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    webhook_deliveries (id) {
        id -> BigInt,
        endpoint_id -> BigInt,
        event_type -> Text,
        event_at -> Timestamptz,
        position -> Nullable<BigInt>,
        connection_id -> Nullable<BigInt>,
        data_type -> Nullable<Text>,
        source_id -> Nullable<Text>,
        created_at -> Timestamptz,
        status -> Text,
        attempts -> BigInt,
        next_attempt_at -> Nullable<Timestamptz>,
        last_attempt_at -> Nullable<Timestamptz>,
        last_status -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        last_latency_ms -> Nullable<BigInt>,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    webhook_dispatch (id) {
        id -> BigInt,
        position -> BigInt,
        lease_token -> BigInt,
        leased_until -> Nullable<Timestamptz>,
        leased_by -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::{Json, Timestamptz};

    webhook_endpoints (id) {
        id -> BigInt,
        url -> Text,
        description -> Nullable<Text>,
        enabled -> Bool,
        disabled_reason -> Nullable<Text>,
        disabled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        connection_ids -> Nullable<Json>,
        data_types -> Nullable<Json>,
        event_types -> Nullable<Json>,
        ordering -> Text,
        max_concurrency -> BigInt,
        secret -> Binary,
        old_secret -> Nullable<Binary>,
        old_secret_expires_at -> Nullable<Timestamptz>,
        from_position -> BigInt,
        replay_after -> Nullable<BigInt>,
        replay_until -> Nullable<BigInt>,
        next_due_at -> Nullable<Timestamptz>,
        not_before -> Nullable<Timestamptz>,
        lease_token -> BigInt,
        leased_until -> Nullable<Timestamptz>,
        leased_by -> Nullable<Text>,
        last_success_at -> Nullable<Timestamptz>,
        failing_since -> Nullable<Timestamptz>,
        failures -> BigInt,
        records -> Nullable<Json>,
        warehouse_customers -> Nullable<Json>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    change_head,
    changes,
    connection_issues,
    connections,
    inbound_shipments,
    inventory_items,
    orders,
    products,
    rate_budgets,
    record_terms,
    returns,
    schedules,
    settings,
    shipping_methods,
    sync_pages,
    sync_rejects,
    sync_runs,
    warehouse_customers,
    warehouse_locations,
    warehouses,
    webhook_deliveries,
    webhook_dispatch,
    webhook_endpoints,
    writes
);
