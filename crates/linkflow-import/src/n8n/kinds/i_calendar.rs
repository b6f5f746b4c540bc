//! n8n's iCalendar, version 1: what Convert to File makes today.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("convert_to_file", node.params);
    translation.params.insert("operation".to_owned(), json!("iCal"));
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn events_are_made_by_the_newer_kind() {
        let given = json!({"title": "x", "start": "2024-06-15", "additionalFields": {"uid": "1"}});
        let mut expected = given.clone();
        expected["operation"] = json!("iCal");
        check(translate, 1.0, &given, "convert_to_file", &expected);
    }
}
