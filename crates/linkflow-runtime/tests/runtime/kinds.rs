//! Nodes that do what their parameters say, word by word: the first try does the first word, the
//! next go at the same step the next one. What they do is noted outside of the store.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use linkflow_model::{ExecutionId, Item, Millis, Object, WorkspaceId};
use linkflow_node::schedule::Rule;
use linkflow_node::trigger::{Ear, ListenTrigger, PollTrigger, Polled, ScheduleTrigger, Trigger};
use linkflow_node::{
    ChildCall, Ctx, Effects, Input, Node, NodeError, NodeKind, Outcome, Ports, Reply, ReplyBody, Requires,
    Resumed, Spec, Wait, WorkflowRef,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast;

pub const ALL: &[NodeKind] = &[
    NodeKind::of::<Start>(),
    NodeKind::of::<Called>(),
    NodeKind::of::<Failed>(),
    NodeKind::of::<Ticks>(),
    NodeKind::of::<Polls>(),
    NodeKind::of::<Hears>(),
    NodeKind::of::<Act>(),
    NodeKind::of::<Effect>(),
];

/// One go at a step, as the outside world saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Go {
    pub execution: ExecutionId,
    pub node: String,
    pub run: u32,
    pub attempt: u32,
    pub key: String,
    pub at: Millis,
    pub began_before: bool,
    pub is_effect: bool,
}

/// What the nodes of one workspace did.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Vec<Go>>);

static SEEN: LazyLock<Mutex<HashMap<WorkspaceId, Arc<Seen>>>> = LazyLock::new(Mutex::default);

impl Seen {
    pub fn of(workspace: WorkspaceId) -> Arc<Seen> {
        SEEN.lock().unwrap().entry(workspace).or_default().clone()
    }

    pub fn forget(workspace: WorkspaceId) {
        SEEN.lock().unwrap().remove(&workspace);
    }

    pub fn all(&self) -> Vec<Go> {
        self.0.lock().unwrap().clone()
    }

    pub fn of_node(&self, node: &str) -> Vec<Go> {
        self.all().into_iter().filter(|go| go.node == node).collect()
    }

    fn note(&self, ctx: &Ctx, is_effect: bool) {
        self.0.lock().unwrap().push(Go {
            execution: ctx.execution,
            node: ctx.node.clone(),
            run: ctx.run,
            attempt: ctx.attempt,
            key: ctx.idempotency_key(0),
            at: ctx.now,
            began_before: ctx.began_before,
            is_effect,
        });
    }
}

#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Params {
    /// Words, one for each go; the last one stays.
    does: Vec<String>,
    /// What it gives instead of its input.
    gives: Option<Vec<Value>>,
    /// Id of the workflow to call.
    workflow: String,
    each: bool,
    /// How many outputs it has.
    outputs: Option<usize>,
    rules: Value,
}

macro_rules! kind {
    ($name:ident, $kind:literal, $inputs:expr, $effects:expr, $trigger:expr) => {
        pub struct $name;
        impl Node for $name {
            const KIND: &'static str = $kind;
            const SPEC: Spec = Spec { inputs: $inputs, effects: $effects, ..Spec::DEFAULT };
            const EXAMPLES: &'static [linkflow_node::Example] = &[];
            type Params = Params;
            async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
                act(input, ctx, $effects == Effects::Outside).await
            }
            fn trigger() -> Option<Trigger> {
                $trigger
            }
            fn ports(params: &Object) -> Ports {
                let n = params.get("outputs").and_then(Value::as_u64).unwrap_or(1);
                let inputs = $inputs.iter().map(|s: &&str| s.to_string()).collect();
                Ports { inputs, outputs: vec!["main".to_owned(); n as usize], requires: Requires::Any }
            }
        }
    };
}

kind!(Start, "start", &[], Effects::None, Some(Trigger::Manual));
kind!(Called, "called", &[], Effects::None, Some(Trigger::Workflow));
kind!(Failed, "failed", &[], Effects::None, Some(Trigger::Error));
kind!(Ticks, "ticks", &[], Effects::None, Some(Trigger::Schedule(ScheduleTrigger { rules, tick })));
kind!(Polls, "polls", &[], Effects::None, Some(Trigger::Poll(PollTrigger { rules, poll })));
kind!(Hears, "hears", &[], Effects::None, Some(Trigger::Listen(ListenTrigger { listen, leave })));
kind!(Act, "act", &["main"], Effects::None, None);
kind!(Effect, "effect", &["main"], Effects::Outside, None);

