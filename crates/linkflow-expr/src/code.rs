//! People's code: one run in an engine of its own, with limits on time, memory and stack.
//!
//! Meant to be called in a process that holds nothing worth stealing. The code sees its items,
//! what it asks about other nodes, and a small part of what servers' JavaScript offers; what it
//! gives is text, which the other side reads with care.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use linkflow_model::{Item, Object};
use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{Context, Ctx, Function, Object as JsObject, Promise, Runtime, TypedArray, Value as JsValue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::{ExprError, Scope, prelude, world};

/// How often the code runs and what it sees; the names are those of the scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    All,
    Each,
    Function,
    FunctionItem,
}

/// One run of people's code. Data stays text until the code asks for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeRequest {
    pub mode: Mode,
    /// For the modes that run once per item: whether an item on which the code throws gives an
    /// item with its error, instead of ending the run.
    #[serde(default)]
    pub goes_on: bool,
    pub source: String,
    /// The items of the run, as a JSON list in wire form.
    pub items: Box<RawValue>,
    /// Static data of the workflow and of the node: a JSON object each.
    pub kept_global: Box<RawValue>,
    pub kept_node: Box<RawValue>,
    /// See [`context`].
    pub context: Value,
    /// IANA name of the zone of dates.
    pub zone: String,
    pub time_ms: u64,
    pub memory_bytes: usize,
    /// Whether a result that is no list of items is wanted as it is.
    #[serde(default)]
    pub wants_raw: bool,
}

/// What the code gave.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeResponse {
    #[serde(default)]
    pub items: Option<Vec<GivenItem>>,
    #[serde(default)]
    pub raw: Option<Value>,
    #[serde(default)]
    pub logs: Vec<String>,
    #[serde(default)]
    pub kept: Kept,
    #[serde(default)]
    pub custom_data: Option<Object>,
}

/// An item as the code gave it: `json` is an object, the rest is whatever it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenItem {
    pub json: Object,
    #[serde(default)]
    pub binary: Option<Value>,
    #[serde(default)]
    pub error: Option<Value>,
    #[serde(default)]
    pub paired_item: Option<Value>,
}

/// Static data that the code touched, as JSON text.
#[derive(Debug, Default, Deserialize)]
pub struct Kept {
    #[serde(default)]
    pub global: Option<String>,
    #[serde(default)]
    pub node: Option<String>,
}

/// Why the code gave nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CodeFailure {
    /// The code threw, or gave what is no item. The message names the line where it is known.
    Thrown {
        message: String,
        description: Option<String>,
        item: Option<u32>,
        logs: Vec<String>,
    },
    TimedOut,
    Memory,
    /// The engine could not be set up.
    Engine(String),
}

static CODE: prelude::Script = prelude::Script::new("code-setup", include_str!("prelude/code.js"));

/// Bytes of the engine's stack. The thread must have more.
const STACK_BYTES: usize = 768 * 1024;

/// Runs the code. `nodes` answers questions about other nodes, see [`answer`]. The result is the
/// JSON text of a [`CodeResponse`].
pub fn run_code(
    request: &CodeRequest,
    nodes: impl FnMut(&str) -> String + 'static,
) -> Result<String, CodeFailure> {
    let deadline = Instant::now() + Duration::from_millis(request.time_ms);
    let runtime = Runtime::new().map_err(|e| CodeFailure::Engine(e.to_string()))?;
    runtime.set_memory_limit(request.memory_bytes);
    runtime.set_max_stack_size(STACK_BYTES);
    let is_late = Rc::new(Cell::new(false));
    let late = is_late.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || {
        late.set(late.get() || Instant::now() >= deadline);
        late.get()
    })));
    let context = Context::full(&runtime).map_err(|e| CodeFailure::Engine(e.to_string()))?;
    let result = context.with(|ctx| run_in(&ctx, request, nodes, deadline));
    let failure = match result {
        Ok(text) => return Ok(text),
        Err(failure) => failure,
    };
    Err(match failure {
        _ if is_late.get() => CodeFailure::TimedOut,
        // The engine throws null where not even an error object fits into the memory any more.
        CodeFailure::Thrown { message, .. } if message.starts_with("out of memory") || message == "null" => {
            CodeFailure::Memory
        }
        CodeFailure::Engine(message) if message.contains("out of memory") => CodeFailure::Memory,
        other => other,
    })
}

