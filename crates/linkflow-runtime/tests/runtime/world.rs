//! A store in a directory of its own, workers on it, and short words for workflows.
//!
//! Time stands still unless a test turns it: the clock of the shell is tokio's, which is paused.

use std::sync::Arc;
use std::time::Duration;

use linkflow_engine::{Event, Machine, Outcome, Wake};
use linkflow_model::*;
use linkflow_node::files::Files;
use linkflow_node::http::Http;
use linkflow_node::{Blobs, Limits};
use linkflow_runtime::contract::*;
use linkflow_runtime::{Memory, Prepared, Services, Shell, ShellParts};
use linkflow_sandbox::{Pool, PoolConfig};
use linkflow_store::*;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::kinds::{self, Seen};

/// When tests begin: 2026-03-04T05:06:07.890Z.
pub const START: Millis = linkflow_node::testing::NOW;

pub struct World {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub workspace: WorkspaceId,
    pub seen: Arc<Seen>,
    pub options: Options,
    pub concurrency: usize,
    pub shell: Shell,
    worker: Option<Worker>,
    clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    // Time does not move by itself as long as this lives.
    _still: std::sync::mpsc::Sender<()>,
}

/// A shell at work.
pub struct Worker {
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Worker {
    pub fn new(shell: Shell, grace_ms: u64) -> Worker {
        let stop = CancellationToken::new();
        let ends = stop.clone();
        Worker { stop, task: tokio::spawn(async move { shell.work(ends, grace_ms).await }) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Memory, where there is some: nobody measures disks here.
pub fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub fn services(dir: &std::path::Path, clock: Arc<dyn Fn() -> Millis + Send + Sync>) -> Services {
    Services {
        kinds: kinds::ALL,
        http: Http::for_tests(),
        blobs: Blobs::in_dir(dir.join("blobs")),
        files: Files::none(),
        pool: Pool::new(PoolConfig::of("/bin/false".into(), Vec::new())),
        limits: Limits::default(),
        clock,
        timezone: "UTC".to_owned(),
        public_url: "http://here".to_owned(),
        signing_key: Arc::new(aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret")),
        read_workflow: |value| serde_json::from_value(value.clone()).map_err(|e| e.to_string()),
    }
}

pub fn shell(store: &Store, services: Services, concurrency: usize) -> Shell {
    shell_within(store, services, concurrency, Memory::default())
}

pub fn shell_within(store: &Store, services: Services, concurrency: usize, memory: Memory) -> Shell {
    Shell::new(ShellParts {
        store: store.clone(),
        queue: linkflow_queue::Queue::Memory(linkflow_queue::MemoryQueue::default()),
        partitions: None,
        keyring: Keyring::new("0123456789abcdef0123456789abcdef", &[]).unwrap(),
        services,
        concurrency,
        retention_days: None,
        memory,
        workspace_concurrency: None,
    })
}

/// Keeps the paused clock from being turned on while the store is at work.
pub fn stand_still() -> std::sync::mpsc::Sender<()> {
    let (keep, kept) = std::sync::mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || kept.recv());
    keep
}

impl World {
    pub async fn new() -> World {
        World::with(Options::default(), 10).await
    }

    pub async fn with(options: Options, concurrency: usize) -> World {
        let still = stand_still();
        let dir = folder();
        let origin = Instant::now();
        let clock = Arc::new(move || START.plus(origin.elapsed().as_millis() as u64));
        let store = Store::open(&dir.path().join("data"), options.clone()).unwrap();
        let workspace = WorkspaceId::new(START, uuid::Uuid::new_v4().as_u128());
        let workspace = store.ensure_workspace(workspace, "all".to_owned(), START).await.unwrap().id;
        let shell = shell(&store, services(dir.path(), clock.clone()), concurrency);
        let worker = Some(Worker::new(shell.clone(), 5_000));
        let seen = Seen::of(workspace);
        World { dir, store, workspace, seen, options, concurrency, shell, worker, clock, _still: still }
    }

    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// The process dies and a new one takes its place, which finds only what is on disk.
    pub async fn restart(&mut self) {
        self.stop_dead();
        self.store.close().await;
        self.store = Store::open(&self.dir.path().join("data"), self.options.clone()).unwrap();
        self.shell = self.another_shell();
        self.begin();
    }

    pub fn another_shell(&self) -> Shell {
        shell(&self.store, services(self.dir.path(), self.clock.clone()), self.concurrency)
    }

    /// Another shell, for which memory is as the test says.
    pub fn shell_within(&self, memory: Memory) -> Shell {
        let services = services(self.dir.path(), self.clock.clone());
        shell_within(&self.store, services, self.concurrency, memory)
    }

    pub fn stop_dead(&mut self) {
        self.worker = None;
    }

    pub fn begin(&mut self) {
        self.worker = Some(Worker::new(self.shell.clone(), 5_000));
    }

    /// Ends the worker in good order, turning the clock until it is over.
    pub async fn drain(&mut self) {
        let mut worker = self.worker.take().expect("a worker");
        worker.stop.cancel();
        self.until("the worker has ended", async |_| worker.task.is_finished()).await;
        (&mut worker.task).await.unwrap();
    }

    /// Lets what can happen at this moment happen: what was asked of the store before is answered,
    /// as many times over as a duty asks in a row. In a thread of its own, because a paused clock
    /// goes on by itself while all tasks wait.
    pub async fn settle(&self) {
        for _ in 0..10 {
            let (store, runtime) = (self.store.clone(), tokio::runtime::Handle::current());
            let asked = tokio::task::spawn_blocking(move || {
                runtime.block_on(async {
                    let _ = store.wake_due(Millis(0), 0).await;
                    let _ = store.workspaces().await;
                })
            });
            asked.await.unwrap();
        }
    }

    /// Turns the clock, in steps that leave a worker the time for its heartbeat.
    pub async fn turn(&self, ms: u64) {
        let mut left = ms;
        while left > 0 {
            let step = left.min((ms / 50).clamp(100, 4_000));
            tokio::time::advance(Duration::from_millis(step)).await;
            self.settle().await;
            left -= step;
        }
    }

    /// Turns the clock on slowly until something is so.
    pub async fn until(&self, what: &str, mut is_so: impl AsyncFnMut(&World) -> bool) {
        let begin = std::time::Instant::now();
        while !is_so(self).await {
            assert!(begin.elapsed() < Duration::from_secs(120), "never: {what}");
            tokio::time::advance(Duration::from_millis(20)).await;
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_micros(300))).await.unwrap();
        }
    }

    pub async fn save(&self, flow: &Flow) -> WorkflowId {
        let id = WorkflowId::new(self.now(), uuid::Uuid::new_v4().as_u128());
        self.store.create_workflow(self.workspace, id, self.saved(flow)).await.unwrap();
        id
    }

    pub fn saved(&self, flow: &Flow) -> WorkflowSave {
        WorkflowSave {
            document: flow.0.clone(),
            facts: WorkflowFacts { triggers: Vec::new(), n_problems: 0 },
            author: None,
            message: String::new(),
            at: self.now(),
        }
    }

    pub fn request(&self, workflow: WorkflowId, items: Value) -> StartRequest {
        let items = items.as_array().unwrap().iter().cloned().map(Item::from_value).collect();
        StartRequest {
            workspace: self.workspace,
            workflow_id: workflow,
            version: 1,
            workflow: Arc::default(),
            trigger: "S".to_owned(),
            items,
            mode: Mode::Api,
            idempotency_key: None,
            idempotency_fingerprint: String::new(),
            retry_of: None,
            parent: None,
            wants_reply: false,
            until: None,
            reuse: None,
        }
    }

    pub async fn start(&self, workflow: WorkflowId) -> ExecutionId {
        self.start_with(workflow, json!([{"n": 1}])).await
    }

    pub async fn start_with(&self, workflow: WorkflowId, items: Value) -> ExecutionId {
        let request = self.request(workflow, items);
        self.shell.start(request, None).await.unwrap().execution
    }

    /// Saves and starts.
    pub async fn run(&self, flow: &Flow) -> ExecutionId {
        self.start(self.save(flow).await).await
    }

    pub async fn status(&self, id: ExecutionId) -> Status {
        self.store.status_of(self.workspace, id).await.unwrap().expect("the execution exists")
    }

    pub async fn is(&self, id: ExecutionId, status: Status) {
        self.until(status.as_str(), async |w| w.status(id).await == status).await;
    }

    pub async fn ended(&self, id: ExecutionId) -> ExecutionRecord {
        self.until("it has ended", async |w| w.status(id).await.is_terminal()).await;
        self.store.execution(self.workspace, id).await.unwrap().unwrap()
    }

    pub async fn executions_of(&self, workflow: WorkflowId) -> Vec<ExecutionId> {
        let filter = ExecutionFilter { workflow: Some(workflow), limit: 1_000, ..ExecutionFilter::default() };
        let mut ids: Vec<_> =
            self.store.executions(self.workspace, filter).await.unwrap().items.iter().map(|e| e.id).collect();
        ids.sort();
        ids
    }

    /// Items of the first output of the node that ran last, without what links them.
    pub async fn last_items(&self, id: ExecutionId) -> Value {
        self.ended(id).await;
        let end = self.shell.wait(self.workspace, id, 0).await.unwrap().expect("it has ended");
        json!(end.last_node_items.iter().map(|i| (*i.json).clone()).collect::<Vec<_>>())
    }

    /// What the journal tells.
    pub async fn story(&self, id: ExecutionId) -> String {
        let loaded = self.store.load(self.workspace, id).await.unwrap().unwrap();
        let version = loaded.record.version as u32;
        let saved =
            self.store.workflow_version(self.workspace, loaded.record.workflow, version).await.unwrap();
        let prepared = Prepared::new(Arc::new(saved.unwrap().document), kinds::ALL).unwrap();
        let events = loaded.entries.iter().map(|e| e.event.clone());
        let until = loaded.entries.first().and_then(|e| e.data.until.clone());
        let plan = until.map_or(prepared.plan.clone(), |name| prepared.plan_up_to(&name).unwrap());
        let machine = Machine::replay(plan, events);
        let name = |step| machine.node_of(step).map_or("?".to_owned(), |n| prepared.node(n).name.clone());
        let told = loaded.entries.iter().filter_map(|e| told(&e.event, &name));
        told.collect::<Vec<_>>().join("; ")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        Seen::forget(self.workspace);
    }
}

fn told(event: &Event, name: &dyn Fn(u32) -> String) -> Option<String> {
    Some(match event {
        Event::Done { step, outputs, failed, .. } => {
            let how = if *failed { "fails and goes on" } else { "gives" };
            format!("{} {how} {outputs:?}", name(*step))
        }
        Event::Failed { at, step, retry_at: Some(again), .. } => {
            format!("{} fails, again after {}", name(*step), again.since(*at))
        }
        Event::Failed { step, .. } => format!("{} fails", name(*step)),
        Event::Parked { step, .. } => format!("{} waits", name(*step)),
        Event::Woken { step, by: Wake::Call, .. } => format!("{} is called", name(*step)),
        Event::Woken { step, by: Wake::Children, .. } => format!("{} hears of its children", name(*step)),
        Event::Canceled { .. } => "cancel".to_owned(),
        Event::Finished { outcome, .. } => match outcome {
            Outcome::Success => "success".to_owned(),
            Outcome::Error => "error".to_owned(),
            Outcome::Canceled => "canceled".to_owned(),
            Outcome::TimedOut => "timed out".to_owned(),
        },
        Event::Started { .. } | Event::Began { .. } | Event::Woken { .. } | Event::TimedOut { .. } => {
            return None;
        }
    })
}

/// A workflow, from `S>A, A.1>B`: output 0 of S to A, output 1 of A to B. `S` starts it.
#[derive(Clone, Debug)]
pub struct Flow(pub Workflow);

pub fn flow(edges: &str) -> Flow {
    let mut flow = Workflow { name: "flow".to_owned(), ..Workflow::default() };
    for edge in edges.split(',').map(str::trim).filter(|e| !e.is_empty()) {
        let (from, to) = edge.split_once('>').unwrap_or((edge, ""));
        let port = |text: &str| -> (String, u32) {
            text.split_once('.').map_or((text.to_owned(), 0), |(n, p)| (n.to_owned(), p.parse().unwrap()))
        };
        let (from, to) = (port(from), port(to));
        for name in [&from.0, &to.0].into_iter().filter(|n| !n.is_empty()) {
            if flow.node(name).is_none() {
                let kind = if name == "S" { "start" } else { "act" };
                let y = flow.nodes.len() as f64;
                let node =
                    Node { id: name.clone(), name: name.clone(), kind: kind.into(), ..Node::default() };
                flow.nodes.push(Node { position: [0.0, y], ..node });
            }
        }
        if !to.0.is_empty() {
            flow.edges.push(Edge::main(from.0, from.1, to.0, to.1));
        }
    }
    Flow(flow)
}

impl Flow {
    pub fn with(mut self, name: &str, change: impl FnOnce(&mut Node)) -> Flow {
        change(self.0.nodes.iter_mut().find(|n| n.name == name).expect("a node of that name"));
        self
    }

    /// What a node does, go by go: `fail, fail, ok`.
    pub fn does(self, name: &str, words: &str) -> Flow {
        let words: Vec<&str> = words.split(',').map(str::trim).collect();
        self.param(name, "does", json!(words))
    }

    pub fn param(self, name: &str, param: &str, value: Value) -> Flow {
        self.with(name, |n| _ = n.params.insert(param.to_owned(), value))
    }

    pub fn kind(self, name: &str, kind: &str) -> Flow {
        self.with(name, |n| n.kind = kind.to_owned())
    }

    pub fn effect(self, name: &str) -> Flow {
        self.kind(name, "effect")
    }

    pub fn retry(self, name: &str, max_tries: u32, wait_ms: u64, factor: u32) -> Flow {
        self.with(name, |n| n.retry = Some(Retry { max_tries, wait_ms, factor, max_wait_ms: None }))
    }

    pub fn on_error(self, name: &str, on_error: OnError) -> Flow {
        self.with(name, |n| n.on_error = on_error)
    }

    pub fn set(mut self, change: impl FnOnce(&mut Settings)) -> Flow {
        change(&mut self.0.settings);
        self
    }

    pub fn order(self, order: Order) -> Flow {
        self.set(|s| s.order = order)
    }
}

/// Runs a workflow to its end and compares what its journal tells.
pub async fn check(flow: Flow, expected: &str) {
    let world = World::new().await;
    let id = world.run(&flow).await;
    world.ended(id).await;
    assert_eq!(world.story(id).await, expected);
}

pub type Answers = oneshot::Receiver<Answer>;
