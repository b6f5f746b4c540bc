//! A small world for tests of node kinds: no network but loopback, a temporary folder, nobody
//! who waits for an answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use linkflow_expr::{Compiled, Env};
use linkflow_model::{
    ExecutionId, History, Item, Millis, Mode, Object, OnError, Order, Shape, WorkflowId, WorkspaceId,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::code::{CodeCall, CodeResult, CodeRunner};
use crate::files::Files;
use crate::http::Http;
use crate::{Blobs, BoxFuture, Ctx, Host, Limits, NodeError, Reply, RunInput, Secret};

/// The time at which tests take place: 2026-03-04T05:06:07.890Z.
pub const NOW: Millis = Millis(1_772_600_767_890);

/// Items of plain `json` objects.
pub fn items(list: &Value) -> Vec<Item> {
    list.as_array().map_or(Vec::new(), |l| l.iter().cloned().map(Item::from_value).collect())
}

/// The input of a run with these parameters and the items of each input.
pub fn input(params: &Value, inputs: Vec<Vec<Item>>) -> Arc<RunInput> {
    let params: Object = params.as_object().cloned().unwrap_or_default();
    let inputs: Vec<_> = inputs.into_iter().map(Arc::new).collect();
    Arc::new(RunInput {
        items: inputs.iter().find(|i| !i.is_empty()).cloned().unwrap_or_default(),
        sources: vec![None; inputs.len()],
        inputs,
        compiled: Arc::new(Compiled::of_object(&params)),
        params: Arc::new(params),
        env: Arc::new(Env { now: NOW, ..Env::default() }),
        history: Arc::new(History::new(Arc::new(Shape::default()))),
        node: 0,
        run: 0,
    })
}

/// What a test's host was asked to do.
#[derive(Default)]
pub struct TestHost {
    pub credentials: BTreeMap<String, BTreeMap<String, String>>,
    pub replies: Mutex<Vec<Reply>>,
    pub kept: Mutex<BTreeMap<String, Value>>,
}

impl Host for TestHost {
    fn credential<'a>(&'a self, slot: &'a str) -> BoxFuture<'a, Result<Secret, NodeError>> {
        Box::pin(async move {
            self.credentials
                .get(slot)
                .map(|fields| Secret::new(fields.clone()))
                .ok_or_else(|| NodeError::Credential(format!("no credential is chosen for `{slot}`")))
        })
    }

    fn reply<'a>(&'a self, reply: Reply) -> BoxFuture<'a, Result<bool, NodeError>> {
        Box::pin(async move {
            self.replies.lock().expect("no test panics while it holds the lock").push(reply);
            Ok(true)
        })
    }

    fn kept<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Value>, NodeError>> {
        Box::pin(async move {
            Ok(self.kept.lock().expect("no test panics while it holds the lock").get(key).cloned())
        })
    }

    fn keep<'a>(&'a self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async move {
            self.kept.lock().expect("no test panics while it holds the lock").insert(key.to_owned(), value);
            Ok(())
        })
    }

    fn progress(&self, _message: &str) {}
}

struct NoCode;

impl CodeRunner for NoCode {
    fn run<'a>(&'a self, _call: CodeCall) -> BoxFuture<'a, Result<CodeResult, NodeError>> {
        Box::pin(async { Err(NodeError::data("there is no code runner in this test")) })
    }
}

/// A context whose blobs and files are below `dir`.
pub fn ctx(dir: &Path, host: Arc<TestHost>) -> Ctx {
    Ctx {
        workspace: WorkspaceId::new(NOW, 1),
        workflow: WorkflowId::new(NOW, 2),
        execution: ExecutionId::new(NOW, 3),
        mode: Mode::Manual,
        node: "Node".to_owned(),
        run: 0,
        attempt: 1,
        began_before: false,
        resumed: None,
        state: None,
        now: NOW,
        timezone: "UTC".to_owned(),
        http: Http::for_tests(),
        blobs: Blobs::in_dir(dir.join("blobs")),
        files: Files::below(dir.join("files")),
        code: Arc::new(NoCode),
        host,
        limits: Limits::default(),
        cancel: CancellationToken::new(),
        on_error: OnError::Stop,
        order: Order::Parallel,
    }
}
