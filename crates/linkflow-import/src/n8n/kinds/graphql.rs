//! n8n's GraphQL, versions 1 and 1.1: the older one sends the query alone unless told otherwise.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// n8n's choices, and ours.
const AUTHENTICATIONS: &[(&str, &str)] = &[
    ("basicAuth", "httpBasicAuth"),
    ("customAuth", "httpCustomAuth"),
    ("digestAuth", "httpDigestAuth"),
    ("headerAuth", "httpHeaderAuth"),
    ("queryAuth", "httpQueryAuth"),
    ("oAuth2", "oAuth2Api"),
    ("oAuth1", "oAuth1Api"),
];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params: Object = node.params.clone();
    let given = node.text(&["authentication"], "none");
    if let Some((_, ours)) = AUTHENTICATIONS.iter().find(|(theirs, _)| *theirs == given) {
        params.insert("authentication".to_owned(), json!("genericCredentialType"));
        params.insert("genericAuthType".to_owned(), json!(ours));
    }
    if node.version < 1.1 {
        params.entry("requestFormat").or_insert(json!("graphql"));
    }
    if let Some(headers) = params.shift_remove("headerParametersUi") {
        let list = headers.get("parameter").cloned().unwrap_or(json!([]));
        params.insert("headerParameters".to_owned(), json!({"parameters": list}));
    }
    if params.get("variables").and_then(Value::as_str) == Some("") {
        params.shift_remove("variables");
    }
    let mut translation = Translation::same("graphql", &params);
    translation.credentials = super::http_request::CREDENTIALS.to_vec();
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn both_versions_send_what_they_sent() {
        let given = json!({"endpoint": "https://a.example", "query": "{ a }", "authentication": "headerAuth",
            "headerParametersUi": {"parameter": [{"name": "x", "value": "y"}]}});
        let expected = |format: Option<&str>| {
            let mut expected = json!({"endpoint": "https://a.example", "query": "{ a }",
                "authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"});
            if let Some(format) = format {
                expected["requestFormat"] = json!(format);
            }
            expected["headerParameters"] = json!({"parameters": [{"name": "x", "value": "y"}]});
            expected
        };
        check(translate, 1.0, &given, "graphql", &expected(Some("graphql")));
        check(translate, 1.1, &given, "graphql", &expected(None));
    }
}
