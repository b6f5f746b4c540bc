//! The shell of one process: accepts, hands over to its worker, answers those who wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linkflow_engine::{Event, StepState};
use linkflow_model::{ExecutionId, Item, Mode, Object, Status, Workflow, WorkflowId, WorkspaceId};
use linkflow_node::trigger::{Request, Trigger};
use linkflow_node::{BoxFuture, ChildCall, ChildResult, NodeError, WorkflowRef};
use linkflow_queue::MemoryQueue;
use linkflow_store::{
    CancelAsked, Entry, EntryData, Idempotency, Keyring, NewExecution, Store, StoreError, WakeCall,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::contract::*;
use crate::drive::{env_of, parent_of, start_outputs};
use crate::feed::{Feed, Replies};
use crate::host::{StoreHost, store_trouble};
use crate::prepared::Prepared;
use crate::record::{Recorded, replay};
use crate::services::Services;

/// What a [`Shell`] is made of.
pub struct ShellParts {
    pub store: Store,
    pub keyring: Keyring,
    pub services: Services,
    /// How many executions run side by side.
    pub concurrency: usize,
    /// Days after which finished executions go; never when unset.
    pub retention_days: Option<u32>,
}

pub struct Inner {
    pub store: Store,
    pub keyring: Keyring,
    pub services: Services,
    pub queue: MemoryQueue,
    pub feed: Feed,
    pub replies: Replies,
    pub concurrency: usize,
    pub retention_days: Option<u32>,
    /// Those that run here, with what ends them.
    pub running: Mutex<HashMap<ExecutionId, CancellationToken>>,
    pub draining: AtomicBool,
    plans: moka::sync::Cache<(WorkflowId, u32), Arc<Prepared>>,
    variables: moka::sync::Cache<WorkspaceId, Arc<Object>>,
}

/// The shell. Cheap to clone.
#[derive(Clone)]
pub struct Shell {
    pub(crate) inner: Arc<Inner>,
}

impl Shell {
    pub fn new(parts: ShellParts) -> Shell {
        Shell {
            inner: Arc::new(Inner {
                store: parts.store,
                keyring: parts.keyring,
                services: parts.services,
                queue: MemoryQueue::default(),
                feed: Feed::default(),
                replies: Replies::default(),
                concurrency: parts.concurrency.max(1),
                retention_days: parts.retention_days,
                running: Mutex::default(),
                draining: AtomicBool::new(false),
                plans: moka::sync::Cache::new(1_000),
                variables: moka::sync::Cache::builder()
                    .max_capacity(1_000)
                    .time_to_live(Duration::from_secs(1))
                    .build(),
            }),
        }
    }

    /// Works until `stop`: takes executions, wakes what is due, fires schedules. Gives back what
    /// still runs after `grace_ms`.
    pub async fn work(&self, stop: CancellationToken, grace_ms: u64) {
        crate::worker::work(self.inner.clone(), stop, grace_ms).await;
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

    /// The plan of a stored version.
    pub async fn prepared(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        version: u32,
    ) -> Result<Option<Arc<Prepared>>, StoreError> {
        if let Some(found) = self.plans.get(&(workflow, version)) {
            return Ok(Some(found));
        }
        let Some(found) = self.store.workflow_version(workspace, workflow, version).await? else {
            return Ok(None);
        };
        let mut document = found.document;
        document.id = Some(workflow);
        let prepared = Prepared::new(Arc::new(document), self.services.kinds)
            .map_err(|e| StoreError::invalid("workflow", e.to_string()))?;
        let prepared = Arc::new(prepared);
        self.plans.insert((workflow, version), prepared.clone());
        Ok(Some(prepared))
    }

    pub async fn variables(&self, workspace: WorkspaceId) -> Arc<Object> {
        if let Some(found) = self.variables.get(&workspace) {
            return found;
        }
        let rows = self.store.variables(workspace).await.unwrap_or_default();
        let vars: Object = rows.into_iter().map(|v| (v.name, Value::String(v.value))).collect();
        let vars = Arc::new(vars);
        self.variables.insert(workspace, vars.clone());
        vars
    }

    /// An execution with what its journal says.
    async fn recorded(
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
            let items =
                match (child.status, self.recorded(workspace, child.id).await?) {
                    (Status::Success, Some((_, _, recorded))) => Ok(recorded.last_items()),
                    (Status::Success, None) => Ok(Vec::new()),
                    _ => Err(NodeError::data(child.error.unwrap_or_else(|| {
                        format!("the called workflow ended as {}", child.status.as_str())
                    }))
                    .to_run_error()),
                };
            results.push(ChildResult { execution: child.id, items, custom_data: Object::new() });
        }
        Ok(results)
    }

    /// The executions that a node's calls ask for, not yet accepted.
    pub async fn child_executions(
        self: &Arc<Inner>,
        workspace: WorkspaceId,
        caller: ExecutionId,
        step: u32,
        parent: Option<(ExecutionId, u32)>,
        children: Vec<ChildCall>,
    ) -> Result<Vec<NewExecution>, NodeError> {
        let mut new = Vec::with_capacity(children.len());
        for (index, child) in children.into_iter().enumerate() {
            let WorkflowRef::Id(id) = child.workflow else {
                return Err(NodeError::data("only stored workflows can be called from here"));
            };
            let row =
                self.store.workflow_by_any_id(workspace, id.clone()).await.map_err(|e| store_trouble(&e))?;
            let Some(row) = row else {
                return Err(NodeError::data(format!("there is no workflow with the id \"{id}\"")));
            };
            let version = row.published_version.unwrap_or(row.version);
            let prepared = self.prepared(workspace, row.id, version).await.map_err(|e| store_trouble(&e))?;
            let prepared = prepared
                .ok_or_else(|| NodeError::data(format!("the workflow \"{}\" has no version", row.name)))?;
            let start = called_start(&prepared).ok_or_else(|| {
                NodeError::data(format!("the workflow \"{}\" has no trigger to be called by", row.name))
            })?;
            let mut execution = self
                .new_execution(workspace, row.id, version, &prepared, start, child.items, Mode::Workflow)
                .await
                .map_err(|e| NodeError::data(e.to_string()))?;
            execution.parent = parent_of(parent, index);
            execution.idempotency = parent
                .is_none()
                .then(|| Idempotency { key: format!("{caller}/{step}/{index}"), fingerprint: String::new() });
            new.push(execution);
        }
        Ok(new)
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
        let vars = self.variables(workspace).await;
        let env = Arc::new(env_of(&self.services, prepared, id, mode, vars));
        let node = prepared.node(start);
        let host = Arc::new(StoreHost {
            inner: self.clone(),
            workspace,
            workflow,
            execution: id,
            node: node.clone(),
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
            ..EntryData::default()
        };
        let entry = Entry { event: Event::Started { at: now, node: start, outputs: counts }, data };
        Ok(NewExecution {
            id,
            workspace,
            workflow,
            version: i64::from(version),
            mode,
            parent: None,
            retry_of: None,
            idempotency: None,
            queue: "default".to_owned(),
            created_at: now,
            entries: vec![entry],
            claimed_by: None,
        })
    }

    async fn accept(
        self: &Arc<Inner>,
        new: NewExecution,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> Result<Started, StartError> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(StartError::Busy { retry_after_ms: 1_000 });
        }
        let (id, workspace, workflow) = (new.id, new.workspace, new.workflow);
        let expected = answer.is_some();
        if let Some(answer) = answer {
            self.replies.expect(id, answer);
        }
        let accepted = match self.store.accept(new).await {
            Ok(accepted) => accepted,
            Err(error) => {
                self.replies.forget(id);
                return Err(start_error(error));
            }
        };
        if accepted.existing {
            if expected {
                self.replies.forget(id);
            }
            return Ok(Started { execution: accepted.id, is_new: false });
        }
        metrics::counter!("linkflow_executions_accepted_total").increment(1);
        self.queue.push([id]);
        self.tell("execution.accepted", workspace, Some(id), Some(workflow), json!({"status": "ready"}));
        Ok(Started { execution: id, is_new: true })
    }

    /// The end of an execution that is stored as ended.
    async fn stored_end(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<Option<Finished>, StoreError> {
        let Some(record) = self.store.execution(workspace, id).await? else { return Ok(None) };
        if !record.status.is_terminal() {
            return Ok(None);
        }
        let error =
            record.error.clone().map(|message| ExecutionError { message, node: record.error_node.clone() });
        let recorded = self.recorded(workspace, id).await?.map(|(_, _, r)| r);
        Ok(Some(Finished {
            execution: id,
            status: record.status,
            error,
            last_node_items: recorded.as_ref().map_or(Vec::new(), Recorded::last_items),
            nodes: recorded.as_ref().map_or(Vec::new(), Recorded::nodes),
        }))
    }
}

/// Where an execution of a called workflow starts.
fn called_start(prepared: &Prepared) -> Option<u32> {
    let called = (0..prepared.nodes.len()).find(|&i| {
        !prepared.workflow.nodes[i].disabled
            && matches!(prepared.nodes[i].kind.and_then(|k| k.trigger()), Some(Trigger::Workflow))
    });
    called.map(|i| i as u32).or_else(|| prepared.default_start())
}

fn start_error(error: StoreError) -> StartError {
    match error {
        StoreError::Busy { retry_after_ms } => StartError::Busy { retry_after_ms },
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
            let Some(start) = prepared.index_of(&request.trigger) else {
                return Err(StartError::Invalid {
                    field: "trigger".to_owned(),
                    problem: format!("\"{}\" is no node of the workflow", request.trigger),
                });
            };
            let mut new = inner
                .new_execution(
                    request.workspace,
                    request.workflow_id,
                    request.version,
                    &prepared,
                    start,
                    request.items,
                    request.mode,
                )
                .await?;
            new.retry_of = request.retry_of;
            new.idempotency = request.idempotency_key.map(|key| Idempotency {
                key: format!("{}/{key}", request.workflow_id),
                fingerprint: request.idempotency_fingerprint,
            });
            let keyed = new.idempotency.is_some();
            // A repeated request gets the end of the execution that the first one started.
            let (answer, again) = if keyed { (None, answer) } else { (answer, None) };
            let started = inner.accept(new, answer).await?;
            if let Some(answer) = again {
                inner.replies.expect(started.execution, answer);
                if let Ok(Some(end)) = inner.stored_end(request.workspace, started.execution).await {
                    inner.replies.finished(&end);
                }
            }
            Ok(started)
        })
    }

    fn wait(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        timeout_ms: u64,
    ) -> BoxFuture<'_, Result<Option<Finished>, RuntimeError>> {
        Box::pin(async move {
            let (sender, end) = oneshot::channel();
            self.inner.replies.expect_end(execution, sender);
            if let Some(end) = self.inner.stored_end(workspace, execution).await.map_err(runtime_error)? {
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
        Box::pin(async move {
            let now = self.inner.services.now();
            match self.inner.store.request_cancel(workspace, execution, now).await.map_err(runtime_error)? {
                CancelAsked::Asked { ready } => {
                    self.inner.queue.push(ready);
                    let running = self.inner.running.lock().expect("nothing panics while it holds the list");
                    if let Some(cancel) = running.get(&execution) {
                        cancel.cancel();
                    }
                    Ok(true)
                }
                CancelAsked::Ended(_) | CancelAsked::Unknown => Ok(false),
            }
        })
    }

    fn retry(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        from: RetryFrom,
    ) -> BoxFuture<'_, Result<ExecutionId, StartError>> {
        Box::pin(async move {
            let inner = &self.inner;
            let loaded = inner.store.load(workspace, execution).await.map_err(start_error)?;
            let Some(loaded) = loaded else {
                return Err(StartError::NotFound("there is no such execution".to_owned()));
            };
            if !loaded.record.status.is_terminal() {
                return Err(StartError::Conflict(
                    "the execution has not ended yet; cancel it first".to_owned(),
                ));
            }
            let mut entries = match from {
                RetryFrom::Start => loaded.entries.iter().take(1).cloned().collect(),
                RetryFrom::Failed => before_failure(&loaded.entries),
            };
            if entries.is_empty() {
                return Err(StartError::NotFound("the data of the execution are not kept".to_owned()));
            }
            let now = inner.services.now();
            if let Some(Event::Started { at, .. }) = entries.first_mut().map(|e| &mut e.event) {
                *at = now;
            }
            let new = NewExecution {
                id: ExecutionId::new(now, uuid::Uuid::new_v4().as_u128()),
                workspace,
                workflow: loaded.record.workflow,
                version: loaded.record.version,
                mode: Mode::Retry,
                parent: None,
                retry_of: Some(execution),
                idempotency: None,
                queue: loaded.record.queue,
                created_at: now,
                entries,
                claimed_by: None,
            };
            inner.accept(new, None).await.map(|s| s.execution)
        })
    }

    fn history(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
    ) -> BoxFuture<'_, Result<Option<ExecutionHistory>, RuntimeError>> {
        Box::pin(async move {
            let found = self.inner.recorded(workspace, execution).await.map_err(runtime_error)?;
            Ok(found.map(|(_, prepared, recorded)| recorded.shown(&prepared)))
        })
    }

    fn is_resume_signature(&self, execution: ExecutionId, signature: &str) -> bool {
        self.inner.services.is_signature(execution, signature)
    }

    fn waiting(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Option<Waiting>, RuntimeError>> {
        Box::pin(async move {
            let workspaces = self.inner.store.workspaces().await.map_err(runtime_error)?;
            for workspace in workspaces {
                let found = self.inner.recorded(workspace, execution).await.map_err(runtime_error)?;
                let Some((record, prepared, recorded)) = found else { continue };
                if record.status.is_terminal() {
                    return Ok(None);
                }
                let machine = &recorded.machine;
                let parked = (0..machine.n_steps()).find(|&s| {
                    matches!(
                        machine.state_of(s),
                        Some(StepState::Parked { wait: linkflow_engine::Wait::Call { .. }, .. })
                    )
                });
                let Some(node) = parked.and_then(|s| machine.node_of(s)) else { return Ok(None) };
                return Ok(Some(Waiting { workspace, node: prepared.node(node).clone() }));
            }
            Ok(None)
        })
    }

    fn resume(
        &self,
        execution: ExecutionId,
        request: Request,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> BoxFuture<'_, Result<Resumption, RuntimeError>> {
        Box::pin(async move {
            let payload = serde_json::to_value(&request).map_err(|e| RuntimeError(e.to_string()))?;
            if let Some(answer) = answer {
                self.inner.replies.expect(execution, answer);
            }
            let now = self.inner.services.now();
            match self
                .inner
                .store
                .wake_by_call(None, execution, now, Some(payload))
                .await
                .map_err(runtime_error)?
            {
                WakeCall::Woken => {
                    self.inner.queue.push([execution]);
                    Ok(Resumption::Resumed)
                }
                WakeCall::NotWaiting(_) => {
                    self.inner.replies.forget(execution);
                    Ok(Resumption::NotWaiting)
                }
                WakeCall::Unknown => {
                    self.inner.replies.forget(execution);
                    Ok(Resumption::NotFound)
                }
            }
        })
    }

    fn subscribe(&self, since: Option<u64>) -> Subscription {
        self.inner.feed.subscribe(since)
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

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async move {
            let queued = self.inner.queue.len();
            let check =
                Check { status: CheckStatus::Ok, latency_ms: 0, message: Some(format!("{queued} waiting")) };
            Health {
                is_ready: !self.inner.draining.load(Ordering::Relaxed),
                checks: vec![("queue".to_owned(), check)],
            }
        })
    }
}

/// The journal up to where the step that ended the execution had not been tried.
fn before_failure(entries: &[Entry]) -> Vec<Entry> {
    let failed = entries.iter().rev().find_map(|e| match e.event {
        Event::Failed { step, retry_at: None, .. } => Some(step),
        _ => None,
    });
    entries
        .iter()
        .filter(|e| match &e.event {
            Event::Started { .. } => true,
            Event::Began { step, .. }
            | Event::Done { step, .. }
            | Event::Failed { step, .. }
            | Event::Parked { step, .. }
            | Event::Woken { step, .. } => Some(*step) != failed,
            Event::Canceled { .. } | Event::TimedOut { .. } | Event::Finished { .. } => false,
        })
        .cloned()
        .collect()
}

fn invalid_or_trouble(error: StoreError) -> StartError {
    match error {
        StoreError::Invalid { field, problem } => {
            StartError::Invalid { field: field.to_string(), problem: problem.to_string() }
        }
        other => start_error(other),
    }
}
