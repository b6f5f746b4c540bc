//! What an n8n instance keeps in its database: rows of its tables as workflow files, and stored
//! executions as runs of nodes.
//!
//! Pure, as all of the importer: the rows come from outside. Columns that hold JSON are text in
//! SQLite and JSON in PostgreSQL; both are read.

use linkflow_model::{Item, Object};
use serde_json::{Map, Value};

/// Deeper data are refused: what is that deep refers to itself.
const DEPTH_MAX: usize = 500;
/// Executions with more values are refused: shared parts can make them endless.
const VALUES_MAX: usize = 10_000_000;

/// A column that holds JSON, whichever way the database keeps it.
fn json_column(row: &Object, name: &str) -> Value {
    match row.get(name) {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

/// The text of an id, which is a number in older instances.
pub fn id_of(row: &Object, column: &str) -> String {
    match row.get(column) {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => String::new(),
    }
}

/// A row of `workflow_entity` as a workflow file.
pub fn workflow_file(row: &Object, tags: &[String]) -> Value {
    let mut file = Map::new();
    for name in ["id", "name", "active", "description", "versionId"] {
        if let Some(value) = row.get(name).filter(|v| !v.is_null()) {
            file.insert(name.to_owned(), value.clone());
        }
    }
    for name in ["nodes", "connections", "settings", "staticData", "pinData", "meta"] {
        let value = json_column(row, name);
        if !value.is_null() {
            file.insert(name.to_owned(), value);
        }
    }
    if !tags.is_empty() {
        file.insert("tags".to_owned(), tags.iter().cloned().map(Value::String).collect());
    }
    Value::Object(file)
}

/// The type of credentials here for one of n8n's, where there is one.
pub fn credential_type(theirs: &str) -> Option<&'static str> {
    Some(match theirs {
        "httpBasicAuth" => "http_basic",
        "httpBearerAuth" => "http_bearer",
        "httpDigestAuth" => "http_digest",
        "httpHeaderAuth" => "http_header",
        "httpQueryAuth" => "http_query",
        "httpCustomAuth" => "http_custom",
        "oAuth2Api" => "oauth2",
        "jwtAuth" => "jwt",
        "crypto" => "crypto",
        "imap" => "imap",
        "mySql" => "mysql",
        "postgres" => "postgres",
        "redis" => "redis",
        "smtp" => "smtp",
        "ftp" => "ftp",
        "gitPassword" => "git_password",
        _ => return None,
    })
}

/// `clientSecret` as fields are called here: `client_secret`.
pub fn field_name(theirs: &str) -> String {
    let mut name = String::with_capacity(theirs.len() + 4);
    for c in theirs.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Data that were written with `flatted`: a list of parts that name each other by their places, the
/// first of which is the whole.
pub fn unflatten(text: &str) -> Result<Value, String> {
    let parts: Vec<Value> =
        serde_json::from_str(text).map_err(|e| format!("the stored data are no JSON: {e}"))?;
    let mut budget = VALUES_MAX;
    part(&parts, 0, 0, &mut budget)
}

fn part(parts: &[Value], at: usize, depth: usize, budget: &mut usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err("the stored data refer to themselves".to_owned());
    }
    *budget = budget.checked_sub(1).ok_or("the stored data are too large")?;
    let found = parts.get(at).ok_or_else(|| format!("the stored data name part {at}, which is missing"))?;
    let mut inner = |value: &Value| match value {
        Value::String(place) => match place.parse() {
            Ok(place) => part(parts, place, depth + 1, budget),
            Err(_) => Err(format!("the stored data name a part \"{place}\"")),
        },
        other => Ok(other.clone()),
    };
    match found {
        Value::Array(list) => list.iter().map(inner).collect::<Result<_, _>>().map(Value::Array),
        Value::Object(object) => {
            let fields = object.iter().map(|(key, value)| Ok((key.clone(), inner(value)?)));
            fields.collect::<Result<Map<_, _>, String>>().map(Value::Object)
        }
        plain => Ok(plain.clone()),
    }
}

/// One recorded run of a node.
#[derive(Clone, Debug)]
pub struct StoredRun {
    pub node: String,
    /// Index among the runs of its node.
    pub run: u32,
    /// Place in the order of the execution.
    pub order: i64,
    /// Node, run and output from which each input came.
    pub sources: Vec<Option<(String, u32, u32)>>,
    pub outputs: Vec<Vec<Item>>,
    pub failed: bool,
}

/// The runs of a stored execution, in the order in which they took place.
pub fn stored_runs(data: &Value) -> Vec<StoredRun> {
    let Some(by_node) = data.pointer("/resultData/runData").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut runs: Vec<StoredRun> = by_node
        .iter()
        .flat_map(|(node, runs)| {
            let runs = runs.as_array().map_or(&[][..], Vec::as_slice);
            runs.iter().enumerate().map(move |(i, run)| stored_run(node, i, run))
        })
        .collect();
    runs.sort_by_key(|run| run.order);
    runs
}

fn stored_run(node: &str, index: usize, run: &Value) -> StoredRun {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0) as u32;
    let source = |source: &Value| {
        let name = source.get("previousNode")?.as_str()?.to_owned();
        Some((name, number(source, "previousNodeRun"), number(source, "previousNodeOutput")))
    };
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let order = run.get("executionIndex").or_else(|| run.get("startTime")).and_then(Value::as_i64);
    StoredRun {
        node: node.to_owned(),
        run: index as u32,
        order: order.unwrap_or(i64::MAX),
        sources: list(run.get("source")).iter().map(source).collect(),
        outputs: list(run.pointer("/data/main")).iter().map(stored_items).collect(),
        failed: run.get("error").is_some_and(|error| !error.is_null()),
    }
}

