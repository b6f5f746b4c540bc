//! What an expression reaches: items of the input, of other nodes, and the item of another node
//! from which this one was made. Both ways of evaluating ask here.

use std::cell::RefCell;
use std::sync::Arc;

use linkflow_model::{History, Item, Items, Pair, Run, Shape, Source};

use crate::{ExprError, Scope};

/// More steps back than any real workflow has; ends a chain that goes round.
const STEPS_MAX: usize = 10_000;

/// The input that the node works on: the first that has items.
pub(crate) fn active_input(scope: &Scope<'_>) -> usize {
    scope.inputs.iter().position(|items| !items.is_empty()).unwrap_or(0)
}

/// The items of the active input.
pub(crate) fn input_items<'a>(scope: &Scope<'a>) -> &'a [Item] {
    scope.inputs.get(active_input(scope)).map_or(&[], |items| items.as_slice())
}

/// The same for `$input`, which fails where there is none.
pub(crate) fn some_input<'a>(scope: &Scope<'a>) -> Result<&'a [Item], ExprError> {
    match input_items(scope) {
        [] => Err(ExprError::Function("this node has no input items".to_owned())),
        items => Ok(items),
    }
}

/// The item that is asked for.
pub(crate) fn current_item<'a>(scope: &Scope<'a>) -> Option<&'a Item> {
    input_items(scope).get(scope.item)
}

/// Place of the node called `name`.
pub(crate) fn node_named(scope: &Scope<'_>, name: &str) -> Result<usize, ExprError> {
    scope.history.shape.node(name).ok_or_else(|| ExprError::UnknownNode(name.to_owned()))
}

fn name_of(history: &History, node: usize) -> String {
    history.shape.names.get(node).cloned().unwrap_or_default()
}

/// A run of another node: the last one, or the one with this index.
fn run_of<'a>(scope: &Scope<'a>, node: usize, run: Option<usize>) -> Result<&'a Run, ExprError> {
    let runs = scope.history.runs(node);
    let Some(last) = runs.last() else {
        return Err(ExprError::NotRun(name_of(scope.history, node)));
    };
    match run {
        None => Ok(last),
        Some(index) => runs.get(index).map(|r| &**r).ok_or_else(|| {
            let name = name_of(scope.history, node);
            ExprError::Function(format!("node \"{name}\" has no run {index}, it ran {} times", runs.len()))
        }),
    }
}

/// The items of an output of another node; without `output`, of the one that leads to the node
/// that asks.
pub(crate) fn node_items<'a>(
    scope: &Scope<'a>,
    name: &str,
    output: Option<usize>,
    run: Option<usize>,
) -> Result<&'a [Item], ExprError> {
    let node = node_named(scope, name)?;
    let found = run_of(scope, node, run)?;
    match output {
        Some(index) if index > 0 && index >= found.outputs.len() => Err(ExprError::Function(format!(
            "node \"{name}\" has no output {index}, it has {}",
            found.outputs.len()
        ))),
        Some(index) => Ok(items_of(found, index)),
        None => {
            let towards = output_towards(&scope.history.shape, node, scope.node).unwrap_or(0) as usize;
            Ok(items_of(found, towards))
        }
    }
}

/// A search through the workflow, and what it found. Holding the shape keeps its address its own.
type Found = (Arc<Shape>, usize, usize, Option<u32>);

thread_local! {
    /// The searches done last: the items of a node ask the same question one after the other.
    static TOWARDS: RefCell<Vec<Found>> = const { RefCell::new(Vec::new()) };
}

fn output_towards(shape: &Arc<Shape>, from: usize, to: usize) -> Option<u32> {
    const KEPT_MAX: usize = 8;
    TOWARDS.with_borrow_mut(|kept| {
        let known = kept.iter().find(|(s, f, t, _)| Arc::ptr_eq(s, shape) && (*f, *t) == (from, to));
        if let Some((.., output)) = known {
            return *output;
        }
        let output = shape.output_towards(from, to);
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push((shape.clone(), from, to, output));
        output
    })
}

fn items_of(run: &Run, output: usize) -> &[Item] {
    run.outputs.get(output).map_or(&[], |items: &Items| items.as_slice())
}

/// The item of `name` that has the same index as the asking one, as `$node["..."]` shows it.
pub(crate) fn same_index<'a>(scope: &Scope<'a>, name: &str, index: usize) -> Result<&'a Item, ExprError> {
    let items = node_items(scope, name, None, None)?;
    if items.is_empty() {
        return Err(ExprError::NotRun(name.to_owned()));
    }
    items.get(index).ok_or_else(|| {
        let n = items.len();
        ExprError::Function(format!("node \"{name}\" has {n} items, item {index} does not exist"))
    })
}

