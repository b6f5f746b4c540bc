
-- What is written in groups, as functions: their statements are planned once for each connection of
-- the server, also behind a pooler that keeps no prepared statements. Lists have the same length;
-- every statement sees what was committed when it began, so what is read behind a lock is true.
--
-- Plans are made without looking at values: which part of a table is meant is found out when they
-- run, and planning anew costs more than that.

-- Writes executions with their first entries, and gives the ids that were not there before.
CREATE FUNCTION group_accept(
    ids UUID[], workspaces UUID[], workflows UUID[], versions BIGINT[], modes TEXT[], queues TEXT[],
    ready_ats BIGINT[], retries_of UUID[], counts BIGINT[], chunks BYTEA[]
) RETURNS SETOF UUID LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    WITH new AS (
        INSERT INTO executions (id, workspace, workflow, version, mode, status, queue, attempt, cancel, ready_at,
                                retry_of, entries, drop_data)
        SELECT u.id, u.workspace, u.workflow, u.version, u.mode, 'ready', u.queue, 0, FALSE, u.ready_at,
               u.retry_of, u.n, FALSE
        FROM unnest(ids, workspaces, workflows, versions, modes, queues, ready_ats, retries_of, counts)
             AS u (id, workspace, workflow, version, mode, queue, ready_at, retry_of, n)
        ON CONFLICT (id) DO NOTHING
        RETURNING executions.id
    ), written AS (
        INSERT INTO journal (execution, seq, n, data)
        SELECT u.id, 0, u.n, u.data FROM unnest(ids, counts, chunks) AS u (id, n, data)
        JOIN new ON new.id = u.id WHERE u.n > 0
    )
    SELECT new.id FROM new;
END $$;

-- The workers among these that may write, as `id epoch`. Their rows are held, so that none is
-- revoked before the commit; a heartbeat changes no key and does not wait.
CREATE FUNCTION group_fence(workers_of UUID[]) RETURNS TEXT[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(SELECT w.id::text || ' ' || w.epoch FROM (
        SELECT id, epoch FROM workers WHERE id = ANY(workers_of) AND NOT revoked ORDER BY id FOR KEY SHARE) w);
END $$;

-- Takes executions that are ready, with their journals and what has come for them. What somebody
-- else holds at this moment is being claimed, or changed by one who will hint at it.
CREATE FUNCTION group_claim(workers_of UUID[], epochs BIGINT[], nows BIGINT[], ids UUID[])
RETURNS TABLE (
    id UUID, workspace UUID, workflow UUID, version BIGINT, mode TEXT, attempt BIGINT, parent UUID,
    parent_step BIGINT, parent_index BIGINT, retry_of UUID, started_at BIGINT, cancel BOOLEAN, claim BIGINT,
    place BIGINT, is_fenced BOOLEAN, next_seq BIGINT, chunks BYTEA[], wake_steps BIGINT[], wake_reasons TEXT[],
    wake_payloads TEXT[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    alive TEXT[] := group_fence(workers_of);
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        place := i;
        is_fenced := NOT (workers_of[i]::text || ' ' || epochs[i]) = ANY(alive);
        IF is_fenced THEN
            id := ids[i];
            RETURN NEXT;
            CONTINUE;
        END IF;
        PERFORM 1 FROM executions e WHERE e.id = ids[i] AND e.status = 'ready' FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        UPDATE executions e SET status = 'running', owner = workers_of[i], attempt = e.attempt + 1,
            claim = e.claim + 1, ready_at = NULL, wake_at = NULL, started_at = COALESCE(e.started_at, nows[i])
        WHERE e.id = ids[i]
        RETURNING e.id, e.workspace, e.workflow, e.version, e.mode, e.attempt, e.parent, e.parent_step,
            e.parent_index, e.retry_of, e.started_at, e.cancel, e.claim
        INTO id, workspace, workflow, version, mode, attempt, parent, parent_step, parent_index, retry_of,
            started_at, cancel, claim;
        SELECT array_agg(j.data ORDER BY j.seq), max(j.seq + j.n) INTO chunks, next_seq
        FROM journal j WHERE j.execution = ids[i];
        UPDATE wakes w SET delivered = TRUE WHERE w.execution = ids[i];
        wake_steps := NULL;
        IF FOUND THEN
            SELECT array_agg(w.step ORDER BY w.n), array_agg(w.reason ORDER BY w.n), array_agg(w.payload ORDER BY w.n)
            INTO wake_steps, wake_reasons, wake_payloads FROM wakes w WHERE w.execution = ids[i];
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- Appends to journals, and ends executions where there is a status. `verdict` is `written`, `fenced`,
-- or `alone` for one that is no plain case: nothing was written for that. Ids come sorted, so that no
-- two groups wait for each other.
CREATE FUNCTION group_append(
    workers_of UUID[], epochs BIGINT[], ids UUID[], claims BIGINT[], seqs BIGINT[], counts BIGINT[], chunks BYTEA[],
    are_starts BOOLEAN[], statuses TEXT[], ats BIGINT[], errors TEXT[], error_nodes TEXT[], customs TEXT[],
    drops BOOLEAN[]
) RETURNS TABLE (verdict TEXT, is_canceled BOOLEAN) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    alive TEXT[] := group_fence(workers_of);
    held RECORD;
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
        SELECT e.status, e.owner, e.claim, e.cancel, e.started_at, e.parent, e.has_children INTO held
        FROM executions e WHERE e.id = ids[i] FOR NO KEY UPDATE;
        IF NOT FOUND OR held.status <> 'running' OR held.owner IS DISTINCT FROM workers_of[i]
            OR held.claim <> claims[i]
            OR (are_starts[i] AND held.started_at IS NULL)
            OR (statuses[i] IS NOT NULL AND (held.parent IS NOT NULL OR held.has_children)) THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        SELECT j.seq + j.n INTO next FROM journal j WHERE j.execution = ids[i] ORDER BY j.seq DESC LIMIT 1;
        IF COALESCE(next, 0) <> seqs[i] THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        IF counts[i] > 0 AND NOT drops[i] THEN
            INSERT INTO journal (execution, seq, n, data) VALUES (ids[i], seqs[i], counts[i], chunks[i]);
        END IF;
        IF statuses[i] IS NOT NULL THEN
            UPDATE executions e SET status = statuses[i], ended_at = ats[i], error = errors[i],
                error_node = error_nodes[i], custom_data = customs[i], drop_data = drops[i],
                entries = seqs[i] + counts[i], ready_at = NULL, wake_at = NULL
            WHERE e.id = ids[i];
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
