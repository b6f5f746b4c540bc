//! n8n's Markdown, version 1.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("markdown", node.params);
    if node.param(&["options", "emoji"]) == Some(&json!(true)) {
        translation.differs = Some("names of emoji, such as :smile:, stay as they are".to_owned());
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn parameters_are_taken_as_they_are() {
        let params = json!({"mode": "markdownToHtml", "markdown": "x", "options": {"tables": true}});
        assert!(check(translate, 1.0, &params, "markdown", &params).differs.is_none());
        let params = json!({"mode": "markdownToHtml", "options": {"emoji": true}});
        assert!(check(translate, 1.0, &params, "markdown", &params).differs.is_some());
    }
}
