//! n8n's Extract from File, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    match node.text(&["operation"], "csv") {
        "csv" | "fromJson" | "text" | "binaryToPropery" => {
            Ok(Translation::same("extract_from_file", node.params))
        }
        other => Err(Unreadable(format!("files of the operation \"{other}\" are not supported"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_is_taken_as_it_is_and_the_rest_is_told() {
        let params = json!({"operation": "csv", "options": {"delimiter": ";"}});
        check(translate, 1.0, &params, "extract_from_file", &params);
        let params = json!({"operation": "xlsx"});
        let params = params.as_object().unwrap();
        let node = N8nNode { node_type: "test", version: 1.0, name: "Test", params, whole: params };
        assert!(translate(&node).unwrap_err().0.contains("\"xlsx\""));
    }
}
