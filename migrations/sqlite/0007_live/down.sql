DELETE FROM changes WHERE kind IN ('ISSUE_RAISED', 'ISSUE_CHANGED', 'ISSUE_CLEARED');

CREATE TABLE changes_first (
    position INTEGER PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    connection_id INTEGER NOT NULL,
    data_type TEXT NOT NULL,
    source_id TEXT,
    previous TEXT,
    run_id INTEGER,
    write_id INTEGER
) STRICT;

INSERT INTO changes_first SELECT position, at, kind, connection_id, data_type, source_id, previous, run_id, write_id FROM changes;
DROP TABLE changes;
ALTER TABLE changes_first RENAME TO changes;
