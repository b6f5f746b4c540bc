-- Nodes of published workflows that stay connected to somebody and start an execution with what they hear.
CREATE TABLE listeners (
    workflow  BLOB    NOT NULL,
    node      TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    workspace BLOB    NOT NULL,
    -- The node as it was published: what it has made elsewhere is taken back after the workflow is gone.
    document  TEXT    NOT NULL,
    -- When not, it is only here to be taken back.
    is_wanted INTEGER NOT NULL,
    -- Who listens. Whoever takes its place writes its own name, and what the other one hears starts nothing.
    holder    TEXT,
    since     INTEGER,
    error     TEXT,
    failed_at INTEGER,
    PRIMARY KEY (workflow, node, version)
) STRICT, WITHOUT ROWID;
