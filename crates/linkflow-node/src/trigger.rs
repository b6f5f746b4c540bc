//! How a node starts executions. All of it is pure: requests and times come as arguments.

use std::sync::Arc;

use linkflow_model::{Binary, Item, Millis, Node, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ctx::{BoxFuture, Reply};
use crate::schedule::Rule;
use crate::{Ctx, NodeError, RunInput};

/// How a kind starts executions. The outputs of step 0 are made by running the node on the first
/// items: [`Accepted::items`], the tick, the caller's items, the failed execution, or none.
#[derive(Clone, Copy)]
pub enum Trigger {
    /// Somebody presses run.
    Manual,
    Webhook(WebhookTrigger),
    /// The times at which it starts an execution, and the item of a tick.
    Schedule(ScheduleTrigger),
    /// The times at which it asks somebody whether there is something new.
    Poll(PollTrigger),
    /// A connection that stays, and what is heard on it.
    Listen(ListenTrigger),
    /// An execution of another workflow failed.
    Error,
    /// Another workflow calls this one.
    Workflow,
}

/// How a node takes requests. A kind with inputs (Wait) starts nothing by them: its routes are
/// relative to the resume address of an execution that rests in it.
#[derive(Clone, Copy)]
pub struct WebhookTrigger {
    /// The addresses at which this node listens.
    pub routes: fn(&Node) -> Result<Vec<Route>, NodeError>,
    pub auth: fn(&Node) -> Result<Auth, NodeError>,
    /// What has to be known before the body of a request is read.
    pub intake: fn(&Node) -> Result<Intake, NodeError>,
    /// Makes the first items of a request that passed the authentication, or refuses it.
    pub accept: fn(&Node, &Request) -> Result<Accepted, Refusal>,
    /// Whether people see pages of this node in a browser, at the form address of the execution.
    pub has_pages: fn(&Node) -> bool,
}

/// The first segment of routes below `/form/` instead of `/webhook/`. No path begins so: it would be
/// an expression.
pub const FORM: &str = "=form";

/// [`WebhookTrigger::has_pages`] of nodes that programs call.
pub fn no_pages(_: &Node) -> bool {
    false
}

#[derive(Clone, Copy)]
pub struct ScheduleTrigger {
    pub rules: fn(&Node) -> Result<Vec<Rule>, NodeError>,
    /// The item that a tick gives: nominal time, IANA zone.
    pub tick: fn(&Node, Millis, &str) -> Item,
}

/// How a node finds out what is new. The only part of a trigger that is not pure: it may ask over
/// the network, and is repeated when its answer gets lost.
#[derive(Clone, Copy)]
pub struct PollTrigger {
    pub rules: fn(&Node) -> Result<Vec<Rule>, NodeError>,
    /// Looks for what is new since [`crate::Ctx::state`], which is none the first time.
    pub poll: PollFn,
}

pub type PollFn = for<'a> fn(Arc<RunInput>, &'a Ctx) -> BoxFuture<'a, Result<Polled, NodeError>>;

/// What a poll found. With items an execution starts, and in the same moment the state is kept for
/// the next poll, so that nothing is lost or comes twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Polled {
    pub items: Vec<Item>,
    pub state: Value,
}

/// How a node hears what happens elsewhere: one process at a time stays connected for it. What is said
/// while nobody is connected is lost, unless the other side keeps it.
#[derive(Clone, Copy)]
pub struct ListenTrigger {
    /// Connects, says so to the [`Ear`], and hands it what is heard until the connection ends. It is
    /// called again, after a while, however it ends.
    pub listen: ListenFn,
    /// Takes back what listening has made at the other side, when the node is no longer published as
    /// it is. May be called more than once.
    pub leave: LeaveFn,
}

pub type ListenFn = for<'a> fn(Arc<RunInput>, &'a Ctx, &'a dyn Ear) -> BoxFuture<'a, Result<(), NodeError>>;

