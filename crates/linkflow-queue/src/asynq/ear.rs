//! Hears of new jobs and of cancellations, on a connection of its own: the server is asked to
//! tell when the lists of waiting jobs change (`CLIENT TRACKING` of RESP3), so nobody needs to
//! ask again and again. It wakes takers, and takes nothing itself.
//!
//! A list is only watched while a taker waits: a busy worker hears nothing and costs nothing. To
//! watch is to look at the list's length, which also closes the gap between the taker's look into
//! an empty queue and the watch.

use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::{Cmd, ErrorKind, FromRedisValue, PushInfo, PushKind, RedisError, RedisResult, Value};
use tokio::sync::mpsc;

use super::address::{ANSWER, CONNECT, Conn};
use super::{Inner, keys};
use crate::faults::Planted;

const WAIT_MAX: Duration = Duration::from_secs(2);

/// Listens for as long as the queue is there.
pub(crate) async fn listen(inner: Weak<Inner>) {
    let mut wait = Duration::from_millis(50);
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let (pushes, mut heard) = mpsc::unbounded_channel();
        let opened = tokio::time::timeout(2 * CONNECT, strong.link.address.open(Some(pushes))).await;
        drop(strong);
        if let Ok(Ok(mut conn)) = opened
            && begin(&mut conn).await.is_ok()
        {
            wait = Duration::from_millis(50);
            hear(&inner, &mut conn, &mut heard).await;
        }
        tokio::time::sleep(wait).await;
        wait = WAIT_MAX.min(wait * 2);
    }
}

async fn begin(conn: &mut Conn) -> RedisResult<()> {
    match conn {
        Conn::One(conn) => conn.subscribe(keys::CANCEL).await?,
        Conn::Cluster(conn) => conn.subscribe(keys::CANCEL).await?,
    }
    track(conn).await
}

/// Asks to be told of changes. In a cluster each connection has to ask, and forgets it when it is
/// made again, so there it is asked anew before each watch.
async fn track(conn: &mut Conn) -> RedisResult<()> {
    let cmd = redis::cmd("CLIENT").arg("TRACKING").arg("ON").to_owned();
    match conn {
        Conn::One(conn) => cmd.exec_async(conn).await,
        Conn::Cluster(conn) => {
            let masters = (MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::OneSucceeded));
            conn.route_command(cmd, RoutingInfo::MultiNode(masters)).await.map(drop)
        }
    }
}

/// Returns when the connection is of no more use.
async fn hear(inner: &Weak<Inner>, conn: &mut Conn, heard: &mut mpsc::UnboundedReceiver<PushInfo>) {
    let Some(armed) = inner.upgrade().map(|inner| inner.armed.clone()) else { return };
    // Who waited while there was no ear looks once more by itself.
    wake(inner);
    loop {
        let is_well = tokio::select! {
            () = armed.notified() => match inner.upgrade() {
                Some(inner) => watch(&inner, conn).await.is_ok(),
                None => false,
            },
            push = heard.recv() => match (push, inner.upgrade()) {
                (Some(push), Some(inner)) => pushed(&inner, push),
                _ => false,
            },
            // A connection that died without a word is found out.
            () = tokio::time::sleep(Duration::from_secs(5)) => track(conn).await.is_ok(),
        };
        if !is_well || inner.strong_count() == 0 {
            return wake(inner);
        }
    }
}

fn wake(inner: &Weak<Inner>) {
    if let Some(inner) = inner.upgrade() {
        inner.arrived.notify_waiters();
    }
}

/// Says whether the connection lives.
fn pushed(inner: &Inner, push: PushInfo) -> bool {
    match push.kind {
        PushKind::Invalidate => inner.arrived.notify_waiters(),
        PushKind::Message => {
            if let Some(Value::BulkString(id)) = push.data.get(1) {
                // An error means that nobody listens.
                let _ = inner.cancelled.send(String::from_utf8_lossy(id).into());
            }
        }
        PushKind::Disconnection => return inner.link.is_cluster(),
        _ => {}
    }
    true
}

/// Watches every queue that is listened to, and wakes the takers if one has something already.
async fn watch(inner: &Inner, conn: &mut Conn) -> RedisResult<()> {
    if matches!(conn, Conn::Cluster(_)) {
        track(conn).await?;
    }
    let queues = inner.listening();
    let looks = queues.iter().map(|(queue, _)| {
        let mut conn = conn.clone();
        async move {
            let paused: u64 = ask(&mut conn, redis::cmd("EXISTS").arg(keys::of(queue, "paused"))).await?;
            let n: u64 = ask(&mut conn, redis::cmd("LLEN").arg(keys::of(queue, "pending"))).await?;
            Ok::<bool, RedisError>(n > 0 && paused == 0)
        }
    });
    let looks = futures_util::future::join_all(looks).await;
    let has_some = looks.iter().any(|look| matches!(look, Ok(true)));
    if has_some && !inner.settings.faults().has(Planted::WakeUpLost) {
        inner.arrived.notify_waiters();
    }
    // A node of a cluster that does not answer must not keep the others from being heard.
    match looks.into_iter().find_map(Result::err) {
        Some(error) if !inner.link.is_cluster() => Err(error),
        _ => Ok(()),
    }
}

async fn ask<T: FromRedisValue>(conn: &mut Conn, cmd: &Cmd) -> RedisResult<T> {
    let late = || RedisError::from((ErrorKind::Io, "no answer in time"));
    tokio::time::timeout(ANSWER, cmd.query_async(conn)).await.map_err(|_| late())?
}

/// Starts to listen.
pub(crate) fn start(inner: &Arc<Inner>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(listen(Arc::downgrade(inner)))
}
