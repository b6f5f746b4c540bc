//! A group on its way: what is sent, all of it with the commit in one flight, and what the answers
//! mean. The decisions are in `migrations/0003_groups.postgres.sql` and `0007_first_claims.postgres.sql`.

use std::collections::HashSet;

use linkflow_engine::Wake;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::{Failed, HotJob, Unanswered};
use crate::StoreError;
use crate::blobs::BlobId;
use crate::db::{FromCell, Tx};
use crate::entry::wake_named;
use crate::executions::{Accepted, Claim, Prepared, RawClaim, WakeRow, bury, claimed_row};
use crate::journal::{AppendError, Appended, Next, Work};
use crate::postgres::fault::Lost;
use crate::postgres::session::{Session, Statement};
use crate::postgres::transaction::PgTx;
use crate::postgres::value::cell;
use crate::start::Start;

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
    let group = Group::of(jobs);
    let (accepts, claims, appends) = (group.accept_lists(), group.claim_lists(), group.append_lists());
    let mut statements = Vec::new();
    accepts.push(&mut statements);
    claims.push(&mut statements);
    appends.push(&mut statements);
    let target = session.target.clone();
    let (mark, rows, committed) = session.whole(&target.begin_write, &statements);
    let rows = match rows {
        Ok(rows) => rows,
        Err(Lost::Connection(cause)) => return Err(Failed::Lost { cause, unanswered: Unanswered::All }),
        Err(lost) => {
            session.roll_back();
            return Err(lost.into());
        }
    };
    let outcomes = group.outcomes(rows, again)?;
    match committed {
        Ok(()) => Ok(outcomes),
        Err(Lost::Connection(cause)) => {
            Err(Failed::Lost { cause, unanswered: Unanswered::Commit(mark, outcomes) })
        }
        Err(lost) => Err(lost.into()),
    }
}

/// Ends what was taken too often, in a transaction of its own. Should that go wrong, they are taken
/// for dead with their worker and found again at the next claim.
pub(super) fn bury_exhausted(session: &mut Session, jobs: &[HotJob], outcomes: &mut [Outcome]) {
    let mut dead: Vec<(RawClaim, &Claim)> = Vec::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        if let (HotJob::Claim { claim, .. }, Outcome::Claimed(Ok(claims))) = (job, outcome) {
            let (gone, live): (Vec<_>, Vec<_>) =
                std::mem::take(claims).into_iter().partition(|raw| raw.claimed.attempt > claim.poison_limit);
            *claims = live;
            dead.extend(gone.into_iter().map(|raw| (raw, claim)));
        }
    }
    if dead.is_empty() {
        return;
    }
    let target = session.target.clone();
    let mut tx = Tx::postgres(PgTx::new(session, &target.begin_write));
    let buried = dead.iter().try_for_each(|(raw, claim)| bury(&mut tx, &raw.claimed, claim.now));
    let ended = tx.end(buried.is_ok());
    if let Err(error) = buried.and(ended) {
        tracing::warn!(%error, n = dead.len(), "executions that were taken too often could not be ended yet");
    }
}

