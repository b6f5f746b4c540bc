//! n8n's Form: a further page of a form, or its end.

use super::form_trigger::{lists, options};
use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = node.params.clone();
    options(&mut params);
    lists(&mut params, 2.0);
    Ok(Translation::same("form", &params))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn pages_and_ends_are_taken_as_they_are() {
        let page = json!({"formFields": {"values": [{"fieldLabel": "City", "fieldType": "dropdown",
            "fieldOptions": {"values": [{"option": "Bonn"}]}}]}, "options": {"formTitle": "Where?"}});
        check(translate, 1.0, &page, "form", &page);
        let end =
            json!({"operation": "completion", "respondWith": "redirect", "redirectUrl": "https://a.example"});
        check(translate, 1.0, &end, "form", &end);
        let json = json!({"defineForm": "json", "jsonOutput": "[{\"fieldLabel\": \"City\"}]"});
        check(translate, 1.0, &json, "form", &json);
    }
}
