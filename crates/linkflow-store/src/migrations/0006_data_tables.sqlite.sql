-- Tables that people keep data in. Columns are a JSON list of {id, name, type}; rows are JSON objects
-- by the ids of columns, so that a column is renamed without touching rows.
CREATE TABLE data_tables (
    id         BLOB    NOT NULL PRIMARY KEY,
    workspace  BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    columns    TEXT    NOT NULL,
    -- Numbers of columns and rows are never used twice.
    next_column INTEGER NOT NULL,
    next_row   INTEGER NOT NULL,
    n_rows     INTEGER NOT NULL,
    n_bytes    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_rows (
    data_table BLOB    NOT NULL REFERENCES data_tables (id) ON DELETE CASCADE,
    id         INTEGER NOT NULL,
    value      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (data_table, id)
) STRICT;
