//! The feed of several processes: what happens at any of them goes through Redis, which gives the
//! numbers, and comes back to each at which somebody watches. While nobody watches anywhere,
//! nothing is sent. An event that cannot be sent is not kept: those who watch are told that they
//! missed something, and read the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use linkflow_model::{ExecutionId, Millis, WorkflowId, WorkspaceId};
use linkflow_queue::{FeedReader, Queue, QueueError, RedisQueue, Watched};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::contract::{FeedEvent, NewFeedEvent, Subscription};
use crate::shell::Inner;

/// Events on their way to the server; more are dropped, and those who watch read anew.
const ON_THE_WAY_MAX: usize = 10_000;
/// Events that are sent in one go.
const SENT_MAX: usize = 500;
/// An event with more than this goes without its details.
const EVENT_BYTES_MAX: usize = 64 * 1024;
/// How often a process asks whether somebody watches, in case it missed the word.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How often a process at which somebody watches says so.
const SAY_EVERY: Duration = Duration::from_secs(3);
/// How long it goes on to after the last has left, for those who come back.
const LINGER: Duration = Duration::from_secs(20);
/// How much the clocks of two machines may differ.
const CLOCKS_MS: i64 = 2_000;
/// How long who begins to watch waits for the feed to be there.
const READY_MAX: Duration = Duration::from_millis(1_500);
/// The pause after trouble with the server.
const TROUBLE: Duration = Duration::from_millis(300);

/// Every kind of event there is.
const KINDS: [&str; 8] = [
    "execution.accepted",
    "execution.started",
    "execution.waiting",
    "execution.finished",
    "step.started",
    "step.finished",
    "workflow.saved",
    "workflow.published",
];

/// What goes over the wire; the number comes from the server.
#[derive(Serialize, Deserialize)]
enum Sent {
    Event {
        kind: String,
        at: Millis,
        workspace: WorkspaceId,
        execution: Option<ExecutionId>,
        workflow: Option<WorkflowId>,
        data: Value,
    },
    /// Something happened that was not sent.
    Gap,
}

/// The way of this process to the feed of all.
pub struct Shared {
    events: mpsc::Sender<Vec<u8>>,
    watched: Arc<Word>,
    /// Somebody began to watch here.
    wanted: Notify,
    /// The reader is there, or has found that it cannot be.
    settled: Notify,
    is_reading: AtomicBool,
}

/// Whether somebody watches anywhere, as far as is known here.
#[derive(Default)]
struct Word {
    is_watched: AtomicBool,
    /// When something was last not sent because nobody seemed to watch.
    skipped_at: AtomicI64,
    /// Something was lost on the way.
    has_lost: AtomicBool,
    changed: Notify,
}

/// The other end of [`Shared`], for [`run`].
pub struct Mail(mpsc::Receiver<Vec<u8>>);

impl Shared {
    pub fn new() -> (Shared, Mail) {
        let (events, mail) = mpsc::channel(ON_THE_WAY_MAX);
        let shared = Shared {
            events,
            watched: Arc::default(),
            wanted: Notify::new(),
            settled: Notify::new(),
            is_reading: AtomicBool::new(false),
        };
        (shared, Mail(mail))
    }

    pub fn is_watched(&self) -> bool {
        self.watched.is_watched.load(Ordering::Relaxed)
    }

    pub fn tell(&self, at: Millis, event: NewFeedEvent) {
        if !self.is_watched() {
            return self.watched.skipped_at.store(at.0, Ordering::Relaxed);
        }
        let NewFeedEvent { kind, workspace, execution, workflow, data } = event;
        let of = |data| {
            let kind = kind.to_owned();
            bytes(&Sent::Event { kind, at, workspace, execution, workflow, data })
        };
        let status = data["status"].clone();
        let mut sent = of(data);
        if sent.len() > EVENT_BYTES_MAX {
            sent = of(json!({"status": status}));
        }
        if self.events.try_send(sent).is_err() {
            self.watched.has_lost.store(true, Ordering::Relaxed);
        }
    }
}

