-- Who waits, and in each workspace the one that has waited longest: workspaces take turns.
DROP INDEX executions_ready;
CREATE INDEX executions_ready ON executions (queue, workspace, ready_at)
    WHERE status = 'ready' AND ready_at IS NOT NULL;