/// Compiles what is compiled once per process.
pub fn warm_up() {
    let Ok(runtime) = Runtime::new() else { return };
    let Ok(context) = Context::full(&runtime) else { return };
    context.with(|ctx| {
        let _ = prelude::install_base(&ctx);
        let _ = ctx.eval::<(), _>("[DateTime.now().toLocaleString(), $jmespath({}, 'a')]; undefined");
        let _ = CODE.load(&ctx);
        // The C library reads the file of the process's zone at the first use of local time.
        let _ = ctx.eval::<f64, _>("new Date(0).getTimezoneOffset()");
    });
}

fn run_in(
    ctx: &Ctx<'_>,
    request: &CodeRequest,
    nodes: impl FnMut(&str) -> String + 'static,
    deadline: Instant,
) -> Result<String, CodeFailure> {
    let world = world(ctx, request, nodes).map_err(|_| CodeFailure::Engine(prelude::thrown(ctx)))?;
    match drive(ctx, &world, &request.source, deadline) {
        Ok(text) => Ok(text),
        Err(Stop::TimedOut) => Err(CodeFailure::TimedOut),
        Err(Stop::Thrown) => {
            let thrown = ctx.catch();
            Err(failure_of(ctx, &world, thrown))
        }
        Err(Stop::NeverSettles) => Err(CodeFailure::Thrown {
            message: "the code waits for a promise that nothing will ever settle".to_owned(),
            description: None,
            item: None,
            logs: Vec::new(),
        }),
    }
}

/// The object that the set-up script gives.
fn world<'js>(
    ctx: &Ctx<'js>,
    request: &CodeRequest,
    nodes: impl FnMut(&str) -> String + 'static,
) -> rquickjs::Result<JsObject<'js>> {
    let host = prelude::install_base(ctx)?;
    prelude::set_clock(ctx, &request.zone, None)?;
    let nodes = std::cell::RefCell::new(nodes);
    host.set(
        "nodes",
        Function::new(ctx.clone(), move |question: String| match nodes.try_borrow_mut() {
            Ok(mut ask) => ask(&question),
            Err(_) => r#"{"error": "a question about a node is being answered already"}"#.to_owned(),
        })?,
    )?;
    lend_bytes(ctx, &host)?;
    let js = JsObject::new(ctx.clone())?;
    js.set("mode", serde_json::to_value(request.mode).unwrap_or_default().as_str().unwrap_or_default())?;
    js.set("goesOn", request.goes_on)?;
    js.set("items", request.items.get())?;
    js.set("source", request.source.as_str())?;
    let kept = JsObject::new(ctx.clone())?;
    kept.set("global", request.kept_global.get())?;
    kept.set("node", request.kept_node.get())?;
    js.set("kept", kept)?;
    js.set("context", ctx.json_parse(request.context.to_string())?)?;
    js.set("wantsRaw", request.wants_raw)?;
    let setup = CODE.load(ctx)?;
    setup.as_function().expect("every prelude script is a function").call((host, js))
}

/// Functions on bytes.
fn lend_bytes<'js>(ctx: &Ctx<'js>, host: &JsObject<'js>) -> rquickjs::Result<()> {
    host.set(
        "encode",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, text: String, encoding: String| {
            encode(&text, &encoding).map(|bytes| TypedArray::<u8>::new(ctx, bytes)).transpose()
        })?,
    )?;
    host.set(
        "decode",
        Function::new(ctx.clone(), |bytes: TypedArray<'js, u8>, encoding: String| {
            decode(&bytes_of(&bytes), &encoding)
        })?,
    )?;
    host.set(
        "digest",
        Function::new(
            ctx.clone(),
            |ctx: Ctx<'js>,
             name: String,
             key: rquickjs::function::Opt<Option<TypedArray<'js, u8>>>,
             data: TypedArray<'js, u8>| {
                let data = bytes_of(&data);
                let bytes = match key.0.flatten() {
                    Some(key) => hmac(&name, &bytes_of(&key), &data),
                    None => prelude::digest(&name, &data),
                };
                bytes.map(|b| TypedArray::<u8>::new(ctx, b)).transpose()
            },
        )?,
    )?;
    host.set("randomUuid", Function::new(ctx.clone(), || uuid::Uuid::new_v4().to_string())?)?;
    host.set(
        "randomBytes",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, n: usize| {
            TypedArray::<u8>::new(ctx, random_bytes(n.min(65_536)))
        })?,
    )
}

fn bytes_of(array: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: the copy is made before any script can run and change or detach the buffer.
    unsafe { array.as_bytes() }.map(<[u8]>::to_vec).unwrap_or_default()
}

