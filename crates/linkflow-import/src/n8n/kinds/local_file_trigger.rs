//! n8n's Local File Trigger.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("local_file_trigger", node.params);
    let params = &mut translation.params;
    let is_file = node.text(&["triggerOn"], "file") == "file";
    params.insert("triggerOn".to_owned(), json!(if is_file { "file" } else { "folder" }));
    if !is_file {
        params.entry("events").or_insert(json!([]));
    }
    if let Some(options) = params.get_mut("options").and_then(|o| o.as_object_mut()) {
        for name in ["awaitWriteFinish", "followSymlinks", "ignoreInitial", "usePolling", "ignoreMode"] {
            options.shift_remove(name);
        }
    }
    translation.differs = Some(
        "it looks every five seconds, and only below the folder for files; links are not followed".to_owned(),
    );
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn a_folder_and_a_file_are_watched() {
        let given = json!({"triggerOn": "folder", "path": "/data", "events": ["add"], "options": {"usePolling": true}});
        let expected = json!({"triggerOn": "folder", "path": "/data", "events": ["add"], "options": {}});
        check(translate, 1.0, &given, "local_file_trigger", &expected);
        let expected = json!({"path": "/data/a", "triggerOn": "file"});
        check(translate, 1.0, &json!({"path": "/data/a"}), "local_file_trigger", &expected);
    }
}
