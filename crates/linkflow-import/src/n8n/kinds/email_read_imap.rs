//! n8n's Email Trigger (IMAP), versions 1 and 2 to 2.2. It stays connected; ours looks each minute.

use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = node.params.clone();
    let mut options = match params.shift_remove("options") {
        Some(Value::Object(options)) => options,
        _ => Default::default(),
    };
    options.shift_remove("forceReconnect");
    let takes_any = options.shift_remove("allowUnauthorizedCerts") == Some(json!(true));
    // What is marked as unread again comes again, as long as n8n did not remember what it took.
    if node.version < 2.1 {
        options.insert("trackLastMessageId".to_owned(), json!(false));
    }
    if !options.is_empty() {
        params.insert("options".to_owned(), Value::Object(options));
    }
    let mut translation = Translation::same("email_trigger_imap", &params);
    translation.credentials = vec![("imap", "imap")];
    let text = match takes_any {
        true => {
            "whether any certificate is taken is said by the credential now; mails are looked for each minute"
        }
        false => "mails are looked for each minute, or as `rule` says; n8n is told of them at once",
    };
    translation.differs = Some(text.to_owned());
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn what_it_takes_is_the_same() {
        let given =
            json!({"format": "resolved", "options": {"customEmailConfig": "[\"ALL\"]", "forceReconnect": 5}});
        let expected = json!({"format": "resolved", "options": {"customEmailConfig": "[\"ALL\"]"}});
        let translation = check(translate, 2.1, &given, "email_trigger_imap", &expected);
        assert_eq!(translation.credentials, [("imap", "imap")]);
        check(translate, 2.1, &json!({}), "email_trigger_imap", &json!({}));
    }

    #[test]
    fn older_ones_did_not_remember_what_they_took() {
        let given = json!({"mailbox": "Orders", "options": {"allowUnauthorizedCerts": true}});
        let expected = json!({"mailbox": "Orders", "options": {"trackLastMessageId": false}});
        let translation = check(translate, 1.0, &given, "email_trigger_imap", &expected);
        assert!(translation.differs.is_some_and(|text| text.contains("certificate")));
    }
}
