-- What people make and keep: workflows with their versions, secrets, and the people themselves.

CREATE TABLE workspaces (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY,
    -- In lower case.
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    workspace BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id   BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role      TEXT NOT NULL,
    PRIMARY KEY (workspace, user_id)
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of a token is kept.
CREATE TABLE sessions (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    workspace  BLOB    NOT NULL,
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE api_keys (
    id           BLOB    NOT NULL PRIMARY KEY,
    workspace    BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    created_by   BLOB,
    name         TEXT    NOT NULL,
    -- What is shown of the key, so that people can tell it from others.
    prefix       TEXT    NOT NULL,
    key_hash     BLOB    NOT NULL UNIQUE,
    -- Words, separated by spaces.
    scopes       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_workspace ON api_keys (workspace);

CREATE TABLE workflows (
    id                BLOB    NOT NULL PRIMARY KEY,
    workspace         BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name              TEXT    NOT NULL,
    -- The newest saved version, and the one that triggers start.
    version           INTEGER NOT NULL,
    published_version INTEGER,
    -- The id that it had in the file it came from.
    origin_id         TEXT,
    -- Facts about the newest version, for lists: JSON list of kinds of triggers, counts.
    triggers          TEXT    NOT NULL,
    n_nodes           INTEGER NOT NULL,
    n_problems        INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX workflows_by_update ON workflows (workspace, updated_at);
CREATE INDEX workflows_by_name ON workflows (workspace, name);
CREATE INDEX workflows_by_origin ON workflows (workspace, origin_id) WHERE origin_id IS NOT NULL;

CREATE TABLE versions (
    workflow   BLOB    NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    author     BLOB,
    message    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (workflow, version)
) STRICT;

CREATE TABLE tags (
    id         BLOB    NOT NULL PRIMARY KEY,
    workspace  BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (workspace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflow_tags (
    workflow BLOB NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    tag      BLOB NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (workflow, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX workflow_tags_by_tag ON workflow_tags (tag);

-- Addresses of published workflows. `shape` is the path with every `:name` as `:`, so that two
-- addresses that take the same requests are the same here.
CREATE TABLE webhooks (
    method    TEXT    NOT NULL,
    shape     TEXT    NOT NULL,
    path      TEXT    NOT NULL,
    workspace BLOB    NOT NULL,
    workflow  BLOB    NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    node      TEXT    NOT NULL,
    PRIMARY KEY (method, shape)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_workflow ON webhooks (workflow);

CREATE TABLE variables (
    id         BLOB    NOT NULL PRIMARY KEY,
    workspace  BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace, name)
) STRICT, WITHOUT ROWID;

-- `sealed` are the fields, under a key of their own; `wrapped_key` is that key, under the key
-- named `key_id`.
CREATE TABLE credentials (
    id          BLOB    NOT NULL PRIMARY KEY,
    workspace   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    key_id      TEXT    NOT NULL,
    wrapped_key BLOB    NOT NULL,
    sealed      BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_by_workspace ON credentials (workspace, name);

-- What workflows keep between executions (static data).
CREATE TABLE kept (
    workspace  BLOB    NOT NULL,
    workflow   BLOB    NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (workflow, key)
) STRICT, WITHOUT ROWID;

-- Answers to requests that came with an idempotency key and made something.
CREATE TABLE request_keys (
    workspace   BLOB    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    answer      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (workspace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_keys_by_time ON request_keys (created_at);