/// Whether the node has run.
pub(crate) fn is_executed(scope: &Scope<'_>, name: &str) -> Result<bool, ExprError> {
    Ok(!scope.history.runs(node_named(scope, name)?).is_empty())
}

/// The one item of `name` from which item `index` of the input was made.
pub(crate) fn paired_item<'a>(scope: &Scope<'a>, name: &str, index: usize) -> Result<&'a Item, ExprError> {
    let target = node_named(scope, name)?;
    if scope.history.runs(target).is_empty() {
        return Err(ExprError::NotRun(name.to_owned()));
    }
    let no = |why: String| ExprError::Pairing { node: name.to_owned(), why };
    let Some(source) = scope.sources.get(active_input(scope)).copied().flatten() else {
        return Err(no("this node has no input".to_owned()));
    };
    let mut search = Search { history: scope.history, target, found: None, steps: 0, why: None };
    search.follow(source, index).map_err(|why| no(why.to_owned()))?;
    match search.found {
        Some((_, item)) => Ok(item),
        None => Err(no(search.why.unwrap_or_else(|| "it is not upstream of this node".to_owned()))),
    }
}

/// Where an item is: output and index.
type Place = (Source, usize);

struct Search<'a> {
    history: &'a History,
    target: usize,
    found: Option<(Place, &'a Item)>,
    steps: usize,
    /// The first reason why a trace was lost.
    why: Option<String>,
}

impl<'a> Search<'a> {
    /// Follows item `index` of `source` back to the target. Loops instead of calling itself where
    /// there is one way only, because chains can be long.
    fn follow(&mut self, mut source: Source, mut index: usize) -> Result<(), &'static str> {
        loop {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err("the chain of items is too long");
            }
            let Some((run, item)) = self.item_at(source, index) else { return Ok(()) };
            if source.node as usize == self.target {
                return self.found_at((source, index), item);
            }
            match item.paired.pairs() {
                [] => {
                    self.lose(|h| {
                        format!("\"{}\" does not say from which item it made this one", node_name(h, source))
                    });
                    return Ok(());
                }
                [pair] => match self.back(run, source, pair) {
                    Some(next) => (source, index) = (next, pair.item as usize),
                    None => return Ok(()),
                },
                pairs => {
                    for pair in pairs {
                        if let Some(next) = self.back(run, source, pair) {
                            self.follow_branch(next, pair.item as usize)?;
                        }
                    }
                    return Ok(());
                }
            }
        }
    }

    /// One of several ways; bounded in depth, because it recurses.
    fn follow_branch(&mut self, source: Source, index: usize) -> Result<(), &'static str> {
        self.steps += STEPS_MAX / 100;
        let result = self.follow(source, index);
        self.steps = self.steps.saturating_sub(STEPS_MAX / 100 - 1);
        result
    }

    fn item_at(&mut self, source: Source, index: usize) -> Option<(&'a Run, &'a Item)> {
        let history: &'a History = self.history;
        let run = history.runs(source.node as usize).get(source.run as usize)?;
        let item = run.outputs.get(source.output as usize).and_then(|items| items.get(index));
        if item.is_none() {
            self.lose(|h| format!("\"{}\" has no item {index} in that run", node_name(h, source)));
        }
        Some((run, item?))
    }

    /// The output to which a pair of an item of `run` refers.
    fn back(&mut self, run: &Run, at: Source, pair: &Pair) -> Option<Source> {
        if let Some(overwrite) = &pair.source {
            return Some(Source {
                node: self.history.shape.node(&overwrite.previous_node)? as u32,
                run: overwrite.previous_node_run,
                output: overwrite.previous_node_output,
            });
        }
        let source = run.inputs.get(pair.input as usize).copied().flatten();
        if source.is_none() && !run.inputs.is_empty() {
            self.lose(|h| format!("\"{}\" refers to an input that it did not have", node_name(h, at)));
        }
        source
    }

    fn found_at(&mut self, place: Place, item: &'a Item) -> Result<(), &'static str> {
        match &self.found {
            Some((before, _)) if *before != place => Err("several of its items do"),
            _ => {
                self.found = Some((place, item));
                Ok(())
            }
        }
    }

    fn lose(&mut self, why: impl FnOnce(&History) -> String) {
        if self.why.is_none() {
            self.why = Some(why(self.history));
        }
    }
}

fn node_name(history: &History, source: Source) -> String {
    name_of(history, source.node as usize)
}
