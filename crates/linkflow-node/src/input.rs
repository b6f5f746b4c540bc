//! What a run of a node gets: items, and parameters that are resolved on demand.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use linkflow_expr::params::{ParamError, Part};
use linkflow_expr::{Compiled, Env, Resolved, Scope};
use linkflow_model::{History, Item, Items, Object, Source};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::NodeError;

/// The input of one run, without the type of the parameters.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// All items of each input. Expressions see these.
    pub inputs: Vec<Items>,
    /// The items that the node works on: those of one input, cut to one when it executes once.
    pub items: Items,
    /// Where each input came from.
    pub sources: Vec<Option<Source>>,
    /// Parameters as written.
    pub params: Arc<Object>,
    pub compiled: Arc<Compiled>,
    pub env: Arc<Env>,
    pub history: Arc<History>,
    /// Place of the node in the workflow.
    pub node: usize,
    /// Index of this run among the node's runs.
    pub run: usize,
}

impl RunInput {
    /// The world as the expressions of item `item` see it.
    pub fn scope(&self, item: usize) -> Scope<'_> {
        Scope {
            env: &self.env,
            history: &self.history,
            node: self.node,
            run: self.run,
            inputs: &self.inputs,
            sources: &self.sources,
            item,
            params: &self.params,
        }
    }
}

/// The input of one run of a kind whose parameters are `P`.
pub struct Input<P> {
    run: Arc<RunInput>,
    constant: OnceLock<Arc<P>>,
    params: PhantomData<fn() -> P>,
}

impl<P: DeserializeOwned> Input<P> {
    pub(crate) fn new(run: Arc<RunInput>) -> Input<P> {
        Input { run, constant: OnceLock::new(), params: PhantomData }
    }

    /// The items that the node works on.
    pub fn items(&self) -> &Items {
        &self.run.items
    }

    /// All items of input `index`; none when that input is not connected or empty.
    pub fn input(&self, index: usize) -> &[Item] {
        self.run.inputs.get(index).map_or(&[], |items| items.as_slice())
    }

    pub fn n_inputs(&self) -> usize {
        self.run.inputs.len()
    }

    /// The parameters for item `item`. Free after the first call where nothing depends on the item.
    pub fn params(&self, item: usize) -> Result<Arc<P>, NodeError> {
        if let Some(params) = self.constant.get() {
            return Ok(params.clone());
        }
        let value =
            self.run.compiled.resolve(&self.run.scope(item)).map_err(|e| NodeError::from_param(e, item))?;
        let params = Arc::new(read_params::<P>(&value)?);
        if self.run.compiled.is_const() {
            let _ = self.constant.set(params.clone());
        }
        Ok(params)
    }

    /// One top-level parameter, unresolved: for kinds that work on very many items, or resolve
    /// some parameters only when they need them.
    pub fn part(&self, key: &str) -> Option<Part<'_>> {
        self.run.compiled.get(key)
    }

    /// The value of a part for item `item`.
    pub fn evaluate(&self, part: Part<'_>, item: usize) -> Result<Resolved, NodeError> {
        part.evaluate(&self.run.scope(item)).map_err(|e| NodeError::from_param(e, item))
    }

    /// The top-level parameter `key` for item `item`, read as `T`; `None` where it is not given
    /// or undefined.
    pub fn param<T: DeserializeOwned>(&self, key: &str, item: usize) -> Result<Option<T>, NodeError> {
        let Some(part) = self.part(key) else { return Ok(None) };
        let value = part
            .evaluate(&self.run.scope(item))
            .map_err(|e: ParamError| NodeError::from_param(e.inside(key), item))?;
        match value {
            Resolved::Undefined => Ok(None),
            value => read_params(&value.into_json()).map(Some).map_err(|e| e.inside(key)),
        }
    }

    pub fn scope(&self, item: usize) -> Scope<'_> {
        self.run.scope(item)
    }

    /// Everything, for kinds that hand it on (Code).
    pub fn whole(&self) -> &Arc<RunInput> {
        &self.run
    }
}

/// Reads resolved parameters; an error names the field.
pub fn read_params<P: DeserializeOwned>(value: &Value) -> Result<P, NodeError> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        NodeError::Param {
            param: if path == "." { String::new() } else { path },
            problem: e.into_inner().to_string(),
            item: None,
        }
    })
}