fn bytes(sent: &Sent) -> Vec<u8> {
    serde_json::to_vec(sent).expect("it has only names that JSON can write")
}

/// Carries events to the server and back for as long as the process lives.
pub fn run(inner: &Arc<Inner>, queue: &Arc<Queue>, mail: Mail) {
    let Some(word) = inner.feed.shared.as_ref().map(|shared| shared.watched.clone()) else { return };
    tokio::spawn(send(queue.clone(), word.clone(), mail));
    tokio::spawn(heed(queue.clone(), word));
    tokio::spawn(follow(Arc::downgrade(inner), queue.clone()));
}

fn redis(queue: &Queue) -> Option<&RedisQueue> {
    match queue {
        Queue::Redis(queue) => Some(queue),
        Queue::Memory(_) => None,
    }
}

async fn send(queue: Arc<Queue>, word: Arc<Word>, Mail(mut mail): Mail) {
    let Some(queue) = redis(&queue) else { return };
    let mut events = Vec::new();
    loop {
        events.clear();
        tokio::select! {
            n = mail.recv_many(&mut events, SENT_MAX) => if n == 0 { return },
            () = word.changed.notified() => {}
        }
        if word.has_lost.swap(false, Ordering::Relaxed) {
            events.push(bytes(&Sent::Gap));
        }
        if events.is_empty() {
            continue;
        }
        match queue.feed_add(&events).await {
            Ok(true) => {}
            Ok(false) => word.nobody_watches(),
            Err(error) => {
                tracing::debug!(%error, "watchers were not told, they read anew: {error}");
                word.has_lost.store(true, Ordering::Relaxed);
                tokio::time::sleep(TROUBLE).await;
                word.changed.notify_one();
            }
        }
    }
}

/// Keeps track of whether somebody watches.
async fn heed(queue: Arc<Queue>, word: Arc<Word>) {
    let Some(queue) = redis(&queue) else { return };
    let mut watching = queue.feed_watching();
    let mut ask = tokio::time::interval(ASK_EVERY);
    loop {
        let begun = tokio::select! {
            Some(said) = watching.recv() => std::str::from_utf8(&said).ok().and_then(|n| n.parse().ok()),
            _ = ask.tick() => match queue.feed_watched().await {
                Ok(begun) => begun,
                // What cannot be sent is noted as lost.
                Err(_) => continue,
            },
        };
        match begun {
            Some(begun) => word.somebody_watches(begun),
            None => word.is_watched.store(false, Ordering::Relaxed),
        }
    }
}

impl Word {
    fn somebody_watches(&self, begun: u64) {
        if self.is_watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let begun_ms = i64::try_from(begun / 1_000).unwrap_or(i64::MAX);
        if self.skipped_at.load(Ordering::Relaxed).saturating_add(CLOCKS_MS) >= begun_ms {
            self.has_lost.store(true, Ordering::Relaxed);
            self.changed.notify_one();
        }
    }

