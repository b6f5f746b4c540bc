//! The page of the HTTP API: every path with what it asks of its caller.

use linkflow_api::access::{Need, TABLE};
use serde_json::Value;

use super::HEAD;
use super::table::cell;

pub fn page(document: &Value) -> String {
    let mut text = format!("{HEAD}# Which calls does the API take?\n\n");
    text += "A running server describes all of it at `/api/v1/openapi.json`. Calls come with `Authorization: Bearer KEY`\n";
    text += "(`linkflow apikey create`) or a session's cookie. The scope is what a key must have; `admin` includes the\n";
    text += "others. What went wrong comes as `application/problem+json`.\n";
    for tag in tags(document) {
        text += &format!("\n## {}\n\n| call | does | scope |\n|---|---|---|\n", title(&tag));
        for (method, path, operation) in operations(document).filter(|(.., o)| o["tags"][0] == *tag) {
            let (summary, scope) = (operation["summary"].as_str().unwrap_or_default(), scope(&method, path));
            assert!(!summary.is_empty(), "{method} {path} has no summary");
            text += &format!("| `{method} {path}` | {} | {scope} |\n", cell(summary));
        }
    }
    text + &beside(document)
}

/// What the document does not name.
fn beside(document: &Value) -> String {
    let mut text = "\n## Beside the API\n\n| call | scope |\n|---|---|\n".to_owned();
    let described: Vec<(String, &str)> = operations(document).map(|(m, p, _)| (m, p)).collect();
    for (method, path, _) in TABLE {
        if !described.iter().any(|(m, p)| m == method && p == path) {
            text += &format!("| `{method} {path}` | {} |\n", scope(method, path));
        }
    }
    text
}

fn operations(document: &Value) -> impl Iterator<Item = (String, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path's methods");
        item.iter().map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    })
}

/// The tags in the order in which they come.
fn tags(document: &Value) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for (method, path, operation) in operations(document) {
        let tag = operation["tags"][0].as_str().unwrap_or_else(|| panic!("{method} {path} has no tag"));
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

fn title(tag: &str) -> String {
    let mut letters = tag.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn scope(method: &str, path: &str) -> &'static str {
    let found = TABLE.iter().find(|(m, p, _)| *m == method && *p == path);
    match found.unwrap_or_else(|| panic!("{method} {path} is not in the table of access")).2 {
        Need::Public => "anybody",
        Need::SignedIn => "a session",
        Need::Read => "`read`",
        Need::Execute => "`execute`",
        Need::Write => "`write`",
        Need::Admin => "`admin`",
    }
}
