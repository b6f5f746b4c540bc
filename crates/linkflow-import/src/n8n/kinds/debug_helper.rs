//! n8n's Debug Helper.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("debug_helper", node.params);
    match node.text(&["category"], "throwError") {
        "oom" => return Err(Unreadable("`category`: memory is not used up on purpose here".to_owned())),
        "randomData" => {
            translation.differs =
                Some("the data that are made up are others, also with the same seed".to_owned());
        }
        _ => {}
    }
    if node.text(&["randomDataType"], "") == "coordinates" {
        translation.params.insert("randomDataType".to_owned(), json!("latLong"));
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn failing_and_making_up_are_kept() {
        let given = json!({"category": "throwError", "throwErrorType": "Error", "throwErrorMessage": "x"});
        assert!(check(translate, 1.0, &given, "debug_helper", &given).differs.is_none());
        let given = json!({"category": "randomData", "randomDataType": "email"});
        check(translate, 1.0, &given, "debug_helper", &given);
    }
}
