//! What nodes ask of the shell: credentials, answers, kept values, progress.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use linkflow_model::{ExecutionId, Object, WorkflowId, WorkspaceId};
use linkflow_node::table::TableCall;
use linkflow_node::{BoxFuture, Host, NodeError, Reply, Secret};
use linkflow_store::Store;
use serde_json::Value;

use crate::prepared::Prepared;
use crate::shell::Inner;
use crate::static_data::{Draft, is_static};

/// The host of a node of an execution that the store knows.
pub struct StoreHost {
    pub inner: Arc<Inner>,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub execution: ExecutionId,
    pub prepared: Arc<Prepared>,
    /// Place of the node in the workflow.
    pub node: u32,
    pub step: u32,
    pub said: Arc<Said>,
    pub draft: Arc<Draft>,
}

/// What steps have answered and is not in the journal yet.
#[derive(Default)]
pub struct Said(Mutex<Vec<(u32, Value)>>, AtomicBool);

impl Said {
    /// The answer of a step, for its entry.
    pub fn take(&self, step: u32) -> Option<Value> {
        let mut said = self.0.lock().expect("nothing panics while it holds the answers");
        let at = said.iter().position(|(of, _)| *of == step)?;
        Some(said.swap_remove(at).1)
    }

    /// Whether there was an answer that could not be sent, and is to be read from the journal.
    pub fn take_unsent(&self) -> bool {
        self.1.swap(false, Ordering::Relaxed)
    }

    fn note(&self, step: u32, reply: Value, is_sent: bool) {
        self.0.lock().expect("nothing panics while it holds the answers").push((step, reply));
        self.1.fetch_or(!is_sent, Ordering::Relaxed);
    }
}

impl StoreHost {
    /// The static data that came with the file which the workflow was read from.
    fn brought_along(&self, key: &str) -> Option<Value> {
        self.prepared.workflow.origin.as_ref()?.get("staticData")?.get(key).cloned()
    }
}

impl Host for StoreHost {
    fn credential<'a>(&'a self, slot: &'a str) -> BoxFuture<'a, Result<Secret, NodeError>> {
        Box::pin(async move {
            let chosen = self.prepared.node(self.node).credentials.get(slot);
            let id = chosen.and_then(|c| c.id.as_ref()).and_then(|id| id.parse().ok());
            let Some(id) = id else {
                return Err(NodeError::Credential(format!("no credential is chosen for `{slot}`")));
            };
            // The node's own reference is looked up in the execution's workspace only, so an id
            // of another workspace finds nothing.
            match self.inner.store.open_credential(&self.inner.keyring, self.workspace, id).await {
                Ok(Some((row, fields))) if row.kind == slot => Ok(Secret::new(fields.0)),
                Ok(Some((row, _))) => Err(NodeError::Credential(format!(
                    "the credential \"{}\" is of type `{}`, `{slot}` is needed",
                    row.name, row.kind
                ))),
                Ok(None) => {
                    Err(NodeError::Credential(format!("the credential chosen for `{slot}` does not exist")))
                }
                Err(e) => Err(store_trouble(&e)),
            }
        })
    }

    fn reply<'a>(&'a self, reply: Reply) -> BoxFuture<'a, Result<bool, NodeError>> {
        Box::pin(async move {
            let is_here = self.inner.replies.is_expected(self.execution);
            if is_here || self.inner.hints.is_local() {
                return Ok(self.inner.replies.reply(self.execution, reply));
            }
            let noted = serde_json::to_value(&reply).map_err(|e| NodeError::data(e.to_string()))?;
            let is_sent = self.inner.hints.reply(self.execution, reply).await;
            self.said.note(self.step, noted, is_sent);
            Ok(true)
        })
    }

    fn kept<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Value>, NodeError>> {
        Box::pin(async move {
            if let Some(changed) = self.draft.get(key) {
                return Ok(Some(changed));
            }
            let kept = self.inner.store.kept(self.workspace, self.workflow, key.to_owned()).await;
            match kept.map_err(|e| store_trouble(&e))? {
                None if is_static(key) => Ok(self.brought_along(key)),
                kept => Ok(kept),
            }
        })
    }

    fn keep<'a>(&'a self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async move {
            if is_static(key) {
                Store::check_kept(&value).map_err(|e| NodeError::data(e.to_string()))?;
                self.draft.put(self.step, key, value);
                return Ok(());
            }
            let now = self.inner.services.now();
            self.inner
                .store
                .keep(self.workspace, self.workflow, key.to_owned(), value, now)
                .await
                .map_err(|e| store_trouble(&e))
        })
    }

    fn tables(&self, call: TableCall) -> BoxFuture<'_, Result<Vec<Object>, NodeError>> {
        let now = self.inner.services.now();
        Box::pin(crate::tables::call(&self.inner.store, self.workspace, now, call))
    }

    fn progress(&self, _message: &str) {}
}

/// Trouble of the store, as a node that needed it tells it.
pub fn store_trouble(error: &linkflow_store::StoreError) -> NodeError {
    NodeError::Unavailable {
        service: "the store".to_owned(),
        cause: error.to_string(),
        retry_after_ms: None,
        item: None,
    }
}

/// The host of an execution without a server.
#[derive(Default)]
pub struct AloneHost {
    kept: Mutex<BTreeMap<String, Value>>,
}

impl Host for AloneHost {
    fn credential<'a>(&'a self, slot: &'a str) -> BoxFuture<'a, Result<Secret, NodeError>> {
        Box::pin(async move {
            Err(NodeError::Credential(format!(
                "there are no credentials without a server, and this node needs one for `{slot}`"
            )))
        })
    }

    fn reply<'a>(&'a self, _reply: Reply) -> BoxFuture<'a, Result<bool, NodeError>> {
        Box::pin(async { Ok(false) })
    }

    fn kept<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Value>, NodeError>> {
        Box::pin(async move { Ok(self.kept.lock().ok().and_then(|k| k.get(key).cloned())) })
    }

    fn keep<'a>(&'a self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async move {
            if let Ok(mut kept) = self.kept.lock() {
                kept.insert(key.to_owned(), value);
            }
            Ok(())
        })
    }

    fn progress(&self, _message: &str) {}
}
