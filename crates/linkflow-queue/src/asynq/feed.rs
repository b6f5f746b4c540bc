//! What happens, for those who watch at any process: a stream of the last events, each with a
//! number, in one order for all. Events are taken in only while somebody watches; who watches says
//! so again and again. The stream is short and may be lost: whoever finds it gone reads the store.
//!
//! A number is the microsecond of Redis' clock, or the one after the last, so numbers grow on even
//! when the server was emptied or another one took over.

use redis::Value;

use super::RedisQueue;
use super::address::Conn;
use super::scripts;
use crate::job::QueueError;

const WATCHED: &str = "linkflow:{feed}:watched";
const EVENTS: &str = "linkflow:{feed}:events";
/// Says to all processes that somebody watches.
const WATCHING: &str = "linkflow:{feed}:watching";

/// How long a word that somebody watches is good for.
const WATCHED_MS: u64 = 20_000;
/// Events that are remembered for those who come back; some more are, until Redis trims.
const REMEMBERED: usize = 4_096;
/// How long a reader waits for news before it looks up.
const BLOCK_MS: u64 = 1_000;
/// Events read at once.
const READ_MAX: usize = 500;

/// What is known of a feed that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Since when somebody has watched without a pause, as a number of the feed.
    pub begun: u64,
    /// What came after this number is still there.
    pub floor: u64,
    /// The newest number; that of the beginning when nothing happened since.
    pub newest: u64,
}

/// A connection of its own, on which events are waited for.
pub struct FeedReader {
    conn: Conn,
    after: u64,
}

impl RedisQueue {
    /// Says that somebody watches, and goes on to for a while.
    pub async fn feed_watch(&self) -> Result<Watched, QueueError> {
        let link = &self.inner.link;
        let keys = [WATCHED.to_owned(), EVENTS.to_owned()];
        let got: Vec<u64> = link.run(&scripts::FEED_WATCH, &keys, &[number(WATCHED_MS)]).await?;
        let [begun, floor, newest, is_new] = got[..] else {
            return Err(QueueError::Server { cause: "the feed is not as it should be".to_owned() });
        };
        if is_new == 1 {
            link.call::<i64>(redis::cmd("PUBLISH").arg(WATCHING).arg(begun)).await?;
        }
        Ok(Watched { begun, floor, newest })
    }

    /// Since when somebody watches; nothing when nobody does.
    pub async fn feed_watched(&self) -> Result<Option<u64>, QueueError> {
        self.inner.link.call(redis::cmd("HGET").arg(WATCHED).arg("begun")).await
    }

    /// Hears the moment in which somebody begins to watch. It may be missed.
    pub fn feed_watching(&self) -> tokio::sync::mpsc::Receiver<Vec<u8>> {
        self.hear_plain(WATCHING)
    }

    /// Takes events in, in this order. False when nobody watches (any more).
    pub async fn feed_add(&self, events: &[Vec<u8>]) -> Result<bool, QueueError> {
        let keys = [WATCHED.to_owned(), EVENTS.to_owned()];
        let mut args = vec![number(REMEMBERED as u64), number(WATCHED_MS)];
        args.extend_from_slice(events);
        let taken: i64 = self.inner.link.run(&scripts::FEED_ADD, &keys, &args).await?;
        Ok(taken == 1)
    }

    /// Reads what comes after a number.
    pub async fn feed_reader(&self, after: u64) -> Result<FeedReader, QueueError> {
        let link = &self.inner.link;
        let conn = link.address.open(None).await.map_err(|e| link.explain(&e))?;
        Ok(FeedReader { conn, after })
    }
}

impl FeedReader {
    /// What is there by now, at most some hundreds of events; waits up to a second for the first,
    /// if `waits`.
    ///
    /// # Errors
    /// After an error the reader is of no more use.
    pub async fn read(&mut self, waits: bool) -> Result<Vec<(u64, Vec<u8>)>, QueueError> {
        let mut cmd = redis::cmd("XREAD");
        cmd.arg("COUNT").arg(READ_MAX);
        if waits {
            cmd.arg("BLOCK").arg(BLOCK_MS);
        }
        cmd.arg("STREAMS").arg(EVENTS).arg(format!("{}-0", self.after));
        let failed = |e: &redis::RedisError| QueueError::Unavailable { cause: e.to_string() };
        let answer: Value = cmd.query_async(&mut self.conn).await.map_err(|e| failed(&e))?;
        let mut events = Vec::new();
        collect(&answer, &mut events);
        if let Some((newest, _)) = events.last() {
            self.after = *newest;
        }
        Ok(events)
    }
}

/// The entries in an answer, which is a map or a list by the protocol's version: whatever looks like
/// `["17-0", ["e", event]]`.
fn collect(value: &Value, events: &mut Vec<(u64, Vec<u8>)>) {
    match value {
        Value::Array(parts) => match entry(parts) {
            Some(entry) => events.push(entry),
            None => parts.iter().for_each(|part| collect(part, events)),
        },
        Value::Map(pairs) => pairs.iter().for_each(|(_, value)| collect(value, events)),
        _ => {}
    }
}

fn entry(parts: &[Value]) -> Option<(u64, Vec<u8>)> {
    let [Value::BulkString(id), Value::Array(fields)] = parts else { return None };
    let [_, Value::BulkString(event)] = &fields[..] else { return None };
    let seq = std::str::from_utf8(id).ok()?.split('-').next()?.parse().ok()?;
    Some((seq, event.clone()))
}

fn number(n: u64) -> Vec<u8> {
    n.to_string().into_bytes()
}
