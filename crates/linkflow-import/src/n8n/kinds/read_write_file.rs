//! n8n's Read/Write Files from Disk, versions 1 and 1.1.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

/// Version 1 goes on without items where no file is found.
pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("read_write_file", node.params);
    if node.version < 1.1 && node.text(&["operation"], "read") == "read" {
        let options = translation.params.entry("options").or_insert_with(|| json!({}));
        if let Some(options) = options.as_object_mut() {
            options.insert("failIfNothingFound".to_owned(), json!(false));
        }
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_first_version_goes_on_without_files() {
        let params = json!({"fileSelector": "*.txt"});
        check(translate, 1.1, &params, "read_write_file", &params);
        let expected = json!({"fileSelector": "*.txt", "options": {"failIfNothingFound": false}});
        check(translate, 1.0, &params, "read_write_file", &expected);
    }
}
