-- Put into the database under test: what must not be written is noted at the moment it is. Who
-- writes is known by the name of its connection, `pid-` and the number of its process; who holds an
-- execution by what its worker said when it registered.
CREATE TABLE chaos_violations (
    at        TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    what      TEXT NOT NULL,
    execution UUID NOT NULL,
    writer    TEXT NOT NULL,
    detail    TEXT NOT NULL
);

CREATE FUNCTION chaos_watch_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held RECORD;
    writer TEXT := current_setting('application_name');
BEGIN
    -- What an execution begins with is written by whoever accepts it.
    IF NEW.seq = 0 THEN
        RETURN NULL;
    END IF;
    -- A transaction that ends an execution may have done so before it writes the last of the journal.
    SELECT e.status = 'running' OR e.xmin = pg_current_xact_id()::xid AS is_open, e.status, e.owner, w.revoked,
           w.epoch, 'pid-' || (w.info::json ->> 'pid') AS holder INTO held
    FROM executions e LEFT JOIN workers w ON w.id = e.owner WHERE e.id = NEW.execution;
    IF held.is_open IS DISTINCT FROM TRUE OR held.revoked IS DISTINCT FROM FALSE
        OR held.holder IS DISTINCT FROM writer THEN
        INSERT INTO chaos_violations (what, execution, writer, detail) VALUES ('written by one who does not hold it',
            NEW.execution, writer, format('seq %s, status %s, holder %s, epoch %s, revoked %s', NEW.seq, held.status,
            held.holder, held.epoch, held.revoked));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_watch_journal AFTER INSERT ON journal FOR EACH ROW EXECUTE FUNCTION chaos_watch_journal();

CREATE FUNCTION chaos_watch_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_violations (what, execution, writer, detail) VALUES ('changed after its end', NEW.id,
        current_setting('application_name'), format('%s to %s', OLD.status, NEW.status));
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_watch_end AFTER UPDATE OF status ON executions FOR EACH ROW
    WHEN (OLD.status IN ('success', 'error', 'canceled', 'dead') AND NEW.status IS DISTINCT FROM OLD.status)
    EXECUTE FUNCTION chaos_watch_end();
