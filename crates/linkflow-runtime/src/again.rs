//! One recorded run of a node, once more: with the items that it had then, in the world that it
//! saw then. Nothing is recorded, and nodes with effects outside are left alone.

use std::sync::Arc;

use linkflow_model::{ExecutionId, History, Item, Items, Millis, Mode, Run, Source, WorkflowId, WorkspaceId};
use linkflow_node::kind::Effects;
use linkflow_node::{NodeError, Outcome};
use tokio_util::sync::CancellationToken;

use crate::drive::env_of;
use crate::host::AloneHost;
use crate::prepared::Prepared;
use crate::services::Services;
use crate::step::{Try, finish};

/// A run of a node as it was recorded, perhaps by another program.
#[derive(Clone, Debug)]
pub struct PastRun {
    pub node: String,
    /// Node, run and output from which each input came.
    pub sources: Vec<Option<(String, u32, u32)>>,
    pub outputs: Vec<Vec<Item>>,
}

/// What became of a run that took place once more.
#[derive(Debug)]
pub enum Again {
    Outputs(Vec<Vec<Item>>),
    Failed(NodeError),
    /// It was not run, and why.
    LeftOut(&'static str),
}

/// An execution of the past, of which single runs are done once more.
pub struct Past {
    services: Services,
    prepared: Arc<Prepared>,
    vars: Arc<linkflow_model::Object>,
    history: History,
}

impl Past {
    pub fn new(services: Services, prepared: Arc<Prepared>, vars: Arc<linkflow_model::Object>) -> Past {
        let history = History::new(prepared.shape.clone());
        Past { services, prepared, vars, history }
    }

    /// Adds a run to what those after it see.
    pub fn add(&mut self, past: &PastRun) {
        let Some(node) = self.prepared.index_of(&past.node) else { return };
        let outputs = past.outputs.iter().map(|items| Arc::new(items.clone())).collect();
        let inputs = self.sources(past);
        self.history.push(node as usize, Run { inputs, outputs, ..Run::default() });
    }

    /// Where the inputs came from; what names no run that is known counts as empty.
    fn sources(&self, past: &PastRun) -> Vec<Option<Source>> {
        let source = |from: &Option<(String, u32, u32)>| {
            let (name, run, output) = from.as_ref()?;
            let node = self.prepared.index_of(name)?;
            self.history.runs(node as usize).get(*run as usize)?;
            Some(Source { node, run: *run, output: *output })
        };
        past.sources.iter().map(source).collect()
    }

    /// Does a run again that comes next in the order of the past.
    pub async fn again(&self, past: &PastRun) -> Again {
        let Some(node) = self.prepared.index_of(&past.node) else {
            return Again::LeftOut("the node is not in the workflow any more");
        };
        let inputs = self.sources(past);
        if inputs.iter().all(Option::is_none) {
            return Again::LeftOut("it starts executions");
        }
        let Some(kind) = self.prepared.nodes[node as usize].kind else {
            return Again::LeftOut("there is no kind for it");
        };
        if kind.effects(&self.prepared.node(node).params) == Effects::Outside {
            return Again::LeftOut("it has effects outside");
        }
        self.run(node, inputs).await
    }

    async fn run(&self, node: u32, inputs: Vec<Option<Source>>) -> Again {
        let now = self.services.now();
        let execution = ExecutionId::new(now, 1);
        let given: Vec<Items> = inputs.iter().enumerate().map(|(n, s)| self.given(n, *s)).collect();
        let attempt = Try {
            services: self.services.clone(),
            prepared: self.prepared.clone(),
            host: Arc::new(AloneHost::default()),
            env: Arc::new(env_of(&self.services, &self.prepared, execution, Mode::Manual, self.vars.clone())),
            history: Arc::new(self.history.clone()),
            workspace: WorkspaceId::new(Millis::ZERO, 0),
            workflow: WorkflowId::new(Millis::ZERO, 0),
            execution,
            mode: Mode::Manual,
            use_pins: false,
            step: 0,
            attempt: 1,
            node,
            run: self.history.runs(node as usize).len() as u32,
            inputs,
            began_before: false,
            primed: false,
            resumed: None,
            cancel: CancellationToken::new(),
        };
        match attempt.outcome(&given, now).await {
            Ok(Outcome::Items(outputs)) => {
                let outputs = finish(&self.prepared, node, &given, outputs);
                Again::Outputs(outputs.ports)
            }
            Ok(_) => Again::LeftOut("it waits or calls another workflow"),
            Err(error) => Again::Failed(error),
        }
    }

    /// The items of an input, numbered as a node gets them.
    fn given(&self, input: usize, source: Option<Source>) -> Items {
        let items = source.map(|s| self.history.items(s)).unwrap_or_default();
        let numbered =
            |(i, item): (usize, &Item)| item.clone().with_paired(linkflow_model::Paired::to_input(i, input));
        Arc::new(items.iter().enumerate().map(numbered).collect())
    }
}
