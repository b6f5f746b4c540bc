//! n8n's Redis, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("redis", node.params);
    translation.credentials = vec![("redis", "redis")];
    let key_type = node.text(&["keyType"], "automatic");
    if node.text(&["operation"], "info") == "set" && matches!(key_type, "automatic" | "list") {
        translation.differs = Some(
            "a list that is set takes the place of the whole list; n8n writes over its first entries"
                .to_owned(),
        );
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn parameters_are_the_same_and_the_credential_is_found() {
        let params = json!({"operation": "get", "key": "=k:{{ $json.id }}", "propertyName": "found",
            "options": {"dotNotation": false}});
        let translation = check(translate, 1.0, &params, "redis", &params);
        assert_eq!((translation.credentials, translation.differs), (vec![("redis", "redis")], None));
        let set = json!({"operation": "set", "key": "k", "value": "v", "keyType": "list"});
        assert!(check(translate, 1.0, &set, "redis", &set).differs.is_some());
    }
}
