//! n8n's Code, versions 1 and 2: the older one knows no language but JavaScript.

use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("code", node.params);
    if node.version < 2.0 && translation.params.contains_key("language") {
        translation.params.insert("language".to_owned(), json!("javaScript"));
    }
    if matches!(translation.params.get("language").and_then(Value::as_str), Some("python" | "pythonNative")) {
        translation.differs = Some("the code is Python, which cannot be run yet: the node fails".to_owned());
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn only_the_newer_version_knows_python() {
        let given = json!({"language": "python", "jsCode": "return [];", "pythonCode": "return []"});
        check(translate, 2.0, &given, "code", &given);
        let expected = json!({"language": "javaScript", "jsCode": "return [];", "pythonCode": "return []"});
        check(translate, 1.0, &given, "code", &expected);
        let given = json!({"mode": "runOnceForEachItem", "jsCode": "return item;"});
        check(translate, 1.0, &given, "code", &given);
        let native = json!({"language": "pythonNative", "pythonCode": "return []"});
        assert!(check(translate, 2.0, &native, "code", &native).differs.is_some());
    }
}
