//! The way to the server: one shared connection, made again when it is lost. While it is lost,
//! calls answer `Unavailable` at once; nobody queues up behind a server that is not there.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use tokio::sync::watch;

use super::address::{ANSWER, Address, CONNECT, Conn};
use super::scripts::Script;
use crate::job::QueueError;

/// The waits between attempts to connect: each twice as long as the one before.
const WAIT_FIRST: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(2);

pub(crate) struct Link {
    pub(crate) address: Address,
    state: Mutex<State>,
    up: watch::Sender<bool>,
}

struct State {
    conn: Option<Conn>,
    /// Grows with each connection, so that a late error does not break the next one.
    generation: u64,
    cause: String,
}

impl Link {
    /// Begins to connect, and waits a moment for it; a server that is not there yet is no error.
    pub(crate) async fn open(address: Address) -> Arc<Self> {
        let state = State { conn: None, generation: 0, cause: "not connected yet".to_owned() };
        let (up, mut is_up) = watch::channel(false);
        let link = Arc::new(Link { address, state: Mutex::new(state), up });
        tokio::spawn(reconnect(Arc::downgrade(&link)));
        let _ = tokio::time::timeout(CONNECT, is_up.wait_for(|up| *up)).await;
        link
    }

    /// Sends one command.
    pub(crate) async fn call<T: FromRedisValue>(self: &Arc<Self>, cmd: &Cmd) -> Result<T, QueueError> {
        self.send(cmd).await.map_err(|e| self.explain(&e))
    }

    /// Runs a script on the keys; the arguments follow.
    pub(crate) async fn run<T: FromRedisValue>(
        self: &Arc<Self>,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<T, QueueError> {
        let call = |name: &str, body: &str| {
            let mut cmd = redis::cmd(name);
            cmd.arg(body).arg(keys.len()).arg(keys).arg(args);
            cmd
        };
        let answer = self.send(&call("EVALSHA", &script.sha)).await;
        let unknown = ErrorKind::Server(ServerErrorKind::NoScript);
        match answer {
            // Told once, a server knows the script until it is restarted or flushed.
            Err(e) if e.kind() == unknown => self.call(&call("EVAL", script.text)).await,
            other => other.map_err(|e| self.explain(&e)),
        }
    }

    async fn send<T: FromRedisValue>(self: &Arc<Self>, cmd: &Cmd) -> Result<T, RedisError> {
        let (mut conn, generation) = self.conn()?;
        let answer = match tokio::time::timeout(ANSWER, cmd.query_async(&mut conn)).await {
            Ok(answer) => answer,
            Err(_) => Err(RedisError::from((ErrorKind::Io, "no answer in time"))),
        };
        if let Err(error) = &answer
            && is_lost(error, &conn)
        {
            self.lose(generation, error);
        }
        answer
    }

    fn conn(&self) -> Result<(Conn, u64), RedisError> {
        let state = self.state();
        let down = || RedisError::from((ErrorKind::Io, "not connected", state.cause.clone()));
        state.conn.clone().map(|conn| (conn, state.generation)).ok_or_else(down)
    }

    pub(crate) fn explain(&self, error: &RedisError) -> QueueError {
        let cause = error.to_string();
        if is_outage(error) { QueueError::Unavailable { cause } } else { QueueError::Server { cause } }
    }

    fn lose(self: &Arc<Self>, generation: u64, error: &RedisError) {
        let mut state = self.state();
        if state.generation != generation || state.conn.is_none() {
            return;
        }
        state.conn = None;
        state.cause = error.to_string();
        drop(state);
        tracing::warn!(cause = %error, "the connection to Redis is lost, connecting again: {error}");
        self.up.send_replace(false);
        tokio::spawn(reconnect(Arc::downgrade(self)));
    }

    fn found(&self, conn: Conn) {
        let mut state = self.state();
        state.conn = Some(conn);
        state.generation += 1;
        drop(state);
        self.up.send_replace(true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the connection")
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.address, Address::Cluster { .. })
    }

    pub(crate) fn is_up(&self) -> bool {
        *self.up.borrow()
    }
}

/// Connects, however long it takes, unless nobody needs the link any more.
async fn reconnect(link: Weak<Link>) {
    let mut wait = WAIT_FIRST;
    loop {
        let Some(link) = link.upgrade() else { return };
        let opened = tokio::time::timeout(2 * CONNECT, link.address.open(None)).await;
        match opened {
            Ok(Ok(conn)) => return link.found(conn),
            Ok(Err(error)) => link.state().cause = error.to_string(),
            Err(_) => link.state().cause = "no connection in time".to_owned(),
        }
        drop(link);
        tokio::time::sleep(wait).await;
        wait = WAIT_MAX.min(wait * 2);
    }
}

/// Whether another connection is needed. The client of a cluster looks after its own connections.
fn is_lost(error: &RedisError, conn: &Conn) -> bool {
    let is_gone = error.is_connection_dropped() || error.is_timeout() || error.is_io_error();
    match conn {
        Conn::One(_) => is_gone || is_demoted(error),
        Conn::Cluster(_) => {
            error.kind() == ErrorKind::ClusterConnectionNotFound
                || error.is_connection_dropped() && !error.is_timeout()
        }
    }
}

/// The server is there, and is not, or no longer, the one that takes writes.
fn is_demoted(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, MasterDown, ReadOnly};
    matches!(error.kind(), ErrorKind::Server(BusyLoading | MasterDown | ReadOnly))
}

/// Whether it may work later.
fn is_outage(error: &RedisError) -> bool {
    use ServerErrorKind::{ClusterDown, TryAgain};
    let kind = error.kind();
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_cluster_error()
        || is_demoted(error)
        || kind == ErrorKind::ClusterConnectionNotFound
        || matches!(kind, ErrorKind::Server(ClusterDown | TryAgain))
        || matches!(error.code(), Some("NOREPLICAS" | "MISCONF" | "OOM" | "UNKILLABLE"))
}
