//! Loop Over Items: hands items on in batches, one batch each time it is reached.
//!
//! Nothing is copied from round to round: the state says from which output the items came and
//! which one is next, and both they and what came back are looked up in the record of the
//! execution.

use std::sync::Arc;

use linkflow_model::{Item, Items, Object, Pair, Paired, Source, SourceOverwrite};
use linkflow_node::lenient;
use linkflow_node::{
    Category, Ctx, Example, Input, Node, NodeError, Outcome, Outputs, Ports, Requires, RunInput, Spec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct LoopOverItems;

/// Hands items on in batches, one batch each time it is reached.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// How many items go round at a time.
    #[serde(default = "one", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1))]
    batch_size: i64,
    /// Details.
    #[serde(default)]
    options: Options,
    /// Which outputs there are. Only files from older versions have others than `doneLoop`.
    #[serde(default)]
    layout: Layout,
}

fn one() -> i64 {
    1
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Options {
    /// Whether the items that come in begin a new loop. Mostly an expression: it is asked for each
    /// round.
    #[serde(deserialize_with = "lenient::flag")]
    reset: bool,
}

/// Which outputs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Layout {
    /// First what came out of the loop, then the loop.
    #[default]
    DoneLoop,
    /// First the loop, then what came out of it.
    LoopDone,
    /// Only the loop.
    Loop,
}

impl Node for LoopOverItems {
    const KIND: &'static str = "loop_over_items";
    const SPEC: Spec = Spec {
        title: "Loop Over Items",
        summary: "Hands items on in batches, and all results on when the last batch is back.",
        category: Category::Flow,
        aliases: &["split in batches", "batch", "for each", "iterate", "while"],
        outputs: &["done", "loop"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "The first batch goes into the loop",
            params: r#"{"batchSize": 2}"#,
            input: r#"[{"n": 1}, {"n": 2}, {"n": 3}]"#,
            output: r#"[[], [{"n": 1}, {"n": 2}]]"#,
        },
        Example {
            title: "One at a time",
            params: "{}",
            input: r#"[{"n": 1}, {"n": 2}]"#,
            output: r#"[[], [{"n": 1}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let run = input.whole();
        let before = ctx.state.as_ref().and_then(|s| serde_json::from_value::<State>(s.clone()).ok());
        let (mut state, is_first) = match before {
            Some(state) if !params.options.reset => (state, false),
            _ => (State::begun(run), true),
        };
        let size = usize::try_from(params.batch_size).unwrap_or(0);
        let looped = state.next_batch(run, size, is_first);
        let done = if looped.is_empty() && !is_first { finished(run, state.first_run) } else { Vec::new() };
        state.no_items_left = state.next >= state.total;
        state.current_run_index = run.run.saturating_sub(state.first_run);
        state.max_run_index = state.total.div_ceil(size.max(1));
        let ports = match params.layout {
            Layout::DoneLoop => vec![done, looped],
            Layout::LoopDone => vec![looped, done],
            Layout::Loop => vec![looped],
        };
        let silent = params.layout == Layout::Loop && looped_nothing(&ports);
        let state = serde_json::to_value(&state).ok();
        Ok(Outcome::Items(Outputs { ports, state, silent, ..Outputs::default() }))
    }

    fn ports(params: &Object) -> Ports {
        let outputs: &[&str] = match params.get("layout").and_then(Value::as_str) {
            Some("loopDone") => &["loop", "done"],
            Some("loop") => &["loop"],
            _ => &["done", "loop"],
        };
        Ports {
            inputs: vec!["main".to_owned()],
            outputs: outputs.iter().map(|s| (*s).to_owned()).collect(),
            requires: Requires::Any,
        }
    }
}

fn looped_nothing(ports: &[Vec<Item>]) -> bool {
    ports.iter().all(Vec::is_empty)
}

/// Where a loop stands. Expressions see it as the node's `context`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    /// The run in which the loop began.
    first_run: usize,
    /// The output from which its items came.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    /// The items themselves, where they came from no output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item>,
    total: usize,
    /// Index of the first item that has not gone round yet.
    next: usize,
    no_items_left: bool,
    current_run_index: usize,
    max_run_index: usize,
}

