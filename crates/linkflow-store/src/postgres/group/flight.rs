//! What a group is as SQL: the rows are locked and looked at in one flight, written and committed
//! in the next. Accepts by themselves need only one.

use std::collections::{HashMap, HashSet};

use linkflow_model::{ExecutionId, Millis, Status, WorkerId};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::{Failed, HotJob};
use crate::StoreError;
use crate::db::{FromCell, Tx};
use crate::executions::{Accepted, CLAIM_COLUMNS, Prepared, RawClaim, WakeRow, bury, claimed_row};
use crate::journal::{AppendError, Appended, Next, Work};
use crate::postgres::fault::Lost;
use crate::postgres::session::{Mark, Session, Statement};
use crate::postgres::transaction::PgTx;
use crate::postgres::value::cell;

/// What a job of a group comes to.
pub(crate) enum Outcome {
    Accepted(Accepted),
    Claimed(Result<Vec<RawClaim>, StoreError>),
    Appended(Result<Appended, AppendError>),
    /// It is no plain case, and nothing was written for it.
    ByItself,
}

/// Two appends to one execution cannot be in one group: the second waits for what the first makes.
pub(super) fn at_once(jobs: Vec<HotJob>) -> (Vec<HotJob>, Vec<HotJob>) {
    let mut seen = HashSet::new();
    jobs.into_iter().partition(|job| match job {
        HotJob::Append { work, .. } => seen.insert(work.execution),
        _ => true,
    })
}

/// Writes a group in one transaction. When it is written `again`, executions that are there already
/// are this group's own.
pub(super) fn write(session: &mut Session, jobs: &[HotJob], again: bool) -> Result<Vec<Outcome>, Failed> {
    let mut group = Group::of(jobs);
    let target = session.target.clone();
    let done = if group.looks() {
        group.look(session, &target.begin_write).and_then(|mark| group.write_and_commit(session, mark, again))
    } else {
        group.accept_only(session, &target.begin_write, again)
    };
    if let Err(Failed::Refused(_)) = &done {
        session.roll_back();
    }
    done.map(|()| group.outcomes)
}

