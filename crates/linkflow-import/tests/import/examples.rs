//! The files in `examples/` are what their pages say: complete workflows that can run as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use linkflow_import::{Imported, read};
use linkflow_model::{Edge, Node, Workflow};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All examples with the names of their files.
fn examples() -> Vec<(String, Imported)> {
    let folder = fs::read_dir(repository().join("examples")).expect("a folder of examples");
    let mut examples: Vec<(String, Imported)> = folder
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .map(|(name, bytes)| (name.clone(), read(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"))))
        .collect();
    examples.sort_by(|a, b| a.0.cmp(&b.0));
    examples
}

/// Calls `check` with each node and a text that says where it stands.
fn each_node(check: impl Fn(&str, &Node)) {
    for (file, imported) in examples() {
        for node in &imported.workflow.nodes {
            check(&format!("{file}, {}", node.name), node);
        }
    }
}

#[test]
fn every_example_comes_in_without_a_difference() {
    let examples = examples();
    assert!(examples.len() >= 8, "there are only {}", examples.len());
    for (file, imported) in &examples {
        assert!(!imported.workflow.name.is_empty(), "{file} has no name");
        assert!(imported.notes.is_empty(), "{file}: {:?}", imported.notes);
        let differs = imported.report.iter().find(|n| !n.verdict.is_runnable() || !n.message.is_empty());
        assert!(differs.is_none(), "{file}: {differs:?}");
    }
}

#[test]
fn every_node_has_a_kind_that_understands_its_parameters() {
    each_node(|at, node| {
        let kind = linkflow_nodes::find(&node.kind).unwrap_or_else(|| panic!("{at}: no kind {}", node.kind));
        assert_eq!(node.version, kind.spec.version, "{at}");
        kind.check(&node.params).unwrap_or_else(|e| panic!("{at}: {e}"));
    });
}

/// Kinds overlook names they do not know, as n8n does; an example has none of them.
#[test]
fn no_example_has_a_parameter_that_does_not_exist() {
    each_node(|at, node| {
        let kind = linkflow_nodes::find(&node.kind).expect("a kind");
        let schema = kind.schema();
        let known = schema.get("properties").and_then(|p| p.as_object()).cloned().unwrap_or_default();
        for name in node.params.keys() {
            assert!(known.contains_key(name), "{at}: {} has no parameter `{name}`", node.kind);
        }
    });
}

#[test]
fn every_edge_joins_ports_that_exist() {
    for (file, imported) in examples() {
        for edge in &imported.workflow.edges {
            let (from, to) = ends(&imported.workflow, edge);
            let n_outputs = ports(from).outputs.len() + usize::from(from.on_error != Default::default());
            assert!((edge.from.port as usize) < n_outputs, "{file}: {edge:?}");
            assert!((edge.to.port as usize) < ports(to).inputs.len(), "{file}: {edge:?}");
        }
    }
}

fn ends<'a>(workflow: &'a Workflow, edge: &Edge) -> (&'a Node, &'a Node) {
    let node = |id: &str| workflow.node(id).unwrap_or_else(|| panic!("no node {id}"));
    (node(&edge.from.node), node(&edge.to.node))
}

fn ports(node: &Node) -> linkflow_node::Ports {
    linkflow_nodes::find(&node.kind).expect("a kind").ports(&node.params)
}

#[test]
fn every_node_is_reached_from_a_trigger() {
    for (file, imported) in examples() {
        let workflow = &imported.workflow;
        let starts = workflow.nodes.iter().filter(|n| ports(n).inputs.is_empty()).map(|n| n.id.as_str());
        let mut reached: BTreeSet<&str> = starts.collect();
        assert_eq!(reached.len(), 1, "{file} has not one trigger");
        for _ in &workflow.nodes {
            let next = workflow.edges.iter().filter(|e| reached.contains(e.from.node.as_str()));
            reached = next.map(|e| e.to.node.as_str()).chain(reached.clone()).collect();
        }
        assert_eq!(reached.len(), workflow.nodes.len(), "{file}: only {reached:?} can be reached");
    }
}

#[test]
fn every_example_has_a_page() {
    let pages: String = fs::read_dir(repository().join("docs/examples"))
        .expect("a folder of pages")
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for (file, _) in examples() {
        assert!(pages.contains(&format!("examples/{file}")), "no page in docs/examples speaks of {file}");
    }
}
