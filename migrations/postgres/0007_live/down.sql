DELETE FROM changes WHERE kind IN ('ISSUE_RAISED', 'ISSUE_CHANGED', 'ISSUE_CLEARED');
ALTER TABLE changes DROP COLUMN issue;
ALTER TABLE changes DROP COLUMN previous_warehouse_customer;
ALTER TABLE changes DROP COLUMN warehouse_customer;
ALTER TABLE changes ALTER COLUMN data_type SET NOT NULL;
