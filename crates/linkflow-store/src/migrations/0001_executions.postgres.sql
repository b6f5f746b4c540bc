-- Executions and what belongs to them. Ids are UUIDv7, so an execution's id also says when it was
-- accepted, and a range of ids is a range of time: tables that grow with every execution are
-- partitioned by it. The parts for single weeks are made by `postgres/partitions.rs`; what fits in
-- none of them is in the part `_rest`. Rows that are written for every execution carry no foreign
-- keys: the transaction that writes them has just read their owner, and the check would be paid
-- each time.
--
-- Names and keys are compared by their bytes, as in SQLite, whatever the server's language is.

CREATE TABLE executions (
    id           UUID NOT NULL PRIMARY KEY,
    workspace    UUID NOT NULL,
    workflow     UUID NOT NULL,
    version      BIGINT NOT NULL,
    mode         TEXT NOT NULL,
    status       TEXT NOT NULL,
    queue        TEXT NOT NULL,
    -- Claims since it last came to rest.
    attempt      BIGINT NOT NULL,
    -- The worker that holds it, or that ended it.
    owner        UUID,
    cancel       BOOLEAN NOT NULL,
    -- Since when it could be claimed.
    ready_at     BIGINT,
    -- When a waiting one goes on by itself.
    wake_at      BIGINT,
    started_at   BIGINT,
    ended_at     BIGINT,
    parent       UUID,
    parent_step  BIGINT,
    parent_index BIGINT,
    retry_of     UUID,
    -- Entries of the journal when it last came to rest or ended.
    entries      BIGINT NOT NULL,
    error        TEXT,
    error_node   TEXT,
    custom_data  TEXT,
    -- Whether its journal is given up once nobody needs it any more.
    drop_data    BOOLEAN NOT NULL,
    -- Whether others were ever accepted with it as their parent.
    has_children BOOLEAN NOT NULL DEFAULT FALSE
) PARTITION BY RANGE (id);
CREATE TABLE executions_rest PARTITION OF executions DEFAULT;

CREATE INDEX executions_by_workflow ON executions (workflow, id);
CREATE INDEX executions_ready ON executions (ready_at) WHERE status = 'ready';
CREATE INDEX executions_running ON executions (owner) WHERE status = 'running';
CREATE INDEX executions_waiting ON executions (wake_at) WHERE status = 'waiting';
CREATE INDEX executions_failed ON executions (workspace, id) WHERE status IN ('error', 'canceled', 'dead');
CREATE INDEX executions_children ON executions (parent, parent_step) WHERE parent IS NOT NULL;
CREATE INDEX executions_open_children ON executions (parent, parent_step)
    WHERE parent IS NOT NULL AND status IN ('ready', 'running', 'waiting');

-- What one append wrote: entries `seq` to `seq + n - 1`.
CREATE TABLE journal (
    execution UUID NOT NULL,
    seq       BIGINT NOT NULL,
    n         BIGINT NOT NULL,
    data      BYTEA NOT NULL,
    PRIMARY KEY (execution, seq)
) PARTITION BY RANGE (execution);
-- The data are compressed already.
ALTER TABLE journal ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE journal_rest PARTITION OF journal DEFAULT;

-- What has come for parked steps and was not taken in yet.
CREATE TABLE wakes (
    execution UUID NOT NULL,
    n         BIGINT NOT NULL,
    step      BIGINT NOT NULL,
    reason    TEXT NOT NULL,
    payload   TEXT,
    delivered BOOLEAN NOT NULL,
    PRIMARY KEY (execution, n)
);

-- Steps that wait for a call from outside.
CREATE TABLE call_waits (
    execution UUID NOT NULL,
    step      BIGINT NOT NULL,
    PRIMARY KEY (execution, step)
);

CREATE TABLE idempotency (
    workspace   UUID NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT NOT NULL,
    execution   UUID NOT NULL,
    PRIMARY KEY (workspace, key)
);
CREATE INDEX idempotency_by_execution ON idempotency (execution);

CREATE TABLE workers (
    id            UUID NOT NULL PRIMARY KEY,
    epoch         BIGINT NOT NULL UNIQUE,
    registered_at BIGINT NOT NULL,
    heartbeat_at  BIGINT NOT NULL,
    lease_until   BIGINT NOT NULL,
    revoked       BOOLEAN NOT NULL,
    info          TEXT NOT NULL
);

-- Which stored bytes an execution refers to.
CREATE TABLE blob_refs (
    execution UUID NOT NULL,
    blob      BYTEA NOT NULL,
    PRIMARY KEY (execution, blob)
) PARTITION BY RANGE (execution);
CREATE TABLE blob_refs_rest PARTITION OF blob_refs DEFAULT;
CREATE INDEX blob_refs_by_blob ON blob_refs (blob);

-- Bytes that lost a reference and have to be looked at.
CREATE TABLE blob_garbage (
    blob  BYTEA NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL
);

CREATE TABLE schedules (
    id          UUID NOT NULL PRIMARY KEY,
    workspace   UUID NOT NULL,
    workflow    UUID NOT NULL,
    version     BIGINT NOT NULL,
    node        TEXT COLLATE "C" NOT NULL,
    rule_index  BIGINT NOT NULL,
    rule        TEXT NOT NULL,
    timezone    TEXT NOT NULL,
    anchor      BIGINT NOT NULL,
    next_run_at BIGINT,
    last_run_at BIGINT,
    misfire     TEXT NOT NULL,
    enabled     BOOLEAN NOT NULL,
    UNIQUE (workflow, node, rule_index)
);
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled AND next_run_at IS NOT NULL;

CREATE TABLE schedule_fires (
    schedule  UUID NOT NULL,
    fire_time BIGINT NOT NULL,
    n         BIGINT NOT NULL,
    PRIMARY KEY (schedule, fire_time)
);

-- Workflows whose executions are kept for another time than the server's setting.
CREATE TABLE workflow_retention (
    workflow UUID NOT NULL PRIMARY KEY,
    days     BIGINT NOT NULL
);

-- Places at which background duties go on, by name.
CREATE TABLE cursors (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    place BIGINT NOT NULL
);

-- The parts of the partitioned tables: ids from `low` to below `high`.
CREATE TABLE weeks (
    week BIGINT NOT NULL PRIMARY KEY,
    low  UUID NOT NULL,
    high UUID NOT NULL
);

-- Rows that are rewritten all the time: cleared early, with room for the new version beside the old.
ALTER TABLE executions_rest SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.1);
ALTER TABLE wakes SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
ALTER TABLE call_waits SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
ALTER TABLE workers SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE schedules SET (fillfactor = 70);
