//! n8n's Execute Command.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("execute_command", node.params);
    translation.differs = Some("it fails unless the setting execute_command allows commands".to_owned());
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn the_command_is_taken_as_it_is() {
        let given = json!({"executeOnce": false, "command": "echo 1"});
        assert!(check(translate, 1.0, &given, "execute_command", &given).differs.is_some());
    }
}
