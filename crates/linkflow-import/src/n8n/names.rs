//! Ids and names for the nodes of an n8n file, each unique.
//!
//! n8n connects nodes by name, and where two have the same one it takes the last.

use std::collections::{HashMap, HashSet};

use linkflow_model::Object;
use serde_json::Value;

/// A node of the file with the id and the name that it has here.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub whole: &'a Object,
    pub id: String,
    pub name: String,
    /// The name in the file, when connections to that name lead to this node.
    pub answers_to: Option<&'a str>,
}

/// Gives every node of the list an id and a name.
pub(super) fn give<'a>(nodes: Option<&'a Value>, notes: &mut Vec<String>) -> Vec<Named<'a>> {
    let list = match nodes {
        Some(Value::Array(list)) => list.as_slice(),
        None | Some(Value::Null) => &[],
        Some(_) => {
            notes.push("`nodes` is no list, so the workflow has none".to_owned());
            &[]
        }
    };
    let wholes: Vec<&Object> = list.iter().filter_map(Value::as_object).collect();
    if wholes.len() < list.len() {
        notes.push(format!(
            "{} entries of `nodes` are no objects and are left out",
            list.len() - wholes.len()
        ));
    }
    let last: HashMap<&str, usize> =
        wholes.iter().enumerate().filter_map(|(i, whole)| Some((own_name(whole)?, i))).collect();
    let mut ids = Unique::default();
    let mut names = Unique::taken(last.keys().copied());
    wholes
        .into_iter()
        .enumerate()
        .map(|(i, whole)| {
            let answers_to = own_name(whole).filter(|name| last[name] == i);
            let name = match answers_to {
                Some(name) => name.to_owned(),
                None => rename(whole, &mut names, notes),
            };
            Named { whole, id: id_of(whole, i, &mut ids), name, answers_to }
        })
        .collect()
}

/// The node to which connections and pinned data with `name` belong.
pub(super) fn find<'n, 'a>(named: &'n [Named<'a>], name: &str) -> Option<&'n Named<'a>> {
    named
        .iter()
        .find(|n| n.answers_to == Some(name))
        .or_else(|| named.iter().find(|n| n.whole.get("id").and_then(Value::as_str) == Some(name)))
}

fn own_name(whole: &Object) -> Option<&str> {
    whole.get("name").and_then(Value::as_str).filter(|name| !name.is_empty())
}

fn rename(whole: &Object, names: &mut Unique, notes: &mut Vec<String>) -> String {
    match own_name(whole) {
        Some(name) => {
            let new = names.give(name);
            notes.push(format!("two nodes are named \"{name}\": the earlier one is \"{new}\" now"));
            new
        }
        None => {
            let node_type = whole.get("type").and_then(Value::as_str).unwrap_or_default();
            let short = node_type.rsplit('.').next().filter(|t| !t.is_empty()).unwrap_or("Node");
            let new = names.give(short);
            notes.push(format!("a node without a name is \"{new}\" now"));
            new
        }
    }
}

fn id_of(whole: &Object, index: usize, ids: &mut Unique) -> String {
    match whole.get("id") {
        Some(Value::String(id)) if !id.is_empty() => ids.give(id),
        Some(Value::Number(id)) => ids.give(&id.to_string()),
        _ => ids.give(&format!("node-{}", index + 1)),
    }
}

/// Hands out each text once; later askers get it with a number behind.
#[derive(Default)]
struct Unique {
    used: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Unique {
    fn taken<'a>(names: impl Iterator<Item = &'a str>) -> Unique {
        Unique { used: names.map(str::to_owned).collect(), next: HashMap::new() }
    }

    fn give(&mut self, wanted: &str) -> String {
        if self.used.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let next = self.next.entry(wanted.to_owned()).or_insert(0);
        loop {
            *next += 1;
            let name = format!("{wanted} {next}");
            if self.used.insert(name.clone()) {
                return name;
            }
        }
    }
}
