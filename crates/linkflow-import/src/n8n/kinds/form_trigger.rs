//! n8n's Form Trigger, versions 1 to 2.x. Version 2 moved the address into the options, and has one
//! of the node's own where none is given.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::webhook::CREDENTIALS;
use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = node.params.clone();
    if let Some(path) = take_option(&mut params, "path") {
        params.insert("path".to_owned(), path);
    }
    options(&mut params);
    lists(&mut params, node.version);
    let mut translation = Translation::same("form_trigger", &params);
    translation.credentials = vec![CREDENTIALS[0]];
    if node.text(&["authentication"], "none") == "n8nUserAuth" {
        return Err(Unreadable(
            "`authentication`: only n8n's own users may see the form; choose another".to_owned(),
        ));
    }
    Ok(translation)
}

fn take_option(params: &mut Object, name: &str) -> Option<Value> {
    params.get_mut("options")?.as_object_mut()?.shift_remove(name)
}

/// What the options of older versions say in other words.
pub(super) fn options(params: &mut Object) {
    if let Some(text) = take_option(params, "formSubmittedText") {
        let values = json!({"values": {"respondWith": "text", "formSubmittedText": text}});
        params.entry("options").or_insert(json!({}))["respondWithOptions"] = values;
    }
    if let Some(label) = params.shift_remove("buttonLabel") {
        params.entry("options").or_insert(json!({}))["buttonLabel"] = label;
    }
    take_option(params, "appendAttribution");
    take_option(params, "useWorkflowTimezone");
}

/// Versions before 2.1 have other words for the types of fields, and take one file only.
pub(super) fn lists(params: &mut Object, version: f64) {
    let fields = params.get_mut("formFields").and_then(|f| f.get_mut("values")).and_then(Value::as_array_mut);
    for field in fields.into_iter().flatten().filter_map(Value::as_object_mut) {
        let kind = field.get("fieldType").and_then(Value::as_str).unwrap_or("text").to_owned();
        if kind == "checkbox" || kind == "checkboxes" {
            field.insert("fieldType".to_owned(), json!("checkbox"));
        }
        if kind == "multiselect" {
            field.insert("fieldType".to_owned(), json!("dropdown"));
            field.insert("multiselect".to_owned(), json!(true));
        }
        if version < 2.0 && kind == "file" {
            field.entry("multipleFiles").or_insert(json!(false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn every_version_keeps_its_address_and_its_end() {
        let fields = json!({"values": [{"fieldLabel": "Name", "requiredField": true}]});
        let given = json!({"path": "p", "formTitle": "T", "formFields": fields, "responseMode": "lastNode",
            "options": {"formSubmittedText": "Thanks"}});
        let expected = json!({"path": "p", "formTitle": "T", "formFields": fields, "responseMode": "lastNode",
            "options": {"respondWithOptions": {"values": {"respondWith": "text", "formSubmittedText": "Thanks"}}}});
        check(translate, 1.0, &given, "form_trigger", &expected);
        let given = json!({"formTitle": "T", "options": {"path": "p", "appendAttribution": false}});
        check(translate, 2.2, &given, "form_trigger", &json!({"formTitle": "T", "options": {}, "path": "p"}));
    }

    #[test]
    fn fields_get_our_words() {
        let given = json!({"path": "p", "formFields": {"values": [{"fieldLabel": "F", "fieldType": "file"},
            {"fieldLabel": "C", "fieldType": "checkbox", "fieldOptions": {"values": [{"option": "a"}]}}]}});
        let expected = json!({"path": "p", "formFields": {"values": [
            {"fieldLabel": "F", "fieldType": "file", "multipleFiles": false},
            {"fieldLabel": "C", "fieldType": "checkbox", "fieldOptions": {"values": [{"option": "a"}]}}]}});
        check(translate, 1.0, &given, "form_trigger", &expected);
    }
}
