//! n8n's JWT, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("jwt", node.params);
    translation.credentials = vec![("jwtAuth", "jwt")];
    if node.text(&["operation"], "sign") == "sign" && !node.flag(&["useJson"], false) {
        translation.differs = Some(
            "as in n8n, the claims have the names of the parameters: expiresIn does not end the token"
                .to_owned(),
        );
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_taken_as_they_are() {
        let params = json!({"operation": "verify", "token": "x", "options": {"complete": true}});
        assert_eq!(check(translate, 1.0, &params, "jwt", &params).credentials, [("jwtAuth", "jwt")]);
    }
}
