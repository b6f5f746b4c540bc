//! n8n's Chat Trigger, versions 1 to 1.3.

use serde_json::Value;

use super::webhook::CREDENTIALS;
use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("chat_trigger", node.params);
    let params = &mut translation.params;
    if node.text(&["authentication"], "none") == "n8nUserAuth" {
        return Err(Unreadable("`authentication`: only n8n's own users may chat; choose another".to_owned()));
    }
    let mode = node.text(&["options", "responseMode"], node.text(&["responseMode"], "lastNode"));
    let mut differs = Vec::new();
    match mode {
        "streaming" => differs.push("the answer comes whole, not as a stream"),
        "responseNodes" => differs.push("there is one answer to each message"),
        _ => {}
    }
    if node.text(&["options", "loadPreviousSession"], "notSupported") != "notSupported" {
        differs.push("earlier messages are not shown again");
    }
    let is_page = node.text(&["mode"], "hostedChat") == "hostedChat";
    if is_page && node.text(&["authentication"], "none") == "basicAuth" {
        differs.push("the page cannot ask for a password; a chat of your own can");
    }
    if let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) {
        options.retain(|name, _| OPTIONS.contains(&name.as_str()));
    }
    translation.differs = (!differs.is_empty()).then(|| differs.join("; "));
    translation.credentials = vec![CREDENTIALS[0]];
    Ok(translation)
}

/// The options that ours has as well.
const OPTIONS: &[&str] = &[
    "allowFileUploads",
    "allowedFilesMimeTypes",
    "allowedOrigins",
    "inputPlaceholder",
    "title",
    "subtitle",
    "responseMode",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn a_chat_keeps_its_page_and_says_what_is_not_there() {
        let given =
            json!({"public": true, "options": {"title": "T", "customCss": "x", "responseMode": "lastNode"}});
        let expected = json!({"public": true, "options": {"title": "T", "responseMode": "lastNode"}});
        assert!(check(translate, 1.1, &given, "chat_trigger", &expected).differs.is_none());
        let given = json!({"options": {"responseMode": "streaming"}});
        assert!(check(translate, 1.3, &given, "chat_trigger", &given).differs.is_some());
    }
}
