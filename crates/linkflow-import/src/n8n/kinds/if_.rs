//! n8n's If and Filter, versions 1 and 2 to 2.3: their parameters are the same.

use serde_json::Value;

use super::{N8nNode, Translation, Unreadable, conditions};

pub fn translate_if(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    translate("if", "combineOperation", node)
}

pub fn translate_filter(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    translate("filter", "combineConditions", node)
}

/// `combine` is the parameter of version 1 that says how conditions are combined.
fn translate(kind: &'static str, combine: &str, node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same(kind, node.params);
    let given = node.params.get("conditions");
    let now = if node.version >= 2.0 {
        given.map(conditions::with_version)
    } else {
        translation.params.shift_remove("combineOperation");
        translation.params.shift_remove("combineConditions");
        let combine = node.text(&[combine], "all");
        Some(conditions::of_version_1(given, &combine.to_lowercase().replace("or", "any")))
    };
    if let Some(now) = now {
        translation.params.insert("conditions".to_owned(), now);
    } else {
        translation.params.insert("conditions".to_owned(), Value::Object(Default::default()));
    }
    Ok(translation)
}
