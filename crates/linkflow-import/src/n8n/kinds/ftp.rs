//! n8n's FTP, version 1.

use serde_json::Value;

use super::{N8nNode, Translation, Unreadable};

/// Options that say how a file is fetched in parts, which have no meaning here.
const WITHOUT_MEANING: &[&str] = &["enableConcurrentReads", "maxConcurrentReads", "chunkSize", "timeout"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    if node.text(&["protocol"], "ftp") != "ftp" {
        return Err(Unreadable("`protocol`: only ftp is known here, plain or under TLS".to_owned()));
    }
    let mut translation = Translation::same("ftp", node.params);
    translation.credentials = vec![("ftp", "ftp")];
    let params = &mut translation.params;
    if let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) {
        options.retain(|name, _| !WITHOUT_MEANING.contains(&name.as_str()));
    }
    if node.text(&["operation"], "download") == "list" {
        params.entry("path").or_insert(Value::String("/".to_owned()));
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn parameters_are_the_same_without_what_has_no_meaning() {
        let given = json!({"protocol": "ftp", "operation": "delete", "path": "/a",
            "options": {"folder": true, "recursive": true, "chunkSize": 64}});
        let expected = json!({"protocol": "ftp", "operation": "delete", "path": "/a",
            "options": {"folder": true, "recursive": true}});
        let translation = check(translate, 1.0, &given, "ftp", &expected);
        assert_eq!(translation.credentials, vec![("ftp", "ftp")]);
        let list = json!({"operation": "list"});
        check(translate, 1.0, &list, "ftp", &json!({"operation": "list", "path": "/"}));
    }
}
