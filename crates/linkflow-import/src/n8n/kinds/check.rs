//! For the tests of translations.

use serde_json::Value;

use super::{N8nNode, Translate, Translation};

/// Translates `params` of `version`, checks that our kind takes them, and that they hold what
/// `expected` holds.
pub fn check(
    translate: Translate,
    version: f64,
    params: &Value,
    kind: &str,
    expected: &Value,
) -> Translation {
    let params = params.as_object().expect("parameters are an object");
    let node = N8nNode { node_type: "test", version, name: "Test", params, whole: params };
    let translation = translate(&node).unwrap_or_else(|e| panic!("{params:?}: {}", e.0));
    assert_eq!(translation.kind, kind);
    let found = linkflow_nodes::find(kind).unwrap_or_else(|| panic!("there is no kind {kind}"));
    found.check(&translation.params).unwrap_or_else(|e| panic!("{:?}: {e}", translation.params));
    assert_eq!(Value::Object(translation.params.clone()), *expected, "version {version}");
    translation
}
