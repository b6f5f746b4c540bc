//! One try of one step: inputs gathered, the node run, its outputs put in order.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use futures_util::FutureExt;
use linkflow_expr::Env;
use linkflow_model::{
    Binary, ExecutionId, History, Item, Items, Mode, Node, Object, OnError, Order, Pair, Paired, RunError,
    Source, WorkflowId, WorkspaceId,
};
use linkflow_node::trigger::{Ear, LeaveFn, ListenFn, PollFn, Polled};
use linkflow_node::{Blobs, Ctx, Host, NodeError, Outcome, Outputs, Resumed, RunInput};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::drive::env_of;
use crate::host::{StoreHost, store_trouble};
use crate::prepared::Prepared;
use crate::services::Services;
use crate::shell::Inner;
use crate::worker::panic_text;

/// All that a try needs; it borrows nothing, so that tries can run side by side.
pub struct Try {
    pub services: Services,
    pub prepared: Arc<Prepared>,
    pub host: Arc<dyn Host>,
    pub env: Arc<Env>,
    pub history: Arc<History>,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub execution: ExecutionId,
    pub mode: Mode,
    pub use_pins: bool,
    pub step: u32,
    pub attempt: u32,
    pub node: u32,
    pub run: u32,
    pub inputs: Vec<Option<Source>>,
    pub began_before: bool,
    /// One empty item, though nothing came.
    pub primed: bool,
    pub resumed: Option<Resumed>,
    pub cancel: CancellationToken,
}

/// How a try ended.
pub struct Tried {
    pub step: u32,
    pub attempt: u32,
    pub node: u32,
    pub inputs: Vec<Items>,
    pub outcome: Result<Outcome, NodeError>,
    pub started_at: linkflow_model::Millis,
}

impl Try {
    /// The try of a trigger that asks or listens, outside of any execution.
    pub async fn of_trigger(
        inner: &Arc<Inner>,
        (workspace, workflow): (WorkspaceId, WorkflowId),
        prepared: Arc<Prepared>,
        node: u32,
    ) -> Result<Try, NodeError> {
        let execution = ExecutionId::new(inner.services.now(), uuid::Uuid::new_v4().as_u128());
        let vars = inner.variables(workspace).await.map_err(|e| store_trouble(&e))?;
        let host: Arc<dyn Host> = Arc::new(StoreHost {
            inner: inner.clone(),
            workspace,
            workflow,
            execution,
            prepared: prepared.clone(),
            node,
            step: 0,
            said: Arc::default(),
            draft: Arc::default(),
        });
        Ok(Try {
            services: inner.services.clone(),
            host,
            env: Arc::new(env_of(&inner.services, &prepared, execution, Mode::Trigger, vars)),
            history: Arc::new(History::new(prepared.shape.clone())),
            prepared,
            workspace,
            workflow,
            execution,
            mode: Mode::Trigger,
            use_pins: false,
            step: 0,
            attempt: 1,
            node,
            run: 0,
            inputs: vec![None],
            began_before: false,
            primed: false,
            resumed: None,
            cancel: CancellationToken::new(),
        })
    }

    pub async fn run(self) -> Tried {
        let started_at = self.services.now();
        let inputs: Vec<Items> = self.inputs.iter().enumerate().map(|(n, s)| self.numbered(n, *s)).collect();
        let outcome = self.outcome(&inputs, started_at).await;
        self.measure(&outcome, started_at);
        Tried { step: self.step, attempt: self.attempt, node: self.node, inputs, outcome, started_at }
    }

    /// Counts the try by its kind, of which there are as many as the program has.
    fn measure(&self, outcome: &Result<Outcome, NodeError>, started_at: linkflow_model::Millis) {
        let kind = self.prepared.nodes[self.node as usize].kind.map_or("unknown", |kind| kind.kind);
        let ended = if outcome.is_ok() { "ok" } else { "error" };
        metrics::counter!("linkflow_steps_total", "kind" => kind, "outcome" => ended).increment(1);
        let took_ms = self.services.now().since(started_at);
        metrics::histogram!("linkflow_step_seconds").record(took_ms as f64 / 1_000.0);
    }

