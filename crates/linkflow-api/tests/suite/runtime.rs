//! A runtime that executes nothing: it writes down what it was asked and answers as told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use linkflow_api::runtime::*;
use linkflow_model::{ExecutionId, Item, Millis, Node, RunError, Status, Workflow, WorkflowId, WorkspaceId};
use linkflow_node::http::Http;
use linkflow_node::trigger::Request;
use linkflow_node::{BoxFuture, CheckFn, NodeError, Reply, Secret};
use linkflow_store::{Append, NewExecution, Store, Then};
use tokio::sync::{mpsc, oneshot};

/// How executions go.
#[derive(Clone)]
pub enum Course {
    Succeeds(Vec<Item>),
    Fails(&'static str),
    Replies(Reply),
    /// Nobody answers, and whoever would have is still there.
    Hangs,
    Busy,
}

pub struct FakeRuntime {
    pub store: Store,
    pub course: Mutex<Course>,
    pub started: Mutex<Vec<StartRequest>>,
    pub retried: Mutex<Vec<RetryRequest>>,
    pub published: Mutex<Vec<WorkflowId>>,
    pub resumed: Mutex<Vec<Request>>,
    pub waiting: Mutex<HashMap<ExecutionId, Waiting>>,
    pub problems: Mutex<Vec<Problem>>,
    pub is_ready: Mutex<bool>,
    keys: Mutex<HashMap<String, (ExecutionId, String)>>,
    ended: Mutex<HashMap<ExecutionId, Finished>>,
    hanging: Mutex<Vec<oneshot::Sender<Answer>>>,
    pub feed: Mutex<Vec<Arc<FeedEvent>>>,
    watchers: Mutex<Vec<mpsc::Sender<Arc<FeedEvent>>>>,
    seq: AtomicU64,
}

pub const FEED_REMEMBERED: usize = 8;

impl FakeRuntime {
    pub fn new(store: Store) -> FakeRuntime {
        FakeRuntime {
            store,
            course: Mutex::new(Course::Succeeds(Vec::new())),
            started: Mutex::default(),
            retried: Mutex::default(),
            published: Mutex::default(),
            resumed: Mutex::default(),
            waiting: Mutex::default(),
            problems: Mutex::default(),
            is_ready: Mutex::new(true),
            keys: Mutex::default(),
            ended: Mutex::default(),
            hanging: Mutex::default(),
            feed: Mutex::default(),
            watchers: Mutex::default(),
            seq: AtomicU64::new(100),
        }
    }

    pub fn last_started(&self) -> StartRequest {
        self.started.lock().unwrap().last().expect("something was started").clone()
    }

    /// Ends what hangs.
    pub fn let_go(&self) {
        let end = finished(&Course::Succeeds(vec![Item::default()]), ExecutionId(uuid::Uuid::nil()), "Hook");
        for answer in self.hanging.lock().unwrap().drain(..) {
            let _ = answer.send(Answer::Finished(end.clone()));
        }
    }

    pub fn n_watchers(&self) -> usize {
        let mut watchers = self.watchers.lock().unwrap();
        watchers.retain(|watcher| !watcher.is_closed());
        watchers.len()
    }

    fn answer(&self, course: &Course, finished: &Finished, answer: Option<oneshot::Sender<Answer>>) {
        let Some(answer) = answer else { return };
        match course {
            Course::Replies(reply) => drop(answer.send(Answer::Reply(reply.clone()))),
            Course::Hangs => self.hanging.lock().unwrap().push(answer),
            _ => drop(answer.send(Answer::Finished(finished.clone()))),
        }
    }

