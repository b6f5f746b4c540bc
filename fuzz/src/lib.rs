//! What has to hold for whatever bytes strangers send, one function for each reader of the product.
//!
//! `fuzz_targets/` gives them to the fuzzer; the program's tests call the same functions with files
//! of the repository and with damaged ones. A function that returns has nothing against its input.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_expr::{Template, eval_case};
use linkflow_import::n8n;
use linkflow_model::{Item, Millis, Workflow};
use linkflow_node::schedule::{Rule, next_after};
use linkflow_node::testing::{TestHost, ctx, input};
use linkflow_node::trigger::Body;
use linkflow_node::{NodeError, Outcome, lenient};
use serde::Deserialize;
use serde_json::{Value, json};

/// Every target, by the name of its file in `fuzz_targets/`.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("n8n_import", n8n_import),
    ("workflow_file", workflow_file),
    ("expression", expression),
    ("template", template),
    ("form", form),
    ("schedule", schedule),
    ("params", params),
    ("extract", extract),
];

/// A file of n8n's: what was understood of it is understood again after an export.
pub fn n8n_import(data: &[u8]) {
    let _ = linkflow_import::read(data);
    let Ok(Value::Object(file)) = serde_json::from_slice(data) else { return };
    let first = n8n::read(&file).workflow;
    let exported = n8n::export_n8n(&first);
    let second = n8n::read(exported.as_object().expect("an export is an object")).workflow;
    let shape = |w: &Workflow| {
        let nodes = w.nodes.iter().map(|n| (n.id.clone(), n.name.clone(), n.kind.clone(), n.params.clone()));
        (nodes.collect::<Vec<_>>(), w.edges.clone(), w.settings.clone())
    };
    assert_eq!(shape(&first), shape(&second), "the export reads differently: {exported}");
}

/// A file of our own: what is read is written so that it reads the same.
pub fn workflow_file(data: &[u8]) {
    let Ok(workflow) = serde_json::from_slice::<Workflow>(data) else { return };
    let written = serde_json::to_vec(&workflow).expect("a workflow can be written");
    let again: Workflow = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, workflow);
}

/// The inside of `{{ }}`: there is a value or an error, soon.
pub fn expression(data: &[u8]) {
    let Ok(code) = std::str::from_utf8(data) else { return };
    let json = json!({"a": [1, {"b": "x"}], "s": "text", "n": 2.5, "t": "2026-03-04T05:06:07.000Z"});
    let answer = eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": json}));
    assert!(answer.get("value").is_some() != answer.get("error").is_some(), "{code}: {answer}");
}

/// A parameter's text: without braces it is itself, and what parses can be checked.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(template) = Template::parse(text) {
        let _ = template.check();
    }
    let answer = eval_case(&json!({"expression": format!("={text}"), "json": {"a": 1}}));
    if !text.contains("{{") {
        assert_eq!(answer, json!({"value": text, "type": "string"}));
    }
}

/// The most bytes that a form may have here.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// A form with files: within its limits, and file names are no paths. The first line is the
/// boundary.
pub fn form(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (boundary, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let content_type = format!("multipart/form-data; boundary={}", String::from_utf8_lossy(boundary));
    let read = linkflow_api::read_form(&content_type, body.to_vec().into(), FORM_BYTES_MAX);
    let Ok(Body::Multipart { files, .. }) = blocking(read) else { return };
    assert!(body.len() <= FORM_BYTES_MAX, "{} bytes were read", body.len());
    for name in files.into_iter().filter_map(|(_, file)| file.file_name) {
        let is_plain = !name.contains(['/', '\\']) && name != ".." && !name.chars().any(char::is_control);
        assert!(is_plain && name.chars().count() <= 255, "{name:?} is a path");
    }
}

/// A schedule: ticks go forward. The first 16 bytes are times, the rest is a pattern or a rule.
pub fn schedule(data: &[u8]) {
    let Some((times, rest)) = data.split_at_checked(16) else { return };
    let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let (anchor, after) = (Millis(number(&times[..8])), Millis(number(&times[8..])));
    let rule = serde_json::from_slice(rest)
        .unwrap_or_else(|_| Rule::Cron { expression: String::from_utf8_lossy(rest).into_owned() });
    for zone in ["Europe/Berlin", "Australia/Lord_Howe", "UTC"] {
        if let Ok(Some(next)) = next_after(&rule, zone, anchor, after) {
            assert!(next > after && next >= anchor, "{rule:?} in {zone}: {next:?} after {after:?}");
        }
    }
}

/// Everything that reads values as people write them.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
#[allow(dead_code)]
struct Lenient {
    #[serde(deserialize_with = "lenient::number")]
    number: f64,
    #[serde(deserialize_with = "lenient::integer")]
    integer: i64,
    #[serde(deserialize_with = "lenient::integer_or_none")]
    integer_or_none: Option<i64>,
    #[serde(deserialize_with = "lenient::flag")]
    flag: bool,
    #[serde(deserialize_with = "lenient::text")]
    text: String,
    #[serde(deserialize_with = "lenient::names")]
    names: Vec<String>,
    #[serde(deserialize_with = "lenient::json")]
    json: Value,
}

/// Parameters of any kind: they are read, or refused with a reason that is not too long to show.
pub fn params(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    for reader in ["number", "integer", "integer_or_none", "flag", "text", "names", "json"] {
        if let Err(error) = serde_json::from_value::<Lenient>(json!({reader: value.clone()})) {
            assert!(error.to_string().len() < 1_000, "{reader}: {error}");
        }
    }
    let Value::Object(params) = value else { return };
    for kind in linkflow_nodes::ALL {
        let _ = kind.check(&params);
        let ports = kind.ports(&params);
        assert!(ports.inputs.len() <= 1_000 && ports.outputs.len() <= 1_000, "{}: {ports:?}", kind.kind);
        let _ = kind.effects(&params);
    }
}

/// A file that a node reads: rows, JSON, text or Base64, or a reason. The first byte chooses which.
pub fn extract(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let pick = |list: &[&str], by: u8| list[usize::from(by) % list.len()].to_owned();
    let operation = pick(&["csv", "fromJson", "text", "binaryToPropery"], *choice);
    let options = json!({
        "encoding": pick(&["utf8", "latin1", "utf16le", "shift_jis"], choice / 4),
        "delimiter": pick(&[",", ";", "\\t"], choice / 16),
        "headerRow": choice / 64 % 2 == 0,
        "enableBOM": choice / 128 == 0,
    });
    match blocking(extracted(bytes, json!({"operation": operation, "options": options}))) {
        Ok(items) => assert!(operation == "csv" || items == 1, "{operation} gave {items} items"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

async fn extracted(bytes: &[u8], params: Value) -> Result<usize, NodeError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ctx = ctx(dir.path(), Arc::new(TestHost::default()));
    let file = ctx.blobs.store(bytes, "application/octet-stream", None).await.expect("a stored file");
    let files = BTreeMap::from([("data".to_owned(), file)]);
    let item = Item { binary: Some(Arc::new(files)), ..Item::default() };
    let kind = linkflow_nodes::find("extract_from_file").expect("the kind that reads files");
    match kind.run(input(&params, vec![vec![item]]), &ctx).await? {
        Outcome::Items(outputs) => Ok(outputs.ports.iter().map(Vec::len).sum()),
        other => panic!("{other:?}"),
    }
}

fn blocking<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(future)
}
