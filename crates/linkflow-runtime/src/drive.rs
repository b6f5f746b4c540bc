//! One execution, from where its journal ends to where it rests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use linkflow_engine::{Command, Event, Input, Machine, Outcome as End, Wait as EngineWait, Wake};
use linkflow_expr::Env;
use linkflow_model::{
    ExecutionId, History, Item, Millis, Mode, Order, RunError, Status, Workflow, WorkflowId, WorkspaceId,
};
use linkflow_node::{ChildCall, ChildResult, Host, NodeError, Outcome, Outputs, Resumed, Wait, WorkflowRef};
use linkflow_store::faults::Planted;
use linkflow_store::{
    Append, AppendError, Appended, Entry, EntryData, NewExecution, Parent, StoreError, Then, WorkerKey,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::contract::{ExecutionError, Finished, NodeRun};
use crate::host::{AloneHost, Said, StoreHost, store_trouble};
use crate::open_hint::OpenHint;
use crate::prepared::Prepared;
use crate::record::Recorded;
use crate::services::Services;
use crate::shell::{Inner, NotCalled};
use crate::static_data::Draft;
use crate::step::{Tried, Try, after_failure, finish};

/// Entries that may gather before they are written although no effect asks for it.
const PENDING_MAX: usize = 256;
/// Waits up to this many milliseconds are slept through instead of being parked.
const SLEEP_MS_MAX: u64 = 1_000;
/// For how long an execution runs without its claim being written.
const UNCLAIMED_FOR: Duration = Duration::from_millis(250);
/// How deep workflows may call each other without a store.
const DEPTH_MAX: u32 = 16;

/// Where the results go.
#[derive(Clone)]
pub enum Sink {
    /// Nowhere: an execution without a server.
    Alone { siblings: Arc<HashMap<String, Arc<Workflow>>>, depth: u32 },
    Store {
        inner: Arc<Inner>,
        key: WorkerKey,
        /// The claim by which the worker holds the execution.
        claim: u64,
    },
}

/// Why driving stopped before the execution came to rest.
#[derive(Debug)]
pub enum Lost {
    /// The journal belongs to another worker now.
    Taken,
    /// The lease of this worker has ended.
    Fenced,
    Store(StoreError),
}

pub struct Drive {
    pub services: Services,
    pub prepared: Arc<Prepared>,
    pub env: Arc<Env>,
    pub recorded: Recorded,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub execution: ExecutionId,
    pub mode: Mode,
    pub use_pins: bool,
    pub cancel: CancellationToken,
    pub sink: Sink,
    pub seq: u64,
    pub started_at: Option<Millis>,
    /// The version of the workflow.
    pub version: u32,
    pub retry_of: Option<ExecutionId>,
    /// While the claim is not written: the hint it came with.
    pub unclaimed: Option<OpenHint>,
    pending: Vec<Entry>,
    children: Vec<NewExecution>,
    alone: Arc<AloneHost>,
    said: Arc<Said>,
    draft: Arc<Draft>,
}

/// How an execution came to rest.
pub enum Rest {
    Ended(Status),
    Parked,
}

type Running = FuturesUnordered<BoxFuture<'static, Tried>>;

impl Drive {
    #[expect(clippy::too_many_arguments, reason = "made in two places, each naming all of it")]
    pub fn new(
        services: Services,
        prepared: Arc<Prepared>,
        env: Arc<Env>,
        recorded: Recorded,
        ids: (WorkspaceId, WorkflowId, ExecutionId),
        mode: Mode,
        use_pins: bool,
        cancel: CancellationToken,
        sink: Sink,
        seq: u64,
        started_at: Option<Millis>,
    ) -> Drive {
        let draft = recorded.draft.clone();
        Drive {
            services,
            prepared,
            env,
            recorded,
            workspace: ids.0,
            workflow: ids.1,
            execution: ids.2,
            mode,
            use_pins,
            cancel,
            sink,
            seq,
            started_at,
            version: 0,
            retry_of: None,
            unclaimed: None,
            pending: Vec::new(),
            children: Vec::new(),
            alone: Arc::default(),
            said: Arc::default(),
            draft,
        }
    }

    fn machine(&mut self) -> &mut Machine {
        &mut self.recorded.machine
    }

    /// Takes an input in and writes down what follows; `data` goes with the event of `step`.
    pub fn take(&mut self, input: Input, data: EntryData, began: Option<Millis>) -> bool {
        let now = self.services.now();
        let events = self.machine().take(now, input);
        let any = !events.is_empty();
        let mut data = Some(data);
        for event in events {
            let carries = matches!(
                event,
                Event::Started { .. }
                    | Event::Done { .. }
                    | Event::Failed { .. }
                    | Event::Parked { .. }
                    | Event::Woken { .. }
            );
            let mut data = if carries { data.take().unwrap_or_default() } else { EntryData::default() };
            if matches!(event, Event::Done { .. } | Event::Failed { .. }) {
                data.began_at = began.filter(|at| *at < now);
            }
            if matches!(event, Event::Done { .. }) {
                let custom =
                    self.env.custom_data.lock().expect("nothing panics while it holds the notes").clone();
                if custom != self.recorded.custom_data {
                    self.recorded.custom_data = custom.clone();
                    data.custom_data = Some(custom);
                }
            }
            if let Event::Woken { step, by, .. } = event {
                self.recorded.resumes.insert(step, (by, data.resume.clone()));
            }
            self.recorded.note(&event, &data, began);
            self.tell(&event, &data);
            self.pending.push(Entry { event, data });
        }
        any
    }

    fn tell(&self, event: &Event, data: &EntryData) {
        let Sink::Store { inner, .. } = &self.sink else { return };
        if !inner.feed.has_watchers() {
            return;
        }
        let (kind, step, extra) = match event {
            Event::Done { step, outputs, failed, .. } => (
                "step.finished",
                *step,
                json!({"n_items": outputs, "status": if *failed {"error"} else {"success"}}),
            ),
            Event::Failed { step, retry_at, .. } => (
                "step.finished",
                *step,
                json!({"status": "error", "retry_at": retry_at, "error": data.error.as_ref().map(|e| &e.message)}),
            ),
            Event::Parked { step, .. } => ("step.finished", *step, json!({"status": "waiting"})),
            Event::Started { outputs, .. } => {
                ("step.finished", 0, json!({"n_items": outputs, "status": "success"}))
            }
            _ => return,
        };
        self.tell_step(inner, kind, step, extra);
    }

    fn tell_step(&self, inner: &Inner, kind: &'static str, step: u32, mut data: Value) {
        let machine = &self.recorded.machine;
        if let Some(node) = machine.node_of(step) {
            data["node"] = json!(self.prepared.node(node).name);
            data["step"] = json!(step);
            data["run"] = json!(machine.run_of(step));
            data["attempt"] = json!(machine.attempt_of(step));
        }
        inner.tell(kind, self.workspace, Some(self.execution), Some(self.workflow), data);
    }

    /// Runs until the execution rests.
    pub async fn run(&mut self) -> Result<Rest, Lost> {
        let mut running: Running = FuturesUnordered::new();
        let mut begun: HashSet<(u32, u32)> = HashSet::new();
        let claim_by = tokio::time::Instant::now() + UNCLAIMED_FOR;
        loop {
            let commands = self.recorded.machine.outstanding();
            let mut sleep = None;
            for command in commands {
                match command {
                    Command::End(end) => {
                        self.cancel.cancel();
                        return self.end(end).await.map(Rest::Ended);
                    }
                    Command::Sleep { until } => sleep = Some(until),
                    run @ Command::Run { .. } => {
                        if let Some(attempt) = self.prepare_try(run, &mut begun).await? {
                            running.push(Box::pin(attempt.run()));
                        }
                    }
                }
            }
            if running.is_empty() {
                let until = sleep.unwrap_or(Some(self.services.now()));
                if let Some(rest) = self.rest(until).await? {
                    return Ok(rest);
                }
                continue;
            }
            let wake_at = self.recorded.machine.wake_at();
            let now = self.services.now();
            let wake_ms = wake_at.map_or(3_600_000, |at| at.since(now).max(1));
            tokio::select! {
                Some(tried) = running.next() => {
                    begun.remove(&(tried.step, tried.attempt));
                    if let Some(again) = self.tried(tried).await? {
                        begun.insert((again.step, again.attempt));
                        running.push(Box::pin(again.run()));
                    }
                    // While others run, the called workflows need not wait for their end.
                    if !self.children.is_empty() && !running.is_empty() {
                        self.flush(Then::Keep).await?;
                    }
                }
                () = tokio::time::sleep_until(claim_by), if self.unclaimed.is_some() => {
                    self.write_claim().await?;
                }
                () = tokio::time::sleep(Duration::from_millis(wake_ms)) => {
                    self.take(Input::Tick, EntryData::default(), None);
                }
                () = self.cancel.cancelled() => {
                    self.take(Input::Cancel, EntryData::default(), None);
                }
            }
            if self.pending.len() >= PENDING_MAX {
                self.flush(Then::Keep).await?;
            }
        }
    }

    /// Makes the try that a command asks for, unless it runs already. Before an effect, all that
    /// came before it is on disk.
    async fn prepare_try(
        &mut self,
        run: Command,
        begun: &mut HashSet<(u32, u32)>,
    ) -> Result<Option<Try>, Lost> {
        let Command::Run { step, attempt, node, run, inputs, resumed, began } = run else { return Ok(None) };
        if !begun.insert((step, attempt)) {
            return Ok(None);
        }
        let prepared = &self.prepared.nodes[node as usize];
        let disabled = self.prepared.node(node).disabled;
        let outside =
            prepared.kind.is_some_and(|k| k.effects(&prepared.params) == linkflow_node::Effects::Outside);
        if outside && !disabled && !began {
            self.take(Input::Began { step, attempt }, EntryData::default(), None);
            self.flush(Then::Keep).await?;
        }
        if let Sink::Store { inner, .. } = &self.sink {
            if inner.feed.has_watchers() {
                self.tell_step(inner, "step.started", step, json!({"status": "running"}));
            }
        }
        let resumed = match resumed {
            None => None,
            Some(wake) => self.resumed(step, wake).await?,
        };
        Ok(Some(self.make_try(step, attempt, node, run, inputs, began, resumed)))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one command")]
    fn make_try(
        &self,
        step: u32,
        attempt: u32,
        node: u32,
        run: u32,
        inputs: Vec<Option<linkflow_model::Source>>,
        began_before: bool,
        resumed: Option<Resumed>,
    ) -> Try {
        let host: Arc<dyn Host> = match &self.sink {
            Sink::Alone { .. } => self.alone.clone(),
            Sink::Store { inner, .. } => Arc::new(StoreHost {
                inner: inner.clone(),
                workspace: self.workspace,
                workflow: self.workflow,
                execution: self.execution,
                prepared: self.prepared.clone(),
                node,
                step,
                said: self.said.clone(),
                draft: self.draft.clone(),
            }),
        };
        Try {
            services: self.services.clone(),
            prepared: self.prepared.clone(),
            host,
            env: self.env.clone(),
            history: self.recorded.history.clone(),
            workspace: self.workspace,
            workflow: self.workflow,
            execution: self.execution,
            mode: self.mode,
            use_pins: self.use_pins,
            step,
            attempt,
            node,
            run,
            inputs,
            began_before,
            primed: self.recorded.machine.is_primed(step),
            resumed,
            cancel: self.cancel.clone(),
        }
    }

    /// What a step that goes on is told.
    async fn resumed(&self, step: u32, wake: Wake) -> Result<Option<Resumed>, Lost> {
        Ok(match wake {
            Wake::Time => Some(Resumed::Time),
            Wake::Call => {
                let payload =
                    self.recorded.resumes.get(&step).and_then(|(_, p)| p.clone()).unwrap_or(Value::Null);
                Some(match serde_json::from_value(payload) {
                    Ok(request) => Resumed::Call(Box::new(request)),
                    Err(_) => Resumed::Time,
                })
            }
            Wake::Children => match &self.sink {
                Sink::Store { inner, .. } => Some(Resumed::Children(
                    inner.child_results(self.workspace, self.execution, step).await.map_err(Lost::Store)?,
                )),
                Sink::Alone { .. } => None,
            },
        })
    }

    /// Takes in how a try ended. Gives the same try once more where the node asked for something
    /// that is there at once.
    async fn tried(&mut self, tried: Tried) -> Result<Option<Try>, Lost> {
        let Tried { step, attempt, node, inputs, outcome, started_at } = tried;
        match outcome {
            Ok(Outcome::Items(outputs)) => {
                if self.asks_for_retry(step, &outputs) {
                    let error = first_error(&outputs);
                    self.failed(step, attempt, node, &inputs, error, started_at, true, None);
                } else {
                    let outputs = finish(&self.prepared, node, &inputs, outputs);
                    self.done(step, attempt, outputs, None, started_at);
                    self.show_answer().await?;
                }
            }
            Ok(Outcome::Park(wait)) => {
                let wait = match wait {
                    Wait::Until(at) => EngineWait::Until(at),
                    Wait::Call { until } => EngineWait::Call { until },
                };
                self.take(Input::Park { step, attempt, wait }, EntryData::default(), Some(started_at));
            }
            Ok(Outcome::Call { children, wait }) => {
                return self.call(step, attempt, node, children, wait, &inputs, started_at).await;
            }
            Err(NodeError::Canceled) => {
                self.take(Input::Cancel, EntryData::default(), None);
            }
            Err(error) => {
                let retryable =
                    self.prepared.workflow.settings.order != Order::Parallel || error.is_retryable();
                let after = error.retry_after_ms();
                self.failed(step, attempt, node, &inputs, error.to_run_error(), started_at, retryable, after);
            }
        }
        Ok(None)
    }

    /// n8n counts an item with an `error` in front as a failure where tries are left.
    fn asks_for_retry(&self, step: u32, outputs: &Outputs) -> bool {
        self.recorded.machine.would_retry(step, true)
            && outputs
                .ports
                .first()
                .and_then(|port| port.first()?.json.get("error"))
                .is_some_and(|error| !matches!(error, Value::Null | Value::Bool(false)))
    }

    fn done(
        &mut self,
        step: u32,
        attempt: u32,
        outputs: Outputs,
        error: Option<RunError>,
        started_at: Millis,
    ) {
        let counts = outputs.ports.iter().map(|p| p.len() as u32).collect();
        let data = EntryData {
            outputs: Some(outputs.ports.into_iter().map(Arc::new).collect()),
            state: outputs.state,
            logs: outputs.logs,
            error: error.clone(),
            answer: self.said.take(step),
            kept: self.draft.take(step),
            ..EntryData::default()
        };
        let failed = error.is_some();
        self.take(Input::Done { step, attempt, outputs: counts, failed }, data, Some(started_at));
    }

    /// An answer that could not be sent is read from the journal by whoever waits for it.
    async fn show_answer(&mut self) -> Result<(), Lost> {
        if !self.said.take_unsent() {
            return Ok(());
        }
        self.flush(Then::Keep).await?;
        if let Sink::Store { inner, .. } = &self.sink {
            inner.hints.answered(self.execution, self.workspace).await;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one result")]
    fn failed(
        &mut self,
        step: u32,
        attempt: u32,
        node: u32,
        inputs: &[linkflow_model::Items],
        error: RunError,
        started_at: Millis,
        retryable: bool,
        retry_after_ms: Option<u64>,
    ) {
        let continues = self.prepared.node(node).on_error != linkflow_model::OnError::Stop;
        if continues && !self.recorded.machine.would_retry(step, retryable) {
            let outputs = after_failure(&self.prepared, node, inputs, &error);
            self.done(step, attempt, outputs, Some(error), started_at);
            return;
        }
        let data = EntryData { error: Some(error), ..EntryData::default() };
        self.take(Input::Failed { step, attempt, retryable, retry_after_ms }, data, Some(started_at));
    }

    /// Starts the workflows that a node calls.
    #[expect(clippy::too_many_arguments, reason = "the parts of one result")]
    async fn call(
        &mut self,
        step: u32,
        attempt: u32,
        node: u32,
        children: Vec<ChildCall>,
        wait: bool,
        inputs: &[linkflow_model::Items],
        started_at: Millis,
    ) -> Result<Option<Try>, Lost> {
        let n_children = children.len();
        let by_id = children.iter().all(|c| matches!(c.workflow, WorkflowRef::Id(_)));
        let called = if let (Sink::Store { inner, .. }, true) = (&self.sink, by_id) {
            let inner = inner.clone();
            let parent = wait.then_some((self.execution, step));
            let run = self.recorded.machine.run_of(step).unwrap_or(0);
            let call = format!("{}/{run}", self.prepared.node(node).id);
            match inner.child_executions(self.workspace, self.execution, &call, parent, children).await {
                Err(NotCalled::Node(error)) => Err(error),
                // It is called once the store is there again.
                Err(NotCalled::Store(error)) if may_pass(&error) => return Err(Lost::Store(error)),
                Err(NotCalled::Store(error)) => Err(store_trouble(&error)),
                Ok(new) if wait => {
                    let n = new.len() as u32;
                    let ids = new.iter().map(|c| c.id).collect();
                    let data = EntryData { children: ids, ..EntryData::default() };
                    self.children.extend(new);
                    self.take(
                        Input::Park { step, attempt, wait: EngineWait::Children { n } },
                        data,
                        Some(started_at),
                    );
                    Ok(None)
                }
                Ok(new) => {
                    let of: Vec<WorkflowId> = new.iter().map(|n| n.workflow).collect();
                    let accepted = inner.store.accept_many(new).await.map_err(Lost::Store)?;
                    for (child, of) in accepted.iter().zip(of).filter(|(a, _)| !a.existing) {
                        inner.tell_accepted(self.workspace, child.id, of);
                    }
                    let ids: Vec<ExecutionId> = accepted.iter().map(|a| a.id).collect();
                    inner.hint(self.workspace, ids.iter().copied());
                    Ok(Some(Resumed::Started(ids)))
                }
            }
        } else {
            self.run_children(children).await.map(|results| {
                Some(match wait {
                    true => Resumed::Children(results),
                    false => Resumed::Started(vec![self.execution]),
                })
            })
        };
        let resumed = called.unwrap_or_else(|error| {
            let resumed = self.unstarted(node, n_children, &error);
            if resumed.is_none() {
                let error = error.to_run_error();
                self.failed(step, attempt, node, inputs, error, started_at, false, None);
            }
            resumed
        });
        let machine = &self.recorded.machine;
        let run = machine.run_of(step).unwrap_or(0);
        let inputs = machine.inputs_of(step).to_vec();
        Ok(resumed.map(|resumed| self.make_try(step, attempt, node, run, inputs, false, Some(resumed))))
    }

    /// What a node that goes on in spite of errors is told where its calls could not be made.
    fn unstarted(&self, node: u32, n: usize, error: &NodeError) -> Option<Resumed> {
        let goes_on = self.prepared.node(node).on_error != linkflow_model::OnError::Stop;
        let items = Err(error.clone().to_run_error());
        let result = ChildResult { execution: self.execution, items, custom_data: Default::default() };
        goes_on.then(|| Resumed::Children(vec![result; n]))
    }

    /// Runs workflows that are written out in the node or, without a server, lie beside this one.
    async fn run_children(&self, children: Vec<ChildCall>) -> Result<Vec<ChildResult>, NodeError> {
        let mut results = Vec::with_capacity(children.len());
        for child in children {
            let workflow = self.child_workflow(&child.workflow).await?;
            let (siblings, depth) = match &self.sink {
                Sink::Alone { siblings, depth } => (siblings.clone(), depth + 1),
                Sink::Store { .. } => (Arc::default(), 1),
            };
            if depth > DEPTH_MAX {
                return Err(NodeError::Limit {
                    what: "workflows that call each other".into(),
                    limit: DEPTH_MAX.to_string(),
                });
            }
            let mut alone = Alone::new(workflow);
            alone.items = Some(child.items);
            alone.mode = Mode::Workflow;
            alone.siblings = siblings;
            alone.depth = depth;
            alone.workspace = self.workspace;
            let ended = Box::pin(run_alone(self.services.clone(), alone)).await?.finished;
            let items = match (ended.status, ended.error) {
                (Status::Success, _) => Ok(ended.last_node_items),
                (_, error) => Err(RunError {
                    message: error.map_or("the workflow failed".to_owned(), |e| e.message),
                    description: None,
                    param: None,
                    item: None,
                    http_code: None,
                }),
            };
            results.push(ChildResult { execution: ended.execution, items, custom_data: Default::default() });
        }
        Ok(results)
    }

    async fn child_workflow(&self, wanted: &WorkflowRef) -> Result<Arc<Workflow>, NodeError> {
        let value = match wanted {
            WorkflowRef::Id(id) => {
                let Sink::Alone { siblings, .. } = &self.sink else {
                    return Err(NodeError::data(format!("there is no workflow with the id \"{id}\"")));
                };
                return siblings.get(id).cloned().ok_or_else(|| {
                    NodeError::data(format!("there is no workflow with the id \"{id}\" at hand"))
                });
            }
            WorkflowRef::Inline(value) => (**value).clone(),
            WorkflowRef::File(path) => {
                let bytes = self.services.files.read(path, 16 << 20).await?;
                serde_json::from_slice(&bytes)
                    .map_err(|e| NodeError::data(format!("\"{path}\" holds no workflow: {e}")))?
            }
        };
        (self.services.read_workflow)(&value).map(Arc::new).map_err(NodeError::data)
    }

    /// Nothing runs: sleeps a short wait through, parks for a long one.
    async fn rest(&mut self, until: Option<Millis>) -> Result<Option<Rest>, Lost> {
        let now = self.services.now();
        let wait_ms = until.map(|at| at.since(now));
        let alone = matches!(self.sink, Sink::Alone { .. });
        match wait_ms {
            Some(ms) if self.children.is_empty() && (alone || ms <= SLEEP_MS_MAX) => {
                self.write_claim().await?;
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(ms.max(1))) => {
                        self.take(Input::Tick, EntryData::default(), None);
                    }
                    () = self.cancel.cancelled() => {
                        self.take(Input::Cancel, EntryData::default(), None);
                    }
                }
                Ok(None)
            }
            None if alone => {
                self.recorded.last_error = Some((
                    self.recorded.machine.last_finished_node().unwrap_or(0),
                    NodeError::data("it waits for a call, which cannot come without a server").to_run_error(),
                ));
                self.take(Input::Cancel, EntryData::default(), None);
                Ok(None)
            }
            _ => {
                self.flush(Then::Park { wake_at: until, children: Vec::new() }).await?;
                if let Sink::Store { inner, .. } = &self.sink {
                    let data = json!({"status": "waiting"});
                    inner.tell(
                        "execution.waiting",
                        self.workspace,
                        Some(self.execution),
                        Some(self.workflow),
                        data,
                    );
                }
                Ok(Some(Rest::Parked))
            }
        }
    }

    /// Writes the claim, where the first append has not done so yet.
    async fn write_claim(&mut self) -> Result<(), Lost> {
        match self.unclaimed {
            Some(_) => self.flush(Then::Keep).await,
            None => Ok(()),
        }
    }

    /// Writes what has gathered, and accepts the workflows that were called meanwhile.
    async fn flush(&mut self, then: Then) -> Result<(), Lost> {
        let entries = std::mem::take(&mut self.pending);
        let new = std::mem::take(&mut self.children);
        let Sink::Store { inner, key, claim } = &self.sink else { return Ok(()) };
        let (inner, key, claim) = (inner.clone(), key.clone(), *claim);
        let entries = if inner.store.has(Planted::StepRecordedTwice) { twice(entries) } else { entries };
        let n = entries.len() as u64;
        let accepted: Vec<_> = new.iter().map(|n| (n.id, n.workflow)).collect();
        let then = if new.is_empty() { then } else { Then::Accept { new, then: Box::new(then) } };
        let (execution, seq, started_at) = (self.execution, self.seq, self.started_at);
        let takes = self.unclaimed.is_some();
        let append = Append { execution, claim, takes, seq, entries, then, started_at };
        let appended = append_for_sure(&inner, &key, append).await?;
        if let Some(hint) = self.unclaimed.take() {
            hint.claimed();
        }
        self.seq += n;
        for (id, workflow) in accepted.into_iter().filter(|(id, _)| appended.ready.contains(id)) {
            inner.tell_accepted(self.workspace, id, workflow);
        }
        inner.hint(self.workspace, appended.ready);
        if appended.cancel_requested {
            self.cancel.cancel();
        }
        Ok(())
    }

    async fn end(&mut self, end: End) -> Result<Status, Lost> {
        let status = match end {
            End::Success => Status::Success,
            End::Error | End::TimedOut => Status::Error,
            End::Canceled => Status::Canceled,
        };
        let error = self.error(end);
        let keep_data = self.keep_data(status).await?;
        let custom = self.recorded.custom_data.clone();
        self.children.clear();
        if let (Sink::Store { inner, .. }, Status::Error, Some(error)) = (&self.sink, status, &error) {
            let inner = inner.clone();
            self.children.extend(crate::failure::started_by(&inner, self, error).await.map_err(Lost::Store)?);
            if inner.store.has(Planted::ErrorWorkflowForgotten) {
                self.children.clear();
            }
        }
        self.keep_static_data().await?;
        self.flush(Then::Finish {
            status,
            error: error.as_ref().map(|e| e.message.clone()),
            error_node: error.and_then(|e| e.node),
            keep_data,
            custom_data: (!custom.is_empty()).then_some(custom),
        })
        .await?;
        Ok(status)
    }

    /// Whether the journal stays. Somebody may wait for the end at another process, whose answer is in
    /// the journal: then it stays for a while, whatever the workflow says.
    async fn keep_data(&self, status: Status) -> Result<bool, Lost> {
        let save = &self.prepared.workflow.settings.save;
        let keeps = match (self.mode, status) {
            (Mode::Manual, _) => save.manual,
            (_, Status::Success) => save.success,
            _ => save.error,
        };
        let Sink::Store { inner, .. } = &self.sink else { return Ok(keeps) };
        let may_be_awaited = matches!(self.mode, Mode::Manual | Mode::Webhook | Mode::Retry | Mode::Api);
        if keeps || !may_be_awaited || inner.hints.is_local() {
            return Ok(keeps);
        }
        inner.store.remove_later(self.execution, status, self.services.now()).await.map_err(Lost::Store)?;
        Ok(true)
    }

    /// Keeps what nodes have changed of their static data, before the end is written: should this
    /// worker die in between, the next one finds the changes in the journal and keeps them again.
    async fn keep_static_data(&mut self) -> Result<(), Lost> {
        let changed = self.draft.all();
        if changed.is_empty() || self.mode == Mode::Manual {
            return Ok(());
        }
        // Until then another worker may have it, and keep what its own run has changed.
        self.write_claim().await?;
        let Sink::Store { inner, .. } = &self.sink else { return Ok(()) };
        let now = self.services.now();
        inner.store.keep_all(self.workspace, self.workflow, changed, now).await.map_err(Lost::Store)
    }

    fn error(&self, end: End) -> Option<ExecutionError> {
        match end {
            End::Success => None,
            End::Canceled => self
                .recorded
                .last_error
                .as_ref()
                .map(|(_, e)| ExecutionError { message: e.message.clone(), node: None }),
            End::TimedOut => Some(ExecutionError {
                message: format!(
                    "the execution took longer than its limit of {} ms",
                    self.prepared.workflow.settings.time_limit_ms.unwrap_or_default()
                ),
                node: None,
            }),
            End::Error => Some(match &self.recorded.last_error {
                Some((node, error)) => ExecutionError {
                    message: error.message.clone(),
                    node: Some(self.prepared.node(*node).name.clone()),
                },
                None => ExecutionError {
                    message: "the execution took more steps than it may".to_owned(),
                    node: None,
                },
            }),
        }
    }

    pub fn finished(&self, status: Status) -> Finished {
        let end = self.recorded.machine.outcome().unwrap_or(End::Success);
        Finished {
            execution: self.execution,
            status,
            error: self.error(end),
            last_node_items: self.recorded.last_items(),
            nodes: self.recorded.nodes(),
        }
    }
}

/// Longest pause between two tries to write, in milliseconds.
const APPEND_PAUSE_MS_MAX: u64 = 10_000;

/// Appends, again and again while the store has trouble: whether one whose answer got lost was
/// written is not known, and the same append twice is the same as once.
async fn append_for_sure(inner: &Inner, key: &WorkerKey, append: Append) -> Result<Appended, Lost> {
    let mut pause_ms = 20;
    loop {
        match inner.store.append(key, append.clone()).await {
            Ok(appended) => return Ok(appended),
            Err(AppendError::Store(error)) if may_pass(&error) && pause_ms < APPEND_PAUSE_MS_MAX => {
                tracing::warn!(execution = %append.execution, %error, "it is written again: {error}");
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                pause_ms *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether another try may find the store in better shape.
fn may_pass(error: &StoreError) -> bool {
    use StoreError::{Busy, Database, DiskFull, Io, Unavailable, Unknown};
    matches!(
        error,
        Busy { .. } | Database(_) | DiskFull { .. } | Io { .. } | Unavailable { .. } | Unknown { .. }
    )
}

impl From<AppendError> for Lost {
    fn from(error: AppendError) -> Lost {
        match error {
            AppendError::Fenced => Lost::Fenced,
            AppendError::Conflict | AppendError::Ended => Lost::Taken,
            AppendError::Store(error) => Lost::Store(error),
        }
    }
}

/// A bug that tests plant.
fn twice(entries: Vec<Entry>) -> Vec<Entry> {
    let n = |e: &Entry| if matches!(e.event, Event::Done { .. }) { 2 } else { 1 };
    entries.into_iter().flat_map(|e| std::iter::repeat_n(e.clone(), n(&e))).collect()
}

fn first_error(outputs: &Outputs) -> RunError {
    let error = outputs.ports.first().and_then(|p| p.first()).and_then(|i| i.json.get("error"));
    let message = match error {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(o)) => {
            o.get("message").and_then(Value::as_str).unwrap_or("the node failed").to_owned()
        }
        _ => "the node failed".to_owned(),
    };
    NodeError::data(message).to_run_error()
}

/// Items of step 0: what the trigger makes of the first items.
pub async fn start_outputs(
    services: &Services,
    prepared: &Arc<Prepared>,
    host: Arc<dyn Host>,
    env: Arc<Env>,
    ids: (WorkspaceId, WorkflowId, ExecutionId),
    mode: Mode,
    use_pins: bool,
    start: u32,
    items: Vec<Item>,
) -> Result<Outputs, NodeError> {
    let node = prepared.node(start);
    let given = vec![Arc::new(items)];
    let attempt = Try {
        services: services.clone(),
        prepared: prepared.clone(),
        host,
        env,
        history: Arc::new(History::new(prepared.shape.clone())),
        workspace: ids.0,
        workflow: ids.1,
        execution: ids.2,
        mode,
        use_pins,
        step: 0,
        attempt: 1,
        node: start,
        run: 0,
        inputs: vec![None],
        began_before: false,
        primed: false,
        resumed: None,
        cancel: CancellationToken::new(),
    };
    let outcome = if node.disabled || prepared.nodes[start as usize].kind.is_none() {
        Outcome::items(given[0].as_ref().clone())
    } else {
        attempt.outcome(&given, services.now()).await?
    };
    match outcome {
        Outcome::Items(outputs) => Ok(finish(prepared, start, &given, outputs)),
        _ => Err(NodeError::data(format!("an execution cannot start at \"{}\"", node.name))),
    }
}

/// An execution without a server.
pub struct Alone {
    pub workflow: Arc<Workflow>,
    /// Name of the node to start at; chosen when unset.
    pub start: Option<String>,
    pub items: Option<Vec<Item>>,
    pub mode: Mode,
    pub use_pins: bool,
    /// Workflows that can be called, by id.
    pub siblings: Arc<HashMap<String, Arc<Workflow>>>,
    pub depth: u32,
    pub workspace: WorkspaceId,
}

impl Alone {
    pub fn new(workflow: Arc<Workflow>) -> Alone {
        Alone {
            workflow,
            start: None,
            items: None,
            mode: Mode::Manual,
            use_pins: false,
            siblings: Arc::default(),
            depth: 0,
            workspace: WorkspaceId::new(Millis::ZERO, 0),
        }
    }
}

/// How an execution without a server ended.
pub struct AloneEnd {
    pub finished: Finished,
    /// Names of the nodes as they ran; a node that ran twice is there twice.
    pub order: Vec<String>,
}

/// Runs a workflow from start to end in this process, recording nothing.
pub async fn run_alone(services: Services, alone: Alone) -> Result<AloneEnd, NodeError> {
    let prepared = Arc::new(
        Prepared::new(alone.workflow.clone(), services.kinds).map_err(|e| NodeError::data(e.to_string()))?,
    );
    let start = match &alone.start {
        Some(name) => prepared
            .index_of(name)
            .ok_or_else(|| NodeError::data(format!("there is no node named \"{name}\" in this workflow")))?,
        None => {
            prepared.default_start().ok_or_else(|| NodeError::data("the workflow has no node to start at"))?
        }
    };
    let now = services.now();
    let execution = ExecutionId::new(now, uuid::Uuid::new_v4().as_u128());
    let workflow = alone.workflow.id.unwrap_or(WorkflowId::new(now, 0));
    let ids = (alone.workspace, workflow, execution);
    let env = Arc::new(env_of(&services, &prepared, execution, alone.mode, Arc::default()));
    let host = Arc::new(AloneHost::default());
    let items = alone.items.unwrap_or_else(|| vec![Item::default().paired_with(0)]);
    let outputs =
        start_outputs(&services, &prepared, host, env.clone(), ids, alone.mode, alone.use_pins, start, items)
            .await;
    let recorded = crate::record::replay(&prepared, &[]);
    let sink = Sink::Alone { siblings: alone.siblings, depth: alone.depth };
    let mut drive = Drive::new(
        services,
        prepared.clone(),
        env,
        recorded,
        ids,
        alone.mode,
        alone.use_pins,
        CancellationToken::new(),
        sink,
        0,
        Some(now),
    );
    let outputs = match outputs {
        Ok(outputs) => outputs,
        Err(error) => {
            let shown = error.to_run_error();
            let finished = Finished {
                execution,
                status: Status::Error,
                error: Some(ExecutionError {
                    message: shown.message.clone(),
                    node: Some(prepared.node(start).name.clone()),
                }),
                last_node_items: Vec::new(),
                nodes: vec![(
                    prepared.node(start).name.clone(),
                    vec![NodeRun { outputs: Vec::new(), error: Some(shown) }],
                )],
            };
            return Ok(AloneEnd { order: vec![prepared.node(start).name.clone()], finished });
        }
    };
    let counts = outputs.ports.iter().map(|p| p.len() as u32).collect();
    let data = EntryData {
        outputs: Some(outputs.ports.into_iter().map(Arc::new).collect()),
        logs: outputs.logs,
        ..EntryData::default()
    };
    drive.take(Input::Start { node: start, outputs: counts }, data, None);
    match drive.run().await {
        Ok(Rest::Ended(status)) => Ok(AloneEnd {
            finished: drive.finished(status),
            order: drive.recorded.order.iter().map(|n| prepared.node(*n).name.clone()).collect(),
        }),
        Ok(Rest::Parked) | Err(_) => Err(NodeError::data("the execution did not come to its end")),
    }
}

/// What expressions see of the execution.
pub fn env_of(
    services: &Services,
    prepared: &Prepared,
    execution: ExecutionId,
    mode: Mode,
    vars: Arc<linkflow_model::Object>,
) -> Env {
    let workflow = &prepared.workflow;
    let url = services.resume_url(execution);
    // A file that was never imported goes by the id that it has where it comes from.
    let origin = || workflow.origin.as_ref()?.get("id")?.as_str().map(str::to_owned);
    Env {
        workflow_id: workflow.id.map(|id| id.to_string()).or_else(origin).unwrap_or_default(),
        workflow_name: workflow.name.clone(),
        workflow_active: mode != Mode::Manual,
        execution_id: execution.to_string(),
        mode,
        resume_form_url: services.form_url(execution),
        resume_url: url,
        timezone: workflow.settings.timezone.clone().unwrap_or_else(|| services.timezone.clone()),
        now: services.now(),
        vars,
        ..Env::default()
    }
}

/// The parent of the child executions of a step.
pub fn parent_of(parent: Option<(ExecutionId, u32)>, index: usize) -> Option<Parent> {
    parent.map(|(execution, step)| Parent { execution, step, index: index as u32 })
}
