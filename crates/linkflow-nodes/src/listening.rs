//! What triggers that listen have in common: their parameters, and what they do when run by hand.

use std::sync::{Mutex, PoisonError};

use linkflow_model::{Item, Mode};
use linkflow_node::dial::bounded;
use linkflow_node::input::read_params;
use linkflow_node::trigger::{Ear, ListenFn};
use linkflow_node::{BoxFuture, Ctx, Input, NodeError, Outcome, RunInput};
use serde::de::DeserializeOwned;

/// How long it is listened when somebody runs the node by hand.
const BY_HAND_MS: u64 = 60_000;

/// The parameters of a trigger, which are the same for all that it hears.
pub fn params<P: DeserializeOwned>(input: &RunInput) -> Result<P, NodeError> {
    let value = input
        .compiled
        .resolve(&input.scope(0))
        .map_err(|e| NodeError::param(e.param, e.error.to_string()))?;
    read_params(&value)
}

/// A run of a trigger: what it heard goes on. By hand it waits for the next thing that is heard.
pub async fn run<P: DeserializeOwned>(
    input: &Input<P>,
    ctx: &Ctx,
    listen: ListenFn,
) -> Result<Outcome, NodeError> {
    if ctx.mode != Mode::Manual || !input.items().is_empty() {
        return Ok(Outcome::items(input.items().as_ref().clone()));
    }
    let first = First::default();
    let ended = bounded(ctx, BY_HAND_MS, listen(input.whole().clone(), ctx, &first)).await;
    if let Some(items) = first.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Ok(Outcome::items(items));
    }
    match ended {
        Err(NodeError::TimedOut { .. }) => {
            let seconds = BY_HAND_MS / 1_000;
            Err(NodeError::data(format!("nothing was heard for {seconds} s; say something while it listens")))
        }
        Err(error) | Ok(Err(error)) => Err(error),
        Ok(Ok(())) => Err(NodeError::data("the connection ended before anything was heard")),
    }
}

/// Keeps the first thing that it hears, and then hears no more.
#[derive(Default)]
struct First(Mutex<Option<Vec<Item>>>);

impl Ear for First {
    fn connected(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async { Ok(()) })
    }

    fn heard(&self, items: Vec<Item>) -> BoxFuture<'_, Result<(), NodeError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(items);
        Box::pin(async { Err(NodeError::Canceled) })
    }
}