/// A group on its way: who does what, and what was found of it.
struct Group<'a> {
    jobs: &'a [HotJob],
    outcomes: Vec<Outcome>,
    accepts: Vec<(usize, &'a Prepared)>,
    claims: Vec<Claiming<'a>>,
    appends: Vec<(usize, &'a Work)>,
}

/// The claims of one worker.
struct Claiming<'a> {
    worker: WorkerId,
    epoch: i64,
    now: Millis,
    jobs: Vec<(usize, &'a crate::executions::Claim)>,
    ids: Vec<Uuid>,
}

/// What is known of the row of an execution that is appended to.
struct Held {
    status: Status,
    owner: Option<WorkerId>,
    cancel: bool,
    has_started: bool,
    is_child: bool,
    has_children: bool,
}

impl<'a> Group<'a> {
    fn of(jobs: &'a [HotJob]) -> Group<'a> {
        let mut group = Group {
            jobs,
            outcomes: jobs.iter().map(|_| Outcome::ByItself).collect(),
            accepts: Vec::new(),
            claims: Vec::new(),
            appends: Vec::new(),
        };
        for (n, job) in jobs.iter().enumerate() {
            match job {
                HotJob::Accept { new, .. } => group.accepts.push((n, new)),
                HotJob::Append { work, .. } => group.appends.push((n, work)),
                HotJob::Claim { claim, .. } => {
                    let known = group
                        .claims
                        .iter()
                        .position(|c| c.worker == claim.key.id && c.epoch == claim.key.epoch);
                    let at = known.unwrap_or_else(|| {
                        let (worker, epoch) = (claim.key.id, claim.key.epoch);
                        let new =
                            Claiming { worker, epoch, now: claim.now, jobs: Vec::new(), ids: Vec::new() };
                        group.claims.push(new);
                        group.claims.len() - 1
                    });
                    let claiming = &mut group.claims[at];
                    claiming.now = claiming.now.max(claim.now);
                    claiming.ids.extend(claim.ids.iter().map(|id| id.0));
                    claiming.jobs.push((n, claim));
                }
            }
        }
        group.appends.sort_by_key(|(_, work)| work.execution);
        group
    }

    fn looks(&self) -> bool {
        !self.claims.is_empty() || !self.appends.is_empty()
    }

    /// Begins, holds the workers' rows, takes what is claimed and looks at what is appended to.
    fn look(&mut self, session: &mut Session, begin: &str) -> Result<Option<Mark>, Failed> {
        let workers: Vec<Uuid> = self.worker_keys().into_iter().map(|(id, _)| id.0).collect();
        let ids: Vec<Uuid> = self.appends.iter().map(|(_, work)| work.execution.0).collect();
        let bounds = (ids.first().copied().unwrap_or_default(), ids.last().copied().unwrap_or_default());
        let mut statements = vec![statement(FENCE, vec![(&workers, Type::UUID_ARRAY)])];
        if !ids.is_empty() {
            statements.push(statement(HOLD, vec![(&ids, Type::UUID_ARRAY)]));
            statements.push(statement(
                NEXT,
                vec![(&ids, Type::UUID_ARRAY), (&bounds.0, Type::UUID), (&bounds.1, Type::UUID)],
            ));
        }
        let take = take_sql();
        for claiming in &self.claims {
            statements.push(statement(
                &take,
                vec![
                    (&claiming.ids, Type::UUID_ARRAY),
                    (&claiming.worker.0, Type::UUID),
                    (&claiming.now.0, Type::INT8),
                    (&claiming.epoch, Type::INT8),
                ],
            ));
        }
        let (mark, rows) = session.begin(begin, &statements)?;
        drop(statements);
        let mut rows = rows.into_iter();
        let mut workers = HashSet::new();
        for row in rows.next().unwrap_or_default() {
            workers.insert((WorkerId(get(&row, 0)?), get::<i64>(&row, 1)?));
        }
        if !ids.is_empty() {
            let (held, next) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
            self.sort_out_appends(&workers, &held, &next)?;
        }
        for (n, taken) in rows.enumerate() {
            self.sort_out_claims(n, &workers, &taken)?;
        }
        Ok(mark)
    }

    fn worker_keys(&self) -> HashSet<(WorkerId, i64)> {
        let appending = self.appends.iter().map(|(_, work)| (work.key.id, work.key.epoch));
        appending.chain(self.claims.iter().map(|c| (c.worker, c.epoch))).collect()
    }

    /// Keeps those appends that fit and are plain; says of the others what is known of them.
    fn sort_out_appends(
        &mut self,
        workers: &HashSet<(WorkerId, i64)>,
        held: &[Row],
        next: &[Row],
    ) -> Result<(), StoreError> {
        let mut found: HashMap<Uuid, (Held, u64)> = HashMap::new();
        for row in held {
            found.insert(get(row, 0)?, (held_of(row)?, 0));
        }
        for row in next {
            if let Some((_, seq)) = found.get_mut(&get::<Uuid>(row, 0)?) {
                *seq = get::<Option<u64>>(row, 1)?.unwrap_or(0);
            }
        }
        for (n, work) in std::mem::take(&mut self.appends) {
            if !workers.contains(&(work.key.id, work.key.epoch)) {
                self.outcomes[n] = Outcome::Appended(Err(AppendError::Fenced));
            } else if let Some((held, seq)) = found.get(&work.execution.0)
                && is_plain(work, held, *seq)
            {
                let answer = Appended { cancel_requested: held.cancel, ready: Vec::new() };
                self.outcomes[n] = Outcome::Appended(Ok(answer));
                self.appends.push((n, work));
            }
        }
        Ok(())
    }

    /// Gives every execution that was taken to the first job that asked for it.
    fn sort_out_claims(
        &mut self,
        n: usize,
        workers: &HashSet<(WorkerId, i64)>,
        taken: &[Row],
    ) -> Result<(), StoreError> {
        let claiming = &mut self.claims[n];
        if !workers.contains(&(claiming.worker, claiming.epoch)) {
            for &(job, _) in &claiming.jobs {
                self.outcomes[job] = Outcome::Claimed(Err(StoreError::Fenced));
            }
            claiming.ids.clear();
            return Ok(());
        }
        let mut rows: HashMap<Uuid, RawClaim> = HashMap::new();
        for row in taken {
            let claimed = claimed_row(&crate::db::Row::Postgres(row))?;
            rows.insert(claimed.id.0, RawClaim { claimed, chunks: Vec::new() });
        }
        claiming.ids = rows.keys().copied().collect();
        for &(job, claim) in &claiming.jobs {
            let mine = claim.ids.iter().filter_map(|id| rows.remove(&id.0)).collect();
            self.outcomes[job] = Outcome::Claimed(Ok(mine));
        }
        Ok(())
    }

    /// The second flight: everything is written, the journals of what was claimed are read, and the
    /// commit goes with it.
    fn write_and_commit(
        &mut self,
        session: &mut Session,
        mark: Option<Mark>,
        again: bool,
    ) -> Result<(), Failed> {
        let accept = Lists::of_accepts(&self.accepts);
        let append = AppendLists::of(&self.appends);
        let claimed: Vec<Uuid> = self.claims.iter().flat_map(|c| c.ids.iter().copied()).collect();
        let mut statements = Vec::new();
        accept.push(&mut statements);
        append.push(&mut statements);
        if !claimed.is_empty() {
            statements.push(statement(JOURNALS, vec![(&claimed, Type::UUID_ARRAY)]));
            statements.push(statement(WAKES, vec![(&claimed, Type::UUID_ARRAY)]));
        }
        let needs_burial = self.exhausted().next().is_some();
        let (rows, committed) = if needs_burial {
            (session.fly_all(&statements), Ok(()))
        } else {
            session.fly_and_commit(&statements)
        };
        let n_statements = statements.len();
        let (rows, committed) = match (rows, committed) {
            (Ok(rows), committed) => (rows, committed),
            // Only the answers may have got lost.
            (Err(Lost::Connection(cause)), Err(Lost::Connection(_))) if claimed.is_empty() => {
                (vec![Vec::new(); n_statements], Err(Lost::Connection(cause)))
            }
            (Err(lost), _) => return Err(lost.into()),
        };
        if !self.accepts.is_empty() {
            self.note_accepts(rows.first().map_or(&[][..], Vec::as_slice), again || committed.is_err())?;
        }
        if !claimed.is_empty() {
            let [.., journals, wakes] = &rows[..] else {
                return Err(StoreError::Database("answers are missing".to_owned()).into());
            };
            self.fill_claims(journals, wakes)?;
        }
        let committed = if needs_burial { self.bury_and_commit(session, &mark)? } else { committed };
        committed.map_err(|lost| self.lost(lost, mark))
    }

    fn lost(&mut self, lost: Lost, mark: Option<Mark>) -> Failed {
        match lost {
            Lost::Connection(cause) => {
                Failed::Lost { cause, unknown: Some((mark, std::mem::take(&mut self.outcomes))) }
            }
            Lost::Refused(error) => error.into(),
        }
    }

    fn accept_only(&mut self, session: &mut Session, begin: &str, again: bool) -> Result<(), Failed> {
        let accept = Lists::of_accepts(&self.accepts);
        let mut statements = Vec::new();
        accept.push(&mut statements);
        let (mark, rows, committed) = session.whole(begin, &statements);
        let rows = match rows {
            Ok(rows) => rows,
            Err(Lost::Connection(cause)) => {
                self.note_accepts(&[], true)?;
                return Err(self.lost(Lost::Connection(cause), mark));
            }
            Err(lost) => return Err(lost.into()),
        };
        self.note_accepts(rows.first().map_or(&[][..], Vec::as_slice), again || committed.is_err())?;
        committed.map_err(|lost| self.lost(lost, mark))
    }

    /// `written` are the ids that were not there before; `all_mine` says that those that were are
    /// this group's own, written by a try whose answer got lost.
    fn note_accepts(&mut self, written: &[Row], all_mine: bool) -> Result<(), StoreError> {
        let mut new: HashSet<Uuid> = HashSet::new();
        for row in written {
            new.insert(get(row, 0)?);
        }
        for &(n, prepared) in &self.accepts {
            let id = prepared.new.id;
            let existing = !all_mine && !new.remove(&id.0);
            self.outcomes[n] = Outcome::Accepted(Accepted { id, existing, claimed: false });
        }
        Ok(())
    }

    fn raw_claims(&mut self) -> impl Iterator<Item = &mut RawClaim> {
        self.outcomes.iter_mut().flat_map(|outcome| match outcome {
            Outcome::Claimed(Ok(claims)) => claims.iter_mut(),
            _ => [].iter_mut(),
        })
    }

    fn fill_claims(&mut self, journals: &[Row], wakes: &[Row]) -> Result<(), StoreError> {
        let mut chunks: HashMap<Uuid, (Vec<Vec<u8>>, u64)> = HashMap::new();
        for row in journals {
            let (list, next) = chunks.entry(get(row, 0)?).or_default();
            list.push(get(row, 1)?);
            *next = get(row, 2)?;
        }
        let mut come: HashMap<Uuid, Vec<(i64, WakeRow)>> = HashMap::new();
        for row in wakes {
            let wake = crate::executions::wake_row(&crate::db::Row::Postgres(row))?;
            come.entry(get(row, 3)?).or_default().push((get(row, 4)?, wake));
        }
        for raw in self.raw_claims() {
            let id = raw.claimed.id.0;
            (raw.chunks, raw.claimed.seq) = chunks.remove(&id).unwrap_or_default();
            let mut wakes = come.remove(&id).unwrap_or_default();
            wakes.sort_by_key(|(n, _)| *n);
            raw.claimed.wakes = wakes.into_iter().map(|(_, wake)| wake).collect();
        }
        Ok(())
    }

    /// Claims of executions that were taken too often: place of the job, and limit.
    fn exhausted(&self) -> impl Iterator<Item = (usize, u32)> {
        self.jobs.iter().enumerate().filter_map(|(n, job)| match (job, &self.outcomes[n]) {
            (HotJob::Claim { claim, .. }, Outcome::Claimed(Ok(claims))) => claims
                .iter()
                .any(|raw| raw.claimed.attempt > claim.poison_limit)
                .then_some((n, claim.poison_limit)),
            _ => None,
        })
    }

    fn bury_and_commit(
        &mut self,
        session: &mut Session,
        mark: &Option<Mark>,
    ) -> Result<Result<(), Lost>, Failed> {
        let exhausted: Vec<(usize, u32)> = self.exhausted().collect();
        for (n, limit) in exhausted {
            let HotJob::Claim { claim, .. } = &self.jobs[n] else { continue };
            let Outcome::Claimed(Ok(claims)) = &mut self.outcomes[n] else { continue };
            let (dead, live) =
                std::mem::take(claims).into_iter().partition(|raw| raw.claimed.attempt > limit);
            *claims = live;
            let mut tx = Tx::postgres(PgTx::inside(session, mark.clone()));
            let dead: Vec<RawClaim> = dead;
            dead.iter().try_for_each(|raw| bury(&mut tx, &raw.claimed, claim.now))?;
        }
        Ok(session.commit())
    }
}

/// Whether an append is written with a group: it fits, and nothing else hangs on it.
fn is_plain(work: &Work, held: &Held, next: u64) -> bool {
    let fits = held.status == Status::Running && held.owner == Some(work.key.id) && next == work.seq;
    let starts = work.started_at.is_some() && !held.has_started;
    let ends = matches!(work.next, Next::Finish { .. });
    fits && !starts && !(ends && (held.is_child || held.has_children))
}

fn held_of(row: &Row) -> Result<Held, StoreError> {
    Ok(Held {
        status: get(row, 1)?,
        owner: get::<Option<Uuid>>(row, 2)?.map(WorkerId),
        cancel: get(row, 3)?,
        has_started: get(row, 4)?,
        is_child: get(row, 5)?,
        has_children: get(row, 6)?,
    })
}

fn get<T: FromCell>(row: &Row, column: usize) -> Result<T, StoreError> {
    T::from_cell(cell(row, column)?)
        .map_err(|problem| StoreError::Unreadable(format!("column {column}: {problem}")))
}

fn statement<'a>(sql: &'a str, params: Vec<(&'a (dyn ToSql + Sync), Type)>) -> Statement<'a> {
    Statement { sql, params }
}

/// Reads the workers' own rows, and keeps the reaper from revoking them before the commit. A
/// heartbeat changes no key, so it does not wait for this.
const FENCE: &str =
    "SELECT id, epoch FROM workers WHERE id = ANY($1) AND NOT revoked ORDER BY id FOR KEY SHARE";

/// In the order of ids, parents before their children, so that no two groups wait for each other.
const HOLD: &str = "SELECT id, status, owner, cancel, started_at IS NOT NULL, parent IS NOT NULL, has_children \
     FROM executions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

/// Asked by itself behind the locks: a statement sees what was committed when it began. The bounds
/// tell the planner which parts of the table it needs.
const NEXT: &str = "SELECT u.id, (SELECT j.seq + j.n FROM journal j WHERE j.execution = u.id \
     AND j.execution >= $2 AND j.execution <= $3 ORDER BY j.seq DESC LIMIT 1) FROM unnest($1) AS u(id)";

/// What somebody else holds at this moment is being claimed, or changed by one who will hint at it.
fn take_sql() -> String {
    format!(
        "UPDATE executions SET status = 'running', owner = $2, attempt = attempt + 1, ready_at = NULL, \
         wake_at = NULL, started_at = COALESCE(started_at, $3) WHERE id = ANY($1) AND id IN \
         (SELECT id FROM executions WHERE id = ANY($1) AND status = 'ready' FOR UPDATE SKIP LOCKED) \
         AND EXISTS (SELECT 1 FROM workers WHERE id = $2 AND epoch = $4 AND NOT revoked) \
         RETURNING {CLAIM_COLUMNS}"
    )
}

const JOURNALS: &str =
    "SELECT execution, data, seq + n FROM journal WHERE execution = ANY($1) ORDER BY execution, seq";

const WAKES: &str = "UPDATE wakes SET delivered = TRUE WHERE execution = ANY($1) \
     RETURNING step, reason, payload, execution, n";

const ACCEPT: &str = "WITH new AS (\
     INSERT INTO executions (id, workspace, workflow, version, mode, status, queue, attempt, cancel, ready_at, \
     retry_of, entries, drop_data) \
     SELECT id, workspace, workflow, version, mode, 'ready', queue, 0, FALSE, ready_at, retry_of, entries, FALSE \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     AS u(id, workspace, workflow, version, mode, queue, ready_at, retry_of, entries) \
     ON CONFLICT (id) DO NOTHING RETURNING id), \
     written AS (INSERT INTO journal (execution, seq, n, data) SELECT u.id, 0, u.n, u.data \
     FROM unnest($1, $9, $10) AS u(id, n, data) JOIN new ON new.id = u.id WHERE u.n > 0) \
     SELECT id FROM new";

const REFER: &str = "INSERT INTO blob_refs (execution, blob) SELECT execution, blob \
     FROM unnest($1, $2) AS u(execution, blob) ON CONFLICT DO NOTHING";

const WRITE: &str = "INSERT INTO journal (execution, seq, n, data) SELECT execution, seq, n, data FROM unnest($1, $2, $3, $4) \
     AS u(execution, seq, n, data)";

const END: &str = "UPDATE executions e SET status = u.status, ended_at = u.at, error = u.error, \
     error_node = u.error_node, custom_data = u.custom_data, drop_data = u.drop_data, entries = u.entries, \
     ready_at = NULL, wake_at = NULL FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) \
     AS u(id, status, at, error, error_node, custom_data, drop_data, entries) \
     WHERE e.id = u.id AND e.id = ANY($1)";

const END_WAKES: &str = "WITH calls AS (DELETE FROM call_waits WHERE execution = ANY($1)) \
     DELETE FROM wakes WHERE execution = ANY($1)";

const DROP_JOURNAL: &str = "DELETE FROM journal WHERE execution = ANY($1)";

const DROP_REFS: &str = "WITH gone AS (DELETE FROM blob_refs WHERE execution = ANY($1) RETURNING blob) \
     INSERT INTO blob_garbage (blob, since) SELECT DISTINCT blob, $2::bigint FROM gone ON CONFLICT DO NOTHING";

/// The columns of what is accepted.
#[derive(Default)]
struct Lists<'a> {
    ids: Vec<Uuid>,
    workspaces: Vec<Uuid>,
    workflows: Vec<Uuid>,
    versions: Vec<i64>,
    modes: Vec<&'static str>,
    queues: Vec<&'a str>,
    ready_at: Vec<i64>,
    retry_of: Vec<Option<Uuid>>,
    entries: Vec<i64>,
    data: Vec<&'a [u8]>,
    refs: Refs<'a>,
}

/// Blobs that executions refer to.
#[derive(Default)]
struct Refs<'a> {
    executions: Vec<Uuid>,
    blobs: Vec<&'a [u8]>,
}

impl<'a> Refs<'a> {
    fn add(&mut self, id: ExecutionId, blobs: &'a [crate::blobs::BlobId]) {
        for blob in blobs {
            self.executions.push(id.0);
            self.blobs.push(blob);
        }
    }

    fn push<'s>(&'s self, statements: &mut Vec<Statement<'s>>) {
        if !self.blobs.is_empty() {
            let params: Vec<(&(dyn ToSql + Sync), Type)> =
                vec![(&self.executions, Type::UUID_ARRAY), (&self.blobs, Type::BYTEA_ARRAY)];
            statements.push(statement(REFER, params));
        }
    }
}