    async fn accept(&self, request: &StartRequest, id: ExecutionId, finished: &Finished, hangs: bool) {
        let now = Millis(1_700_000_000_000);
        let key = self.store.register_worker(now, 60_000, serde_json::Value::Null);
        let key = key.await.unwrap();
        self.store
            .accept(NewExecution {
                id,
                workspace: request.workspace,
                workflow: request.workflow_id,
                version: request.version.into(),
                mode: request.mode,
                parent: None,
                retry_of: request.retry_of,
                idempotency: None,
                queue: "default".to_owned(),
                created_at: now,
                entries: Vec::new(),
            })
            .await
            .unwrap();
        let claim = self.store.claim(&key, vec![id], now).await.unwrap()[0].claim;
        if hangs {
            return;
        }
        let end = Append {
            execution: id,
            claim,
            takes: false,
            seq: 0,
            entries: Vec::new(),
            started_at: Some(now),
            then: Then::Finish {
                status: finished.status,
                error: finished.error.as_ref().map(|e| e.message.clone()),
                error_node: finished.error.as_ref().and_then(|e| e.node.clone()),
                keep_data: true,
                custom_data: None,
            },
        };
        self.store.append(&key, end).await.unwrap();
    }
}

fn finished(course: &Course, id: ExecutionId, trigger: &str) -> Finished {
    let (status, error, items) = match course {
        Course::Fails(message) => {
            let error = ExecutionError { message: (*message).to_owned(), node: Some("Broken".to_owned()) };
            (Status::Error, Some(error), Vec::new())
        }
        Course::Succeeds(items) => (Status::Success, None, items.clone()),
        _ => (Status::Success, None, Vec::new()),
    };
    let run = NodeRun {
        outputs: vec![Arc::new(items.clone())],
        error: error.as_ref().map(|e| RunError {
            message: e.message.clone(),
            description: None,
            param: None,
            item: None,
            http_code: None,
        }),
    };
    let nodes = vec![(trigger.to_owned(), vec![run])];
    Finished { execution: id, status, error, last_node_items: items, nodes }
}

impl Runtime for FakeRuntime {
    fn start(
        &self,
        request: StartRequest,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> BoxFuture<'_, Result<Started, StartError>> {
        Box::pin(async move {
            let course = self.course.lock().unwrap().clone();
            if matches!(course, Course::Busy) {
                return Err(StartError::Busy { retry_after_ms: 1_500 });
            }
            if let Some(key) = &request.idempotency_key
                && let Some((id, fingerprint)) = self.keys.lock().unwrap().get(key).cloned()
            {
                if fingerprint != request.idempotency_fingerprint {
                    return Err(StartError::Conflict("the key was used for another request".to_owned()));
                }
                let finished = self.ended.lock().unwrap()[&id].clone();
                self.answer(&course, &finished, answer);
                return Ok(Started { execution: id, is_new: false });
            }
            let id = ExecutionId(uuid::Uuid::now_v7());
            let end = finished(&course, id, &request.trigger);
            self.accept(&request, id, &end, matches!(course, Course::Hangs)).await;
            if let Some(key) = &request.idempotency_key {
                let seen = (id, request.idempotency_fingerprint.clone());
                self.keys.lock().unwrap().insert(key.clone(), seen);
            }
            if !matches!(course, Course::Hangs) {
                self.ended.lock().unwrap().insert(id, end.clone());
            }
            self.started.lock().unwrap().push(request);
            self.answer(&course, &end, answer);
            Ok(Started { execution: id, is_new: true })
        })
    }

    fn wait(
        &self,
        _: WorkspaceId,
        execution: ExecutionId,
        _: u64,
    ) -> BoxFuture<'_, Result<Option<Finished>, RuntimeError>> {
        Box::pin(async move { Ok(self.ended.lock().unwrap().get(&execution).cloned()) })
    }