    /// The items of an input, each numbered by its place: a node that hands one on as it is keeps
    /// the pairing with that.
    fn numbered(&self, input: usize, source: Option<Source>) -> Items {
        let items = source.map(|s| self.history.items(s)).unwrap_or_default();
        if items.is_empty() && self.primed && input == 0 {
            return Arc::new(vec![Item::default().paired_with(0)]);
        }
        Arc::new(
            items
                .iter()
                .enumerate()
                .map(|(i, item)| item.clone().with_paired(Paired::to_input(i, input)))
                .collect(),
        )
    }

    /// How the node ends on these items.
    pub async fn outcome(&self, inputs: &[Items], now: linkflow_model::Millis) -> Result<Outcome, NodeError> {
        let node = self.prepared.node(self.node);
        let prepared = &self.prepared.nodes[self.node as usize];
        if node.disabled {
            return Ok(Outcome::items(inputs.first().map_or(Vec::new(), |i| i.as_ref().clone())));
        }
        if self.use_pins {
            if let Some(pinned) = pinned(&self.services.blobs, &self.prepared, node).await? {
                return Ok(Outcome::Items(Outputs {
                    ports: vec![pinned],
                    pinned: true,
                    ..Outputs::default()
                }));
            }
        }
        let Some(kind) = prepared.kind else {
            return Err(NodeError::data(format!(
                "there is no node kind `{}`; replace the node or disable it",
                node.kind
            )));
        };
        let items = worked_on(node, inputs, self.prepared.workflow.settings.order);
        let input = Arc::new(RunInput {
            inputs: inputs.to_vec(),
            items,
            sources: self.inputs.clone(),
            params: prepared.params.clone(),
            compiled: prepared.compiled.clone(),
            env: self.env.clone(),
            history: self.history.clone(),
            node: self.node as usize,
            run: self.run as usize,
        });
        let ctx = self.ctx(node, now);
        // A kind that panics is a bug, but it is that node's failure and nobody else's.
        let run = AssertUnwindSafe(kind.run(input, &ctx)).catch_unwind();
        let limit_ms = node.time_limit_ms.unwrap_or(24 * 3_600_000);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(NodeError::Canceled),
            ended = tokio::time::timeout(Duration::from_millis(limit_ms), run) => match ended {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => {
                    Err(NodeError::data(format!("the node broke: {}", panic_text(&*panic))))
                }
                Err(_) => Err(NodeError::TimedOut { limit_ms }),
            },
        }
    }

    /// What a trigger finds that is new since `state`.
    pub async fn poll(&self, poll: PollFn, state: Option<Value>) -> Result<Polled, NodeError> {
        let ctx = Ctx { state, ..self.ctx(self.prepared.node(self.node), self.services.now()) };
        unbroken(poll(self.empty_input(), &ctx)).await
    }

    /// Hands `ear` what a trigger hears, until its connection ends.
    pub async fn listen(&self, listen: ListenFn, ear: &dyn Ear) -> Result<(), NodeError> {
        let ctx = self.ctx(self.prepared.node(self.node), self.services.now());
        unbroken(listen(self.empty_input(), &ctx, ear)).await
    }

    /// Takes back what a trigger that listens has made elsewhere.
    pub async fn leave(&self, leave: LeaveFn) -> Result<(), NodeError> {
        let ctx = self.ctx(self.prepared.node(self.node), self.services.now());
        unbroken(leave(self.empty_input(), &ctx)).await
    }

    fn empty_input(&self) -> Arc<RunInput> {
        let prepared = &self.prepared.nodes[self.node as usize];
        Arc::new(RunInput {
            inputs: vec![Arc::default()],
            items: Arc::default(),
            sources: vec![None],
            params: prepared.params.clone(),
            compiled: prepared.compiled.clone(),
            env: self.env.clone(),
            history: self.history.clone(),
            node: self.node as usize,
            run: 0,
        })
    }

    fn ctx(&self, node: &Node, now: linkflow_model::Millis) -> Ctx {
        Ctx {
            workspace: self.workspace,
            workflow: self.workflow,
            execution: self.execution,
            mode: self.mode,
            node: node.name.clone(),
            run: self.run,
            attempt: self.attempt,
            began_before: self.began_before,
            resumed: self.resumed.clone(),
            state: self.history.last_run(self.node as usize).and_then(|r| r.state.clone()),
            now,
            timezone: self.env.timezone.clone(),
            http: self.services.http.clone(),
            blobs: self.services.blobs.clone(),
            files: self.services.files.clone(),
            code: Arc::new(self.services.pool.runner(self.workspace, Some(self.services.blobs.clone()))),
            host: self.host.clone(),
            limits: self.services.limits,
            cancel: self.cancel.clone(),
            on_error: node.on_error,
            order: self.prepared.workflow.settings.order,
        }
    }
}

