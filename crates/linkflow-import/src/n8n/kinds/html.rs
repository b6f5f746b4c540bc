//! n8n's HTML, versions 1 to 1.2: up to 1.1, text came as it stands in the page, of all elements. And its
//! older HTML Extract.

use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// The template of nodes in which nobody changed it: n8n fills in a page of its own there.
const TEMPLATE: &str = "<!DOCTYPE html>\n<html>\n<body>\n</body>\n</html>";

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("html", node.params);
    match node.text(&["operation"], "generateHtmlTemplate") {
        "extractHtmlContent" if node.version < 1.2 => {
            option(&mut translation, "bareText", json!(true));
        }
        "generateHtmlTemplate" if node.param(&["html"]).is_none() => {
            translation.params.insert("html".to_owned(), json!(TEMPLATE));
            translation.differs = Some("the template was never changed: an empty page comes out".to_owned());
        }
        _ => {}
    }
    Ok(translation)
}

/// HTML Extract: values are trimmed unless that is turned off.
pub fn translate_extract(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("html", node.params);
    translation.params.insert("operation".to_owned(), json!("extractHtmlContent"));
    option(&mut translation, "bareText", json!(true));
    option(&mut translation, "keepEmpty", json!(true));
    let trims = node.param(&["options", "trimValues"]).cloned().unwrap_or(json!(true));
    option(&mut translation, "trimValues", trims);
    Ok(translation)
}

fn option(translation: &mut Translation, name: &str, value: Value) {
    let options = translation.params.entry("options").or_insert_with(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        options.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn older_versions_take_text_as_it_stands() {
        let given = json!({"operation": "extractHtmlContent", "options": {"cleanUpText": true}});
        check(translate, 1.2, &given, "html", &given);
        let expected =
            json!({"operation": "extractHtmlContent", "options": {"cleanUpText": true, "bareText": true}});
        check(translate, 1.1, &given, "html", &expected);
        let options = json!({"bareText": true, "keepEmpty": true, "trimValues": true});
        let expected = json!({"operation": "extractHtmlContent", "options": options});
        check(translate_extract, 1.0, &json!({}), "html", &expected);
    }
}
