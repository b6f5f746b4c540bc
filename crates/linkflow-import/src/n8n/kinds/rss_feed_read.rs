//! n8n's RSS Read, versions 1 to 1.2.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("rss_read", node.params);
    if !node.text(&["options", "customFields"], "").is_empty() {
        translation.differs =
            Some("the option for further fields is not known here; common ones are given".to_owned());
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn the_address_is_taken_as_it_is() {
        let given = json!({"url": "https://a.example/feed", "options": {"ignoreSSL": true}});
        check(translate, 1.1, &given, "rss_read", &given);
    }
}
