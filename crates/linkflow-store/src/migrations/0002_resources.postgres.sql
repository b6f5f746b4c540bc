-- What people make and keep: workflows with their versions, secrets, and the people themselves.

CREATE TABLE workspaces (
    id         UUID NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id            UUID NOT NULL PRIMARY KEY,
    -- In lower case.
    email         TEXT COLLATE "C" NOT NULL UNIQUE,
    name          TEXT COLLATE "C" NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    last_seen_at  BIGINT
);

CREATE TABLE members (
    workspace UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id   UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role      TEXT NOT NULL,
    PRIMARY KEY (workspace, user_id)
);

-- Only the SHA-256 of a token is kept.
CREATE TABLE sessions (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    workspace  UUID NOT NULL,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE api_keys (
    id           UUID NOT NULL PRIMARY KEY,
    workspace    UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    created_by   UUID,
    name         TEXT COLLATE "C" NOT NULL,
    -- What is shown of the key, so that people can tell it from others.
    prefix       TEXT NOT NULL,
    key_hash     BYTEA NOT NULL UNIQUE,
    -- Words, separated by spaces.
    scopes       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT
);
CREATE INDEX api_keys_by_workspace ON api_keys (workspace);

CREATE TABLE workflows (
    id                UUID NOT NULL PRIMARY KEY,
    workspace         UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name              TEXT COLLATE "C" NOT NULL,
    -- The newest saved version, and the one that triggers start.
    version           BIGINT NOT NULL,
    published_version BIGINT,
    -- The id that it had in the file it came from.
    origin_id         TEXT COLLATE "C",
    -- Facts about the newest version, for lists: JSON list of kinds of triggers, counts.
    triggers          TEXT NOT NULL,
    n_nodes           BIGINT NOT NULL,
    n_problems        BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL
);
CREATE INDEX workflows_by_update ON workflows (workspace, updated_at);
CREATE INDEX workflows_by_name ON workflows (workspace, name);
CREATE INDEX workflows_by_origin ON workflows (workspace, origin_id) WHERE origin_id IS NOT NULL;

CREATE TABLE versions (
    workflow   UUID NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    version    BIGINT NOT NULL,
    document   TEXT NOT NULL,
    author     UUID,
    message    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workflow, version)
);

CREATE TABLE tags (
    id         UUID NOT NULL PRIMARY KEY,
    workspace  UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (workspace, name)
);

CREATE TABLE workflow_tags (
    workflow UUID NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    tag      UUID NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (workflow, tag)
);
CREATE INDEX workflow_tags_by_tag ON workflow_tags (tag);

-- Addresses of published workflows. `shape` is the path with every `:name` as `:`, so that two
-- addresses that take the same requests are the same here.
CREATE TABLE webhooks (
    method    TEXT COLLATE "C" NOT NULL,
    shape     TEXT COLLATE "C" NOT NULL,
    path      TEXT NOT NULL,
    workspace UUID NOT NULL,
    workflow  UUID NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    version   BIGINT NOT NULL,
    node      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (method, shape)
);
CREATE INDEX webhooks_by_workflow ON webhooks (workflow);

CREATE TABLE variables (
    id         UUID NOT NULL PRIMARY KEY,
    workspace  UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name       TEXT COLLATE "C" NOT NULL,
    value      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (workspace, name)
);

-- `sealed` are the fields, under a key of their own; `wrapped_key` is that key, under the key
-- named `key_id`.
CREATE TABLE credentials (
    id          UUID NOT NULL PRIMARY KEY,
    workspace   UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name        TEXT COLLATE "C" NOT NULL,
    type        TEXT NOT NULL,
    version     BIGINT NOT NULL,
    key_id      TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    sealed      BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX credentials_by_workspace ON credentials (workspace, name);

-- What workflows keep between executions (static data).
CREATE TABLE kept (
    workspace  UUID NOT NULL,
    workflow   UUID NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    key        TEXT COLLATE "C" NOT NULL,
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (workflow, key)
);

-- Answers to requests that came with an idempotency key and made something.
CREATE TABLE request_keys (
    workspace   UUID NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    status      BIGINT NOT NULL,
    answer      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (workspace, key)
);
CREATE INDEX request_keys_by_time ON request_keys (created_at);
