//! `/ws`: what happens, as it happens.
//!
//! A client says which topics it wants and from which number on; it gets events in order, or
//! `resync` when it has to read everything anew: too much was missed, or it was too slow. `away`
//! says that nothing comes until the next `resync`. Nothing is kept for a client beyond the bounded
//! channel of its subscription. `hello` names the feed: within one, numbers are one order, and a
//! client goes on at any instance that has the same.

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use crate::Api;
use crate::access::{Need, Who, authenticate};
use crate::problem::Problem;
use crate::runtime::{FeedEvent, Subscription};

const TOPICS_MAX: usize = 200;
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Who does not take what is sent for this long is cut off.
const SEND_MS_MAX: u64 = 10_000;

/// How a socket is closed, by RFC 6455.
const GOING_AWAY: u16 = 1001;
const NO_LONGER_ALLOWED: u16 = 1008;

/// What a client sends.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Wish {
    /// Replaces the topics; with `since`, what happened after that number comes again.
    Subscribe {
        #[serde(default)]
        topics: Vec<String>,
        since: Option<u64>,
    },
    /// For clients that cannot send protocol pings.
    Ping,
}

/// `GET /ws`
pub async fn open(
    State(api): State<Api>,
    who: Who,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        // A load balancer takes it to another instance.
        Ok(_) if api.is_leaving() => Problem::busy(1_000).into_response(),
        Ok(upgrade) => upgrade
            .max_message_size(MESSAGE_BYTES_MAX)
            .max_frame_size(MESSAGE_BYTES_MAX)
            .on_upgrade(move |socket| {
                let sockets = api.memory.sockets.clone();
                sockets.track_future(async move {
                    Watcher::new(&api, who, headers, socket).await.run().await;
                })
            }),
        Err(_) => Problem::bad_request("this address speaks WebSocket only").into_response(),
    }
}

struct Watcher<'a> {
    api: &'a Api,
    who: Who,
    /// Kept to ask again whether the session or key still holds.
    headers: HeaderMap,
    socket: WebSocket,
    topics: HashSet<Topic>,
    feed: Subscription,
    heard_at: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    Executions,
    Execution(Uuid),
    Workflow(Uuid),
}

impl Topic {
    fn parse(text: &str) -> Option<Topic> {
        match text.split_once(':') {
            None => (text == "executions").then_some(Topic::Executions),
            Some(("execution", id)) => Uuid::try_parse(id).ok().map(Topic::Execution),
            Some(("workflow", id)) => Uuid::try_parse(id).ok().map(Topic::Workflow),
            Some(_) => None,
        }
    }
}

/// The socket cannot be used any more.
struct Gone;

impl<'a> Watcher<'a> {
    async fn new(api: &'a Api, who: Who, headers: HeaderMap, socket: WebSocket) -> Watcher<'a> {
        let feed = api.runtime.subscribe(None).await;
        Watcher { api, who, headers, socket, topics: HashSet::new(), feed, heard_at: Instant::now() }
    }

    async fn run(mut self) {
        metrics::gauge!("linkflow_ws_clients").increment(1.0);
        if self.hello().await.is_ok() {
            while self.step().await.is_ok() {}
        }
        metrics::gauge!("linkflow_ws_clients").decrement(1.0);
    }

    async fn hello(&mut self) -> Result<(), Gone> {
        let instance = &self.api.settings.instance;
        // Numbers of one feed can be compared, whichever instance gives them.
        let feed = if self.feed.is_shared { "shared" } else { instance };
        let hello = json!({"type": "hello", "seq": self.feed.seq, "instance": instance, "feed": feed});
        self.send(hello.to_string()).await?;
        if self.feed.is_live { Ok(()) } else { self.send_away().await }
    }

    /// Waits for the next thing and does it.
    async fn step(&mut self) -> Result<(), Gone> {
        let silence_ms = self.api.settings.socket_silence_ms_max;
        let mut beat = tokio::time::interval(Duration::from_millis((silence_ms / 3).max(1)));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        loop {
            tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await?,
                    Some(Err(_)) | None => return Err(Gone),
                },
                event = self.feed.events.recv() => match event {
                    Some(event) => self.pass_on(&event).await?,
                    None => self.resync().await?,
                },
                _ = beat.tick() => self.beat(silence_ms).await?,
                () = self.api.memory.leaving.cancelled() => {
                    return self.close(GOING_AWAY, "the server ends").await;
                }
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), Gone> {
        self.heard_at = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(Gone),
            Message::Binary(_) => return self.complain("only text messages are understood").await,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
        };
        match serde_json::from_str::<Wish>(&text) {
            Ok(Wish::Ping) => self.send(json!({"type": "pong"}).to_string()).await,
            Ok(Wish::Subscribe { topics, since }) => self.subscribe(topics, since).await,
            Err(error) => self.complain(&format!("the message cannot be understood: {error}")).await,
        }
    }

