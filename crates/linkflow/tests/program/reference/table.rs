//! A JSON Schema as the rows of a table: path, type, default, what it is.

use serde_json::Value;

/// One parameter.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// `options.batch.size`, with `[]` behind lists.
    pub path: String,
    pub of: String,
    pub default: String,
    pub about: String,
}

/// Deeper parameters than these are left to the JSON Schema.
const DEPTH_MAX: usize = 7;

pub fn rows(schema: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    Walk { root: schema, rows: &mut rows }.fields(schema, "", &Value::Null, &mut Vec::new());
    rows
}

/// The rows as a table in Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = "| parameter | type | default | what it is |\n|---|---|---|---|\n".to_owned();
    for row in rows {
        let cells = [&format!("`{}`", row.path), &row.of, &row.default, &row.about].map(|c| cell(c));
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

/// A text as one cell.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Walk<'s> {
    root: &'s Value,
    rows: &'s mut Vec<Row>,
}

impl<'s> Walk<'s> {
    fn fields(&mut self, schema: &'s Value, prefix: &str, default: &Value, within: &mut Vec<&'s str>) {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let own = field.get("default").unwrap_or(&default[name]);
            let shown = match required.contains(&name.as_str()) {
                true if own.is_null() => "required".to_owned(),
                _ => show_default(own),
            };
            self.field(field, path, (own, shown), within);
        }
    }

    fn field(
        &mut self,
        field: &'s Value,
        path: String,
        (default, shown): (&Value, String),
        within: &mut Vec<&'s str>,
    ) {
        let (inner, name) = self.resolve(field);
        let (list, inner, item_name) = match inner.get("items") {
            Some(items) => {
                let (item, name) = self.resolve(items);
                (true, item, name)
            }
            None => (false, inner, name),
        };
        let one = type_of(inner);
        let of = if list { format!("list of {one}") } else { one };
        let mut about =
            field["description"].as_str().or(inner["description"].as_str()).unwrap_or("").to_owned();
        about += &values_of(inner);
        about += &bounds_of(field);
        if !std::ptr::eq(field, inner) && !list {
            about += &bounds_of(inner);
        }
        self.rows.push(Row { path: path.clone(), of, default: shown, about });
        let is_known = item_name.is_some_and(|name| within.contains(&name));
        if inner["properties"].is_object() && !is_known && within.len() < DEPTH_MAX {
            within.push(item_name.unwrap_or_default());
            let path = if list { path + "[]" } else { path };
            self.fields(inner, &path, default, within);
            within.pop();
        }
    }

    /// What a reference, or something that may be null, stands for; with the name in a reference.
    fn resolve(&self, schema: &'s Value) -> (&'s Value, Option<&'s str>) {
        if let Some(target) = schema["$ref"].as_str() {
            let found = self.root.pointer(&target[1..]).expect("a reference leads somewhere");
            let (inner, name) = self.resolve(found);
            return (inner, name.or(target.rsplit('/').next()));
        }
        let choices: Vec<&Value> = schema["anyOf"].as_array().into_iter().flatten().collect();
        match choices.iter().find(|c| c["type"] != "null") {
            Some(choice) if choices.len() == 2 => self.resolve(choice),
            _ => (schema, None),
        }
    }
}

fn type_of(schema: &Value) -> String {
    if !values(schema).is_empty() {
        return "choice".to_owned();
    }
    let name = |kind: &str| match kind {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "true or false",
        "array" => "list",
        "object" => "object",
        other => panic!("no word for the type {other}"),
    };
    match &schema["type"] {
        Value::String(kind) => name(kind).to_owned(),
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str).filter(|k| *k != "null");
            kinds.map(name).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

/// The values of a choice, each with what it means.
fn values(schema: &Value) -> Vec<(&Value, &str)> {
    if let Some(list) = schema["enum"].as_array() {
        return list.iter().map(|value| (value, "")).collect();
    }
    let mut found = Vec::new();
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        let about = choice["description"].as_str().unwrap_or_default();
        match (choice.get("const"), choice["enum"].as_array()) {
            (Some(value), _) => found.push((value, about)),
            (None, Some(list)) => found.extend(list.iter().map(|value| (value, about))),
            _ => return Vec::new(),
        }
    }
    found
}

fn values_of(schema: &Value) -> String {
    let values = values(schema);
    if values.is_empty() {
        return String::new();
    }
    let one = |(value, about): &(&Value, &str)| match *about {
        "" => format!("`{}`", plain(value)),
        about => format!("`{}`: {}", plain(value), about.trim_end_matches('.')),
    };
    format!("<br>{}", values.iter().map(one).collect::<Vec<_>>().join("<br>"))
}

/// Between which numbers a value must lie. That a count is not below 0 goes without saying.
fn bounds_of(schema: &Value) -> String {
    let is_count = schema["format"].as_str().is_some_and(|format| format.starts_with("uint"));
    let most = schema.get("maximum");
    let least = schema.get("minimum").filter(|least| most.is_some() || !is_count || **least != 0);
    match (least, most) {
        (Some(least), Some(most)) => format!(" From {least} to {most}."),
        (Some(least), None) => format!(" At least {least}."),
        (None, Some(most)) => format!(" At most {most}."),
        (None, None) => String::new(),
    }
}

fn show_default(value: &Value) -> String {
    match value {
        Value::Null | Value::Object(_) => String::new(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::Array(list) if list.is_empty() => "empty".to_owned(),
        value => format!("`{}`", plain(value)),
    }
}

/// Text without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_fields_choices_bounds_and_defaults_have_rows() {
        let schema = json!({
            "required": ["url"],
            "properties": {
                "url": {"type": "string", "description": "Where."},
                "keep": {"$ref": "#/$defs/Keep", "default": "first"},
                "list": {"type": "array", "items": {"$ref": "#/$defs/Entry"}, "default": []},
                "size": {"type": ["integer", "null"], "minimum": 1, "maximum": 9, "description": "How many."}
            },
            "$defs": {
                "Keep": {"oneOf": [{"const": "first", "description": "The | first."}, {"const": "last"}]},
                "Entry": {"type": "object", "properties": {"more": {"$ref": "#/$defs/Entry"}}}
            }
        });
        let found: Vec<String> = markdown(&rows(&schema)).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            found,
            [
                "| `url` | text | required | Where. |",
                "| `keep` | choice | `first` | <br>`first`: The \\| first<br>`last` |",
                "| `list` | list of object | empty |  |",
                "| `list[].more` | object |  |  |",
                "| `size` | whole number |  | How many. From 1 to 9. |",
            ]
        );
    }
}
