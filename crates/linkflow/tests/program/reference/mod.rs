//! The generated pages of `docs/reference/` and the workflow's JSON Schema are what the code says.
//!
//! `UPDATE_DOCS=1 cargo test -p linkflow --test program reference` writes them anew.

mod api;
mod expressions;
mod nodes;
mod schema;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::server::Server;

const STALE: &str = "is stale; run UPDATE_DOCS=1 cargo test -p linkflow --test program reference";

/// Said on top of each generated page.
const HEAD: &str = "<!-- Made from the code; do not edit. -->\n\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference")
}

/// Fails where the file holds something else, unless it is to be written.
#[track_caller]
fn check(name: &str, text: &str) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder that can be made");
        std::fs::write(&path, text).expect("a file that can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(line) = differs(&found, text) {
        panic!("docs/reference/{name} {STALE}\nline {line}");
    }
}

/// The first line in which two texts differ, with both.
fn differs(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let (mut found, mut wanted) = (found.lines(), wanted.lines());
    let mut n = 1;
    loop {
        match (found.next(), wanted.next()) {
            (Some(a), Some(b)) if a == b => n += 1,
            (None, None) => return Some(format!("{n}: the ends of the files")),
            (a, b) => {
                return Some(format!(
                    "{n}: \"{}\" must be \"{}\"",
                    a.unwrap_or("(end)"),
                    b.unwrap_or("(end)")
                ));
            }
        }
    }
}

async fn served(path: &str) -> Value {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(dir.path()).await;
    let answer = reqwest::get(format!("{}{path}", server.base)).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
}

#[test]
fn every_kind_has_a_page_that_says_what_it_is_now() {
    for kind in linkflow_nodes::ALL {
        check(&format!("nodes/{}.md", kind.kind), &nodes::page(kind));
    }
    check("nodes/README.md", &nodes::overview());
    let pages = std::fs::read_dir(folder().join("nodes")).expect("the pages");
    let found: BTreeSet<String> =
        pages.map(|p| p.expect("a page").file_name().to_string_lossy().into_owned()).collect();
    let known: BTreeSet<String> = linkflow_nodes::ALL
        .iter()
        .map(|k| format!("{}.md", k.kind))
        .chain(["README.md".to_owned()])
        .collect();
    let left: Vec<&String> = found.difference(&known).collect();
    assert!(left.is_empty(), "there is no such kind any more: remove {left:?} from docs/reference/nodes");
}

#[test]
fn the_page_of_expressions_is_fresh() {
    check("expressions.md", &expressions::page());
}

#[tokio::test]
async fn the_page_of_the_api_is_fresh() {
    check("api.md", &api::page(&served("/api/v1/openapi.json").await));
}

#[tokio::test]
async fn the_schema_that_is_served_is_the_one_that_is_checked_in() {
    let schema = served("/api/v1/schemas/workflow.json").await;
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    check("workflow.schema.json", &text);
    check("workflow.md", &nodes::workflow_page(&schema));
}

#[test]
fn a_stale_page_is_named_with_its_line() {
    assert_eq!(differs("a\nb\n", "a\nb\n"), None);
    assert_eq!(differs("a\nx\n", "a\nb\n").as_deref(), Some("2: \"x\" must be \"b\""));
    assert_eq!(differs("a\n", "a\nb\n").as_deref(), Some("2: \"(end)\" must be \"b\""));
    assert_eq!(differs("a", "a\n").as_deref(), Some("2: the ends of the files"));
}
