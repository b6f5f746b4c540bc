//! What tests of triggers that listen have in common: an ear that notes what it hears.

use std::time::Duration;

use linkflow_model::{Item, Object};
use linkflow_node::testing::input;
use linkflow_node::trigger::{Ear, ListenTrigger, Trigger};
use linkflow_node::{BoxFuture, Ctx, NodeError};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const BOUND: Duration = Duration::from_secs(60);

struct Noting(mpsc::UnboundedSender<Option<Vec<Item>>>);

impl Ear for Noting {
    fn connected(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        self.0.send(None).unwrap();
        Box::pin(async { Ok(()) })
    }

    fn heard(&self, items: Vec<Item>) -> BoxFuture<'_, Result<(), NodeError>> {
        self.0.send(Some(items)).unwrap();
        Box::pin(async { Ok(()) })
    }
}

/// A trigger that listens until this is dropped.
pub struct Listening {
    said: mpsc::UnboundedReceiver<Option<Vec<Item>>>,
    task: JoinHandle<Result<(), NodeError>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn trigger(kind: &str) -> ListenTrigger {
    match linkflow_nodes::find(kind).unwrap().trigger() {
        Some(Trigger::Listen(trigger)) => trigger,
        _ => panic!("{kind} does not listen"),
    }
}

impl Listening {
    /// Begins, and waits until the connection stands.
    pub async fn begin(kind: &str, ctx: Ctx, params: &Value) -> Result<Listening, NodeError> {
        let (say, said) = mpsc::unbounded_channel();
        let (trigger, given) = (trigger(kind), input(params, vec![]));
        let task = tokio::spawn(async move { (trigger.listen)(given, &ctx, &Noting(say)).await });
        let mut listening = Listening { said, task };
        match tokio::time::timeout(BOUND, listening.said.recv()).await.expect("it connects or fails") {
            Some(None) => Ok(listening),
            Some(heard) => panic!("something was heard before it was connected: {heard:?}"),
            None => Err(listening.ended().await),
        }
    }

    /// The next item that is heard.
    pub async fn next(&mut self) -> Object {
        let heard = tokio::time::timeout(BOUND, self.said.recv()).await.expect("something is heard in time");
        let items = heard.expect("it still listens").expect("it connects once");
        assert_eq!(items.len(), 1);
        (*items[0].json).clone()
    }

    pub async fn next_json(&mut self) -> Value {
        json!(self.next().await)
    }

    /// Why it ended.
    pub async fn ended(mut self) -> NodeError {
        let ended = tokio::time::timeout(BOUND, &mut self.task).await.expect("it ends in time");
        ended.unwrap().unwrap_err()
    }
}

/// Takes back what a trigger made.
pub async fn leave(kind: &str, ctx: &Ctx, params: &Value) {
    (trigger(kind).leave)(input(params, vec![]), ctx).await.unwrap();
}

/// A run by hand, for which somebody says something until it is heard.
pub async fn by_hand(kind: &'static str, ctx: Ctx, params: &Value, say: impl AsyncFn()) -> Value {
    let given = input(params, vec![]);
    let run = tokio::spawn(async move { linkflow_nodes::find(kind).unwrap().run(given, &ctx).await });
    while !run.is_finished() {
        say().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match run.await.unwrap().unwrap() {
        linkflow_node::Outcome::Items(out) => out.ports[0].iter().map(|item| json!(*item.json)).collect(),
        other => panic!("{other:?}"),
    }
}