/// The jobs of a group by what they want; each with its place.
#[derive(Default)]
struct Group<'a> {
    n: usize,
    accepts: Vec<(usize, &'a Prepared)>,
    claims: Vec<(usize, &'a Claim)>,
    appends: Vec<(usize, &'a Work)>,
}

impl<'a> Group<'a> {
    fn of(jobs: &'a [HotJob]) -> Group<'a> {
        let mut group = Group { n: jobs.len(), ..Group::default() };
        for (n, job) in jobs.iter().enumerate() {
            match job {
                HotJob::Accept { new, .. } => group.accepts.push((n, new)),
                HotJob::Claim { claim, .. } => group.claims.push((n, claim)),
                HotJob::Append { work, .. } => group.appends.push((n, work)),
            }
        }
        group.appends.sort_by_key(|(_, work)| work.execution);
        group
    }

    fn outcomes(&self, rows: Vec<Vec<Row>>, again: bool) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes: Vec<Outcome> = (0..self.n).map(|_| Outcome::ByItself).collect();
        let mut rows = rows.into_iter();
        let mut next = || rows.next().unwrap_or_default();
        if !self.accepts.is_empty() {
            self.note_accepts(&next(), again, &mut outcomes)?;
        }
        if self.accepts.iter().any(|(_, p)| !p.chunk.blobs.is_empty()) {
            next();
        }
        if !self.claims.is_empty() {
            self.note_claims(&next(), &mut outcomes)?;
        }
        if self.appends.iter().any(|(_, w)| !w.chunk.blobs.is_empty()) {
            next();
        }
        if !self.appends.is_empty() {
            self.note_appends(&next(), &mut outcomes)?;
        }
        Ok(outcomes)
    }

    /// `rows` are the ids that were not there before.
    fn note_accepts(&self, rows: &[Row], again: bool, outcomes: &mut [Outcome]) -> Result<(), StoreError> {
        let mut new: HashSet<Uuid> = HashSet::new();
        for row in rows {
            new.insert(get(row, 0)?);
        }
        for &(n, prepared) in &self.accepts {
            let id = prepared.new.id;
            let existing = !again && !new.remove(&id.0);
            let start = if existing { None } else { Start::of(prepared) };
            outcomes[n] = Outcome::Accepted(Accepted { id, existing, start });
        }
        Ok(())
    }

    fn note_claims(&self, rows: &[Row], outcomes: &mut [Outcome]) -> Result<(), StoreError> {
        // Which job asked for the id at a place of the lists.
        let jobs: Vec<usize> =
            self.claims.iter().flat_map(|(n, claim)| claim.ids.iter().map(|_| *n)).collect();
        for &(n, _) in &self.claims {
            outcomes[n] = Outcome::Claimed(Ok(Vec::new()));
        }
        for row in rows {
            let place: usize = get::<u64>(row, 13)? as usize;
            let n = *jobs.get(place.wrapping_sub(1)).ok_or_else(|| unexpected(row))?;
            if get(row, 14)? {
                outcomes[n] = Outcome::Claimed(Err(StoreError::Fenced));
            } else if let Outcome::Claimed(Ok(claims)) = &mut outcomes[n] {
                claims.push(claim_of(row)?);
            }
        }
        Ok(())
    }

    fn note_appends(&self, rows: &[Row], outcomes: &mut [Outcome]) -> Result<(), StoreError> {
        for ((n, _), row) in self.appends.iter().zip(rows) {
            let verdict: String = get(row, 0)?;
            outcomes[*n] = match verdict.as_str() {
                "written" => {
                    Outcome::Appended(Ok(Appended { cancel_requested: get(row, 1)?, ready: Vec::new() }))
                }
                "fenced" => Outcome::Appended(Err(AppendError::Fenced)),
                _ => Outcome::ByItself,
            };
        }
        Ok(())
    }

    /// The same id twice is written once.
    fn accept_lists(&self) -> AcceptLists<'a> {
        let mut lists = AcceptLists::default();
        let mut seen = HashSet::new();
        for &(_, Prepared { new, chunk }) in &self.accepts {
            lists.refs.add(new.id.0, &chunk.blobs);
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
            lists.counts.push(chunk.n.into());
            lists.chunks.push(&chunk.data);
        }
        lists
    }

    fn claim_lists(&self) -> ClaimLists {
        let mut lists = ClaimLists::default();
        for (_, claim) in &self.claims {
            for id in &claim.ids {
                lists.workers.push(claim.key.id.0);
                lists.epochs.push(claim.key.epoch);
                lists.nows.push(claim.now.0);
                lists.ids.push(id.0);
            }
        }
        lists.is_wanted = !self.claims.is_empty();
        lists
    }

    fn append_lists(&self) -> AppendLists<'a> {
        let mut lists = AppendLists::default();
        for &(_, work) in &self.appends {
            lists.workers.push(work.key.id.0);
            lists.epochs.push(work.key.epoch);
            lists.ids.push(work.execution.0);
            lists.claims.push(work.claim as i64);
            lists.takes.push(work.takes);
            lists.seqs.push(work.seq as i64);
            lists.counts.push(work.chunk.n.into());
            lists.chunks.push(&work.chunk.data);
            lists.starts.push(work.started_at.map(|at| at.0));
            lists.ats.push(work.notes.at.0);
            // What was dropped is looked at among the garbage, so its blobs are noted too.
            lists.refs.add(work.execution.0, &work.chunk.blobs);
            let (mut status, mut texts, mut is_dropped) = (None, [None, None, None], false);
            if let Next::Finish { status: end, error, error_node, keep_data, custom_data } = &work.next {
                status = Some(end.as_str());
                texts[0] = error.as_deref().map(storable);
                texts[1] = error_node.as_deref().map(storable);
                texts[2] = custom_data.as_ref().map(ToString::to_string);
                is_dropped = !keep_data;
            }
            lists.statuses.push(status);
            for (list, text) in lists.texts.iter_mut().zip(texts) {
                list.push(text);
            }
            lists.drops.push(is_dropped);
        }
        lists
    }
}

