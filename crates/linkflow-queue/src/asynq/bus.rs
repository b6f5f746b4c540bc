//! Messages between processes that are no jobs, such as an answer for who waits elsewhere. They go
//! to whoever listens at that moment, and nothing is kept: what must not be lost does not belong
//! here.

use std::sync::Arc;
use std::time::Duration;

use redis::{PushInfo, PushKind, RedisResult, Value};
use tokio::sync::mpsc;

use super::RedisQueue;
use super::address::{CONNECT, Conn};
use super::link::Link;
use crate::job::QueueError;

/// Larger messages are put under a key, and only its name is sent.
const INLINE_MAX: usize = 64 * 1024;
/// How long such a key is there.
const KEY_TTL_S: u64 = 60;
/// Messages that a listener may be behind; more are dropped.
const BEHIND_MAX: usize = 10_000;
const WAIT_MAX: Duration = Duration::from_secs(2);
/// A connection that died without a word is found out after this time.
const PING: Duration = Duration::from_secs(5);

/// The first byte of what is sent.
const INLINE: u8 = 0;
const UNDER_KEY: u8 = 1;

/// How messages stand on a channel.
#[derive(Clone, Copy)]
enum Form {
    /// Behind a first byte, which says where the message is.
    Marked,
    Plain,
}

impl RedisQueue {
    /// Sends a message to all who listen on the channel.
    pub async fn tell(&self, channel: &str, message: &[u8]) -> Result<(), QueueError> {
        let link = &self.inner.link;
        let sent = if message.len() <= INLINE_MAX {
            [&[INLINE], message].concat()
        } else {
            let key = format!("{channel}:{}", uuid::Uuid::new_v4());
            let set = redis::cmd("SET").arg(&key).arg(message).arg("EX").arg(KEY_TTL_S).to_owned();
            link.call::<()>(&set).await?;
            [&[UNDER_KEY], key.as_bytes()].concat()
        };
        let publish = redis::cmd("PUBLISH").arg(channel).arg(sent).to_owned();
        link.call::<i64>(&publish).await.map(drop)
    }

    /// The messages on a channel from now on, for as long as the receiver is there. What is sent
    /// while there is no connection is missed.
    pub fn hear(&self, channel: &str) -> mpsc::Receiver<Vec<u8>> {
        let (sender, heard) = mpsc::channel(BEHIND_MAX);
        tokio::spawn(listen(self.inner.link.clone(), channel.to_owned(), Form::Marked, sender));
        heard
    }

    /// The same where what is sent is the message, with nothing before it.
    pub(crate) fn hear_plain(&self, channel: &str) -> mpsc::Receiver<Vec<u8>> {
        let (sender, heard) = mpsc::channel(BEHIND_MAX);
        tokio::spawn(listen(self.inner.link.clone(), channel.to_owned(), Form::Plain, sender));
        heard
    }
}

async fn listen(link: Arc<Link>, channel: String, form: Form, heard: mpsc::Sender<Vec<u8>>) {
    let mut wait = Duration::from_millis(50);
    while !heard.is_closed() {
        let (pushes, news) = mpsc::unbounded_channel();
        let opened = tokio::time::timeout(2 * CONNECT, link.address.open(Some(pushes))).await;
        if let Ok(Ok(mut conn)) = opened
            && subscribe(&mut conn, &channel).await.is_ok()
        {
            wait = Duration::from_millis(50);
            pass_on(&link, conn, news, form, &heard).await;
        }
        tokio::time::sleep(wait).await;
        wait = WAIT_MAX.min(wait * 2);
    }
}

async fn subscribe(conn: &mut Conn, channel: &str) -> RedisResult<()> {
    match conn {
        Conn::One(conn) => conn.subscribe(channel).await,
        Conn::Cluster(conn) => conn.subscribe(channel).await,
    }
}

/// Returns when the connection is of no more use, or nobody listens any more.
async fn pass_on(
    link: &Arc<Link>,
    mut conn: Conn,
    mut news: mpsc::UnboundedReceiver<PushInfo>,
    form: Form,
    heard: &mpsc::Sender<Vec<u8>>,
) {
    loop {
        let push = tokio::select! {
            () = heard.closed() => return,
            push = news.recv() => push,
            () = tokio::time::sleep(PING) => {
                if ping(&mut conn).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(push) = push else { return };
        match push.kind {
            PushKind::Message => {
                if let Some(Value::BulkString(sent)) = push.data.get(1)
                    && let Some(message) = message(link, form, sent).await
                    && heard.try_send(message).is_err()
                {
                    tracing::warn!("a message from another process was dropped, too many are waiting");
                }
            }
            PushKind::Disconnection if !link.is_cluster() => return,
            _ => {}
        }
    }
}

async fn ping(conn: &mut Conn) -> RedisResult<()> {
    let cmd = redis::cmd("PING");
    match conn {
        Conn::One(conn) => cmd.exec_async(conn).await,
        Conn::Cluster(conn) => cmd.exec_async(conn).await,
    }
}

async fn message(link: &Arc<Link>, form: Form, sent: &[u8]) -> Option<Vec<u8>> {
    if matches!(form, Form::Plain) {
        return Some(sent.to_vec());
    }
    match sent.split_first()? {
        (&INLINE, message) => Some(message.to_vec()),
        (&UNDER_KEY, key) => link.call(redis::cmd("GET").arg(key)).await.ok().flatten(),
        _ => None,
    }
}
