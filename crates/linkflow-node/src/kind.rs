//! What a node kind is.

use std::future::Future;
use std::sync::Arc;

use linkflow_model::{Item, Millis, Object};
use schemars::{JsonSchema, Schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::ctx::{BoxFuture, ChildCall};
use crate::trigger::Trigger;
use crate::{Ctx, Input, NodeError, RunInput};

/// A node kind: one type, one file.
pub trait Node: Sized + 'static {
    /// Its name in workflow files, such as `http_request`.
    const KIND: &'static str;
    const SPEC: Spec;
    /// The first one is shown in the reference; all of them are run as tests.
    const EXAMPLES: &'static [Example];
    /// The parameters. Doc comments of the fields are what people read in the form.
    type Params: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;

    /// Runs once on all items. `input.params(i)` resolves the parameters for item `i` on demand.
    fn run(input: Input<Self::Params>, ctx: &Ctx) -> impl Future<Output = Result<Outcome, NodeError>> + Send;

    /// Inputs and outputs, where they depend on the parameters as written.
    fn ports(params: &Object) -> Ports {
        let _ = params;
        Ports::of(&Self::SPEC)
    }

    /// How it starts executions, for triggers.
    fn trigger() -> Option<Trigger> {
        None
    }

    /// What a run does outside, where it depends on the parameters as written.
    fn effects(params: &Object) -> Effects {
        let _ = params;
        Self::SPEC.effects
    }
}

/// What is fixed about a kind.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// What people see: "HTTP Request".
    pub title: &'static str,
    /// One sentence: what it does.
    pub summary: &'static str,
    pub category: Category,
    /// Other words under which people look for it.
    pub aliases: &'static [&'static str],
    /// Labels of the inputs; empty for triggers.
    pub inputs: &'static [&'static str],
    /// Labels of the outputs.
    pub outputs: &'static [&'static str],
    pub effects: Effects,
    pub credentials: &'static [CredentialSlot],
    /// How credentials are tried, for those that can be.
    pub checks: &'static [CredentialCheck],
    /// Version of the parameters.
    pub version: u32,
}

impl Spec {
    /// One input, one output, no effects, no credentials, version 1.
    pub const DEFAULT: Spec = Spec {
        title: "",
        summary: "",
        category: Category::Data,
        aliases: &[],
        inputs: &["main"],
        outputs: &["main"],
        effects: Effects::None,
        credentials: &[],
        checks: &[],
        version: 1,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    Trigger,
    Flow,
    Data,
    Files,
    Network,
    Code,
    Service,
    Note,
}

/// What a run does to the outside world, and so what has to be on disk before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effects {
    /// Repeating it is unnoticeable: no wait for the disk.
    None,
    /// It changes or asks something outside: everything before it and its intent are on disk first.
    Outside,
}

/// A credential that a kind can use.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CredentialSlot {
    /// Name of the slot, which is the type of the credential: `http_basic`.
    pub name: &'static str,
    pub title: &'static str,
    /// Names of its fields; those in `secret` are never shown again.
    pub fields: &'static [&'static str],
    pub secret: &'static [&'static str],
}

/// How somebody finds out whether a credential works, without running a workflow.
#[derive(Clone, Copy, Debug)]
pub struct CredentialCheck {
    /// Name of the slot that it is for.
    pub slot: &'static str,
    /// Asks the service, and gives what to say when it answers. Nothing is changed there.
    pub check: CheckFn,
}

/// The credential comes from [`crate::Host::credential`], as in a run.
pub type CheckFn = for<'a> fn(&'a Ctx) -> BoxFuture<'a, Result<String, NodeError>>;

/// A run of the kind that shows what it does: manual and test in one.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// A sentence.
    pub title: &'static str,
    /// JSON of the parameters.
    pub params: &'static str,
    /// JSON: the items of input 0 as a list of plain `json` objects, or a list of such lists
    /// wrapped as `{"inputs": [[..], [..]]}`.
    pub input: &'static str,
    /// JSON: for each output a list of plain `json` objects. `null` where the outcome depends on
    /// the outside and the run is not part of the tests.
    pub output: &'static str,
}

/// Inputs and outputs of a node, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ports {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub requires: Requires,
}

