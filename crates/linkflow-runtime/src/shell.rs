//! The shell of one process: accepts, hands over to its worker, answers those who wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linkflow_engine::{Event, StepState};
use linkflow_model::{ExecutionId, Item, Millis, Mode, Object, Status, Workflow, WorkflowId, WorkspaceId};
use linkflow_node::http::Http;
use linkflow_node::trigger::{Request, Trigger};
use linkflow_node::{BoxFuture, CheckFn, ChildCall, ChildResult, NodeError, Reply, Secret, WorkflowRef};
use linkflow_queue::{Job, Queue, QueueName};
use linkflow_store::{
    Accepted, CancelAsked, Entry, EntryData, Idempotency, Keyring, NewExecution, Places, Store, StoreError,
    WakeCall,
};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::contract::*;
use crate::drive::{env_of, parent_of, start_outputs};
use crate::feed::{Expects, Feed, Replies};
use crate::hints::{Hints, News};
use crate::host::StoreHost;
use crate::lookups::{Level, Lookups, looked_up};
use crate::memory::Memory;
use crate::polls;
use crate::prepared::Prepared;
use crate::record::{Recorded, replay};
use crate::services::Services;
use crate::shared_feed::{self, Shared};
use crate::static_data::Draft;
use crate::take_over::check_until;
use crate::waiting;
use crate::worker::Share;

/// The queue of executions whose workflow names none.
pub const USUAL_QUEUE: &str = "default";
/// Waiting requests that are looked after in one round.
const ANSWERED_MAX: usize = 1_000;
/// Hints that are made good in one round.
pub const SWEEP_MAX: usize = 1_000;
/// Executions whose workspaces are asked for one by one.
const LOOKED_UP_MAX: usize = 16;
/// How old the numbers about the queues may be.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// How many executions may wait one for the other.
const CALLS_DEEP_MAX: u32 = 256;
/// For how long what may run side by side is taken for known.
const PLACES_FOR: Duration = Duration::from_secs(1);

/// How many bytes of executions that are looked at stay in memory.
const HISTORY_BYTES_MAX: u64 = 128 << 20;
/// For how long they stay after somebody looked.
const HISTORY_KEPT_FOR: Duration = Duration::from_secs(20);

/// What a [`Shell`] is made of.
pub struct ShellParts {
    pub store: Store,
    /// Where hints go; in Redis it is shared with other processes.
    pub queue: Queue,
    /// How many queues the workspaces are spread over; one for all when unset.
    pub partitions: Option<u32>,
    pub keyring: Keyring,
    pub services: Services,
    /// How many executions run side by side.
    pub concurrency: usize,
    /// Days after which finished executions go; never when unset.
    pub retention_days: Option<u32>,
    /// How much memory this process may take before it takes no more executions.
    pub memory: Memory,
    /// How many executions of each workspace may run side by side; any number when unset.
    pub workspace_concurrency: Option<u32>,
}

pub struct Inner {
    pub store: Store,
    pub keyring: Keyring,
    pub services: Services,
    pub hints: Hints,
    pub feed: Feed,
    pub replies: Replies,
    pub concurrency: usize,
    pub retention_days: Option<u32>,
    pub memory: Memory,
    pub lookups: Lookups,
    workspace_concurrency: Option<u32>,
    /// What was read last, and when: by the clock that tests turn.
    places: Mutex<Option<(tokio::time::Instant, Arc<Places>)>>,
    /// An execution has left a place that others may wait for.
    pub place_left: Notify,
    /// Queues of executions that were made here and wait in none of the usual ones.
    own_queues: moka::sync::Cache<ExecutionId, QueueName>,
    /// Those that run here, with what ends them.
    running: Mutex<HashMap<ExecutionId, (u64, CancellationToken)>>,
    n_places: AtomicU64,
    pub draining: AtomicBool,
    /// Nodes that ask somebody right now whether there is something new.
    pub polling: polls::Polling,
    plans: moka::sync::Cache<(WorkspaceId, WorkflowId, u32), Arc<Prepared>>,
    variables: moka::sync::Cache<WorkspaceId, Arc<Object>>,
    /// Executions that have ended and are looked at, page by page.
    histories: moka::sync::Cache<(WorkspaceId, ExecutionId), Arc<ExecutionHistory>>,
}

/// Why workflows could not be called.
pub enum NotCalled {
    Node(NodeError),
    /// The store could not be asked; that is no fault of the workflow's.
    Store(StoreError),
}

