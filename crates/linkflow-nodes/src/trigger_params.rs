//! Parameters of triggers, which are asked for before there is an execution: expressions in them
//! see the request or nothing.

use std::sync::Arc;

use linkflow_expr::{Compiled, Env, Scope};
use linkflow_model::{History, Item, Items, Node, Shape};
use linkflow_node::NodeError;
use linkflow_node::input::read_params;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The parameters of `node`, with `item` as the only thing that its expressions see.
pub(crate) fn read<P: DeserializeOwned>(node: &Node, item: Option<&Item>) -> Result<P, NodeError> {
    let compiled = Compiled::of_object(&node.params);
    if compiled.is_const() {
        return read_params(&Value::Object(node.params.clone()));
    }
    let inputs: Vec<Items> = vec![Arc::new(item.cloned().into_iter().collect())];
    let history = History::new(Arc::new(Shape::default()));
    let scope = Scope {
        env: &Env::default(),
        history: &history,
        node: 0,
        run: 0,
        inputs: &inputs,
        sources: &[None],
        item: 0,
        params: &node.params,
    };
    let value = compiled.resolve(&scope).map_err(|e| NodeError::param(e.param, e.error.to_string()))?;
    read_params(&value)
}