fn stored_items(port: &Value) -> Vec<Item> {
    let items = port.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .map(|item| {
            // Files lie elsewhere; without them the rest of the item can still be read.
            let mut item = item.clone();
            if let Some(fields) = item.as_object_mut() {
                fields.shift_remove("binary");
            }
            serde_json::from_value(item.clone())
                .unwrap_or_else(|_| Item::of_json(item.get("json").cloned().unwrap_or(Value::Null)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn flatted_data_become_what_they_were() {
        let text = r#"[{"a":"1","b":"2","n":5,"t":true},"text",["1","3"],{"c":"1","z":null}]"#;
        let whole = json!({"a": "text", "b": ["text", {"c": "text", "z": null}], "n": 5, "t": true});
        assert_eq!(unflatten(text).unwrap(), whole);
        assert_eq!(unflatten(r#"["alone"]"#).unwrap(), json!("alone"));
    }

    #[test]
    fn data_that_refer_to_themselves_or_to_nothing_are_refused() {
        for (text, part) in [
            (r#"[{"me":"0"}]"#, "refer to themselves"),
            (r#"[{"a":"7"}]"#, "part 7, which is missing"),
            (r#"[{"a":"x"}]"#, "a part \"x\""),
            ("[", "no JSON"),
            ("[]", "part 0"),
        ] {
            let error = unflatten(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        // Each part twice: 2 to the power of 40 values.
        let wide: Vec<Value> =
            (1..=40).map(|i| json!([i.to_string(), i.to_string()])).chain([json!(1)]).collect();
        assert!(unflatten(&json!(wide).to_string()).unwrap_err().contains("too large"));
    }

    #[test]
    fn runs_come_in_the_order_in_which_they_took_place() {
        let data = json!({"resultData": {"runData": {
            "B": [{"executionIndex": 1, "source": [{"previousNode": "A"}], "data": {"main": [[{"json": {"n": 2}}], null]}},
                  {"executionIndex": 3, "source": [null, {"previousNode": "A", "previousNodeOutput": 1}], "error": {"message": "no"}}],
            "A": [{"executionIndex": 0, "source": [], "data": {"main": [[{"json": {"n": 1}, "binary": {"f": {"odd": 1}}}]]}}]}}});
        let told: Vec<String> = stored_runs(&data)
            .iter()
            .map(|r| {
                format!(
                    "{}#{} {:?} {:?} {}",
                    r.node,
                    r.run,
                    r.sources,
                    r.outputs.iter().map(Vec::len).collect::<Vec<_>>(),
                    r.failed
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "A#0 [] [1] false",
                "B#0 [Some((\"A\", 0, 0))] [1, 0] false",
                "B#1 [None, Some((\"A\", 0, 1))] [] true",
            ]
        );
    }
}