impl From<NodeError> for NotCalled {
    fn from(error: NodeError) -> NotCalled {
        NotCalled::Node(error)
    }
}

impl From<StoreError> for NotCalled {
    fn from(error: StoreError) -> NotCalled {
        NotCalled::Store(error)
    }
}

/// The place of an execution among those that run here; given up when dropped.
pub struct Place {
    pub cancel: CancellationToken,
    inner: Arc<Inner>,
    execution: ExecutionId,
    number: u64,
}

impl Place {
    pub fn take(inner: &Arc<Inner>, execution: ExecutionId) -> Place {
        let cancel = CancellationToken::new();
        let number = inner.n_places.fetch_add(1, Ordering::Relaxed);
        inner.running().insert(execution, (number, cancel.clone()));
        metrics::gauge!("linkflow_executions_running").increment(1.0);
        Place { cancel, inner: inner.clone(), execution, number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("linkflow_executions_running").decrement(1.0);
        let mut running = self.inner.running();
        // A later claim of the same execution may have come meanwhile.
        if running.get(&self.execution).is_some_and(|(number, _)| *number == self.number) {
            running.remove(&self.execution);
        }
    }
}

/// The shell. Cheap to clone.
#[derive(Clone)]
pub struct Shell {
    pub(crate) inner: Arc<Inner>,
}

impl Shell {
    pub fn new(parts: ShellParts) -> Shell {
        linkflow_expr::on_long_evaluation(crate::services::let_others_go_on);
        let hints = Hints::new(parts.queue, parts.partitions);
        let (shared, mail) = (!hints.is_local()).then(Shared::new).unzip();
        let inner = Arc::new(Inner {
            lookups: Lookups::new(parts.store.clone(), Some(hints.queue().clone())),
            store: parts.store,
            keyring: parts.keyring,
            services: parts.services,
            hints,
            feed: Feed::new(shared),
            replies: Replies::default(),
            concurrency: parts.concurrency.max(1),
            retention_days: parts.retention_days,
            memory: parts.memory,
            workspace_concurrency: parts.workspace_concurrency,
            places: Mutex::default(),
            place_left: Notify::new(),
            own_queues: moka::sync::Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(600))
                .build(),
            running: Mutex::default(),
            n_places: AtomicU64::new(0),
            polling: polls::Polling::default(),
            draining: AtomicBool::new(false),
            plans: moka::sync::Cache::new(1_000),
            variables: moka::sync::Cache::builder()
                .max_capacity(1_000)
                .time_to_live(Duration::from_secs(1))
                .build(),
            histories: moka::sync::Cache::builder()
                .weigher(|_, history: &Arc<ExecutionHistory>| history.bytes_about())
                .max_capacity(HISTORY_BYTES_MAX)
                .time_to_idle(HISTORY_KEPT_FOR)
                .build(),
        });
        if let Some(mail) = mail {
            shared_feed::run(&inner, inner.hints.queue(), mail);
        }
        Shell { inner }
    }

    /// What is looked up often.
    pub fn lookups(&self) -> Lookups {
        self.inner.lookups.clone()
    }

    /// Works until `stop`: takes executions, wakes what is due, fires schedules. Gives back what
    /// still runs after `grace_ms`.
    pub async fn work(&self, stop: CancellationToken, grace_ms: u64) {
        crate::worker::work(self.inner.clone(), stop, grace_ms, Share::All).await;
    }

    /// A worker among others: takes executions and drives them, and leaves the rest to a leader.
    pub async fn drive(&self, stop: CancellationToken, grace_ms: u64) {
        crate::worker::work(self.inner.clone(), stop, grace_ms, Share::Driving).await;
    }

    /// What one process does for all others, as long as it `leads`: wakes what is due, fires
    /// schedules, makes lost hints good, finds dead workers, removes what is old.
    pub async fn lead(&self, stop: CancellationToken, leads: impl Fn() -> bool + Send + Sync) {
        crate::duties::lead(&self.inner, stop, &leads).await;
    }

    /// Answers those who wait here for executions that end at workers elsewhere.
    pub async fn answer(&self, stop: CancellationToken) {
        crate::duties::answer(&self.inner, stop).await;
    }

    /// Whether the queue's server can be reached, as far as is known.
    pub fn is_queue_up(&self) -> bool {
        self.inner.hints.is_up()
    }