    async fn complain(&mut self, detail: &str) -> Result<(), Gone> {
        self.send(json!({"type": "error", "detail": detail}).to_string()).await
    }

    async fn subscribe(&mut self, topics: Vec<String>, since: Option<u64>) -> Result<(), Gone> {
        if topics.len() > TOPICS_MAX {
            return self.complain(&format!("at most {TOPICS_MAX} topics, got {}", topics.len())).await;
        }
        let mut wanted = HashSet::new();
        for text in &topics {
            let Some(topic) = Topic::parse(text) else {
                let shown: String = text.chars().take(80).collect();
                let known = "executions, execution:<id> or workflow:<id>";
                return self.complain(&format!("a topic must be {known}, got \"{shown}\"")).await;
            };
            wanted.insert(topic);
        }
        self.topics = wanted;
        if since.is_none() {
            return Ok(());
        }
        self.feed = self.api.runtime.subscribe(since).await;
        match (self.feed.is_live, self.feed.is_gap) {
            (false, _) => self.send_away().await,
            (true, true) => self.send_resync().await,
            (true, false) => Ok(()),
        }
    }

    /// The client was too slow, or the feed has a gap: what it missed is lost to it.
    async fn resync(&mut self) -> Result<(), Gone> {
        self.feed = self.api.runtime.subscribe(None).await;
        if self.feed.events.is_closed() && self.feed.events.is_empty() {
            // Nothing comes from here any more: the process ends.
            return self.close(GOING_AWAY, "the server ends").await;
        }
        if self.feed.is_live { self.send_resync().await } else { self.send_away().await }
    }

    /// Nothing comes for now, so the client has to ask; `resync` says when that is over.
    async fn send_away(&mut self) -> Result<(), Gone> {
        self.send(json!({"type": "away"}).to_string()).await
    }

    async fn send_resync(&mut self) -> Result<(), Gone> {
        self.send(json!({"type": "resync", "seq": self.feed.seq}).to_string()).await
    }

    async fn pass_on(&mut self, event: &FeedEvent) -> Result<(), Gone> {
        if event.workspace != self.who.workspace || !self.is_wanted(event) {
            return Ok(());
        }
        let text = json!({
            "seq": event.seq,
            "type": event.kind,
            "at": event.at,
            "execution_id": event.execution,
            "workflow_id": event.workflow,
            "data": *event.data,
        });
        self.send(text.to_string()).await
    }

    fn is_wanted(&self, event: &FeedEvent) -> bool {
        // The list shows executions; their steps are for those who look at one.
        let is_listed = event.kind.starts_with("execution.") || event.kind.starts_with("workflow.");
        (is_listed && self.topics.contains(&Topic::Executions))
            || event.execution.is_some_and(|id| self.topics.contains(&Topic::Execution(id.0)))
            || event.workflow.is_some_and(|id| self.topics.contains(&Topic::Workflow(id.0)))
    }

    /// Asks whether the client lives and may still watch.
    async fn beat(&mut self, silence_ms: u64) -> Result<(), Gone> {
        if self.heard_at.elapsed() > Duration::from_millis(silence_ms) {
            return Err(Gone);
        }
        match authenticate(self.api, &self.headers).await {
            Ok(Some(who)) if who.may(Need::Read) && who.workspace == self.who.workspace => self.who = who,
            // The store may be busy for a moment; that says nothing about rights.
            Err(_) => {}
            Ok(_) => return self.close(NO_LONGER_ALLOWED, "the session has ended").await,
        }
        self.send_message(Message::Ping(Vec::new().into())).await
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Gone> {
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = self.send_message(Message::Close(Some(frame))).await;
        Err(Gone)
    }

    async fn send(&mut self, text: String) -> Result<(), Gone> {
        self.send_message(Message::Text(text.into())).await
    }

    async fn send_message(&mut self, message: Message) -> Result<(), Gone> {
        let limit = Duration::from_millis(SEND_MS_MAX);
        match tokio::time::timeout(limit, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}
