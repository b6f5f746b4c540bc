//! n8n's Execute Workflow, versions 1 to 1.3.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("execute_workflow", node.params);
    // The mapping is left in files whose source does not show it, and does nothing there.
    if node.version < 1.2 || node.text(&["source"], "database") != "database" {
        translation.params.shift_remove("workflowInputs");
    }
    if node.text(&["mode"], "once") == "each" {
        translation.params.insert("failuresByPlace".to_owned(), json!(true));
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_mapping_counts_for_workflows_of_the_server_only() {
        let kind = "execute_workflow";
        let inputs = json!({"mappingMode": "defineBelow", "value": {"a": 1}, "schema": []});
        let stored =
            json!({"workflowId": {"__rl": true, "mode": "list", "value": "x"}, "workflowInputs": inputs});
        check(translate, 1.2, &stored, kind, &stored);
        let given = json!({"source": "parameter", "workflowJson": "{}", "workflowInputs": inputs});
        check(translate, 1.2, &given, kind, &json!({"source": "parameter", "workflowJson": "{}"}));
        let old = json!({"workflowId": "12", "mode": "each"});
        let expected = json!({"workflowId": "12", "mode": "each", "failuresByPlace": true});
        check(translate, 1.0, &old, kind, &expected);
    }
}