    /// Shows what is in the queues as metrics, until `stop`.
    pub async fn measure_queue(&self, stop: CancellationToken) {
        let all = async {
            loop {
                self.inner.hints.measure().await;
                tokio::time::sleep(MEASURE_EVERY).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = all => {}
        }
    }

    /// Says what is still to be said to the queue, and leaves it.
    pub async fn close_queue(&self) {
        self.inner.hints.close().await;
    }

    /// For how many executions somebody waits here.
    pub fn n_waiting(&self) -> usize {
        self.inner.replies.expected(usize::MAX).len()
    }
}

impl Inner {
    pub fn tell(
        &self,
        kind: &'static str,
        workspace: WorkspaceId,
        execution: Option<ExecutionId>,
        workflow: Option<WorkflowId>,
        data: Value,
    ) {
        self.feed.tell(self.services.now(), NewFeedEvent { kind, workspace, execution, workflow, data });
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<ExecutionId, (u64, CancellationToken)>> {
        self.running.lock().expect("nothing panics while it holds the list")
    }

    /// What ends an execution that runs here.
    pub fn cancel_token(&self, execution: ExecutionId) -> Option<CancellationToken> {
        self.running().get(&execution).map(|(_, cancel)| cancel.clone())
    }

    /// Says that these may have work. The queue of one that was made elsewhere is taken for the
    /// usual one, in which it waits as well as in its own.
    pub fn hint(&self, workspace: WorkspaceId, ids: impl IntoIterator<Item = ExecutionId>) {
        for id in ids {
            self.push(self.job(workspace, id));
        }
    }

    /// Says that an execution was accepted just now, and with what.
    fn hint_start(&self, workspace: WorkspaceId, accepted: Accepted) {
        let start = accepted.start.map(|start| start.into_bytes().into());
        self.push(Job { start, ..self.job(workspace, accepted.id) });
    }

    fn job(&self, workspace: WorkspaceId, execution: ExecutionId) -> Job {
        let own = self.own_queues.get(&execution);
        let queue = own.unwrap_or_else(|| self.hints.queue_of(workspace));
        Job::new(queue, execution, workspace)
    }

    fn push(&self, job: Job) {
        (0..self.store.hints()).for_each(|_| self.hints.push_jobs(vec![job.clone()]));
    }

    /// Remembers where an execution waits that is made here.
    pub fn remember_queue(&self, id: ExecutionId, workspace: WorkspaceId, queue: &str) {
        let queue = self.hints.place(queue, workspace);
        if queue != self.hints.queue_of(workspace) {
            self.own_queues.insert(id, queue);
        }
    }

    /// The same for executions that were made ready just now and are of any workspace.
    pub async fn hint_ready(&self, ids: Vec<ExecutionId>) -> Result<(), StoreError> {
        if ids.is_empty() || self.hints.is_local() {
            // Nobody looks at the workspace within one process.
            self.hint(WorkspaceId(uuid::Uuid::nil()), ids);
            return Ok(());
        }
        if ids.len() > LOOKED_UP_MAX {
            return self.hint_older_than(self.services.now().plus(1), 0).await;
        }
        self.hint_all(ids).await
    }

    /// Hints at each of these where it waits.
    pub async fn hint_all(&self, ids: Vec<ExecutionId>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let rows = self.store.places_of(ids).await?;
        self.hints.push_jobs(rows.into_iter().map(|row| self.hints.job_of(row)).collect());
        Ok(())
    }

    /// Hints what has been ready for longer than `age_ms` at `now`.
    pub async fn hint_older_than(&self, now: Millis, age_ms: u64) -> Result<(), StoreError> {
        let ready = self.store.ready_older_than(now, age_ms, SWEEP_MAX).await?;
        self.hints.push_jobs(ready.into_iter().map(|row| self.hints.job_of(row)).collect());
        Ok(())
    }

    /// Asks an execution to end, wherever it is. False when there is none that could.
    pub async fn cancel(&self, workspace: WorkspaceId, execution: ExecutionId) -> Result<bool, StoreError> {
        match self.store.request_cancel(workspace, execution, self.services.now()).await? {
            CancelAsked::Asked { ready } => {
                self.hint(workspace, ready);
                // Others, such as its children, hear of it from `duties::look_after`.
                if let Some(cancel) = self.cancel_token(execution) {
                    cancel.cancel();
                }
                Ok(true)
            }
            CancelAsked::Ended(_) | CancelAsked::Unknown => Ok(false),
        }
    }

    pub fn tell_accepted(&self, workspace: WorkspaceId, id: ExecutionId, workflow: WorkflowId) {
        metrics::counter!("linkflow_executions_accepted_total").increment(1);
        self.tell("execution.accepted", workspace, Some(id), Some(workflow), json!({"status": "ready"}));
    }

    /// Answers those who wait for an execution that has ended without this process: at another
    /// worker, or as dead. Who has gone away is let go.
    pub async fn answer_ended(&self) -> Result<(), StoreError> {
        self.replies.tidy();
        let expected = self.replies.expected(ANSWERED_MAX);
        if expected.is_empty() {
            return Ok(());
        }
        for (id, workspace) in self.store.ended_of(expected).await? {
            self.answer_end(workspace, id).await?;
        }
        Ok(())
    }

    /// The same for executions that go on, and whose answer was not heard: it is in the journal.
    pub async fn answer_answered(&self) -> Result<(), StoreError> {
        let expected = self.replies.expected_from_start(ANSWERED_MAX);
        if expected.is_empty() {
            return Ok(());
        }
        for (id, workspace, n) in self.store.written_of(expected).await? {
            if self.replies.has_grown(id, n) {
                self.answer_from_journal(workspace, id).await?;
            }
        }
        Ok(())
    }

    async fn answer_from_journal(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<(), StoreError> {
        let recorded = self.recorded(workspace, id).await?;
        if let Some(reply) = recorded.and_then(|(_, _, recorded)| recorded.answer) {
            self.replies.reply(id, reply);
        }
        Ok(())
    }

    /// Gives those who wait for an execution that has ended what a node answered, and its end.
    async fn answer_end(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<(), StoreError> {
        let Some((end, answer)) = self.stored_end(workspace, id).await? else { return Ok(()) };
        if let Some(answer) = answer {
            self.replies.reply(id, answer);
        }
        self.replies.finished(&end);
        Ok(())
    }

    /// Passes on to those who wait here what another process tells.
    pub async fn answer_heard(&self, message: &[u8]) -> Result<(), StoreError> {
        match serde_json::from_slice(message) {
            Ok(News::Reply { execution, reply }) => _ = self.replies.reply(execution, reply),
            Ok(News::Answered { execution, workspace }) if self.replies.is_expected(execution) => {
                self.answer_from_journal(workspace, execution).await?;
            }
            Ok(News::Answered { .. }) => {}
            Ok(News::Changed(topic)) => self.lookups.heard(topic),
            Ok(News::Ended(ended)) => {
                for (id, workspace) in ended.into_iter().filter(|(id, _)| self.replies.is_expected(*id)) {
                    self.answer_end(workspace, id).await?;
                }
            }
            Err(error) => tracing::warn!(%error, "another process tells what cannot be read: {error}"),
        }
        Ok(())
    }

    /// The plan of a stored version.
    pub async fn prepared(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        version: u32,
    ) -> Result<Option<Arc<Prepared>>, StoreError> {
        let found = self.plans.get(&(workspace, workflow, version));
        if found.is_some() {
            looked_up("versions", Level::Memory);
            return Ok(found);
        }
        let Some(mut document) = self.lookups.document(workspace, workflow, version).await? else {
            return Ok(None);
        };
        document.id = Some(workflow);
        let prepared = Prepared::new(Arc::new(document), self.services.kinds)
            .map_err(|e| StoreError::invalid("workflow", e.to_string()))?;
        let prepared = Arc::new(prepared);
        self.plans.insert((workspace, workflow, version), prepared.clone());
        Ok(Some(prepared))
    }

    /// What may run side by side; a change is seen after a second.
    pub async fn places(&self) -> Result<Arc<Places>, StoreError> {
        let known = self.places.lock().expect("nothing panics while it holds the places").clone();
        if let Some((read_at, places)) = known
            && read_at.elapsed() < PLACES_FOR
        {
            return Ok(places);
        }
        let of_workflows = self.store.places_of_workflows().await?;
        let places = Arc::new(Places { of_workflows, of_workspace: self.workspace_concurrency });
        let read = Some((tokio::time::Instant::now(), places.clone()));
        *self.places.lock().expect("nothing panics while it holds the places") = read;
        Ok(places)
    }

    pub async fn variables(&self, workspace: WorkspaceId) -> Result<Arc<Object>, StoreError> {
        let found = self.variables.get(&workspace);
        if let Some(found) = found {
            looked_up("variables", Level::Memory);
            return Ok(found);
        }
        looked_up("variables", Level::Database);
        let rows = self.store.variables(workspace).await?;
        let vars: Object = rows.into_iter().map(|v| (v.name, Value::String(v.value))).collect();
        let vars = Arc::new(vars);
        self.variables.insert(workspace, vars.clone());
        Ok(vars)
    }

    /// An execution with what its journal says.
    pub async fn recorded(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<Option<(linkflow_store::ExecutionRecord, Arc<Prepared>, Recorded)>, StoreError> {
        let Some(loaded) = self.store.load(workspace, id).await? else { return Ok(None) };
        let version = u32::try_from(loaded.record.version).unwrap_or_default();
        let Some(prepared) = self.prepared(workspace, loaded.record.workflow, version).await? else {
            return Ok(None);
        };
        let recorded = replay(&prepared, &loaded.entries);
        Ok(Some((loaded.record, prepared, recorded)))
    }

    /// What the children of a step gave.
    pub async fn child_results(
        &self,
        workspace: WorkspaceId,
        parent: ExecutionId,
        step: u32,
    ) -> Result<Vec<ChildResult>, StoreError> {
        let mut results = Vec::new();
        for child in self.store.children_of(parent, step).await? {
            let recorded = self.recorded(workspace, child.id).await?.map(|(_, _, recorded)| recorded);
            let items = if child.status == Status::Success {
                Ok(recorded.as_ref().map_or(Vec::new(), Recorded::last_items))
            } else {
                let why = || format!("the called workflow ended as {}", child.status.as_str());
                Err(NodeError::data(child.error.unwrap_or_else(why)).to_run_error())
            };
            let custom_data = recorded.map(|r| r.custom_data).unwrap_or_default();
            results.push(ChildResult { execution: child.id, items, custom_data });
        }
        Ok(results)
    }

    /// The executions that a node's calls ask for, not yet accepted.
    pub async fn child_executions(
        self: &Arc<Inner>,
        workspace: WorkspaceId,
        caller: ExecutionId,
        // Names the call. Not by its step: which number a step gets can be another one after a
        // crash, where branches run side by side.
        call: &str,
        parent: Option<(ExecutionId, u32)>,
        children: Vec<ChildCall>,
    ) -> Result<Vec<NewExecution>, NotCalled> {
        if parent.is_some() {
            let depth = self.store.depth_of(caller, CALLS_DEEP_MAX).await?;
            if depth >= CALLS_DEEP_MAX {
                let limit = CALLS_DEEP_MAX.to_string();
                return Err(NodeError::Limit {
                    what: "workflows that wait for each other".to_owned(),
                    limit,
                }
                .into());
            }
        }
        let mut new = Vec::with_capacity(children.len());
        for (index, child) in children.into_iter().enumerate() {
            let WorkflowRef::Id(id) = child.workflow else {
                return Err(NodeError::data("only stored workflows can be called from here").into());
            };
            let row = self.store.workflow_by_any_id(workspace, id.clone()).await?;
            let Some(row) = row else {
                return Err(NodeError::data(format!("there is no workflow with the id \"{id}\"")).into());
            };
            let version = row.published_version.unwrap_or(row.version);
            let prepared = self.prepared(workspace, row.id, version).await?;
            let prepared = prepared
                .ok_or_else(|| NodeError::data(format!("the workflow \"{}\" has no version", row.name)))?;
            let start = called_start(&prepared).ok_or_else(|| {
                NodeError::data(format!("the workflow \"{}\" has no trigger to be called by", row.name))
            })?;
            let mut execution = self
                .new_execution(workspace, row.id, version, &prepared, start, child.items, Mode::Workflow)
                .await
                .map_err(|error| match error {
                    StartError::Busy { retry_after_ms } => StoreError::Busy { retry_after_ms }.into(),
                    error => NotCalled::Node(NodeError::data(error.to_string())),
                })?;
            execution.parent = parent_of(parent, index);
            execution.idempotency = parent
                .is_none()
                .then(|| Idempotency { key: format!("{caller}/{call}/{index}"), fingerprint: String::new() });
            new.push(execution);
        }
        Ok(new)
    }

    /// An execution as it is asked for, that begins at its trigger.
    async fn first_of(
        self: &Arc<Inner>,
        request: &StartRequest,
        prepared: &Arc<Prepared>,
    ) -> Result<NewExecution, StartError> {
        let start = prepared.index_of(&request.trigger).ok_or_else(|| StartError::Invalid {
            field: "trigger".to_owned(),
            problem: format!("\"{}\" is no node of the workflow", request.trigger),
        })?;
        if let Some(until) = &request.until {
            check_until(prepared, until, &request.trigger)?;
        }
        let (workflow, version, items) = (request.workflow_id, request.version, request.items.clone());
        self.new_execution(request.workspace, workflow, version, prepared, start, items, request.mode).await
    }

    /// An execution that starts at `start`: its trigger has run, its first entry is made.
    #[expect(clippy::too_many_arguments, reason = "all of it is needed to make one")]
    pub async fn new_execution(
        self: &Arc<Inner>,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        version: u32,
        prepared: &Arc<Prepared>,
        start: u32,
        items: Vec<Item>,
        mode: Mode,
    ) -> Result<NewExecution, StartError> {
        let now = self.services.now();
        let id = ExecutionId::new(now, uuid::Uuid::new_v4().as_u128());
        let vars = self.variables(workspace).await.map_err(start_error)?;
        let env = Arc::new(env_of(&self.services, prepared, id, mode, vars));
        let node = prepared.node(start);
        let draft: Arc<Draft> = Arc::default();
        let host = Arc::new(StoreHost {
            inner: self.clone(),
            workspace,
            workflow,
            execution: id,
            prepared: prepared.clone(),
            node: start,
            step: 0,
            said: Arc::default(),
            draft: draft.clone(),
        });
        let ids = (workspace, workflow, id);
        let pins = mode == Mode::Manual;
        let outputs =
            start_outputs(&self.services, prepared, host, env, ids, mode, pins, start, items).await.map_err(
                |e| StartError::Invalid { field: format!("nodes[{}]", node.name), problem: e.to_string() },
            )?;
        let counts = outputs.ports.iter().map(|p| p.len() as u32).collect();
        let data = EntryData {
            outputs: Some(outputs.ports.into_iter().map(Arc::new).collect()),
            logs: outputs.logs,
            kept: draft.take(0),
            ..EntryData::default()
        };
        let entry = Entry { event: Event::Started { at: now, node: start, outputs: counts }, data };
        let queue = prepared.workflow.settings.queue.clone().unwrap_or_else(|| USUAL_QUEUE.to_owned());
        self.remember_queue(id, workspace, &queue);
        Ok(NewExecution {
            id,
            workspace,
            workflow,
            version: i64::from(version),
            mode,
            parent: None,
            retry_of: None,
            idempotency: None,
            queue,
            created_at: now,
            entries: vec![entry],
        })
    }

    pub async fn accept(
        self: &Arc<Inner>,
        new: NewExecution,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> Result<Started, StartError> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(StartError::Busy { retry_after_ms: 1_000 });
        }
        let (id, workspace, workflow) = (new.id, new.workspace, new.workflow);
        let ticket = answer.map(|answer| self.replies.expect(id, answer, Expects::FromStart));
        let accepted = self.store.accept(new).await;
        let answer = match (&accepted, ticket) {
            (Ok(accepted), _) if !accepted.existing => None,
            (_, ticket) => ticket.and_then(|ticket| self.replies.withdraw(id, ticket)),
        };
        let accepted = accepted.map_err(start_error)?;
        if accepted.existing {
            // A repeated request gets the end of the execution that the first one started.
            if let Some(answer) = answer {
                self.replies.expect(accepted.id, answer, Expects::FromStart);
                self.answer_end(workspace, accepted.id).await.map_err(start_error)?;
            }
            return Ok(Started { execution: accepted.id, is_new: false });
        }
        self.tell_accepted(workspace, id, workflow);
        self.hint_start(workspace, accepted);
        Ok(Started { execution: id, is_new: true })
    }

    /// The end of an execution that is stored as ended, and what a node answered on the way to it.
    async fn stored_end(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<Option<(Finished, Option<Reply>)>, StoreError> {
        let Some(record) = self.store.execution(workspace, id).await? else { return Ok(None) };
        if !record.status.is_terminal() {
            return Ok(None);
        }
        let error =
            record.error.clone().map(|message| ExecutionError { message, node: record.error_node.clone() });
        let recorded = self.recorded(workspace, id).await?.map(|(_, _, r)| r);
        let finished = Finished {
            execution: id,
            status: record.status,
            error,
            last_node_items: recorded.as_ref().map_or(Vec::new(), Recorded::last_items),
            nodes: recorded.as_ref().map_or(Vec::new(), Recorded::nodes),
        };
        Ok(Some((finished, recorded.and_then(|recorded| recorded.answer))))
    }
}

/// Lets go of those who do not wait for the execution any more.
struct Tidy<'a> {
    inner: &'a Inner,
    execution: ExecutionId,
}

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        self.inner.replies.tidy_one(self.execution);
    }
}

/// Where an execution of a called workflow starts.
pub fn called_start(prepared: &Prepared) -> Option<u32> {
    let called = (0..prepared.nodes.len()).find(|&i| {
        !prepared.workflow.nodes[i].disabled
            && matches!(prepared.nodes[i].kind.and_then(|k| k.trigger()), Some(Trigger::Workflow))
    });
    called.map(|i| i as u32).or_else(|| prepared.default_start())
}

pub fn start_error(error: StoreError) -> StartError {
    match error {
        StoreError::Busy { retry_after_ms } => StartError::Busy { retry_after_ms },
        StoreError::Unavailable { .. } => StartError::Busy { retry_after_ms: 1_000 },
        StoreError::DiskFull { .. } => StartError::NoSpace,
        StoreError::Io { .. } | StoreError::ReadOnly { .. } | StoreError::Corrupted { .. } => {
            StartError::Storage(error.to_string())
        }
        StoreError::KeyReused { .. } => StartError::Conflict(error.to_string()),
        other => StartError::Runtime(RuntimeError(other.to_string())),
    }
}

fn runtime_error(error: StoreError) -> RuntimeError {
    RuntimeError(error.to_string())
}

impl Runtime for Shell {
    fn start(
        &self,
        request: StartRequest,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> BoxFuture<'_, Result<Started, StartError>> {
        Box::pin(async move {
            let inner = &self.inner;
            let prepared = match inner.prepared(request.workspace, request.workflow_id, request.version).await
            {
                Ok(Some(prepared)) => prepared,
                Ok(None) => return Err(StartError::NotFound("the workflow has no such version".to_owned())),
                Err(error) => return Err(invalid_or_trouble(error)),
            };
            let mut new = match &request.reuse {
                Some(reuse) => crate::retry::reusing(inner, &request, &prepared, reuse).await?,
                None => inner.first_of(&request, &prepared).await?,
            };
            if let Some(first) = new.entries.first_mut() {
                first.data.until = request.until.clone();
            }
            new.retry_of = request.retry_of;
            new.idempotency = request.idempotency_key.map(|key| Idempotency {
                key: format!("{}/{key}", request.workflow_id),
                fingerprint: request.idempotency_fingerprint,
            });
            inner.accept(new, answer).await
        })
    }