impl<'a> Lists<'a> {
    /// The same id twice is written once.
    fn of_accepts(accepts: &[(usize, &'a Prepared)]) -> Lists<'a> {
        let mut lists = Lists::default();
        let mut seen = HashSet::new();
        for &(_, Prepared { new, chunk }) in accepts {
            if !seen.insert(new.id) {
                continue;
            }
            lists.ids.push(new.id.0);
            lists.workspaces.push(new.workspace.0);
            lists.workflows.push(new.workflow.0);
            lists.versions.push(new.version);
            lists.modes.push(new.mode.as_str());
            lists.queues.push(&new.queue);
            lists.ready_at.push(new.created_at.0);
            lists.retry_of.push(new.retry_of.map(|id| id.0));
            lists.entries.push(chunk.n.into());
            lists.data.push(&chunk.data);
            lists.refs.add(new.id, &chunk.blobs);
        }
        lists
    }

    fn push<'s>(&'s self, statements: &mut Vec<Statement<'s>>) {
        if self.ids.is_empty() {
            return;
        }
        statements.push(statement(
            ACCEPT,
            vec![
                (&self.ids, Type::UUID_ARRAY),
                (&self.workspaces, Type::UUID_ARRAY),
                (&self.workflows, Type::UUID_ARRAY),
                (&self.versions, Type::INT8_ARRAY),
                (&self.modes, Type::TEXT_ARRAY),
                (&self.queues, Type::TEXT_ARRAY),
                (&self.ready_at, Type::INT8_ARRAY),
                (&self.retry_of, Type::UUID_ARRAY),
                (&self.entries, Type::INT8_ARRAY),
                (&self.data, Type::BYTEA_ARRAY),
            ],
        ));
        self.refs.push(statements);
    }
}

/// The columns of what is appended, and of what ends.
#[derive(Default)]
struct AppendLists<'a> {
    executions: Vec<Uuid>,
    seqs: Vec<i64>,
    counts: Vec<i64>,
    data: Vec<&'a [u8]>,
    refs: Refs<'a>,
    ends: Ends,
    dropped: Vec<Uuid>,
    dropped_at: i64,
}

#[derive(Default)]
struct Ends {
    ids: Vec<Uuid>,
    statuses: Vec<&'static str>,
    at: Vec<i64>,
    errors: Vec<Option<String>>,
    error_nodes: Vec<Option<String>>,
    custom_data: Vec<Option<String>>,
    drop_data: Vec<bool>,
    entries: Vec<i64>,
}

impl<'a> AppendLists<'a> {
    fn of(appends: &[(usize, &'a Work)]) -> AppendLists<'a> {
        let mut lists = AppendLists::default();
        for &(_, work) in appends {
            let mut is_dropped = false;
            if let Next::Finish { status, error, error_node, keep_data, custom_data } = &work.next {
                let ends = &mut lists.ends;
                ends.ids.push(work.execution.0);
                ends.statuses.push(status.as_str());
                ends.at.push(work.notes.at.0);
                ends.errors.push(error.as_deref().map(storable));
                ends.error_nodes.push(error_node.as_deref().map(storable));
                ends.custom_data.push(custom_data.as_ref().map(ToString::to_string));
                ends.drop_data.push(!keep_data);
                ends.entries.push((work.seq + u64::from(work.chunk.n)) as i64);
                if !keep_data {
                    is_dropped = true;
                    lists.dropped.push(work.execution.0);
                    lists.dropped_at = lists.dropped_at.max(work.notes.at.0);
                }
            }
            if work.chunk.n > 0 && !is_dropped {
                lists.executions.push(work.execution.0);
                lists.seqs.push(work.seq as i64);
                lists.counts.push(work.chunk.n.into());
                lists.data.push(&work.chunk.data);
            }
            // What was dropped is looked at among the garbage, so its blobs are noted too.
            lists.refs.add(work.execution, &work.chunk.blobs);
        }
        lists
    }

    fn push<'s>(&'s self, statements: &mut Vec<Statement<'s>>) {
        if !self.executions.is_empty() {
            statements.push(statement(
                WRITE,
                vec![
                    (&self.executions, Type::UUID_ARRAY),
                    (&self.seqs, Type::INT8_ARRAY),
                    (&self.counts, Type::INT8_ARRAY),
                    (&self.data, Type::BYTEA_ARRAY),
                ],
            ));
        }
        self.refs.push(statements);
        let ends = &self.ends;
        if !ends.ids.is_empty() {
            statements.push(statement(
                END,
                vec![
                    (&ends.ids, Type::UUID_ARRAY),
                    (&ends.statuses, Type::TEXT_ARRAY),
                    (&ends.at, Type::INT8_ARRAY),
                    (&ends.errors, Type::TEXT_ARRAY),
                    (&ends.error_nodes, Type::TEXT_ARRAY),
                    (&ends.custom_data, Type::TEXT_ARRAY),
                    (&ends.drop_data, Type::BOOL_ARRAY),
                    (&ends.entries, Type::INT8_ARRAY),
                ],
            ));
            statements.push(statement(END_WAKES, vec![(&ends.ids, Type::UUID_ARRAY)]));
        }
        if !self.dropped.is_empty() {
            statements.push(statement(DROP_JOURNAL, vec![(&self.dropped, Type::UUID_ARRAY)]));
            let params: Vec<(&(dyn ToSql + Sync), Type)> =
                vec![(&self.dropped, Type::UUID_ARRAY), (&self.dropped_at, Type::INT8)];
            statements.push(statement(DROP_REFS, params));
        }
    }
}

/// Text that the database can hold: see [`crate::postgres::value`].
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
