-- How many executions of a workflow may run side by side, where that is limited.
CREATE TABLE concurrency_limits (
    workflow BLOB NOT NULL PRIMARY KEY,
    n        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Executions that are ready and wait for a place. They have no `ready_at` until they are admitted.
CREATE TABLE held_back (
    execution   BLOB NOT NULL PRIMARY KEY,
    -- The workflow or the workspace whose places are all taken.
    scope       BLOB NOT NULL,
    since       INTEGER NOT NULL,
    admitted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX held_back_by_scope ON held_back (scope, since);
