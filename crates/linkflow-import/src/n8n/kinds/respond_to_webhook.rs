//! n8n's Respond to Webhook, versions 1 to 1.5.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("respond_to_webhook", node.params);
    let params = &mut translation.params;
    // Version 1.3 alone always had the second output.
    if node.version == 1.3 {
        params.insert("enableResponseOutput".to_owned(), json!(true));
    }
    let sample = json!("{\n  \"myField\": \"value\"\n}");
    match node.text(&["respondWith"], "firstIncomingItem") {
        "json" => drop(params.entry("responseBody").or_insert(sample)),
        "jwt" => drop(params.entry("payload").or_insert(sample)),
        _ => {}
    }
    translation.credentials = vec![("jwtAuth", "jwt")];
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn what_a_file_leaves_out_has_the_value_that_it_had_there() {
        let kind = "respond_to_webhook";
        check(translate, 1.1, &json!({}), kind, &json!({}));
        check(translate, 1.3, &json!({}), kind, &json!({"enableResponseOutput": true}));
        check(
            translate,
            1.4,
            &json!({"respondWith": "json"}),
            kind,
            &json!({
                "respondWith": "json", "responseBody": "{\n  \"myField\": \"value\"\n}"
            }),
        );
    }
}
