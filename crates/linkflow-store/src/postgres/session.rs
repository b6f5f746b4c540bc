//! One connection that a thread owns: it blocks while it waits, connects when it has to, and begins
//! a transaction in the same flight as its first statement.
//!
//! Only unnamed statements and `SET LOCAL` are used, and nothing outlives a transaction, because a
//! pooler between may give each transaction another server connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, try_join};
use tokio::sync::watch;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage};

use super::fault::{self, Lost};
use super::tls::Address;
use crate::StoreError;

/// Waits between tries to connect: the first, and the longest.
const RETRY_MS: u64 = 20;
const RETRY_MS_MAX: u64 = 1_000;
/// How often the limit for the first answer is doubled while none comes: a database that is slow and
/// not dead gets its time, and is not asked anew by everybody every few seconds.
const DOUBLED_MAX: u32 = 3;

/// How long a connection may take to say that it ends.
const TAKES_LEAVE: Duration = Duration::from_millis(50);

/// What a session needs to know to serve its thread.
pub(crate) struct Target {
    pub address: Address,
    /// For which pool it is counted: `write`, `commit`, `read`, `replica`.
    pub pool: &'static str,
    pub begin_write: String,
    pub begin_read: String,
    /// For how long work waits for a database that cannot be reached.
    pub patience: Duration,
    /// How long a connection may take to be made, its greeting included.
    pub connects_within: Duration,
    /// How long it may take until a transaction has begun, which is no work for the server.
    pub begins_within: Duration,
    /// How long an answer may take. Later the connection counts as dead: one that goes on taking bytes
    /// and never answers, as behind a pooler that hangs, is noticed by nobody else.
    pub answers_within: Duration,
    pub silence: Arc<Silence>,
}

/// What all connections to one address tell each other: when one of them got no answer. Those that
/// are older than that are not believed either, so that work does not run into one after the other,
/// and what is under way on them is given up once it has taken long.
#[derive(Debug, Default)]
pub(crate) struct Silence(watch::Sender<Option<Instant>>);

impl Silence {
    fn heard(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    fn is_after(&self, connected: Instant) -> bool {
        self.0.borrow().is_some_and(|silent| silent >= connected)
    }

    /// Comes when another connection has got no answer since `began`, and `grace` is over too.
    async fn is_noticed(&self, began: Instant, grace: Duration) {
        let mut heard = self.0.subscribe();
        let _ = heard.wait_for(|silent| silent.is_some_and(|silent| silent >= began)).await;
        tokio::time::sleep_until((began + grace).into()).await;
    }
}

/// What begins a transaction that writes: which one it is, should its end remain unknown.
pub(crate) fn begin_write(statement_timeout_ms: u64, idle_timeout_ms: u64) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
         SELECT pg_current_xact_id()::text, left(pg_walfile_name(pg_current_wal_lsn()), 8), {}",
        timeouts(statement_timeout_ms, idle_timeout_ms)
    )
}

pub(crate) fn begin_read(statement_timeout_ms: u64, idle_timeout_ms: u64) -> String {
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT {}",
        timeouts(statement_timeout_ms, idle_timeout_ms)
    )
}

fn timeouts(statement_ms: u64, idle_ms: u64) -> String {
    format!(
        "set_config('statement_timeout', '{statement_ms}', TRUE), \
         set_config('idle_in_transaction_session_timeout', '{idle_ms}', TRUE)"
    )
}

/// Which transaction it was: its number, and the timeline on which that number means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    transaction: String,
    timeline: String,
}

/// How a transaction ended whose answer got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Committed,
    Undone,
    /// Nobody can tell: another server has taken over, or none answers.
    Unknown,
}

/// One statement of a flight.
pub(crate) struct Statement<'a> {
    pub sql: &'a str,
    pub params: Vec<(&'a (dyn ToSql + Sync), Type)>,
}

/// A connection that was made.
struct Line {
    client: Client,
    /// What reads and writes for the client.
    connection: tokio::task::JoinHandle<()>,
    connected_at: Instant,
}

pub(crate) struct Session {
    runtime: tokio::runtime::Runtime,
    line: Option<Line>,
    /// How many times in a row nobody answered.
    n_silent: u32,
    pub target: Arc<Target>,
}