fn rules(node: &linkflow_model::Node) -> Result<Vec<Rule>, NodeError> {
    let rules = node.params.get("rules").cloned().unwrap_or_default();
    serde_json::from_value(rules).map_err(|e| NodeError::data(e.to_string()))
}

/// Finds the numbers after that which was seen last, one each time; none the first time.
fn poll<'a>(
    input: Arc<linkflow_node::RunInput>,
    ctx: &'a Ctx,
) -> linkflow_node::BoxFuture<'a, Result<Polled, NodeError>> {
    Box::pin(async move {
        let goes = Seen::of(ctx.workspace);
        goes.note(ctx, false);
        let n_before = goes.of_node(&ctx.node).len() as u64;
        let wants = |word: &str| input.params.get("does").is_some_and(|does| does[0] == word);
        if wants("every second fails") && n_before.is_multiple_of(2) {
            return Err(NodeError::data("it is down"));
        }
        if wants("nothing new") {
            return Ok(Polled { items: Vec::new(), state: json!({"n": 0}) });
        }
        let seen = ctx.state.as_ref().and_then(|state| state["n"].as_u64());
        let n = seen.map_or(0, |seen| seen + 1);
        let items = seen.map(|_| Item::from_value(json!({"n": n})));
        Ok(Polled { items: items.into_iter().collect(), state: json!({"n": n}) })
    })
}

/// Says a number to all that listen in a workspace.
pub fn say(workspace: WorkspaceId, n: i64) {
    let _ = voice(workspace).send(n);
}

fn voice(workspace: WorkspaceId) -> broadcast::Sender<i64> {
    static VOICES: LazyLock<Mutex<HashMap<WorkspaceId, broadcast::Sender<i64>>>> =
        LazyLock::new(Mutex::default);
    VOICES.lock().unwrap().entry(workspace).or_insert_with(|| broadcast::channel(1_000).0).clone()
}

/// Hears the numbers that are said; ends at 0.
fn listen<'a>(
    input: Arc<linkflow_node::RunInput>,
    ctx: &'a Ctx,
    ear: &'a dyn Ear,
) -> linkflow_node::BoxFuture<'a, Result<(), NodeError>> {
    Box::pin(async move {
        let goes = Seen::of(ctx.workspace);
        goes.note(ctx, false);
        let n_before = goes.of_node(&ctx.node).len();
        let fails_first = input.params.get("does").is_some_and(|does| does[0] == "first fail");
        if fails_first && n_before <= 2 {
            return Err(NodeError::data("it is down"));
        }
        let mut said = voice(ctx.workspace).subscribe();
        ear.connected().await?;
        while let Ok(n) = said.recv().await {
            if n == 0 {
                return Ok(());
            }
            ear.heard(vec![Item::from_value(json!({"n": n}))]).await?;
        }
        Ok(())
    })
}

/// Fails the first time.
fn leave(
    _input: Arc<linkflow_node::RunInput>,
    ctx: &Ctx,
) -> linkflow_node::BoxFuture<'_, Result<(), NodeError>> {
    Box::pin(async move {
        let goes = Seen::of(ctx.workspace);
        goes.note(ctx, true);
        match goes.all().iter().filter(|go| go.is_effect).count() {
            1 => Err(NodeError::data("it is down")),
            _ => Ok(()),
        }
    })
}

fn tick(_node: &linkflow_model::Node, at: Millis, timezone: &str) -> Item {
    Item::from_value(json!({"at": at, "timezone": timezone}))
}