/// Which inputs must have data before a node runs for want of anything else to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Requires {
    Any,
    All,
    Inputs(Vec<u32>),
}

impl Ports {
    pub fn of(spec: &Spec) -> Ports {
        Ports {
            inputs: spec.inputs.iter().map(|s| (*s).to_owned()).collect(),
            outputs: spec.outputs.iter().map(|s| (*s).to_owned()).collect(),
            requires: Requires::Any,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Items(Outputs),
    /// The execution rests; the node runs again, with [`Ctx::resumed`] set, when that has come.
    Park(Wait),
    /// Other workflows are started; with `wait`, the node runs again when they have ended.
    Call {
        children: Vec<ChildCall>,
        wait: bool,
    },
}

/// What a parked node waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait {
    Until(Millis),
    /// A call to the execution's resume address, at most until that time. The rules for the call
    /// (method, authentication, reply) are those of the kind's webhook trigger functions.
    Call {
        until: Option<Millis>,
    },
}

/// The items of each output, and what else a run leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    pub ports: Vec<Vec<Item>>,
    /// Kept for the node's next run in this execution (`ctx.state` there).
    pub state: Option<Value>,
    pub logs: Vec<String>,
    /// The run found nothing to do: it is listed nowhere, and nobody is run behind it.
    pub silent: bool,
    /// They are the node's pinned items: it did not run, and nothing failed.
    pub pinned: bool,
}

impl Outcome {
    /// All items on the first output.
    pub fn items(items: Vec<Item>) -> Outcome {
        Outcome::ports(vec![items])
    }

    pub fn ports(ports: Vec<Vec<Item>>) -> Outcome {
        Outcome::Items(Outputs { ports, ..Outputs::default() })
    }
}

type RunFn = for<'a> fn(Arc<RunInput>, &'a Ctx) -> BoxFuture<'a, Result<Outcome, NodeError>>;

/// A [`Node`] with its type forgotten.
#[derive(Clone, Copy)]
pub struct NodeKind {
    pub kind: &'static str,
    pub spec: Spec,
    pub examples: &'static [Example],
    run: RunFn,
    ports: fn(&Object) -> Ports,
    effects: fn(&Object) -> Effects,
    trigger: fn() -> Option<Trigger>,
    schema: fn() -> Schema,
    check: fn(&Value) -> Result<(), NodeError>,
}

impl NodeKind {
    pub const fn of<N: Node>() -> NodeKind {
        NodeKind {
            kind: N::KIND,
            spec: N::SPEC,
            examples: N::EXAMPLES,
            run: run_erased::<N>,
            ports: N::ports,
            effects: N::effects,
            trigger: N::trigger,
            schema: schema_of::<N>,
            check: check_params::<N>,
        }
    }

    pub fn run<'a>(&self, input: Arc<RunInput>, ctx: &'a Ctx) -> BoxFuture<'a, Result<Outcome, NodeError>> {
        (self.run)(input, ctx)
    }

    pub fn ports(&self, params: &Object) -> Ports {
        (self.ports)(params)
    }

    pub fn effects(&self, params: &Object) -> Effects {
        (self.effects)(params)
    }

    pub fn trigger(&self) -> Option<Trigger> {
        (self.trigger)()
    }

    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// Whether parameters without expressions can be read. Parameters with expressions are only
    /// known when they are resolved, so there is nothing to say about them.
    pub fn check(&self, params: &Object) -> Result<(), NodeError> {
        if has_expression(&Value::Object(params.clone())) {
            return Ok(());
        }
        (self.check)(&Value::Object(params.clone()))
    }
}

impl std::fmt::Debug for NodeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeKind({})", self.kind)
    }
}

fn run_erased<'a, N: Node>(input: Arc<RunInput>, ctx: &'a Ctx) -> BoxFuture<'a, Result<Outcome, NodeError>> {
    Box::pin(N::run(Input::new(input), ctx))
}

fn schema_of<N: Node>() -> Schema {
    schemars::schema_for!(N::Params)
}

fn check_params<N: Node>(value: &Value) -> Result<(), NodeError> {
    crate::input::read_params::<N::Params>(value).map(|_| ())
}

fn has_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with('='),
        Value::Array(list) => list.iter().any(has_expression),
        Value::Object(object) => object.values().any(has_expression),
        _ => false,
    }
}
