//! The order in which n8n 2.41.1 ran small random workflows, observed by running it. Each line of
//! `observed.txt` is a workflow as `story.rs` reads it, what each run of each node gave on its
//! outputs (`!` for one that failed and went on), the order, and how the execution ended.

use std::collections::HashMap;
use std::sync::Arc;

use linkflow_engine::{Command, Input, Machine, Outcome, Plan};
use linkflow_model::Millis;

use crate::story::plan;

/// For each node what its runs give: items by output, and whether the run failed.
type Runs = HashMap<String, Vec<(Vec<u32>, bool)>>;

fn read_runs(text: &str) -> Runs {
    let read_run = |text: &str| {
        let outputs = text.split(['[', ']']).filter_map(|n| n.trim().parse().ok()).collect();
        (outputs, text.ends_with('!'))
    };
    let nodes = text.split("; ").filter_map(|node| node.split_once(' '));
    nodes.map(|(name, runs)| (name.to_owned(), runs.split(" / ").map(read_run).collect())).collect()
}

/// Runs the workflow with those results; gives the order and the end.
fn play(plan: Plan, runs: &Runs) -> Result<(String, Outcome), String> {
    let mut machine = Machine::new(Arc::new(plan));
    let name_of = |machine: &Machine, node: u32| machine.plan().nodes[node as usize].name.clone();
    let mut order = vec![name_of(&machine, 0)];
    let outputs = runs[&order[0]][0].0.clone();
    machine.take(Millis(0), Input::Start { node: 0, outputs });
    loop {
        match machine.outstanding()[0] {
            Command::Run { step, attempt, node, run, .. } => {
                let name = name_of(&machine, node);
                let result = runs.get(&name).and_then(|runs| runs.get(run as usize));
                let (outputs, failed) = result.ok_or(format!("after {order:?} ran {name}#{run} as well"))?;
                order.push(name);
                machine.take(
                    Millis(0),
                    Input::Done { step, attempt, outputs: outputs.clone(), failed: *failed },
                );
            }
            Command::End(outcome) => return Ok((order.join(" "), outcome)),
            Command::Sleep { .. } => return Err(format!("stuck after {order:?}")),
        }
    }
}

#[test]
fn nodes_run_in_the_order_that_was_observed() {
    let text = std::env::var("LINKFLOW_OBSERVED").map(|path| std::fs::read_to_string(path).expect("a file"));
    let text = text.as_deref().unwrap_or(include_str!("observed.txt"));
    let mut wrong = Vec::new();
    for line in text.lines() {
        let [graph, runs, order, status] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("what is {line:?}?");
        };
        let outcome = if status == "success" { Outcome::Success } else { Outcome::Error };
        let played = play(plan(graph).expect("a sound workflow"), &read_runs(runs));
        if played != Ok((order.to_owned(), outcome)) {
            wrong.push(format!("{graph}\n  expected {order}, {status}\n  {played:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
