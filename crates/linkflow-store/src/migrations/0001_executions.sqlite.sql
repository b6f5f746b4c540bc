-- Executions and what belongs to them. Ids are UUIDv7, so an execution's id also says when it was
-- accepted. Rows that are written for every execution carry no foreign keys: the transaction that
-- writes them has just read their owner, and the check would be paid each time.

CREATE TABLE executions (
    id           BLOB    NOT NULL PRIMARY KEY,
    workspace    BLOB    NOT NULL,
    workflow     BLOB    NOT NULL,
    version      INTEGER NOT NULL,
    mode         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    queue        TEXT    NOT NULL,
    -- Claims since it last came to rest.
    attempt      INTEGER NOT NULL,
    -- The worker that holds it, or that ended it.
    owner        BLOB,
    cancel       INTEGER NOT NULL,
    -- Since when it could be claimed.
    ready_at     INTEGER,
    -- When a waiting one goes on by itself.
    wake_at      INTEGER,
    started_at   INTEGER,
    ended_at     INTEGER,
    parent       BLOB,
    parent_step  INTEGER,
    parent_index INTEGER,
    retry_of     BLOB,
    -- Entries of the journal when it last came to rest or ended.
    entries      INTEGER NOT NULL,
    error        TEXT,
    error_node   TEXT,
    custom_data  TEXT,
    -- Whether its journal is given up once nobody needs it any more.
    drop_data    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX executions_by_workflow ON executions (workflow);
CREATE INDEX executions_ready ON executions (ready_at) WHERE status = 'ready';
CREATE INDEX executions_running ON executions (owner) WHERE status = 'running';
CREATE INDEX executions_waiting ON executions (wake_at) WHERE status = 'waiting';
CREATE INDEX executions_failed ON executions (workspace) WHERE status IN ('error', 'canceled', 'dead');
CREATE INDEX executions_children ON executions (parent, parent_step) WHERE parent IS NOT NULL;
CREATE INDEX executions_open_children ON executions (parent, parent_step)
    WHERE parent IS NOT NULL AND status IN ('ready', 'running', 'waiting');

-- What one append wrote: entries `seq` to `seq + n - 1`.
CREATE TABLE journal (
    execution BLOB    NOT NULL,
    seq       INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    data      BLOB    NOT NULL,
    PRIMARY KEY (execution, seq)
) STRICT;

-- What has come for parked steps and was not taken in yet.
CREATE TABLE wakes (
    execution BLOB    NOT NULL,
    n         INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    payload   TEXT,
    delivered INTEGER NOT NULL,
    PRIMARY KEY (execution, n)
) STRICT, WITHOUT ROWID;

-- Steps that wait for a call from outside.
CREATE TABLE call_waits (
    execution BLOB    NOT NULL,
    step      INTEGER NOT NULL,
    PRIMARY KEY (execution, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    workspace   BLOB NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    execution   BLOB NOT NULL,
    PRIMARY KEY (workspace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_execution ON idempotency (execution);

CREATE TABLE workers (
    id            BLOB    NOT NULL PRIMARY KEY,
    epoch         INTEGER NOT NULL UNIQUE,
    registered_at INTEGER NOT NULL,
    heartbeat_at  INTEGER NOT NULL,
    lease_until   INTEGER NOT NULL,
    revoked       INTEGER NOT NULL,
    info          TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Which stored bytes an execution refers to.
CREATE TABLE blob_refs (
    execution BLOB NOT NULL,
    blob      BLOB NOT NULL,
    PRIMARY KEY (execution, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_refs_by_blob ON blob_refs (blob);

-- Bytes that lost a reference and have to be looked at.
CREATE TABLE blob_garbage (
    blob  BLOB    NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    id          BLOB    NOT NULL PRIMARY KEY,
    workspace   BLOB    NOT NULL,
    workflow    BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    node        TEXT    NOT NULL,
    rule_index  INTEGER NOT NULL,
    rule        TEXT    NOT NULL,
    timezone    TEXT    NOT NULL,
    anchor      INTEGER NOT NULL,
    next_run_at INTEGER,
    last_run_at INTEGER,
    misfire     TEXT    NOT NULL,
    enabled     INTEGER NOT NULL,
    UNIQUE (workflow, node, rule_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled AND next_run_at IS NOT NULL;

CREATE TABLE schedule_fires (
    schedule  BLOB    NOT NULL,
    fire_time INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    PRIMARY KEY (schedule, fire_time)
) STRICT, WITHOUT ROWID;

-- Workflows whose executions are kept for another time than the server's setting.
CREATE TABLE workflow_retention (
    workflow BLOB    NOT NULL PRIMARY KEY,
    days     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Places at which background duties go on, by name.
CREATE TABLE cursors (
    name  TEXT    NOT NULL PRIMARY KEY,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
