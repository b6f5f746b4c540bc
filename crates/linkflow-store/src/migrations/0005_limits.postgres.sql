-- How many executions of a workflow may run side by side, where that is limited.
CREATE TABLE concurrency_limits (
    workflow UUID NOT NULL PRIMARY KEY,
    n        BIGINT NOT NULL
);

-- Executions that are ready and wait for a place. They have no `ready_at` until they are admitted.
CREATE TABLE held_back (
    execution   UUID NOT NULL PRIMARY KEY,
    -- The workflow or the workspace whose places are all taken.
    scope       UUID NOT NULL,
    since       BIGINT NOT NULL,
    admitted_at BIGINT
);
CREATE INDEX held_back_by_scope ON held_back (scope, since);
