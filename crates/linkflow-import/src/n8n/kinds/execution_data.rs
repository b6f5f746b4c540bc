//! n8n's Execution Data, versions 1 and 1.1: in the older one a note that is null is an error.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("execution_data", node.params);
    if node.version < 1.1 {
        translation.params.insert("nullIsEmpty".to_owned(), json!(false));
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_older_version_refuses_null() {
        let given = json!({"dataToSave": {"values": [{"key": "k", "value": "v"}]}});
        check(translate, 1.1, &given, "execution_data", &given);
        check(translate, 1.0, &json!({}), "execution_data", &json!({"nullIsEmpty": false}));
    }
}
