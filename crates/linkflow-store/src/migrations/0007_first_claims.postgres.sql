-- Appends may make the first claim of an execution themselves: of one that nobody has claimed, and that
-- came to the worker with its hint.
DROP FUNCTION group_append(
    UUID[], BIGINT[], UUID[], BIGINT[], BIGINT[], BIGINT[], BYTEA[], BOOLEAN[], TEXT[], BIGINT[], TEXT[], TEXT[],
    TEXT[], BOOLEAN[]);

-- Appends to journals, and ends executions where there is a status. `verdict` is `written`, `fenced`,
-- or `alone` for one that is no plain case: nothing was written for that. Ids come sorted, so that no
-- two groups wait for each other.
CREATE FUNCTION group_append(
    workers_of UUID[], epochs BIGINT[], ids UUID[], claims BIGINT[], takes BOOLEAN[], seqs BIGINT[], counts BIGINT[],
    chunks BYTEA[], starts BIGINT[], statuses TEXT[], ats BIGINT[], errors TEXT[], error_nodes TEXT[], customs TEXT[],
    drops BOOLEAN[]
) RETURNS TABLE (verdict TEXT, is_canceled BOOLEAN) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    alive TEXT[] := group_fence(workers_of);
    held RECORD;
    is_first BOOLEAN;
    next BIGINT;
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        verdict := 'alone';
        is_canceled := FALSE;
        IF NOT (workers_of[i]::text || ' ' || epochs[i]) = ANY(alive) THEN
            verdict := 'fenced';
            RETURN NEXT;
            CONTINUE;
        END IF;
        SELECT e.status, e.owner, e.claim, e.cancel, e.ready_at, e.started_at, e.parent, e.has_children INTO held
        FROM executions e WHERE e.id = ids[i] FOR NO KEY UPDATE;
        is_first := FOUND AND takes[i] AND held.status = 'ready' AND held.ready_at IS NOT NULL
            AND NOT held.cancel AND held.claim = claims[i] - 1;
        IF held.status IS NULL
            OR NOT (is_first OR held.status = 'running' AND held.owner IS NOT DISTINCT FROM workers_of[i]
                AND held.claim = claims[i] AND (starts[i] IS NULL OR held.started_at IS NOT NULL))
            OR (statuses[i] IS NOT NULL AND (held.parent IS NOT NULL OR held.has_children)) THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        SELECT j.seq + j.n INTO next FROM journal j WHERE j.execution = ids[i] ORDER BY j.seq DESC LIMIT 1;
        IF COALESCE(next, 0) <> seqs[i] THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        IF is_first OR statuses[i] IS NOT NULL THEN
            UPDATE executions e SET status = COALESCE(statuses[i], 'running'), ready_at = NULL, wake_at = NULL,
                owner = workers_of[i], claim = claims[i],
                attempt = CASE WHEN is_first THEN e.attempt + 1 ELSE e.attempt END,
                started_at = COALESCE(e.started_at, starts[i]),
                ended_at = CASE WHEN statuses[i] IS NOT NULL THEN ats[i] END,
                error = errors[i], error_node = error_nodes[i], custom_data = customs[i], drop_data = drops[i],
                entries = CASE WHEN statuses[i] IS NOT NULL THEN seqs[i] + counts[i] ELSE e.entries END
            WHERE e.id = ids[i];
        END IF;
        IF counts[i] > 0 AND NOT drops[i] THEN
            INSERT INTO journal (execution, seq, n, data) VALUES (ids[i], seqs[i], counts[i], chunks[i]);
        END IF;
        -- What was never claimed before has waited for nothing.
        IF statuses[i] IS NOT NULL AND NOT is_first THEN
            DELETE FROM wakes w WHERE w.execution = ids[i];
            DELETE FROM call_waits c WHERE c.execution = ids[i];
        END IF;
        IF drops[i] THEN
            DELETE FROM journal j WHERE j.execution = ids[i];
            INSERT INTO blob_garbage (blob, since) SELECT r.blob, ats[i] FROM blob_refs r
            WHERE r.execution = ids[i] ON CONFLICT DO NOTHING;
            DELETE FROM blob_refs r WHERE r.execution = ids[i];
        END IF;
        verdict := 'written';
        is_canceled := held.cancel;
        RETURN NEXT;
    END LOOP;
END $$;