async fn act(input: Input<Params>, ctx: &Ctx, is_effect: bool) -> Result<Outcome, NodeError> {
    let params = input.params(0)?;
    Seen::of(ctx.workspace).note(ctx, is_effect);
    let at = (ctx.attempt as usize - 1).min(params.does.len().saturating_sub(1));
    let word = params.does.get(at).map_or("ok", String::as_str);
    let (word, number) = word.split_once(' ').unwrap_or((word, ""));
    let number: Option<u64> = number.parse().ok();
    let down = |ms| NodeError::Unavailable {
        service: "it".to_owned(),
        cause: "down".to_owned(),
        retry_after_ms: ms,
        item: None,
    };
    match word {
        "fail" => Err(down(number)),
        "wrong" => Err(NodeError::data("it is wrong")),
        "panic" => panic!("on purpose"),
        "hang" => std::future::pending().await,
        "take" => {
            tokio::time::sleep(Duration::from_millis(number.unwrap_or(0))).await;
            Ok(give(&input, &params, ctx))
        }
        "late" => {
            // Only the first time.
            if Seen::of(ctx.workspace).of_node(&ctx.node).len() == 1 {
                tokio::time::sleep(Duration::from_millis(number.unwrap_or(0))).await;
            }
            Ok(give(&input, &params, ctx))
        }
        "none" => Ok(Outcome::items(Vec::new())),
        "sick" => Ok(Outcome::items(vec![Item::from_value(json!({"error": "it is sick"}))])),
        "half" => half(&input, ctx),
        "park" => Ok(Outcome::Park(Wait::Until(ctx.now.plus(number.unwrap_or(0))))),
        "call" => Ok(Outcome::Park(Wait::Call { until: number.map(|ms| ctx.now.plus(ms)) })),
        "invoke" | "launch" if !matches!(ctx.resumed, Some(Resumed::Started(_) | Resumed::Children(_))) => {
            Ok(invoke(&input, &params, word == "invoke"))
        }
        "reply" => {
            let reply = Reply { status: 200, headers: Vec::new(), body: ReplyBody::Json(json!("hello")) };
            let heard = ctx.host.reply(reply).await?;
            Ok(Outcome::items(vec![Item::from_value(json!({"heard": heard}))]))
        }
        "told" | "invoke" | "launch" => Ok(Outcome::items(told(ctx))),
        "count" => count(ctx).await,
        "split" => Ok(Outcome::ports(input.items().iter().map(|i| vec![i.clone()]).collect())),
        _ => Ok(give(&input, &params, ctx)),
    }
}

fn give(input: &Input<Params>, params: &Params, ctx: &Ctx) -> Outcome {
    if let Some(gives) = &params.gives {
        return Outcome::items(gives.iter().cloned().map(Item::from_value).collect());
    }
    let items = input.items().iter().enumerate().map(|(i, item)| {
        let mut json = (*item.json).clone();
        json.insert("by".to_owned(), json!(ctx.node));
        Item::new(json).paired_with(i)
    });
    let items: Vec<Item> = items.collect();
    let n = params.outputs.unwrap_or(1);
    Outcome::ports(vec![items; n])
}

/// Every second item fails.
fn half(input: &Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
    let mut items = Vec::new();
    for (i, item) in input.items().iter().enumerate() {
        let item = if i % 2 == 0 { Ok(item.clone()) } else { ctx.failed_item(NodeError::data("odd"), i) };
        items.push(item?);
    }
    Ok(Outcome::items(items))
}

/// Counts in static data.
async fn count(ctx: &Ctx) -> Result<Outcome, NodeError> {
    let kept = ctx.host.kept("global").await?;
    let n = kept.as_ref().and_then(|kept| kept["n"].as_u64()).unwrap_or(0) + 1;
    ctx.host.keep("global", json!({"n": n})).await?;
    Ok(Outcome::items(vec![Item::from_value(json!({"n": n}))]))
}

fn invoke(input: &Input<Params>, params: &Params, wait: bool) -> Outcome {
    let call = |items| ChildCall { workflow: WorkflowRef::Id(params.workflow.clone()), items };
    let items = input.items().as_ref().clone();
    let children = if params.each {
        items.into_iter().map(|item| call(vec![item])).collect()
    } else {
        vec![call(items)]
    };
    Outcome::Call { children, wait }
}

fn told(ctx: &Ctx) -> Vec<Item> {
    match &ctx.resumed {
        None => vec![Item::from_value(json!({"told": "nothing"}))],
        Some(Resumed::Time) => vec![Item::from_value(json!({"told": "time"}))],
        Some(Resumed::Call(request)) => {
            vec![Item::from_value(json!({"told": "call", "query": request.query}))]
        }
        Some(Resumed::Started(ids)) => vec![Item::from_value(json!({"told": "started", "n": ids.len()}))],
        Some(Resumed::Children(children)) => children.iter().map(|c| result(&c.items)).collect(),
    }
}

fn result(items: &Result<Vec<Item>, linkflow_model::RunError>) -> Item {
    Item::from_value(match items {
        Ok(items) => json!({"child": items.iter().map(|i| (*i.json).clone()).collect::<Vec<_>>()}),
        Err(error) => json!({"child": error.message}),
    })
}
