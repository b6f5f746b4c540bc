//! n8n's Execute Workflow Trigger, versions 1 and 1.1. The first takes everything.

use linkflow_model::Object;
use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let kind = "execute_workflow_trigger";
    if node.version < 1.1 {
        return Ok(Translation::same(kind, &Object::new()));
    }
    let mut translation = Translation::same(kind, node.params);
    translation.params.entry("inputSource").or_insert(json!("workflowInputs"));
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_first_version_takes_everything() {
        let kind = "execute_workflow_trigger";
        check(translate, 1.0, &json!({"events": "worklfow_call"}), kind, &json!({}));
        check(translate, 1.1, &json!({}), kind, &json!({"inputSource": "workflowInputs"}));
        let all = json!({"inputSource": "passthrough"});
        check(translate, 1.1, &all, kind, &all);
    }
}
