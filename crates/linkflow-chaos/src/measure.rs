//! How long it takes until all is well again, asked of the database and of the clients' log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::load::Load;
use crate::postgres::ask;

/// After this, waiting is given up: what is waited for is then reported as stuck.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long to look for a moment at which a worker is busy.
const HOLDS_WITHIN: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(200);
/// What was accepted so soon after a death may have been written before it.
const UNDER_WAY: Duration = Duration::from_millis(300);

/// Where the primary is, for those that ask it while it changes.
#[derive(Clone, Debug)]
pub struct Database {
    port: Arc<AtomicU16>,
    n_lists: Arc<AtomicU64>,
}

impl Database {
    pub fn new(port: u16) -> Database {
        Database { port: Arc::new(AtomicU16::new(port)), n_lists: Arc::default() }
    }

    pub fn lead_to(&self, port: u16) {
        self.port.store(port, Ordering::Relaxed);
    }

    pub async fn ask(&self, sql: &str) -> anyhow::Result<String> {
        ask(self.port.load(Ordering::Relaxed), "linkflow", sql).await
    }

    /// Writes down a list of executions in a table of its own, and gives its name. Asked until the
    /// database answers.
    async fn list(&self, select: &str) -> anyhow::Result<String> {
        let table = format!("chaos_list_{}", self.n_lists.fetch_add(1, Ordering::Relaxed));
        let sql = format!("CREATE UNLOGGED TABLE IF NOT EXISTS {table} AS {select}");
        let since = Instant::now();
        while let Err(error) = self.ask(&sql).await {
            if since.elapsed() > PATIENCE {
                return Err(error);
            }
            tokio::time::sleep(EVERY).await;
        }
        Ok(table)
    }

    /// Waits until a count is zero.
    async fn none_left(&self, what: &str, count: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let left = self.ask(count).await;
            if left.as_deref().is_ok_and(|left| left == "0") {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                bail!("after {PATIENCE:?} not all {what}: {left:?} left");
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// How long it takes from now on until all has been claimed that can be claimed now.
pub async fn claimed(database: &Database) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let list = database.list("SELECT id, ready_at FROM executions WHERE status = 'ready'").await?;
    let count = format!(
        "SELECT count(*) FROM {list} l JOIN executions e USING (id) WHERE e.status = 'ready' AND e.ready_at = l.ready_at"
    );
    database.none_left("that was ready is claimed", &count).await?;
    let took = since.elapsed();
    let _ = database.ask(&format!("DROP TABLE {list}")).await;
    Ok(took)
}

/// What a process held when something happened to it.
#[derive(Debug)]
pub struct Leases {
    list: String,
}

impl Leases {
    /// Waits for a moment at which the process holds something; that may be over when it is used.
    pub async fn wait_for(database: &Database, process: u32) -> anyhow::Result<()> {
        let sql = format!("SELECT count(*) FROM ({}) held", held_by(process));
        let since = Instant::now();
        while database.ask(&sql).await? == "0" && since.elapsed() < HOLDS_WITHIN {}
        Ok(())
    }

    pub async fn of(database: &Database, process: u32) -> anyhow::Result<Leases> {
        Ok(Leases { list: database.list(&held_by(process)).await? })
    }

    /// How long after `since` all of it has been taken over, or has come to a rest.
    pub async fn taken_over(self, database: &Database, since: Instant) -> anyhow::Result<Duration> {
        // Those that rest count their claims anew, so one that is ready after a claim was freed.
        let count = format!(
            "SELECT count(*) FROM {} l JOIN executions e USING (id) WHERE e.status = 'running' AND e.owner = l.owner \
             OR e.status = 'ready' AND e.attempt > 0",
            self.list
        );
        database.none_left("that a dead worker held goes on", &count).await?;
        let took = since.elapsed();
        let _ = database.ask(&format!("DROP TABLE {}", self.list)).await;
        Ok(took)
    }
}

fn held_by(process: u32) -> String {
    format!(
        "SELECT e.id, e.owner FROM executions e JOIN workers w ON w.id = e.owner \
         WHERE e.status = 'running' AND w.info::json ->> 'pid' = '{process}'"
    )
}

/// How long after `died` the first order was accepted again.
pub async fn first_accept(load: &Load, died: Instant) -> anyhow::Result<Duration> {
    while died.elapsed() < PATIENCE {
        if let Some(took) = load.log.first_accept_after(died + UNDER_WAY) {
            return Ok(took + UNDER_WAY);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("no order was accepted within {PATIENCE:?}")
}
