//! n8n's Send Email, versions 1, 2 and 2.1. The first had all its fields at the top.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// n8n adds a line about itself to mails; nothing is added here.
const WITHOUT_MEANING: &[&str] = &["appendAttribution"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = if node.version < 2.0 { first_version(node) } else { node.params.clone() };
    params.shift_remove("resource");
    let waits = node.text(&["operation"], "send") == "sendAndWait";
    if node.version >= 2.0 && !waits && !params.contains_key("emailFormat") {
        let usual = if node.version < 2.1 { "text" } else { "html" };
        params.insert("emailFormat".to_owned(), json!(usual));
    }
    if let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) {
        options.retain(|key, _| !WITHOUT_MEANING.contains(&key.as_str()));
        let files = options.shift_remove("fileAttachments").filter(|names| names.as_str() != Some(""));
        if let Some(names) = files {
            options.entry("attachments").or_insert(names);
        }
    }
    super::form_trigger::lists(&mut params, 2.0);
    let mut translation = Translation::same("email_send", &params);
    translation.credentials = vec![("smtp", "smtp")];
    if waits {
        let text = "the mail links to a page with the buttons: opening a link alone decides nothing";
        translation.differs = Some(text.to_owned());
    }
    Ok(translation)
}

fn first_version(node: &N8nNode<'_>) -> Object {
    let mut params = Object::new();
    for key in ["fromEmail", "toEmail", "subject"] {
        params.extend(node.params.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let (text, html) = (node.text(&["text"], ""), node.text(&["html"], ""));
    let format = match (text.is_empty(), html.is_empty()) {
        (_, true) => "text",
        (true, false) => "html",
        (false, false) => "both",
    };
    params.insert("emailFormat".to_owned(), json!(format));
    for (key, value) in [("text", text), ("html", html)] {
        if !value.is_empty() {
            params.insert(key.to_owned(), json!(value));
        }
    }
    let mut options = node.params.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
    for key in ["ccEmail", "bccEmail", "attachments"] {
        let given = node.params.get(key).filter(|value| value.as_str() != Some(""));
        options.extend(given.map(|value| (key.to_owned(), value.clone())));
    }
    params.insert("options".to_owned(), Value::Object(options));
    params
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_first_version_had_everything_at_the_top() {
        let given = json!({"fromEmail": "a@b.example", "toEmail": "=c", "ccEmail": "d", "bccEmail": "",
            "subject": "s", "text": "t", "html": "<b>", "attachments": "data", "options": {"replyTo": "r"}});
        let expected = json!({"fromEmail": "a@b.example", "toEmail": "=c", "subject": "s",
            "emailFormat": "both", "text": "t", "html": "<b>",
            "options": {"replyTo": "r", "ccEmail": "d", "attachments": "data"}});
        let translation = check(translate, 1.0, &given, "email_send", &expected);
        assert_eq!(translation.credentials, [("smtp", "smtp")]);
    }

    #[test]
    fn the_usual_format_has_changed_with_versions() {
        for (version, format) in [(2.0, "text"), (2.1, "html")] {
            let given = json!({"toEmail": "a", "options": {"appendAttribution": false}});
            let expected = json!({"toEmail": "a", "options": {}, "emailFormat": format});
            check(translate, version, &given, "email_send", &expected);
        }
    }

    #[test]
    fn a_mail_that_waits_is_taken_as_it_is() {
        let given = json!({"operation": "sendAndWait", "message": "m", "approvalOptions": {"values":
            {"approvalType": "double"}}, "options": {"limitWaitTime": {"values": {"resumeUnit": "days"}}}});
        let translation = check(translate, 2.1, &given, "email_send", &given);
        assert!(translation.differs.is_some());
    }
}
