//! Test addresses: open while somebody watches in the editor, in this process only.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Method;
use linkflow_model::{Millis, Object, Workflow, WorkflowId, WorkspaceId};
use linkflow_store::NewWebhook;

use super::find::{Looked, Table, Target};

/// The most workflows whose test addresses are open at once.
const OPEN_MAX: usize = 1_000;

/// A workflow whose test addresses are open.
pub struct Listen {
    pub workspace: WorkspaceId,
    pub workflow_id: WorkflowId,
    pub version: u32,
    pub workflow: Arc<Workflow>,
    pub routes: Vec<NewWebhook>,
    pub until: Millis,
}

/// All that are open.
#[derive(Default)]
pub struct Listens(Mutex<Vec<Listen>>);

impl Listens {
    /// Opens addresses; those of the same workflow that were open are replaced.
    pub fn open(&self, listen: Listen, now: Millis) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| other.workflow_id != listen.workflow_id && other.until > now);
        if open.len() >= OPEN_MAX {
            open.remove(0);
        }
        open.push(listen);
    }

    pub fn stop(&self, workflow: WorkflowId) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|listen| listen.workflow_id != workflow);
    }

    /// Who listens at this address; of several, whoever began last.
    pub fn look(&self, now: Millis, method: &Method, segments: &[String]) -> Looked {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::default();
        for listen in open.iter().rev().filter(|listen| listen.until > now) {
            for route in &listen.routes {
                let target = Target {
                    workspace: listen.workspace,
                    workflow_id: listen.workflow_id,
                    version: listen.version,
                    node: route.node.clone(),
                    workflow: Some(listen.workflow.clone()),
                    params: Object::new(),
                };
                table.add(&route.method, &route.path, target);
            }
        }
        table.look(method, segments)
    }
}
