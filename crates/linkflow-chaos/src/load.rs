//! The clients: they order by webhook at both API servers, and write down what they were told.
//!
//! Every second order carries an idempotency key and is sent until it is accepted. The others are
//! sent once: when no answer comes, nobody knows whether they were accepted, and nothing is owed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::effects::Seen;
use crate::http::Connection;
use crate::workflows::kind_of;

/// How long a client waits for an answer.
const ANSWER: Duration = Duration::from_secs(6);
/// The rate of all clients together while they are ahead of the faults.
const AHEAD: Duration = Duration::from_millis(40);

/// What the clients were told.
#[derive(Debug, Default)]
pub struct Log {
    accepted: Mutex<HashMap<u64, Uuid>>,
    /// What must not be, as sentences.
    wrong: Mutex<Vec<String>>,
    /// When each order was accepted.
    times: Mutex<Vec<Instant>>,
    n_accepted: AtomicUsize,
    n_effects_owed: AtomicUsize,
    pub unanswered: AtomicU64,
    pub refused: AtomicU64,
}

impl Log {
    pub fn n_accepted(&self) -> usize {
        self.n_accepted.load(Ordering::Relaxed)
    }

    pub fn accepted(&self) -> HashMap<u64, Uuid> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long after `since` the first order was accepted, if one was.
    pub fn first_accept_after(&self, since: Instant) -> Option<Duration> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let first = times.partition_point(|time| *time < since);
        times.get(first).map(|time| time.duration_since(since))
    }

    fn say_wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < 1_000 {
            wrong.push(what);
        }
    }

    fn note(&self, order: u64, id: Uuid) {
        let before = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).insert(order, id);
        match before {
            None => {
                self.n_effects_owed.fetch_add(kind_of(order).places.len(), Ordering::Relaxed);
                self.times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                self.n_accepted.fetch_add(1, Ordering::Relaxed);
            }
            Some(before) if before != id => {
                self.say_wrong(format!("order {order}: the same key gave {before} and then {id}"));
            }
            Some(_) => {}
        }
    }
}

/// What the clients share.
#[derive(Debug)]
pub struct Load {
    pub log: Log,
    pub seen: Seen,
    apis: Vec<u16>,
    next: AtomicU64,
    /// Orders that are accepted at full speed; behind it clients only keep things moving.
    pub goal: AtomicUsize,
    is_over: AtomicBool,
    /// Accepted orders whose effects have not come yet; more are not sent.
    backlog_max: usize,
}

impl Load {
    pub fn new(apis: Vec<u16>, seen: Seen, backlog_max: usize) -> Arc<Load> {
        Arc::new(Load {
            log: Log::default(),
            seen,
            apis,
            next: AtomicU64::new(0),
            goal: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            backlog_max,
        })
    }

    /// Starts the clients. They end after [`Load::end`].
    pub fn start(self: &Arc<Load>, clients: usize) -> tokio::task::JoinSet<()> {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..clients {
            let load = self.clone();
            tasks.spawn(async move { load.client(n, clients).await });
        }
        tasks
    }

    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn backlog(&self) -> usize {
        self.log.n_effects_owed.load(Ordering::Relaxed).saturating_sub(self.seen.n())
    }

    async fn client(&self, n: usize, clients: usize) {
        let mut connections: Vec<Connection> = self.apis.iter().map(|_| Connection::default()).collect();
        let mut api = n % self.apis.len();
        while !self.is_over.load(Ordering::Relaxed) {
            if self.backlog() >= self.backlog_max {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            if self.log.n_accepted() >= self.goal.load(Ordering::Relaxed) {
                tokio::time::sleep(AHEAD * clients as u32).await;
            }
            let order = self.next.fetch_add(1, Ordering::Relaxed);
            self.send(order, &mut api, &mut connections).await;
        }
    }

    async fn send(&self, order: u64, api: &mut usize, connections: &mut [Connection]) {
        let has_key = order.is_multiple_of(2);
        let request = request(order, has_key);
        let since = Instant::now();
        loop {
            let asked = connections[*api].ask(self.apis[*api], &request, ANSWER).await;
            match asked {
                Ok((200, head, _)) => {
                    let id = head.header("linkflow-execution").and_then(|id| id.parse().ok());
                    match id {
                        Some(id) => self.log.note(order, id),
                        None => self.log.say_wrong(format!("order {order}: the answer names no execution")),
                    }
                    return;
                }
                // 507: the disk is full. In all three cases nothing was accepted.
                Ok((429 | 503 | 507, ..)) => drop(self.log.refused.fetch_add(1, Ordering::Relaxed)),
                // Who is behind has gone away, or does not know whether it was written.
                Ok((500 | 502 | 504, ..)) | Err(_) => {
                    self.log.unanswered.fetch_add(1, Ordering::Relaxed);
                    if !has_key {
                        return;
                    }
                }
                Ok((status, _, body)) => {
                    let body = String::from_utf8_lossy(&body);
                    return self.log.say_wrong(format!("order {order}: refused with {status}: {body}"));
                }
            }
            if self.is_over.load(Ordering::Relaxed) && since.elapsed() > ANSWER {
                return;
            }
            *api = (*api + 1) % self.apis.len();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn request(order: u64, has_key: bool) -> String {
    let key = if has_key { format!("idempotency-key: order-{order}\r\n") } else { String::new() };
    let body = format!("{{\"order\": {order}}}");
    format!(
        "POST /webhook/{} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{key}\
         content-length: {}\r\n\r\n{body}",
        kind_of(order).name,
        body.len()
    )
}
