//! n8n's Compression, versions 1 and 1.1: the older one numbers the files that it makes smaller.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("compression", node.params);
    let params = &mut translation.params;
    if node.version < 1.1 && node.text(&["operation"], "decompress") == "compress" {
        let format = node.text(&["outputFormat"], "");
        if format == "gzip" {
            params.insert("numbered".to_owned(), json!(true));
            params.entry("outputPrefix").or_insert(json!("data"));
        } else if format.is_empty() {
            return Err(Unreadable("no format of the archive is chosen".to_owned()));
        }
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_first_version_numbers_what_it_makes_smaller() {
        let given = json!({"operation": "compress", "outputFormat": "gzip"});
        check(translate, 1.1, &given, "compression", &given);
        let expected = json!({"operation": "compress", "outputFormat": "gzip", "numbered": true, "outputPrefix": "data"});
        check(translate, 1.0, &given, "compression", &expected);
    }
}