impl State {
    fn begun(run: &RunInput) -> State {
        let source = run.sources.first().copied().flatten();
        // What came along an edge is looked up there; an input cut to one item begins at its start.
        let is_there = source.is_some_and(|s| run.history.items(s).len() >= run.items.len());
        let source = source.filter(|_| is_there);
        let items = if source.is_some() { Vec::new() } else { (*run.items).clone() };
        State {
            first_run: run.run,
            source,
            items,
            total: run.items.len(),
            next: 0,
            no_items_left: false,
            current_run_index: 0,
            max_run_index: 0,
        }
    }

    fn next_batch(&mut self, run: &RunInput, size: usize, is_first: bool) -> Vec<Item> {
        let found: Items;
        let all: &[Item] = match self.source {
            Some(source) => {
                found = run.history.items(source);
                &found
            }
            None => &self.items,
        };
        let end = self.next.saturating_add(size).min(self.total).min(all.len());
        let source = if is_first { None } else { self.source.and_then(|s| overwrite(run, s)) };
        let pair = |i: usize| Paired::One(Pair { item: i as u32, input: 0, source: source.clone() });
        let batch = (self.next..end).map(|i| all[i].clone().with_paired(pair(i))).collect();
        self.next = end.max(self.next);
        batch
    }
}

/// Everything that came back into the loop since it began, with pairs that lead to where it came
/// from.
fn finished(run: &RunInput, first_run: usize) -> Vec<Item> {
    let earlier = run.history.runs(run.node).iter().take(run.run).skip(first_run + 1);
    let mut out = Vec::new();
    for source in earlier.filter_map(|r| r.inputs.first().copied().flatten()) {
        add_back(run, source, &run.history.items(source), &mut out);
    }
    match run.sources.first().copied().flatten() {
        Some(source) => add_back(run, source, &run.items, &mut out),
        None => out.extend(run.items.iter().enumerate().map(|(i, item)| item.clone().paired_with(i))),
    }
    out
}

fn add_back(run: &RunInput, source: Source, items: &[Item], out: &mut Vec<Item>) {
    let source = overwrite(run, source);
    out.extend(items.iter().enumerate().map(|(i, item)| {
        item.clone().with_paired(Paired::One(Pair { item: i as u32, input: 0, source: source.clone() }))
    }));
}