pub type LeaveFn = for<'a> fn(Arc<RunInput>, &'a Ctx) -> BoxFuture<'a, Result<(), NodeError>>;

/// [`ListenTrigger::leave`] of nodes that leave nothing behind.
pub fn leaves_nothing(_: Arc<RunInput>, _: &Ctx) -> BoxFuture<'_, Result<(), NodeError>> {
    Box::pin(async { Ok(()) })
}

/// To whom a listener says what it hears.
pub trait Ear: Send + Sync {
    /// The connection stands: whatever is said from now on is heard.
    fn connected(&self) -> BoxFuture<'_, Result<(), NodeError>>;
    /// Starts an execution with what was heard. Waits while more is heard than can be taken in. An
    /// error is to be passed on: nothing more that is heard would count.
    fn heard(&self, items: Vec<Item>) -> BoxFuture<'_, Result<(), NodeError>>;
}

/// One address of a webhook: `{id}/orders/:number`, without a leading slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Upper case.
    pub method: String,
    /// Segments that start with `:` take any one segment.
    pub path: String,
}

/// Who may call. The names are credential slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    None,
    Basic { slot: &'static str },
    Header { slot: &'static str },
    Jwt { slot: &'static str },
}

/// How a request is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// [`Request::raw`] is wanted beside the parsed body.
    pub raw_body: bool,
    /// The body is not parsed, whatever its type is: it is wanted as [`Body::Binary`].
    pub binary: bool,
    /// Origins of which browsers may call; empty for all.
    pub origins: Vec<String>,
}

/// A request, read completely and within the limits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    /// The address without query, as people would type it.
    pub url: String,
    pub path: String,
    /// Values of the `:name` segments.
    pub params: Object,
    /// A name that comes more than once has a list.
    pub query: Object,
    /// Names in lower case.
    pub headers: Object,
    pub remote_address: String,
    pub body: Body,
    /// The bytes of the body as they came, where [`Intake::raw_body`] asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Binary>,
    /// Claims of a JWT that was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_payload: Option<Value>,
    /// Through `/webhook-test/`, while somebody watches.
    #[serde(default)]
    pub test: bool,
}

/// The body, parsed by its content type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    #[default]
    Empty,
    Json(Value),
    /// `application/x-www-form-urlencoded`.
    Form(Object),
    /// `multipart/form-data`: the fields, and the files with their field names.
    Multipart {
        fields: Object,
        files: Vec<(String, Binary)>,
    },
    Text(String),
    /// Anything else.
    Binary(Binary),
}

/// A request that starts an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub items: Vec<Item>,
    pub respond: Respond,
}

/// When and with what the request is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Respond {
    /// As soon as the execution is on disk.
    Immediately(Reply),
    /// When the execution has ended, from the items of the node that ran last.
    LastNode { status: u16, headers: Vec<(String, String)>, what: LastNode },
    /// When a Respond to Webhook node says so.
    Node,
    /// As soon as the execution is on disk: by sending people on to its pages. With `done`, and a
    /// workflow without pages behind this one, that is the answer.
    Pages { done: Option<Box<Reply>> },
    /// With a file of the first item that the node rests with.
    InputFile { property: String },
}

/// Which part of the last node's items is the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastNode {
    AllItems,
    /// `property`: only that property of the item; `content_type` overrides JSON's.
    FirstItem {
        property: Option<String>,
        content_type: Option<String>,
    },
    FirstItemBinary {
        property: String,
    },
    Nothing,
}

/// A request that starts nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub message: String,
    /// What is answered instead of a problem: a page to fill in.
    pub reply: Option<Box<Reply>>,
}

impl Refusal {
    pub fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into(), reply: None }
    }

    /// Starts nothing, and is no failure.
    pub fn with(reply: Reply) -> Refusal {
        Refusal { status: reply.status, message: String::new(), reply: Some(Box::new(reply)) }
    }
}
