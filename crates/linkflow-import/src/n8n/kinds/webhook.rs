//! n8n's Webhook, versions 1 to 2.1. Version 2 moved the status code into the options.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// Credentials of calls that come in: n8n's names and ours.
pub(super) const CREDENTIALS: [(&str, &str); 3] =
    [("httpBasicAuth", "http_basic"), ("httpHeaderAuth", "http_header"), ("jwtAuth", "jwt")];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = node.params.clone();
    status_from_options(&mut params);
    if node.flag(&["multipleMethods"], false) && !params.contains_key("httpMethod") {
        params.insert("httpMethod".to_owned(), json!(["GET", "POST"]));
    }
    let mut translation = Translation::same("webhook", &params);
    translation.credentials = CREDENTIALS.to_vec();
    if node.text(&["responseMode"], "") == "streaming" {
        translation.differs = Some("the answer comes whole, not as a stream".to_owned());
    }
    Ok(translation)
}

/// `options.responseCode.values` holds a number, or the word `customCode` and the number beside it.
pub(super) fn status_from_options(params: &mut Object) {
    let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) else { return };
    let Some(given) = options.shift_remove("responseCode") else { return };
    let values = given.get("values").unwrap_or(&given);
    let code = match values.get("responseCode") {
        Some(code) if code == "customCode" => values.get("customCode"),
        Some(code) => Some(code),
        None => values.is_number().then_some(values),
    };
    params.insert("responseCode".to_owned(), code.cloned().unwrap_or(json!(200)));
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_status_code_is_found_in_every_version() {
        check(translate, 1.0, &json!({"responseCode": 201}), "webhook", &json!({"responseCode": 201}));
        let given = |values: Value| json!({"options": {"responseCode": {"values": values}}});
        let expected = |code: u16| json!({"options": {}, "responseCode": code});
        check(translate, 2.0, &given(json!({"responseCode": 204})), "webhook", &expected(204));
        let custom = given(json!({"responseCode": "customCode", "customCode": 418}));
        check(translate, 2.1, &custom, "webhook", &expected(418));
        check(translate, 2.1, &given(json!({})), "webhook", &expected(200));
    }

    #[test]
    fn several_methods_have_a_default() {
        let expected = json!({"multipleMethods": true, "httpMethod": ["GET", "POST"]});
        check(translate, 2.0, &json!({"multipleMethods": true}), "webhook", &expected);
    }
}
