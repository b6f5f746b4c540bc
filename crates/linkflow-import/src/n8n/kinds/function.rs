//! n8n's Function, version 1. Files leave out what is the default: code that adds a field.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("function", node.params);
    let default = "for (const item of items) item.json.myNewField = 1;\nreturn items;";
    translation.params.entry("functionCode").or_insert(json!(default));
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn code_that_is_left_out_adds_a_field() {
        let given = json!({"functionCode": "return items;"});
        check(translate, 1.0, &given, "function", &given);
        let expected =
            json!({"functionCode": "for (const item of items) item.json.myNewField = 1;\nreturn items;"});
        check(translate, 1.0, &json!({}), "function", &expected);
    }
}
