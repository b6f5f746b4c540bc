//! The page of what expressions can use, from the manual of the expressions' crate.

use linkflow_expr::manual::{Entry, GROUPS, Group, JSON, value_of};
use serde_json::Value;

use super::HEAD;
use super::table::cell;

pub fn page() -> String {
    let mut text = format!("{HEAD}# What can an expression use?\n\n");
    text += "A text that begins with `=` is an expression: what stands between `{{` and `}}` is JavaScript, the\n";
    text += "rest is text. One pair of braces with nothing around it keeps the type of its value.\n\n";
    text += &format!(
        "The examples have the item `{JSON}` and the time 2026-03-04 10:30 UTC; their values come from\n"
    );
    text +=
        "running them. `linkflow eval '={{ $json.name }}' --item '{\"name\": \"Ada\"}'` tries others.\n\n";
    text += "Beside these there is JavaScript itself: `map`, `filter`, `Math`, `JSON`, `RegExp` and so on. Nothing of\n";
    text += "the server is within reach: no file, no network, no process.\n";
    for group in GROUPS {
        text += &section(group);
    }
    text
}

fn section(group: &Group) -> String {
    let mut text = format!("\n## {}\n\n", group.title);
    if group.of == "date" {
        text += "Luxon's dates and those of JavaScript. Luxon's own methods (`toFormat`, `setZone`, ...) work as well.\n\n";
    }
    text += "| | gives | example | value |\n|---|---|---|---|\n";
    for entry in group.entries {
        let (example, value) = shown(entry);
        let form = if group.of.is_empty() { entry.form.to_owned() } else { format!(".{}", entry.form) };
        text += &format!("| `{form}` | {} | {example} | {value} |\n", cell(entry.about));
    }
    text
}

fn shown(entry: &Entry) -> (String, String) {
    let Some(answer) = value_of(entry) else { return (String::new(), String::new()) };
    let value = match &answer["value"] {
        Value::Null => answer["type"].as_str().unwrap_or("null").to_owned(),
        value => value.to_string(),
    };
    (format!("`{}`", cell(entry.example)), format!("`{}`", cell(&value)))
}
