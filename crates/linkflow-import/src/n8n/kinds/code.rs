//! n8n's Code, versions 1 and 2: the older one knows no language but JavaScript.

use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("code", node.params);
    if node.version < 2.0 && translation.params.contains_key("language") {
        translation.params.insert("language".to_owned(), json!("javaScript"));
    }
    let is_python =
        matches!(translation.params.get("language").and_then(Value::as_str), Some("python" | "pythonNative"));
    let source = translation.params.get("pythonCode").and_then(Value::as_str).unwrap_or_default();
    if is_python && PACKAGES.iter().any(|package| source.contains(package)) {
        translation.differs = Some(
            "the code uses packages beside Python's standard library, which cannot be imported here"
                .to_owned(),
        );
    }
    Ok(translation)
}

/// How code for the older Python gets at packages.
const PACKAGES: &[&str] =
    &["import pandas", "import numpy", "from pandas", "from numpy", "micropip", "pyodide", "import js"];

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
        assert!(check(translate, 2.0, &native, "code", &native).differs.is_none());
        let packed = json!({"language": "python", "pythonCode": "import numpy as np\nreturn []"});
        assert!(check(translate, 2.0, &packed, "code", &packed).differs.is_some());
    }
}
