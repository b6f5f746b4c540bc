//! n8n's Respond to Chat, versions 1 to 1.2.

use linkflow_model::Object;
use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    // The first version waited unless it was told not to; later ones have an operation for it.
    let waits = match node.param(&["operation"]) {
        Some(operation) => operation == "sendAndWait",
        None => node.version < 1.1 && node.flag(&["waitUserReply"], true),
    };
    if waits {
        let text = "it waits for what is said next in the chat, which is not known here; let the next message \
                    start the workflow anew";
        return Err(Unreadable(text.to_owned()));
    }
    let message = node.param(&["message"]).cloned().unwrap_or(json!(""));
    let params = Object::from_iter([("message".to_owned(), message)]);
    let mut translation = Translation::same("respond_to_chat", &params);
    translation.differs = Some("there is one answer to each message".to_owned());
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn one_that_waits_is_told_and_one_that_does_not_is_read() {
        let given = json!({"message": "=Hi {{ $json.a }}", "waitUserReply": false, "options": {}});
        let expected = json!({"message": "=Hi {{ $json.a }}"});
        assert!(check(translate, 1.0, &given, "respond_to_chat", &expected).differs.is_some());
        check(translate, 1.1, &json!({"message": "Hi"}), "respond_to_chat", &json!({"message": "Hi"}));
        for params in [json!({"message": "Hi"}), json!({"message": "Hi", "operation": "sendAndWait"})] {
            let params = params.as_object().unwrap().clone();
            let whole = Object::new();
            let node = N8nNode {
                node_type: "@n8n/n8n-nodes-langchain.chat",
                version: 1.0,
                name: "Chat",
                params: &params,
                whole: &whole,
            };
            assert!(translate(&node).is_err());
        }
    }
}
