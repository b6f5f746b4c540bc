//! n8n's XML, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    Ok(Translation::same("xml", node.params))
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_taken_as_they_are() {
        let params = json!({"mode": "jsonToxml", "options": {"headless": true}});
        check(translate, 1.0, &params, "xml", &params);
    }
}