impl Session {
    pub fn new(target: Arc<Target>) -> Result<Session, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| StoreError::Database(format!("no runtime for a connection: {e}")))?;
        Ok(Session { runtime, line: None, n_silent: 0, target })
    }

    /// Connects when there is no connection, or none that can be believed; one try.
    pub fn connect(&mut self) -> Result<(), StoreError> {
        let silence = &self.target.silence;
        if self.line.as_ref().is_some_and(|l| !l.client.is_closed() && !silence.is_after(l.connected_at)) {
            return Ok(());
        }
        self.disconnect();
        let (address, within) = (&self.target.address, self.target.connects_within);
        let connected_at = Instant::now();
        let connected =
            self.runtime.block_on(async { tokio::time::timeout(within, address.connect()).await });
        let connected = connected.map_err(|_| {
            let cause = format!("the database did not greet within {within:?}");
            StoreError::Unavailable { cause }
        })?;
        let (client, connection) = connected.map_err(|e| fault::unreachable(&e))?;
        let connection = self.runtime.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended");
            }
        });
        self.line = Some(Line { client, connection, connected_at });
        metrics::gauge!("linkflow_database_connections", "pool" => self.target.pool).increment(1.0);
        Ok(())
    }

    /// Ends the connection; what it had begun is undone. One that owes an answer would wait for it with
    /// its socket open, and what it holds at the server with it.
    pub fn disconnect(&mut self) {
        let Some(Line { client, mut connection, .. }) = self.line.take() else { return };
        metrics::gauge!("linkflow_database_connections", "pool" => self.target.pool).decrement(1.0);
        drop(client);
        self.runtime.block_on(async {
            if tokio::time::timeout(TAKES_LEAVE, &mut connection).await.is_err() {
                connection.abort();
                let _ = connection.await;
            }
        });
    }

    /// Connects, and tries again for as long as work waits.
    pub fn connect_patiently(&mut self, since: Instant) -> Result<(), StoreError> {
        let mut wait_ms = RETRY_MS;
        loop {
            match self.connect() {
                Ok(()) => return Ok(()),
                Err(error) if since.elapsed() >= self.target.patience => return Err(error),
                Err(error) => tracing::debug!(%error, "the database cannot be reached, trying again"),
            }
            metrics::counter!("linkflow_database_reconnects_total", "pool" => self.target.pool).increment(1);
            std::thread::sleep(Duration::from_millis(wait_ms));
            wait_ms = (wait_ms * 2).min(RETRY_MS_MAX);
        }
    }

    fn client(&self) -> Result<&Client, Lost> {
        let line = self.line.as_ref().ok_or_else(|| Lost::Connection("not connected".to_owned()))?;
        Ok(&line.client)
    }

    /// Sends what begins a transaction together with its first statements, all in one flight. A
    /// connection that had died before is replaced: nothing had been done on it.
    pub fn begin(
        &mut self,
        begin: &str,
        statements: &[Statement<'_>],
    ) -> Result<(Option<Mark>, Vec<Vec<Row>>), Lost> {
        let since = Instant::now();
        loop {
            self.connect_patiently(since).map_err(Lost::Refused)?;
            let client = self.client()?;
            let flight = self.in_time(client.simple_query(begin), fly(client, statements));
            let answered = self.runtime.block_on(flight);
            let answered = self.unless_silent(answered);
            match answered.and_then(|(begun, rows)| Ok((begun.map_err(Lost::of)?, rows))) {
                Ok((messages, rows)) => return Ok((mark(&messages), sorted(rows)?)),
                Err(Lost::Connection(cause)) if since.elapsed() < self.target.patience => {
                    tracing::debug!(cause, "a connection had ended, connecting anew");
                    self.disconnect();
                    std::thread::sleep(Duration::from_millis(RETRY_MS));
                }
                Err(lost) => {
                    self.disconnect();
                    return Err(lost);
                }
            }
        }
    }

    /// Sends statements of a transaction that has begun, in one flight.
    pub fn fly_all(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Lost> {
        let rows = self.answer(fly(self.client()?, statements));
        sorted(self.unless_silent(rows)?)
    }

    /// Waits for an answer, for as long as it may take.
    fn answer<T>(&self, flight: impl Future<Output = T>) -> Result<T, Lost> {
        self.runtime.block_on(self.answered_within(self.target.answers_within, flight))
    }

    /// Waits until a transaction has begun, which has to be soon, and for what was sent with it.
    async fn in_time<A, B>(
        &self,
        begun: impl Future<Output = A>,
        rest: impl Future<Output = B>,
    ) -> Result<(A, B), Lost> {
        let soon = self.target.begins_within * (1 << self.n_silent.min(DOUBLED_MAX));
        let within = self.target.answers_within;
        try_join(self.answered_within(soon.min(within), begun), self.answered_within(within, rest)).await
    }

    async fn answered_within<T>(&self, within: Duration, flight: impl Future<Output = T>) -> Result<T, Lost> {
        let silence = self.target.silence.is_noticed(Instant::now(), self.target.begins_within);
        tokio::select! {
            biased;
            answer = flight => Ok(answer),
            () = silence => Err(Lost::Connection("the database answers others neither".to_owned())),
            () = tokio::time::sleep(within) => {
                Err(Lost::Connection(format!("the database gave no answer within {within:?}")))
            }
        }
    }

    /// A connection that stays silent is of no use for what would come next, not even to undo anything.
    fn unless_silent<T>(&mut self, answered: Result<T, Lost>) -> Result<T, Lost> {
        if answered.is_err() {
            self.n_silent += 1;
            self.target.silence.heard();
            self.disconnect();
        } else {
            self.n_silent = 0;
        }
        answered
    }

    /// Sends a whole transaction in one flight: its beginning, its statements, and the commit, of which
    /// the last part tells. It counts only when all statements went well.
    #[allow(clippy::type_complexity)]
    pub fn whole(
        &mut self,
        begin: &str,
        statements: &[Statement<'_>],
    ) -> (Option<Mark>, Result<Vec<Vec<Row>>, Lost>, Result<(), Lost>) {
        let connected = self.connect_patiently(Instant::now()).map_err(Lost::Refused);
        let client = match connected.and_then(|()| self.client()) {
            Ok(client) => client,
            Err(lost) => return (None, Err(lost.clone()), Err(lost)),
        };
        let rest = join(fly(client, statements), client.simple_query("COMMIT"));
        let answered = self.runtime.block_on(self.in_time(client.simple_query(begin), rest));
        let answered = self.unless_silent(answered);
        match answered.and_then(|(begun, rest)| Ok((begun.map_err(Lost::of)?, rest))) {
            Ok((messages, (rows, committed))) => {
                (mark(&messages), sorted(rows), committed.map(drop).map_err(Lost::of))
            }
            // Whether the flight arrived is not known, and without its number it cannot be asked.
            Err(lost) => {
                self.disconnect();
                (None, Err(lost.clone()), Err(lost))
            }
        }
    }

    pub fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// The answer to a question without parameters, outside of a transaction.
    pub fn ask_bool(&mut self, sql: &str) -> Result<bool, Lost> {
        let messages = self.simple(sql)?;
        Ok(messages.iter().any(|m| matches!(m, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
    }

    pub fn execute(&mut self, statement: &Statement<'_>) -> Result<u64, Lost> {
        let done = self.answer(self.client()?.execute_typed(statement.sql, &statement.params));
        self.unless_silent(done)?.map_err(Lost::of)
    }

    /// As [`Session::execute`], for the first statement of a transaction.
    pub fn begin_execute(
        &mut self,
        begin: &str,
        statement: &Statement<'_>,
    ) -> Result<(Option<Mark>, u64), Lost> {
        let (mark, _) = self.begin(begin, &[])?;
        Ok((mark, self.execute(statement)?))
    }

    /// Several statements without parameters.
    pub fn simple(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Lost> {
        let done = self.answer(self.client()?.simple_query(sql));
        self.unless_silent(done)?.map_err(Lost::of)
    }

    pub fn commit(&mut self) -> Result<(), Lost> {
        self.simple("COMMIT").map(drop)
    }

    /// Undoes what the transaction did. A connection on which that fails is dropped.
    pub fn roll_back(&mut self) {
        if self.simple("ROLLBACK").is_err() {
            self.disconnect();
        }
    }

    /// What became of a transaction whose commit was not answered.
    pub fn fate_of(&mut self, mark: Option<&Mark>) -> Fate {
        let Some(mark) = mark else { return Fate::Unknown };
        let since = Instant::now();
        let mut wait_ms = RETRY_MS;
        while since.elapsed() < self.target.patience {
            self.disconnect();
            if self.connect_patiently(since).is_err() {
                return Fate::Unknown;
            }
            match self.ask_fate(mark) {
                Ok(Some(fate)) => return fate,
                // The server has not noticed yet that nobody holds the other end.
                Ok(None) | Err(_) => std::thread::sleep(Duration::from_millis(wait_ms)),
            }
            wait_ms = (wait_ms * 2).min(RETRY_MS_MAX);
        }
        Fate::Unknown
    }

    fn ask_fate(&mut self, mark: &Mark) -> Result<Option<Fate>, Lost> {
        let sql = "SELECT pg_xact_status($1::text::xid8), left(pg_walfile_name(pg_current_wal_lsn()), 8)";
        let params: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&mark.transaction, Type::TEXT)];
        let rows = self.fly_all(&[Statement { sql, params }])?;
        let Some(row) = rows.first().and_then(|rows| rows.first()) else { return Ok(Some(Fate::Unknown)) };
        let (status, timeline): (Option<String>, String) = (row.get(0), row.get(1));
        if timeline != mark.timeline {
            // The number may have been given to another transaction since.
            return Ok(Some(Fate::Unknown));
        }
        Ok(match status.as_deref() {
            Some("committed") => Some(Fate::Committed),
            Some("aborted") => Some(Fate::Undone),
            Some(_) => None,
            None => Some(Fate::Unknown),
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.disconnect();
    }
}

/// Sends all statements before the first answer is awaited.
async fn fly(client: &Client, statements: &[Statement<'_>]) -> Vec<Result<Vec<Row>, tokio_postgres::Error>> {
    type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + 'a>>;
    let answers = statements.iter().map(|s| {
        let answer: Answer<'_> = Box::pin(client.query_typed(s.sql, &s.params));
        answer
    });
    join_all(answers).await
}

/// The answers of a flight, or the first error, which is the cause of those behind it.
fn sorted(rows: Vec<Result<Vec<Row>, tokio_postgres::Error>>) -> Result<Vec<Vec<Row>>, Lost> {
    rows.into_iter().collect::<Result<_, _>>().map_err(Lost::of)
}

fn mark(messages: &[SimpleQueryMessage]) -> Option<Mark> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) if row.len() > 2 => {
            Some(Mark { transaction: row.get(0)?.to_owned(), timeline: row.get(1)?.to_owned() })
        }
        _ => None,
    })
}
