-- Tables that people keep data in. Columns are a JSON list of {id, name, type}; rows are JSON objects
-- by the ids of columns, so that a column is renamed without touching rows.
CREATE TABLE data_tables (
    id         UUID   NOT NULL PRIMARY KEY,
    workspace  UUID   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name       TEXT   NOT NULL,
    columns    TEXT   NOT NULL,
    -- Numbers of columns and rows are never used twice.
    next_column BIGINT NOT NULL,
    next_row   BIGINT NOT NULL,
    n_rows     BIGINT NOT NULL,
    n_bytes    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (workspace, name)
);

CREATE TABLE data_rows (
    data_table UUID   NOT NULL REFERENCES data_tables (id) ON DELETE CASCADE,
    id         BIGINT NOT NULL,
    value      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (data_table, id)
);