    fn wait(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        timeout_ms: u64,
    ) -> BoxFuture<'_, Result<Option<Finished>, RuntimeError>> {
        Box::pin(async move {
            // Dropped after `end`, however this future ends.
            let _tidy = Tidy { inner: &self.inner, execution };
            let (sender, end) = oneshot::channel();
            self.inner.replies.expect_end(execution, sender);
            let stored = self.inner.stored_end(workspace, execution).await;
            if let Some((end, _)) = stored.map_err(runtime_error)? {
                return Ok(Some(end));
            }
            Ok(tokio::time::timeout(Duration::from_millis(timeout_ms), end).await.ok().and_then(Result::ok))
        })
    }

    fn cancel(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
    ) -> BoxFuture<'_, Result<bool, RuntimeError>> {
        Box::pin(async move { self.inner.cancel(workspace, execution).await.map_err(runtime_error) })
    }

    fn retry(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        retry: RetryRequest,
    ) -> BoxFuture<'_, Result<ExecutionId, StartError>> {
        Box::pin(crate::retry::retry(&self.inner, workspace, execution, retry))
    }

    fn history(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
    ) -> BoxFuture<'_, Result<Option<Arc<ExecutionHistory>>, RuntimeError>> {
        Box::pin(async move {
            if let Some(history) = self.inner.histories.get(&(workspace, execution)) {
                return Ok(Some(history));
            }
            let found = self.inner.recorded(workspace, execution).await.map_err(runtime_error)?;
            let Some((record, prepared, recorded)) = found else { return Ok(None) };
            let history = Arc::new(recorded.shown(&prepared));
            if record.status.is_terminal() {
                self.inner.histories.insert((workspace, execution), history.clone());
            }
            Ok(Some(history))
        })
    }

    fn is_resume_signature(&self, execution: ExecutionId, signature: &str) -> bool {
        self.inner.services.is_signature(execution, signature)
    }

    fn form_address(&self, execution: ExecutionId) -> String {
        self.inner.services.form_url(execution)
    }

    fn waiting(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Option<Waiting>, RuntimeError>> {
        Box::pin(async move {
            let workspace = self.inner.store.workspace_of(execution).await.map_err(runtime_error)?;
            let Some(workspace) = workspace else { return Ok(None) };
            let found = self.inner.recorded(workspace, execution).await.map_err(runtime_error)?;
            let Some((record, prepared, recorded)) = found else { return Ok(None) };
            if record.status.is_terminal() {
                return Ok(None);
            }
            let machine = &recorded.machine;
            let waits = |s: &u32| {
                let state = machine.state_of(*s);
                matches!(state, Some(StepState::Parked { wait: linkflow_engine::Wait::Call { .. } }))
            };
            let Some(step) = (0..machine.n_steps()).find(waits) else { return Ok(None) };
            let vars = self.inner.variables(workspace).await.map_err(runtime_error)?;
            let env = env_of(&self.inner.services, &prepared, execution, record.mode, vars);
            let node = waiting::resolved(&prepared, &recorded, step, &env);
            let files = waiting::files(&recorded, step);
            Ok(node.map(|node| Waiting { workspace, node, files }))
        })
    }

    fn resume(
        &self,
        execution: ExecutionId,
        request: Request,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> BoxFuture<'_, Result<Resumption, RuntimeError>> {
        Box::pin(async move {
            let inner = &self.inner;
            let payload = serde_json::to_value(&request).map_err(|e| RuntimeError(e.to_string()))?;
            let ticket = answer.map(|answer| inner.replies.expect(execution, answer, Expects::FromHere));
            let now = inner.services.now();
            let woken = inner.store.wake_by_call(None, execution, now, Some(payload)).await;
            if let (Ok(WakeCall::NotWaiting(_) | WakeCall::Unknown) | Err(_), Some(ticket)) = (&woken, ticket)
            {
                inner.replies.withdraw(execution, ticket);
            }
            match woken.map_err(runtime_error)? {
                WakeCall::Woken => {
                    inner.hint_ready(vec![execution]).await.map_err(runtime_error)?;
                    Ok(Resumption::Resumed)
                }
                WakeCall::NotWaiting(_) => Ok(Resumption::NotWaiting),
                WakeCall::Unknown => Ok(Resumption::NotFound),
            }
        })
    }

    fn subscribe(&self, since: Option<u64>) -> BoxFuture<'_, Subscription> {
        Box::pin(shared_feed::subscribe(&self.inner, self.inner.hints.queue(), since))
    }

    fn tell(&self, event: NewFeedEvent) {
        self.inner.feed.tell(self.inner.services.now(), event);
    }

    fn published_changed(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
    ) -> BoxFuture<'_, Result<(), RuntimeError>> {
        Box::pin(async move {
            crate::scheduler::follow(&self.inner, workspace, workflow).await.map_err(runtime_error)
        })
    }

    fn plan_check(&self, workflow: &Workflow) -> Vec<Problem> {
        match Prepared::new(Arc::new(workflow.clone()), self.inner.services.kinds) {
            Ok(prepared) => prepared.problems(),
            Err(error) => vec![Problem { field: "workflow".to_owned(), problem: error.to_string() }],
        }
    }

    fn check_credential(
        &self,
        workspace: WorkspaceId,
        check: CheckFn,
        secret: Secret,
    ) -> BoxFuture<'_, Result<String, NodeError>> {
        Box::pin(crate::check::check(&self.inner.services, workspace, check, secret))
    }

    fn http(&self) -> Http {
        self.inner.services.http.clone()
    }

    fn signature(&self, text: &str) -> String {
        self.inner.services.signature_of(text)
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async move {
            Health {
                is_ready: !self.inner.draining.load(Ordering::Relaxed),
                checks: vec![("queue".to_owned(), self.inner.hints.check().await)],
            }
        })
    }
}

pub fn invalid_or_trouble(error: StoreError) -> StartError {
    match error {
        StoreError::Invalid { field, problem } => {
            StartError::Invalid { field: field.to_string(), problem: problem.to_string() }
        }
        other => start_error(other),
    }
}