    fn nobody_watches(&self) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.skipped_at.store(i64::try_from(now.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.is_watched.store(false, Ordering::Relaxed);
    }
}

/// Begins to watch at this process. Where others share the feed, waits a moment until it is there,
/// and until it has come as far as the others have.
pub async fn subscribe(inner: &Inner, queue: &Queue, since: Option<u64>) -> Subscription {
    let (Some(shared), Some(queue)) = (&inner.feed.shared, redis(queue)) else {
        return inner.feed.subscribe(since);
    };
    // Taken before the reader is asked for, which ends when nobody watches.
    let first = inner.feed.subscribe(since);
    let until = Instant::now() + READY_MAX;
    let newest = async {
        while !shared.is_reading.load(Ordering::Acquire) {
            if inner.feed.is_away() {
                return 0;
            }
            let settled = shared.settled.notified();
            shared.wanted.notify_one();
            let _ = tokio::time::timeout(Duration::from_millis(100), settled).await;
        }
        match since {
            Some(_) => queue.feed_watch().await.map_or(0, |watched| watched.newest),
            None => 0,
        }
    };
    let newest = tokio::time::timeout(READY_MAX, newest).await.unwrap_or(0);
    while inner.feed.seq() < newest && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // Anew: the first one may have begun before what is known now.
    let subscription = inner.feed.subscribe(since);
    drop(first);
    subscription
}

/// Reads the feed while somebody watches here.
async fn follow(inner: std::sync::Weak<Inner>, queue: Arc<Queue>) {
    let Some(queue) = redis(&queue) else { return };
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let Some(shared) = &inner.feed.shared else { return };
        if inner.feed.n_watchers() == 0 {
            if inner.feed.is_away() {
                inner.feed.begin_anew(Some(inner.feed.seq()));
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), shared.wanted.notified()).await;
            continue;
        }
        match begin(&inner, queue).await {
            Ok((reader, watched)) => {
                shared.is_reading.store(true, Ordering::Release);
                shared.settled.notify_waiters();
                let ended = read(&inner, queue, reader, watched).await;
                shared.is_reading.store(false, Ordering::Release);
                match ended {
                    // Nobody watches any more, or what was known is no more.
                    Ok(()) => inner.feed.begin_anew(Some(inner.feed.seq())),
                    Err(error) => away(&inner, &error).await,
                }
            }
            Err(error) => away(&inner, &error).await,
        }
    }
}

async fn away(inner: &Inner, error: &QueueError) {
    tracing::debug!(%error, "what happens elsewhere cannot be followed: {error}");
    // Once only: whoever has been told waits for the feed to come back.
    if !inner.feed.is_away() {
        inner.feed.begin_anew(None);
    }
    tokio::time::sleep(TROUBLE).await;
}

/// Takes in all that is remembered elsewhere.
async fn begin(inner: &Inner, queue: &RedisQueue) -> Result<(FeedReader, Watched), QueueError> {
    let watched = queue.feed_watch().await?;
    let mut reader = queue.feed_reader(watched.floor).await?;
    inner.feed.begin_anew(Some(watched.floor));
    loop {
        let events = reader.read(false).await?;
        if events.is_empty() {
            return Ok((reader, watched));
        }
        take_in(inner, events);
    }
}

/// Returns when nobody has watched for a while, or when the feed began anew without us.
async fn read(
    inner: &Inner,
    queue: &RedisQueue,
    mut reader: FeedReader,
    watched: Watched,
) -> Result<(), QueueError> {
    let (mut said, mut wanted) = (Instant::now(), Instant::now());
    loop {
        take_in(inner, reader.read(true).await?);
        if inner.feed.n_watchers() > 0 {
            wanted = Instant::now();
        } else if wanted.elapsed() > LINGER {
            return Ok(());
        }
        if said.elapsed() > SAY_EVERY {
            said = Instant::now();
            if queue.feed_watch().await?.begun != watched.begun {
                return Ok(());
            }
        }
    }
}

fn take_in(inner: &Inner, sent: Vec<(u64, Vec<u8>)>) {
    let mut events = Vec::with_capacity(sent.len());
    for (seq, bytes) in sent {
        match serde_json::from_slice(&bytes) {
            Ok(Sent::Event { kind, at, workspace, execution, workflow, data }) => {
                // A kind that a newer process knows is for newer watchers.
                let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else { continue };
                let data = Arc::new(data);
                events.push(FeedEvent { seq, kind, at, workspace, execution, workflow, data });
            }
            Ok(Sent::Gap) | Err(_) => {
                inner.feed.pass_on(std::mem::take(&mut events));
                inner.feed.leave_a_gap(seq);
            }
        }
    }
    inner.feed.pass_on(events);
}
