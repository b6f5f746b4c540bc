//! Connections by name and edges by id, both ways.

use std::collections::HashMap;

use linkflow_model::{Edge, Object, Port, Workflow};
use serde_json::{Value, json};

use super::names::Named;

/// No node has more outputs or inputs than this. A connection beyond is left out, because the
/// list of outputs would have to be as long.
const PORTS_MAX: u32 = 1024;

/// The edges of `connections`, in the order of the file: where two targets stand at the same
/// height, n8n goes by it.
pub(super) fn read(connections: Option<&Value>, named: &[Named<'_>], notes: &mut Vec<String>) -> Vec<Edge> {
    let Some(Value::Object(connections)) = connections else { return Vec::new() };
    let mut reader = Reader { ids: ids_by_name(named), notes, edges: Vec::new() };
    for (source, types) in connections {
        match (reader.ids.get(source.as_str()).copied(), types) {
            (Some(from), Value::Object(types)) => reader.source(source, from, types),
            (None, _) => reader.note(format!("connections from \"{source}\": there is no such node")),
            (_, Value::Null) => {}
            _ => reader.note(format!("connections from \"{source}\" cannot be read")),
        }
    }
    reader.edges
}

fn ids_by_name<'n>(named: &'n [Named<'_>]) -> HashMap<&'n str, &'n str> {
    let by_id = named.iter().filter_map(|n| Some((n.whole.get("id")?.as_str()?, n.id.as_str())));
    let by_name = named.iter().filter_map(|n| Some((n.answers_to?, n.id.as_str())));
    // Names come last, because they win.
    by_id.chain(by_name).collect()
}

struct Reader<'r> {
    ids: HashMap<&'r str, &'r str>,
    notes: &'r mut Vec<String>,
    edges: Vec<Edge>,
}

impl Reader<'_> {
    fn note(&mut self, problem: String) {
        self.notes.push(format!("{problem}; they are kept for the export, but lead nowhere"));
    }

    fn source(&mut self, name: &str, from: &str, types: &Object) {
        for (kind, outputs) in types {
            let Some(outputs) = outputs.as_array() else {
                if !outputs.is_null() {
                    self.note(format!("connections \"{kind}\" from \"{name}\" are no list"));
                }
                continue;
            };
            for (output, targets) in outputs.iter().enumerate().take(PORTS_MAX as usize) {
                for target in targets.as_array().map_or(&[][..], Vec::as_slice) {
                    self.target(name, from, kind, output as u32, target);
                }
            }
        }
    }

    fn target(&mut self, name: &str, from: &str, kind: &str, output: u32, target: &Value) {
        if target.is_null() {
            return;
        }
        let wanted = target.get("node").and_then(Value::as_str).unwrap_or_default();
        let input = target.get("index").and_then(Value::as_u64).unwrap_or(0);
        match self.ids.get(wanted) {
            None => self.note(format!("a connection from \"{name}\" to \"{wanted}\": there is no such node")),
            Some(_) if input >= u64::from(PORTS_MAX) => {
                self.note(format!("a connection from \"{name}\" to input {input} of \"{wanted}\""));
            }
            Some(to) => self.edges.push(Edge {
                from: Port { node: from.to_owned(), port: output },
                to: Port { node: (*to).to_owned(), port: input as u32 },
                kind: kind.to_owned(),
            }),
        }
    }
}

/// `connections` for the edges of `workflow`. Edges whose ends do not exist are left out.
pub(super) fn write(workflow: &Workflow) -> Object {
    let names: HashMap<&str, &str> =
        workflow.nodes.iter().map(|n| (n.id.as_str(), n.name.as_str())).collect();
    let mut connections = Object::new();
    for edge in &workflow.edges {
        let ends = (names.get(edge.from.node.as_str()), names.get(edge.to.node.as_str()));
        let (Some(from), Some(to)) = ends else { continue };
        if edge.from.port >= PORTS_MAX || edge.to.port >= PORTS_MAX {
            continue;
        }
        let target = json!({ "node": to, "type": edge.kind, "index": edge.to.port });
        outputs_of(&mut connections, from, &edge.kind, edge.from.port as usize).push(target);
    }
    connections
}

fn outputs_of<'c>(connections: &'c mut Object, from: &str, kind: &str, port: usize) -> &'c mut Vec<Value> {
    let types = connections.entry(from).or_insert_with(|| json!({}));
    let types = types.as_object_mut().expect("only objects are put in here");
    let outputs = types.entry(kind).or_insert_with(|| json!([]));
    let outputs = outputs.as_array_mut().expect("only lists are put in here");
    while outputs.len() <= port {
        outputs.push(json!([]));
    }
    outputs[port].as_array_mut().expect("only lists are put in here")
}
