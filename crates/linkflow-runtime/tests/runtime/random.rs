//! Random workflows out of what workflows are made of: branches, joins, effects, tries, waits for
//! times and calls, called workflows, failures.

use linkflow_model::*;
use serde_json::json;

use crate::chance::Chance;
use crate::world::*;

/// A workflow, and what can be said of it beforehand.
pub struct Random {
    pub flow: Flow,
    /// Whether every undisturbed run has the same steps with the same items.
    pub is_sure: bool,
}

pub fn workflow(chance: &mut Chance, child: WorkflowId, handler: WorkflowId) -> Random {
    let n = 2 + chance.below(6);
    let mut edges = Vec::new();
    for to in 1..=n {
        for _ in 0..=chance.below(4) / 3 {
            let from = chance.below(to);
            edges.push(if from == 0 { format!("S>N{to}") } else { format!("N{from}>N{to}") });
        }
    }
    edges.sort();
    edges.dedup();
    let order = if chance.one_in(3) { Order::V1 } else { Order::Parallel };
    let mut made = flow(&edges.join(", ")).order(order);
    let mut is_sure = true;
    for at in 1..=n {
        let name = format!("N{at}");
        if chance.one_in(2) {
            made = made.effect(&name);
        }
        made = behaves(chance, made, &name, child, &mut is_sure);
    }
    made = made.set(|s| s.error_workflow = Some(handler.to_string()));
    // Which of several branches had ended when one failed is a matter of luck.
    is_sure |= order == Order::V1;
    Random { flow: made, is_sure }
}

fn behaves(chance: &mut Chance, flow: Flow, name: &str, child: WorkflowId, is_sure: &mut bool) -> Flow {
    let ms = chance.below(4_000);
    match chance.below(12) {
        0 | 1 => flow.does(name, "fail, ok").retry(name, 2, ms, 1),
        2 => flow.does(name, &format!("park {ms}, told")),
        3 | 4 => flow.does(name, "call, told"),
        5 => flow.does(name, "invoke").param(name, "workflow", json!(child.to_string())),
        6 => flow.does(name, "launch").param(name, "workflow", json!(child.to_string())),
        7 | 8 => flow.does(name, &format!("take {ms}")),
        9 => flow.does(name, "wrong").on_error(name, OnError::ContinueErrorOutput),
        10 if chance.one_in(3) => {
            *is_sure = false;
            flow.does(name, "wrong")
        }
        _ => flow,
    }
}
