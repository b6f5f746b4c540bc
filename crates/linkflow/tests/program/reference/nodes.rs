//! A page for each node kind, a list of them, and the page of the workflow file.

use linkflow_node::trigger::Trigger;
use linkflow_node::{Category, CredentialSlot, Effects, Example, NodeKind};
use linkflow_nodes::ALL;
use serde_json::{Value, json};

use super::HEAD;
use super::table::{cell, markdown, rows};

const CATEGORIES: &[(Category, &str)] = &[
    (Category::Trigger, "What starts executions"),
    (Category::Flow, "What steers the flow"),
    (Category::Data, "What reshapes items"),
    (Category::Files, "What reads and makes files"),
    (Category::Network, "What asks other servers"),
    (Category::Code, "What runs your code"),
    (Category::Service, "What speaks to one service"),
    (Category::Note, "What only explains"),
];

pub fn page(kind: &NodeKind) -> String {
    let spec = &kind.spec;
    let mut text = format!("{HEAD}# {}\n\n{}\n\n", spec.title, spec.summary);
    text += &facts(kind);
    let rows = rows(&kind.schema().to_value());
    if rows.is_empty() {
        text += "\nIt has no parameters.\n";
    } else {
        text += "\n## Parameters\n\nEach may be an expression: a text that begins with `=`.\n\n";
        text += &markdown(&rows);
    }
    if !spec.credentials.is_empty() {
        text += "\n## Credentials\n\n| credential | fields |\n|---|---|\n";
        text += &spec.credentials.iter().map(credential).collect::<String>();
    }
    for example in kind.examples {
        text += &show_example(example);
    }
    text
}

fn facts(kind: &NodeKind) -> String {
    let spec = &kind.spec;
    let list = |labels: &[&str]| match labels {
        [] => "none".to_owned(),
        labels => labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", "),
    };
    let effects = match spec.effects {
        Effects::None => "none: a run may be repeated without anybody noticing",
        Effects::Outside => "yes: what came before is on disk before a run begins",
    };
    let mut lines = vec![
        format!("| kind | `{}`, version {} |", kind.kind, spec.version),
        format!("| inputs | {} |", list(spec.inputs)),
        format!("| outputs | {} |", list(spec.outputs)),
        format!("| changes something outside | {effects} |"),
    ];
    if let Some(starts) = starts(kind) {
        lines.push(format!("| starts executions | {starts} |"));
    }
    if !spec.aliases.is_empty() {
        lines.push(format!("| also found as | {} |", spec.aliases.join(", ")));
    }
    format!("| | |\n|---|---|\n{}\n", lines.join("\n"))
}

fn starts(kind: &NodeKind) -> Option<&'static str> {
    if !kind.spec.inputs.is_empty() {
        return None;
    }
    kind.trigger().map(|trigger| match trigger {
        Trigger::Manual => "when somebody, or the API, says so",
        Trigger::Webhook(_) => "when its address is called",
        Trigger::Schedule(_) => "at its times",
        Trigger::Poll(_) => "when something is new; it looks at its times",
        Trigger::Listen(_) => "when it hears something",
        Trigger::Error => "when an execution of a workflow fails that names this one as its error workflow",
        Trigger::Workflow => "when another workflow calls",
    })
}

fn credential(slot: &CredentialSlot) -> String {
    let field = |name: &&str| match slot.secret.contains(name) {
        true => format!("`{name}` (secret)"),
        false => format!("`{name}`"),
    };
    let fields: Vec<String> = slot.fields.iter().map(field).collect();
    format!("| `{}`: {} | {} |\n", slot.name, cell(slot.title), fields.join(", "))
}

fn show_example(example: &Example) -> String {
    let json = |text: &str| -> Value {
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", example.title))
    };
    let mut text = format!("\n## Example: {}\n\n", example.title);
    text += &format!("```json\n{}\n```\n", pretty(&json(example.params)));
    let (input, output) = (json(example.input), json(example.output));
    if input != json!([]) {
        text += &format!("\nIn:\n\n```json\n{}\n```\n", lines_of(&input));
    }
    match output {
        Value::Null => text += "\nWhat comes out depends on the outside.\n",
        output => text += &format!("\nOut, by output:\n\n```json\n{}\n```\n", lines_of(&output)),
    }
    text
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

/// A list with one element per line.
fn lines_of(value: &Value) -> String {
    match value {
        Value::Array(list) if list.len() > 1 || value.to_string().len() > 100 => {
            let lines: Vec<String> = list.iter().map(|v| format!("  {v}")).collect();
            format!("[\n{}\n]", lines.join(",\n"))
        }
        value => value.to_string(),
    }
}

pub fn overview() -> String {
    let mut text = format!("{HEAD}# Which kinds of nodes are there?\n");
    for (category, title) in CATEGORIES {
        let mut kinds: Vec<&NodeKind> = ALL.iter().filter(|k| k.spec.category == *category).collect();
        kinds.sort_by_key(|k| k.spec.title);
        if kinds.is_empty() {
            continue;
        }
        text += &format!("\n## {title}\n\n| kind | what it does |\n|---|---|\n");
        for kind in kinds {
            text += &format!("| [{}]({}.md) | {} |\n", kind.spec.title, kind.kind, cell(kind.spec.summary));
        }
    }
    text
}

/// The page of the workflow file, from its schema.
pub fn workflow_page(schema: &Value) -> String {
    let mut text = format!("{HEAD}# How is a workflow written down?\n\n");
    text += "A JSON object. The same as a JSON Schema: [workflow.schema.json](workflow.schema.json), which a server\n";
    text += "gives at `/api/v1/schemas/workflow.json`. n8n's files are read as they are.\n\n";
    text += &markdown(&rows(schema));
    text += "\n`params` depend on the kind: see [the kinds](nodes/README.md). A text that begins with `=` is an\n";
    text += "[expression](expressions.md). `examples/` has complete files.\n";
    text
}
