//! n8n's Wait, versions 1 and 1.1: they differ in the length that is waited for when none is given.

use serde_json::{Value, json};

use super::webhook::{CREDENTIALS, status_from_options};
use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("wait", node.params);
    let params = &mut translation.params;
    match node.text(&["resume"], "timeInterval") {
        "timeInterval" => {
            let (amount, unit) = if node.version < 1.1 { (1, "hours") } else { (5, "seconds") };
            params.entry("amount").or_insert(json!(amount));
            params.entry("unit").or_insert(json!(unit));
        }
        "form" => {
            super::form_trigger::options(params);
            super::form_trigger::lists(params, 2.0);
        }
        _ => {}
    }
    if let Some(authentication) = params.shift_remove("incomingAuthentication") {
        params.insert("authentication".to_owned(), authentication);
    }
    status_from_options(params);
    let suffix = params.get_mut("options").and_then(Value::as_object_mut);
    if let Some(suffix) = suffix.and_then(|options| options.shift_remove("webhookSuffix")) {
        params.insert("path".to_owned(), suffix);
    }
    translation.credentials = CREDENTIALS.to_vec();
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn each_version_waits_as_long_as_it_did() {
        check(translate, 1.0, &json!({}), "wait", &json!({"amount": 1, "unit": "hours"}));
        check(translate, 1.1, &json!({}), "wait", &json!({"amount": 5, "unit": "seconds"}));
        let given = json!({"amount": 2, "unit": "days"});
        check(translate, 1.1, &given, "wait", &given);
    }

    #[test]
    fn the_call_that_ends_it_keeps_its_rules() {
        let given = json!({"resume": "webhook", "incomingAuthentication": "headerAuth",
            "options": {"webhookSuffix": "yes"}});
        let expected =
            json!({"resume": "webhook", "options": {}, "authentication": "headerAuth", "path": "yes"});
        check(translate, 1.1, &given, "wait", &expected);
        let form =
            json!({"resume": "form", "formTitle": "T", "formFields": {"values": [{"fieldLabel": "L"}]}});
        assert!(check(translate, 1.1, &form, "wait", &form).differs.is_none());
    }
}