/// A kind that panics is a bug, but it is that node's failure and nobody else's.
async fn unbroken<T>(work: impl Future<Output = Result<T, NodeError>>) -> Result<T, NodeError> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done,
        Err(panic) => Err(NodeError::data(format!("the node broke: {}", panic_text(&*panic)))),
    }
}

/// The items that the node works on.
fn worked_on(node: &Node, inputs: &[Items], order: Order) -> Items {
    let main = match order {
        Order::V0 => inputs.first(),
        _ => inputs.iter().find(|i| !i.is_empty()),
    };
    let items = main.cloned().unwrap_or_default();
    if node.execute_once && items.len() > 1 { Arc::new(items[..1].to_vec()) } else { items }
}

/// The pinned items of a node, read; files that are written out in them go to the blob store.
async fn pinned(blobs: &Blobs, prepared: &Prepared, node: &Node) -> Result<Option<Vec<Item>>, NodeError> {
    let Some(pinned) = prepared.workflow.pinned.get(&node.name) else { return Ok(None) };
    let mut items = Vec::with_capacity(pinned.len());
    for value in pinned {
        let item = match value {
            Value::Object(o) if o.contains_key("json") => read_pinned(blobs, value.clone()).await?,
            other => Item::from_value(other.clone()),
        };
        items.push(item);
    }
    Ok(Some(items))
}

async fn read_pinned(blobs: &Blobs, mut value: Value) -> Result<Item, NodeError> {
    let mut files = BTreeMap::new();
    for (name, file) in value.get("binary").and_then(Value::as_object).into_iter().flatten() {
        files.insert(name.clone(), pinned_file(blobs, name, file).await?);
    }
    if let Some(object) = value.as_object_mut() {
        object.remove("binary");
    }
    let mut item: Item = serde_json::from_value(value)
        .map_err(|e| NodeError::data(format!("a pinned item cannot be read: {e}")))?;
    item.binary = (!files.is_empty()).then(|| Arc::new(files));
    Ok(item)
}

async fn pinned_file(blobs: &Blobs, name: &str, file: &Value) -> Result<Binary, NodeError> {
    let unreadable = |why: String| NodeError::data(format!("the pinned file `{name}` cannot be read: {why}"));
    let text = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(data) = text("data") else {
        return serde_json::from_value(file.clone()).map_err(|e| unreadable(e.to_string()));
    };
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data.trim())
        .map_err(|e| unreadable(e.to_string()))?;
    let mime_type = text("mimeType").unwrap_or_else(|| "application/octet-stream".to_owned());
    let mut binary = blobs.store(&bytes, mime_type, text("fileName")).await?;
    binary.file_extension = text("fileExtension").or(binary.file_extension);
    binary.directory = text("directory");
    Ok(binary)
}

/// Puts what a node gave into the form in which it is recorded: pairs filled in, failed items on
/// the error output, an empty item where one is asked for, one list for every output.
pub fn finish(prepared: &Prepared, index: u32, inputs: &[Items], mut outputs: Outputs) -> Outputs {
    let node = prepared.node(index);
    if outputs.silent && !node.always_output {
        return Outputs { ports: Vec::new(), ..outputs };
    }
    let mut n = prepared.nodes[index as usize].n_outputs.max(1);
    let is_own = prepared.workflow.settings.order == Order::Parallel;
    if is_own {
        fill_pairs(&mut outputs.ports, inputs);
    }
    if node.disabled {
        n = 1;
    } else if node.on_error == OnError::ContinueErrorOutput && outputs.pinned {
        n += 1;
    } else if node.on_error == OnError::ContinueErrorOutput {
        if outputs.ports.len() < n {
            outputs.ports.resize(n, Vec::new());
        }
        outputs.ports.truncate(n);
        let failed = take_failed(&mut outputs.ports, inputs);
        outputs.ports.push(failed);
        n += 1;
    }
    // Behind the errors: n8n gives those that nobody paired no fields of the input.
    fill_pairs(&mut outputs.ports, inputs);
    if outputs.ports.len() < n {
        outputs.ports.resize(n, Vec::new());
    }
    if !is_own {
        outputs.ports.iter_mut().flatten().for_each(leave_only_error);
    }
    // n8n looks at the first output only.
    if node.always_output && outputs.ports[0].is_empty() {
        outputs.ports[0].push(Item::default().with_paired(all_pairs(inputs)));
    }
    outputs
}

