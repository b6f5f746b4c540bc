//! n8n's Function Item, version 1. Files leave out what is the default: code that adds a field.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("function_item", node.params);
    translation.params.entry("functionCode").or_insert(json!("item.myNewField = 1;\nreturn item;"));
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn code_that_is_left_out_adds_a_field() {
        let given = json!({"functionCode": "return item;"});
        check(translate, 1.0, &given, "function_item", &given);
        let expected = json!({"functionCode": "item.myNewField = 1;\nreturn item;"});
        check(translate, 1.0, &json!({}), "function_item", &expected);
    }
}