    fn cancel(&self, _: WorkspaceId, id: ExecutionId) -> BoxFuture<'_, Result<bool, RuntimeError>> {
        Box::pin(async move { Ok(!self.ended.lock().unwrap().contains_key(&id)) })
    }

    fn retry(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        retry: RetryRequest,
    ) -> BoxFuture<'_, Result<ExecutionId, StartError>> {
        Box::pin(async move {
            let mut request = self.last_started();
            request.workspace = workspace;
            request.retry_of = Some(execution);
            request.idempotency_key = None;
            self.retried.lock().unwrap().push(retry);
            self.start(request, None).await.map(|started| started.execution)
        })
    }

    fn history(
        &self,
        _: WorkspaceId,
        execution: ExecutionId,
    ) -> BoxFuture<'_, Result<Option<Arc<ExecutionHistory>>, RuntimeError>> {
        Box::pin(async move {
            let Some(finished) = self.ended.lock().unwrap().get(&execution).cloned() else { return Ok(None) };
            let run = |(name, runs): (String, Vec<NodeRun>)| {
                let runs = runs.into_iter().enumerate().map(|(n, run)| StepRun {
                    step: n as u32,
                    run: n as u32,
                    status: if run.error.is_some() { RunStatus::Error } else { RunStatus::Success },
                    started_at: Some(Millis(1)),
                    ended_at: Some(Millis(2)),
                    inputs: vec![None, Some(RunSource { node: "Before".to_owned(), run: 0, output: 1 })],
                    outputs: run.outputs,
                    failed_tries: vec![FailedTry {
                        attempt: 1,
                        started_at: None,
                        ended_at: Millis(1),
                        error: linkflow_node::NodeError::data("not yet").to_run_error(),
                    }],
                    error: run.error,
                    logs: vec!["a line".to_owned()],
                });
                (name, runs.collect())
            };
            Ok(Some(Arc::new(ExecutionHistory {
                workflow: self.last_started().workflow,
                order: finished.nodes.iter().map(|(name, _)| name.clone()).collect(),
                runs: finished.nodes.into_iter().map(run).collect(),
            })))
        })
    }

    fn form_address(&self, execution: ExecutionId) -> String {
        format!("http://here/form-waiting/{execution}?signature=good")
    }

    fn is_resume_signature(&self, _: ExecutionId, signature: &str) -> bool {
        signature == "right"
    }

    fn waiting(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Option<Waiting>, RuntimeError>> {
        Box::pin(async move { Ok(self.waiting.lock().unwrap().get(&execution).cloned()) })
    }

    fn resume(
        &self,
        execution: ExecutionId,
        request: Request,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> BoxFuture<'_, Result<Resumption, RuntimeError>> {
        Box::pin(async move {
            if self.waiting.lock().unwrap().remove(&execution).is_none() {
                return Ok(Resumption::NotWaiting);
            }
            self.resumed.lock().unwrap().push(request);
            let course = self.course.lock().unwrap().clone();
            self.answer(&course, &finished(&course, execution, "Wait"), answer);
            Ok(Resumption::Resumed)
        })
    }

    fn subscribe(&self, since: Option<u64>) -> BoxFuture<'_, Subscription> {
        let (sender, events) = mpsc::channel(FEED_REMEMBERED * 2);
        let feed = self.feed.lock().unwrap();
        let seq = self.seq.load(Ordering::SeqCst);
        let oldest = feed.first().map_or(seq + 1, |event| event.seq);
        let is_gap = since.is_some_and(|since| since + 1 < oldest || since > seq);
        if let (Some(since), false) = (since, is_gap) {
            for event in feed.iter().filter(|event| event.seq > since) {
                sender.try_send(event.clone()).unwrap();
            }
        }
        self.watchers.lock().unwrap().push(sender);
        let subscription = Subscription { events, seq, is_gap, is_live: true, is_shared: false };
        Box::pin(std::future::ready(subscription))
    }

    fn tell(&self, event: NewFeedEvent) {
        let mut feed = self.feed.lock().unwrap();
        let seq = self.seq.fetch_add(1, Ordering::SeqCst) + 1;
        let event = Arc::new(FeedEvent {
            seq,
            kind: event.kind,
            at: Millis(1_700_000_000_000),
            workspace: event.workspace,
            execution: event.execution,
            workflow: event.workflow,
            data: Arc::new(event.data),
        });
        feed.push(event.clone());
        if feed.len() > FEED_REMEMBERED {
            feed.remove(0);
        }
        self.watchers.lock().unwrap().retain(|watcher| watcher.try_send(event.clone()).is_ok());
    }

    fn published_changed(
        &self,
        _: WorkspaceId,
        workflow: WorkflowId,
    ) -> BoxFuture<'_, Result<(), RuntimeError>> {
        Box::pin(async move {
            self.published.lock().unwrap().push(workflow);
            Ok(())
        })
    }

    fn plan_check(&self, _: &Workflow) -> Vec<Problem> {
        self.problems.lock().unwrap().clone()
    }

    fn check_credential(
        &self,
        _: WorkspaceId,
        _: CheckFn,
        secret: Secret,
    ) -> BoxFuture<'_, Result<String, NodeError>> {
        Box::pin(async move {
            match secret.get("host") {
                Some("there") => Ok("it answers".to_owned()),
                _ => Err(NodeError::Credential("nobody answers".to_owned())),
            }
        })
    }

    fn http(&self) -> Http {
        Http::for_tests()
    }

    fn signature(&self, text: &str) -> String {
        hex::encode(linkflow_api::token_hash(&format!("key/{text}")))
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async move {
            let check = Check { status: CheckStatus::Ok, latency_ms: 0, message: None };
            Health { is_ready: *self.is_ready.lock().unwrap(), checks: vec![("queue".to_owned(), check)] }
        })
    }
}

/// A node of this kind that waits for a call.
pub fn waiting(workspace: WorkspaceId, node: Node) -> Waiting {
    Waiting { workspace, node, files: Default::default() }
}
