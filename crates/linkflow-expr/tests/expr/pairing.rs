//! `$("Node").item`: which item of another node belongs to this one.

use std::sync::Arc;

use linkflow_expr::{Env, Scope, Template};
use linkflow_model::{
    Edge, History, Item, Node, Object, Pair, Paired, Run, Shape, Source, SourceOverwrite, Workflow,
};
use serde_json::json;

/// A record of runs: names, edges as (from, output, to, input), and runs in order.
struct World {
    history: History,
    names: Vec<&'static str>,
}

impl World {
    fn new(names: &[&'static str], edges: &[(&str, u32, &str, u32)]) -> World {
        let node = |n: &&str| Node { id: (*n).into(), name: (*n).into(), ..Node::default() };
        let workflow = Workflow {
            nodes: names.iter().map(node).collect(),
            edges: edges.iter().map(|(f, o, t, i)| Edge::main(*f, *o, *t, *i)).collect(),
            ..Workflow::default()
        };
        World { history: History::new(Arc::new(Shape::of(&workflow))), names: names.to_vec() }
    }

    fn source(&self, name: &str, run: u32, output: u32) -> Source {
        let node = self.names.iter().position(|n| *n == name).unwrap() as u32;
        Source { node, run, output }
    }

    /// A run of `name`: where its inputs came from, and its outputs as (id, pairing).
    fn ran(mut self, name: &str, inputs: &[(&str, u32, u32)], outputs: &[&[(i32, Paired)]]) -> World {
        let inputs = inputs.iter().map(|(n, r, o)| Some(self.source(n, *r, *o))).collect();
        let items = |list: &&[(i32, Paired)]| {
            let item = |(id, paired): &(i32, Paired)| {
                Item::from_value(json!({"id": id})).with_paired(paired.clone())
            };
            Arc::new(list.iter().map(item).collect::<Vec<_>>())
        };
        let node = self.source(name, 0, 0).node as usize;
        self.history
            .push(node, Run { inputs, outputs: outputs.iter().map(items).collect(), ..Run::default() });
        self
    }

    /// What `code` gives to item `item` of the last node, fed from an output.
    fn check(&self, from: (&str, u32, u32), item: usize, code: &str, expected: &str) {
        let source = self.source(from.0, from.1, from.2);
        let inputs = [self.history.items(source)];
        let (env, params) = (Env::default(), Object::new());
        let scope = Scope {
            env: &env,
            history: &self.history,
            node: self.names.len() - 1,
            run: 0,
            inputs: &inputs,
            sources: &[Some(source)],
            item,
            params: &params,
        };
        let value = Template::parse(&format!("{{{{ {code} }}}}")).and_then(|t| t.evaluate(&scope));
        let text = match value {
            Ok(value) => value.into_json().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(text.contains(expected), "{code} for item {item}: {text}, not {expected}");
    }
}

fn to(item: usize) -> Paired {
    Paired::to(item)
}

fn none() -> Paired {
    Paired::Unknown
}

#[test]
fn an_item_is_followed_back_through_filters_and_splits() {
    let world = World::new(
        &["A", "Filter", "Split", "Ask"],
        &[("A", 0, "Filter", 0), ("Filter", 0, "Split", 0), ("Split", 0, "Ask", 0)],
    )
    .ran("A", &[], &[&[(1, none()), (2, none()), (3, none())]])
    .ran("Filter", &[("A", 0, 0)], &[&[(1, to(0)), (3, to(2))]])
    .ran("Split", &[("Filter", 0, 0)], &[&[(10, to(0)), (31, to(1)), (32, to(1))]]);
    for code in ["$('A').item.json.id", "[$('A').item].map(i => i.json.id)[0]", "$('A').pairedItem().json.id"]
    {
        world.check(("Split", 0, 0), 0, code, "1");
        world.check(("Split", 0, 0), 2, code, "3");
    }
    world.check(("Split", 0, 0), 0, "$('A').itemMatching(1).json.id", "3");
    world.check(("Split", 0, 0), 1, "$('Split').item.json.id", "31");
    world.check(("Split", 0, 0), 1, "$node['A'].json.id", "2");
}

#[test]
fn several_items_are_an_error_that_says_why_unless_they_are_the_same() {
    let pair = |item, input| Pair { item, input, source: None };
    let world = World::new(&["A", "Sum", "Ask"], &[("A", 0, "Sum", 0), ("Sum", 0, "Ask", 0)])
        .ran("A", &[], &[&[(1, none()), (2, none())]])
        .ran(
            "Sum",
            &[("A", 0, 0)],
            &[&[
                (3, Paired::Many(vec![pair(0, 0), pair(1, 0)])),
                (4, Paired::Many(vec![pair(1, 0), pair(1, 0)])),
                (5, none()),
                (6, to(9)),
            ]],
        );
    world.check(("Sum", 0, 0), 0, "$('A').item.json.id", "several");
    world.check(("Sum", 0, 0), 1, "$('A').item.json.id", "2");
    world.check(("Sum", 0, 0), 2, "$('A').item.json.id", "\"Sum\" does not say");
    world.check(("Sum", 0, 0), 3, "$('A').item.json.id", "\"A\" has no item 9");
}

#[test]
fn a_merged_item_belongs_to_items_of_both_sides() {
    let both = |a, b| {
        Paired::Many(vec![Pair { item: a, ..Pair::default() }, Pair { item: b, input: 1, source: None }])
    };
    let world = World::new(
        &["A", "B", "Merge", "Ask"],
        &[("A", 0, "Merge", 0), ("B", 0, "Merge", 1), ("Merge", 0, "Ask", 0)],
    )
    .ran("A", &[], &[&[(1, none()), (2, none())]])
    .ran("B", &[], &[&[(10, none()), (20, none())]])
    .ran("Merge", &[("A", 0, 0), ("B", 0, 0)], &[&[(0, both(0, 1)), (0, both(1, 0))]]);
    world.check(("Merge", 0, 0), 0, "$('A').item.json.id", "1");
    world.check(("Merge", 0, 0), 0, "$('B').item.json.id", "20");
    world.check(("Merge", 0, 0), 1, "$('B').item.json.id", "10");
}

#[test]
fn in_a_loop_pairs_follow_the_output_that_they_name() {
    let overwrite = |item| {
        Paired::One(Pair {
            item,
            input: 0,
            source: Some(Arc::new(SourceOverwrite {
                previous_node: "A".into(),
                previous_node_output: 0,
                previous_node_run: 0,
            })),
        })
    };
    let world = World::new(
        &["A", "Loop", "Work", "Ask"],
        &[("A", 0, "Loop", 0), ("Loop", 1, "Work", 0), ("Work", 0, "Loop", 0), ("Loop", 1, "Ask", 0)],
    )
    .ran("A", &[], &[&[(1, none()), (2, none())]])
    .ran("Loop", &[("A", 0, 0)], &[&[], &[(1, to(0))]])
    .ran("Work", &[("Loop", 0, 1)], &[&[(1, to(0))]])
    .ran("Loop", &[("Work", 0, 0)], &[&[], &[(2, overwrite(1))]]);
    world.check(("Loop", 1, 1), 0, "$('A').item.json.id", "2");
    world.check(("Loop", 0, 1), 0, "$('A').item.json.id", "1");
}

#[test]
fn first_and_last_look_at_the_output_that_leads_here() {
    let world = World::new(&["If", "No", "Ask"], &[("If", 1, "No", 0), ("No", 0, "Ask", 0)])
        .ran("If", &[], &[&[(1, none())], &[(2, none()), (3, none())]])
        .ran("No", &[("If", 0, 1)], &[&[(2, to(0)), (3, to(1))]]);
    world.check(("No", 0, 0), 0, "$('If').first().json.id", "2");
    world.check(("No", 0, 0), 0, "$('If').last().json.id", "3");
    world.check(("No", 0, 0), 0, "$('If').first(0).json.id", "1");
    world.check(("No", 0, 0), 0, "$('If').all().length", "2");
    world.check(("No", 0, 0), 0, "$('If').all(0).length", "1");
    world.check(("No", 0, 0), 0, "$('If').first(5)", "no output 5");
    world.check(("No", 0, 0), 0, "$('If').first(0, 3)", "no run 3");
}

#[test]
fn unknown_nodes_and_nodes_that_have_not_run_are_errors() {
    let world = World::new(&["A", "Never", "Ask"], &[("A", 0, "Ask", 0)]).ran("A", &[], &[&[(1, none())]]);
    for code in [
        "$('Nope').item",
        "$('Nope').first()",
        "$('Nope').isExecuted",
        "$node['Nope'].json.a",
        "$items('Nope')",
        "$('Nope')",
    ] {
        world.check(("A", 0, 0), 0, code, "no node named \"Nope\"");
    }
    for code in ["$('Never').item", "$('Never').first()", "$node['Never'].json.a", "$items('Never')"] {
        world.check(("A", 0, 0), 0, code, "\"Never\" has not run");
    }
    world.check(("A", 0, 0), 0, "$('Never').isExecuted", "false");
    world.check(("A", 0, 0), 0, "$prevNode.name", "A");
}