/// Pairs what is evident: with the only item that came in, by place where there is one output with
/// as many items as came in, and with the first where one came out of many. Nothing more is looked
/// at behind an item for which nothing is evident.
fn fill_pairs(ports: &mut [Vec<Item>], inputs: &[Items]) {
    let [input] = inputs else { return };
    let n_only = if let [only] = &*ports { Some(only.len()) } else { None };
    for port in ports {
        for (i, item) in port.iter_mut().enumerate().filter(|(_, item)| item.paired.is_unknown()) {
            item.paired = match n_only {
                _ if input.len() == 1 => Paired::to(0),
                Some(n) if n == input.len() => Paired::to(i),
                Some(1) if !input.is_empty() => Paired::to(0),
                _ => return,
            };
        }
    }
}

fn all_pairs(inputs: &[Items]) -> Paired {
    let pairs: Vec<Pair> = inputs
        .iter()
        .enumerate()
        .flat_map(|(n, items)| {
            (0..items.len()).map(move |i| Pair { item: i as u32, input: n as u32, source: None })
        })
        .collect();
    if pairs.is_empty() { Paired::Unknown } else { Paired::Many(pairs) }
}

/// Takes the items that carry an error out of the outputs; each keeps its input's fields.
fn take_failed(ports: &mut [Vec<Item>], inputs: &[Items]) -> Vec<Item> {
    let mut failed = Vec::new();
    for port in ports {
        let (bad, good): (Vec<Item>, Vec<Item>) = std::mem::take(port).into_iter().partition(is_failed);
        *port = good;
        failed.extend(bad.into_iter().map(|item| with_input_fields(item, inputs)));
    }
    failed
}

fn is_failed(item: &Item) -> bool {
    item.error.is_some()
        || (item.json.get("error").is_some_and(is_truthy)
            && item.json.keys().all(|k| matches!(k.as_str(), "error" | "message" | "details")))
}

/// As in n8n, an item that carries an error has no other data.
fn leave_only_error(item: &mut Item) {
    let Some(error) = &item.error else { return };
    let message = error.get("message").map(|text| ("error".to_owned(), text.clone()));
    item.json = Arc::new(message.into_iter().collect());
}

/// Whether JavaScript takes the value for true: an empty `error` is none.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn with_input_fields(item: Item, inputs: &[Items]) -> Item {
    let pair = item.paired.pairs().first();
    let source = pair.and_then(|pair| inputs.get(pair.input as usize)?.get(pair.item as usize));
    let Some(source) = source else { return item };
    let mut json: Object = (*source.json).clone();
    for (key, value) in item.json.iter() {
        json.insert(key.clone(), value.clone());
    }
    if let (None, Some(error)) = (json.get("error"), &item.error) {
        json.insert("error".to_owned(), (**error).clone());
    }
    Item { json: Arc::new(json), ..item }
}

/// What a node that goes on gives when it failed as a whole.
pub fn after_failure(prepared: &Prepared, index: u32, inputs: &[Items], error: &RunError) -> Outputs {
    let node = prepared.node(index);
    let n = prepared.nodes[index as usize].n_outputs.max(1);
    let to_error_output = node.on_error == OnError::ContinueErrorOutput;
    let mut ports = vec![Vec::new(); n + usize::from(to_error_output)];
    let first = inputs.first().map_or(Vec::new(), |i| i.as_ref().clone());
    // n8n passes the input on by output 0 under both policies; only our own workflows get what
    // the error output promises.
    if prepared.workflow.settings.order == Order::Parallel && to_error_output {
        ports[n] = first
            .into_iter()
            .map(|item| {
                let mut json = (*item.json).clone();
                json.insert("error".to_owned(), Value::String(error.message.clone()));
                Item { json: Arc::new(json), ..item }
            })
            .collect();
    } else {
        ports[0] = first;
    }
    Outputs { ports, ..Outputs::default() }
}
