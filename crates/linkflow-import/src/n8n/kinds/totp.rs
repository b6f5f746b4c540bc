//! n8n's TOTP, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("totp", node.params);
    translation.params.shift_remove("operation");
    translation.credentials = vec![("totpApi", "totp")];
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;
    use serde_json::json;

    #[test]
    fn options_are_taken_as_they_are() {
        let given = json!({"operation": "generateSecret", "options": {"digits": 8}});
        let expected = json!({"options": {"digits": 8}});
        assert_eq!(check(translate, 1.0, &given, "totp", &expected).credentials, [("totpApi", "totp")]);
    }
}