fn overwrite(run: &RunInput, source: Source) -> Option<Arc<SourceOverwrite>> {
    let previous_node = run.history.shape.names.get(source.node as usize)?.clone();
    Some(Arc::new(SourceOverwrite {
        previous_node,
        previous_node_output: source.output,
        previous_node_run: source.run,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_expr::{Compiled, Env};
    use linkflow_model::{Edge, History, Node as WorkflowNode, Run, Shape, Workflow};
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx};
    use serde_json::json;

    /// Drives `S -> Loop -> Body -> Loop`, where the body passes on what `body` makes of a batch.
    struct Loop {
        history: History,
        params: Value,
        state: Option<Value>,
    }

    const S: u32 = 0;
    const LOOP: usize = 1;
    const BODY: u32 = 2;

    impl Loop {
        fn over(items: Vec<Item>, params: Value) -> Loop {
            let node = |name: &str| WorkflowNode { id: name.into(), name: name.into(), ..Default::default() };
            let workflow = Workflow {
                nodes: vec![node("S"), node("Loop"), node("Body")],
                edges: vec![Edge::main("S", 0, "Loop", 0), Edge::main("Body", 0, "Loop", 0)],
                ..Workflow::default()
            };
            let mut history = History::new(Arc::new(Shape::of(&workflow)));
            history.push(S as usize, Run { outputs: vec![Arc::new(items)], ..Run::default() });
            Loop { history, params, state: None }
        }

        async fn round(&mut self) -> Vec<Vec<Item>> {
            let run = self.history.runs(LOOP).len();
            let source = match run {
                0 => Source { node: S, run: 0, output: 0 },
                n => Source { node: BODY, run: n as u32 - 1, output: 0 },
            };
            let items = self.history.items(source);
            let params = Arc::new(self.params.as_object().cloned().unwrap());
            let input = Arc::new(RunInput {
                inputs: vec![items.clone()],
                items,
                sources: vec![Some(source)],
                compiled: Arc::new(Compiled::of_object(&params)),
                params,
                env: Arc::new(Env::default()),
                history: Arc::new(self.history.clone()),
                node: LOOP,
                run,
            });
            let dir = tempfile::tempdir().unwrap();
            let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
            ctx.state = self.state.take();
            let Outcome::Items(out) = NodeKind::of::<LoopOverItems>().run(input, &ctx).await.unwrap() else {
                panic!("items were expected")
            };
            self.state = out.state.clone();
            let outputs: Vec<Items> = out.ports.iter().cloned().map(Arc::new).collect();
            let looped: Vec<Item> =
                outputs[1].iter().enumerate().map(|(i, item)| item.clone().paired_with(i)).collect();
            self.history.push(LOOP, Run { inputs: vec![Some(source)], outputs, ..Run::default() });
            self.history.push(BODY as usize, Run { outputs: vec![Arc::new(looped)], ..Run::default() });
            out.ports
        }
    }

    fn numbers(n: usize) -> Vec<Item> {
        (0..n).map(|i| Item::from_value(json!({ "n": i }))).collect()
    }

    fn show(items: &[Item]) -> Vec<String> {
        let one = |item: &Item| {
            let pair = &item.paired.pairs()[0];
            let from = pair
                .source
                .as_ref()
                .map_or("-".to_owned(), |s| format!("{}{}", s.previous_node, s.previous_node_run));
            format!("{}<{}@{from}", item.json["n"], pair.item)
        };
        items.iter().map(one).collect()
    }

    #[tokio::test]
    async fn items_go_round_in_batches_and_come_out_paired_with_what_came_back() {
        let mut it = Loop::over(numbers(5), json!({"batchSize": 2}));
        assert_eq!(show(&it.round().await[1]), ["0<0@-", "1<1@-"]);
        assert_eq!(show(&it.round().await[1]), ["2<2@S0", "3<3@S0"]);
        assert_eq!(show(&it.round().await[1]), ["4<4@S0"]);
        assert_eq!(it.state.as_ref().unwrap()["noItemsLeft"], true);
        let last = it.round().await;
        assert!(last[1].is_empty());
        assert_eq!(show(&last[0]), ["0<0@Body0", "1<1@Body0", "2<0@Body1", "3<1@Body1", "4<0@Body2"]);
    }

    #[tokio::test]
    async fn the_state_does_not_grow_with_the_items() {
        let mut it = Loop::over(numbers(10_000), json!({"batchSize": 10}));
        it.round().await;
        assert!(it.state.as_ref().unwrap().to_string().len() < 200, "{:?}", it.state);
    }

    #[tokio::test]
    async fn a_reset_begins_anew_with_what_comes_in() {
        let mut it = Loop::over(numbers(3), json!({"batchSize": 2}));
        it.round().await;
        it.params = json!({"batchSize": 1, "options": {"reset": true}});
        assert_eq!(show(&it.round().await[1]), ["0<0@-"]);
        it.params = json!({"batchSize": 1});
        assert_eq!(show(&it.round().await[1]), ["1<1@Body0"]);
    }

    #[tokio::test]
    async fn a_batch_of_none_hands_nothing_on() {
        let mut it = Loop::over(numbers(3), json!({"batchSize": 0}));
        let ports = it.round().await;
        assert!(ports.iter().all(Vec::is_empty));
    }
}
