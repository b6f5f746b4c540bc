//! n8n's Postgres Trigger, version 1.

use serde_json::Value;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("postgres_trigger", node.params);
    translation.credentials = vec![("postgres", "postgres")];
    let params = &mut translation.params;
    for key in ["schema", "tableName"] {
        if let Some(inner) = params.get(key).and_then(|locator| locator.get("value")).cloned() {
            params.insert(key.to_owned(), inner);
        }
    }
    if let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) {
        options.retain(|name, _| name == "connectionTimeout");
    }
    if node.text(&["triggerMode"], "createTrigger") == "createTrigger" {
        let text = "a row of more than 7900 bytes is heard of without its values; n8n's trigger would keep \
                    it from being written";
        translation.differs = Some(text.to_owned());
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn a_table_and_a_channel_are_listened_to() {
        let chosen = |value: &str| json!({"__rl": true, "mode": "list", "value": value});
        let given = json!({"schema": chosen("public"), "tableName": chosen("t"), "firesOn": "DELETE",
            "additionalFields": {"functionName": "f()", "replaceIfExists": true},
            "options": {"connectionTimeout": 5, "delayClosingIdleConnection": 1}});
        let expected = json!({"schema": "public", "tableName": "t", "firesOn": "DELETE",
            "additionalFields": {"functionName": "f()", "replaceIfExists": true},
            "options": {"connectionTimeout": 5}});
        assert!(check(translate, 1.0, &given, "postgres_trigger", &expected).differs.is_some());
        let given = json!({"triggerMode": "listenTrigger", "channelName": "c"});
        let translation = check(translate, 1.0, &given, "postgres_trigger", &given);
        assert_eq!((translation.credentials, translation.differs), (vec![("postgres", "postgres")], None));
    }
}