fn claim_of(row: &Row) -> Result<RawClaim, StoreError> {
    let mut claimed = claimed_row(&crate::db::Row::Postgres(row))?;
    claimed.seq = get::<Option<u64>>(row, 15)?.unwrap_or(0);
    let chunks: Option<Vec<Vec<u8>>> = list(row, 16)?;
    if let Some(steps) = list::<Vec<i64>>(row, 17)? {
        let reasons: Vec<String> = list(row, 18)?.unwrap_or_default();
        let payloads: Vec<Option<String>> = list(row, 19)?.unwrap_or_default();
        for ((step, reason), payload) in steps.into_iter().zip(reasons).zip(payloads) {
            claimed.wakes.push(wake_of(step, &reason, payload)?);
        }
    }
    Ok(RawClaim { claimed, chunks: chunks.unwrap_or_default() })
}

fn wake_of(step: i64, reason: &str, payload: Option<String>) -> Result<WakeRow, StoreError> {
    let by: Wake = wake_named(reason)?;
    let step = u32::try_from(step).map_err(|e| StoreError::Unreadable(format!("a step: {e}")))?;
    let payload = payload.map(|text| serde_json::from_str(&text)).transpose();
    let payload = payload.map_err(|e| StoreError::Unreadable(format!("a payload: {e}")))?;
    Ok(WakeRow { step, by, payload })
}

fn get<T: FromCell>(row: &Row, column: usize) -> Result<T, StoreError> {
    T::from_cell(cell(row, column)?)
        .map_err(|problem| StoreError::Unreadable(format!("column {column}: {problem}")))
}

fn list<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r Row,
    column: usize,
) -> Result<Option<T>, StoreError> {
    row.try_get(column).map_err(|e| StoreError::Unreadable(format!("column {column}: {e}")))
}

fn unexpected(row: &Row) -> StoreError {
    StoreError::Database(format!("an answer nobody asked for: {row:?}"))
}

/// Text that the database can hold: see [`crate::postgres::value`].
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

type Column<'a> = (&'a (dyn ToSql + Sync), Type);

/// Blobs that executions refer to.
#[derive(Default)]
struct Refs<'a> {
    executions: Vec<Uuid>,
    blobs: Vec<&'a [u8]>,
}

impl<'a> Refs<'a> {
    fn add(&mut self, execution: Uuid, blobs: &'a [BlobId]) {
        for blob in blobs {
            self.executions.push(execution);
            self.blobs.push(blob);
        }
    }

    fn push<'s>(&'s self, statements: &mut Vec<Statement<'s>>) {
        const SQL: &str = "INSERT INTO blob_refs (execution, blob) SELECT execution, blob \
             FROM unnest($1, $2) AS u (execution, blob) ON CONFLICT DO NOTHING";
        if !self.blobs.is_empty() {
            let params: Vec<Column<'_>> =
                vec![(&self.executions, Type::UUID_ARRAY), (&self.blobs, Type::BYTEA_ARRAY)];
            statements.push(Statement { sql: SQL, params });
        }
    }
}

