//! n8n's Redis Trigger, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("redis_trigger", node.params);
    translation.credentials = vec![("redis", "redis")];
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn channels_and_options_are_the_same() {
        let params = json!({"channels": "a, b:*", "options": {"jsonParseBody": true, "onlyMessage": true}});
        let translation = check(translate, 1.0, &params, "redis_trigger", &params);
        assert_eq!((translation.credentials, translation.differs), (vec![("redis", "redis")], None));
    }
}