fn encode(text: &str, encoding: &str) -> Option<Vec<u8>> {
    Some(match encoding {
        "utf8" | "utf-8" => text.as_bytes().to_vec(),
        "hex" => {
            let even = &text.as_bytes()[..text.len() - text.len() % 2];
            even.chunks(2).map_while(|pair| hex::decode(pair).ok()).flatten().collect()
        }
        "base64" | "base64url" => prelude::decode_base64(text),
        "latin1" | "binary" | "ascii" => text.chars().map(|c| c as u32 as u8).collect(),
        "utf16le" | "utf-16le" | "ucs2" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => return None,
    })
}

fn decode(bytes: &[u8], encoding: &str) -> Option<String> {
    use base64::Engine;
    Some(match encoding {
        "utf8" | "utf-8" => String::from_utf8_lossy(bytes).into_owned(),
        "hex" => hex::encode(bytes),
        "base64" => base64::engine::general_purpose::STANDARD.encode(bytes),
        "base64url" => base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes),
        "latin1" | "binary" => bytes.iter().map(|b| char::from(*b)).collect(),
        "ascii" => bytes.iter().map(|b| char::from(b & 0x7f)).collect(),
        "utf16le" | "utf-16le" | "ucs2" => {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|p| u16::from_le_bytes([p[0], p[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        _ => return None,
    })
}

/// A keyed digest (RFC 2104).
fn hmac(name: &str, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let block = match name {
        "sha384" | "sha512" => 128,
        "sha3" | "sha3-512" => 72,
        "sha3-384" => 104,
        "sha3-256" => 136,
        _ => 64,
    };
    let mut padded = if key.len() > block { prelude::digest(name, key)? } else { key.to_vec() };
    padded.resize(block, 0);
    let keyed = |pad: u8, data: &[u8]| {
        let mut all: Vec<u8> = padded.iter().map(|b| b ^ pad).collect();
        all.extend_from_slice(data);
        prelude::digest(name, &all)
    };
    keyed(0x5c, &keyed(0x36, data)?)
}

fn random_bytes(n: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(n + 32);
    while out.len() < n {
        // A random UUID has 122 free bits; two of them hashed give 32 bytes with 244.
        let seed = [*uuid::Uuid::new_v4().as_bytes(), *uuid::Uuid::new_v4().as_bytes()].concat();
        out.extend(prelude::digest("sha256", &seed).expect("the name is known"));
    }
    out.truncate(n);
    out
}

/// Why the code stopped without a result.
enum Stop {
    Thrown,
    TimedOut,
    NeverSettles,
}

impl From<rquickjs::Error> for Stop {
    fn from(_: rquickjs::Error) -> Stop {
        Stop::Thrown
    }
}

/// Runs the code, its promises and its timers until the result is there.
fn drive<'js>(
    ctx: &Ctx<'js>,
    world: &JsObject<'js>,
    source: &str,
    deadline: Instant,
) -> Result<String, Stop> {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some("code".to_owned());
    // On one line with the start of the code, so that line numbers are the author's.
    let code: Function = ctx.eval_with_options(format!("(async function(){{{source}\n}})"), options)?;
    let run: Function = world.get("run")?;
    let run_timer: Function = world.get("runTimer")?;
    let promise: Promise = run.call((code,))?;
    loop {
        while promise.state() == PromiseState::Pending && ctx.execute_pending_job() {
            if Instant::now() >= deadline {
                return Err(Stop::TimedOut);
            }
        }
        match promise.state() {
            PromiseState::Pending if run_timer.call::<_, bool>(())? => {}
            PromiseState::Pending => return Err(Stop::NeverSettles),
            _ => return Ok(promise.result::<String>().expect("the promise is settled")?),
        }
        if Instant::now() >= deadline {
            return Err(Stop::TimedOut);
        }
    }
}

fn failure_of<'js>(ctx: &Ctx<'js>, world: &JsObject<'js>, thrown: JsValue<'js>) -> CodeFailure {
    #[derive(Deserialize)]
    struct Thrown {
        message: String,
        description: Option<String>,
        item: Option<u32>,
        logs: Vec<String>,
    }
    let told = world
        .get::<_, Function>("failure")
        .and_then(|f| f.call::<_, String>((thrown,)))
        .map_err(|_| prelude::thrown(ctx));
    let told = match told {
        Ok(text) => text,
        Err(message) => return CodeFailure::Engine(message),
    };
    let Ok(thrown) = serde_json::from_str::<Thrown>(&told) else {
        return CodeFailure::Engine("the failure of the code cannot be read".to_owned());
    };
    CodeFailure::Thrown {
        message: thrown.message,
        description: thrown.description,
        item: thrown.item,
        logs: thrown.logs,
    }
}

/// What the code sees of its surroundings, as [`CodeRequest::context`] wants it.
pub fn context(scope: &Scope<'_>) -> Value {
    let env = scope.env;
    let source = scope.sources.first().copied().flatten();
    let names = &scope.history.shape.names;
    let custom_data =
        env.custom_data.lock().map_or_else(|poisoned| poisoned.into_inner().clone(), |data| data.clone());
    json!({
        "workflow": { "id": env.workflow_id, "name": env.workflow_name, "active": env.workflow_active },
        "execution": {
            "id": env.execution_id,
            "mode": if env.mode == linkflow_model::Mode::Manual { "test" } else { "production" },
            "resumeUrl": env.resume_url,
            "resumeFormUrl": env.resume_form_url,
        },
        "customData": custom_data,
        "vars": *env.vars,
        "env": *env.env,
        "params": scope.params,
        "runIndex": scope.run,
        "nodeVersion": scope.history.shape.written(scope.node).map(|w| w.version),
        "prevNode": source.map(|s| json!({
            "params": scope.history.shape.written(s.node as usize).map(|w| &w.params),
            "name": names.get(s.node as usize),
            "outputIndex": s.output,
            "runIndex": s.run,
        })),
    })
}

/// A question that the code asks about another node.
#[derive(Debug, Deserialize)]
struct Question {
    node: String,
    #[serde(flatten)]
    ask: Ask,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Ask {
    /// Whether it has run.
    Info {},
    /// The items of an output, without one of that which leads here; of a run, else the last.
    Items { output: Option<usize>, run: Option<usize> },
    /// The item from which this one was made.
    Paired { item: usize },
    /// The item with the same index.
    Same { item: usize },
}

/// The file whose bytes the question asks for, where it asks for such.
pub fn asked_file(question: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct File {
        file: String,
    }
    serde_json::from_str::<File>(question).ok().map(|asked| asked.file)
}

/// The answer with a file's bytes.
pub fn file_answer(bytes: &[u8]) -> String {
    json!({ "data": decode(bytes, "base64") }).to_string()
}

/// The answer that something cannot be had; the code gets it as an error.
pub fn refusal(why: &str) -> String {
    json!({ "error": why }).to_string()
}

/// Answers a question of [`run_code`] from the history of the execution. The names of files that
/// the code gets to see are added to `files`.
pub fn answer(question: &str, scope: &Scope<'_>, files: &mut HashSet<String>) -> String {
    let answer = serde_json::from_str(question)
        .map_err(|e| format!("the question about a node cannot be read: {e}"))
        .and_then(|question| answer_to(&question, scope, files));
    answer.unwrap_or_else(|error| refusal(&error))
}

fn note_files<'a>(items: impl IntoIterator<Item = &'a Item>, files: &mut HashSet<String>) {
    for binary in items.into_iter().filter_map(|item| item.binary.as_deref()) {
        files.extend(binary.values().map(|b| b.id.clone()));
    }
}

fn answer_to(question: &Question, scope: &Scope<'_>, files: &mut HashSet<String>) -> Result<String, String> {
    found(question, scope, files).map_err(|e| e.to_string())
}

fn found(question: &Question, scope: &Scope<'_>, files: &mut HashSet<String>) -> Result<String, ExprError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    enum Found<'a> {
        Items(&'a [Item]),
        Item(&'a Item),
    }
    let name = question.node.as_str();
    let found = match &question.ask {
        Ask::Info {} => {
            let runs = scope.history.runs(world::node_named(scope, name)?).len();
            let written = scope.history.shape.node(name).and_then(|node| scope.history.shape.written(node));
            let params = written.map(|w| &w.params);
            let run_index = runs.saturating_sub(1);
            return Ok(json!({ "isExecuted": runs > 0, "runIndex": run_index, "params": params }).to_string());
        }
        Ask::Items { output, run } => Found::Items(world::node_items(scope, name, *output, *run)?),
        Ask::Paired { item } => Found::Item(world::paired_item(scope, name, *item)?),
        Ask::Same { item } => Found::Item(world::same_index(scope, name, *item)?),
    };
    match &found {
        Found::Items(items) => note_files(*items, files),
        Found::Item(item) => note_files([*item], files),
    }
    serde_json::to_string(&found).map_err(|e| ExprError::Function(e.to_string()))
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