/// The columns of what is accepted.
#[derive(Default)]
struct AcceptLists<'a> {
    ids: Vec<Uuid>,
    workspaces: Vec<Uuid>,
    workflows: Vec<Uuid>,
    versions: Vec<i64>,
    modes: Vec<&'static str>,
    queues: Vec<&'a str>,
    ready_at: Vec<i64>,
    retry_of: Vec<Option<Uuid>>,
    counts: Vec<i64>,
    chunks: Vec<&'a [u8]>,
    refs: Refs<'a>,
}

impl AcceptLists<'_> {
    fn push<'s>(&'s self, statements: &mut Vec<Statement<'s>>) {
        if self.ids.is_empty() {
            return;
        }
        let params: Vec<Column<'_>> = vec![
            (&self.ids, Type::UUID_ARRAY),
            (&self.workspaces, Type::UUID_ARRAY),
            (&self.workflows, Type::UUID_ARRAY),
            (&self.versions, Type::INT8_ARRAY),
            (&self.modes, Type::TEXT_ARRAY),
            (&self.queues, Type::TEXT_ARRAY),
            (&self.ready_at, Type::INT8_ARRAY),
            (&self.retry_of, Type::UUID_ARRAY),
            (&self.counts, Type::INT8_ARRAY),
            (&self.chunks, Type::BYTEA_ARRAY),
        ];
        let sql = "SELECT group_accept($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        statements.push(Statement { sql, params });
        self.refs.push(statements);
    }
}

/// The columns of what is claimed.
#[derive(Default)]
struct ClaimLists {
    workers: Vec<Uuid>,
    epochs: Vec<i64>,
    nows: Vec<i64>,
    ids: Vec<Uuid>,
    is_wanted: bool,
}

impl ClaimLists {
    fn push<'s>(&'s self, statements: &mut Vec<Statement<'s>>) {
        if !self.is_wanted {
            return;
        }
        let params: Vec<Column<'_>> = vec![
            (&self.workers, Type::UUID_ARRAY),
            (&self.epochs, Type::INT8_ARRAY),
            (&self.nows, Type::INT8_ARRAY),
            (&self.ids, Type::UUID_ARRAY),
        ];
        statements.push(Statement { sql: "SELECT * FROM group_claim($1, $2, $3, $4)", params });
    }
}

/// The columns of what is appended.
#[derive(Default)]
struct AppendLists<'a> {
    workers: Vec<Uuid>,
    epochs: Vec<i64>,
    ids: Vec<Uuid>,
    claims: Vec<i64>,
    takes: Vec<bool>,
    seqs: Vec<i64>,
    counts: Vec<i64>,
    chunks: Vec<&'a [u8]>,
    starts: Vec<Option<i64>>,
    statuses: Vec<Option<&'static str>>,
    ats: Vec<i64>,
    /// Error, node of the error, custom data.
    texts: [Vec<Option<String>>; 3],
    drops: Vec<bool>,
    refs: Refs<'a>,
}

impl AppendLists<'_> {
    fn push<'s>(&'s self, statements: &mut Vec<Statement<'s>>) {
        if self.ids.is_empty() {
            return;
        }
        self.refs.push(statements);
        let params: Vec<Column<'_>> = vec![
            (&self.workers, Type::UUID_ARRAY),
            (&self.epochs, Type::INT8_ARRAY),
            (&self.ids, Type::UUID_ARRAY),
            (&self.claims, Type::INT8_ARRAY),
            (&self.takes, Type::BOOL_ARRAY),
            (&self.seqs, Type::INT8_ARRAY),
            (&self.counts, Type::INT8_ARRAY),
            (&self.chunks, Type::BYTEA_ARRAY),
            (&self.starts, Type::INT8_ARRAY),
            (&self.statuses, Type::TEXT_ARRAY),
            (&self.ats, Type::INT8_ARRAY),
            (&self.texts[0], Type::TEXT_ARRAY),
            (&self.texts[1], Type::TEXT_ARRAY),
            (&self.texts[2], Type::TEXT_ARRAY),
            (&self.drops, Type::BOOL_ARRAY),
        ];
        let sql =
            "SELECT * FROM group_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
        statements.push(Statement { sql, params });
    }
}
