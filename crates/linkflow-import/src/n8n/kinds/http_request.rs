//! n8n's HTTP Request, versions 1 to 4.3. Version 3 gave it the parameters that ours has.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::http_services::{self, Service};
use super::{N8nNode, Translation, Unreadable};

pub(super) const CREDENTIALS: [(&str, &str); 7] = [
    ("httpBasicAuth", "http_basic"),
    ("httpBearerAuth", "http_bearer"),
    ("httpDigestAuth", "http_digest"),
    ("httpHeaderAuth", "http_header"),
    ("httpQueryAuth", "http_query"),
    ("httpCustomAuth", "http_custom"),
    ("oAuth2Api", "oauth2"),
];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = if node.version < 3.0 { from_version_1_or_2(node) } else { from_version_3(node) };
    if node.version < 4.3 {
        keep_the_last(&mut params, "queryParameters");
        keep_the_last(&mut params, "bodyParameters");
    }
    params.insert("idempotencyKey".to_owned(), json!(false));
    let mut credentials = CREDENTIALS.to_vec();
    let borrowed = borrowed_credential(&mut params);
    credentials.extend(borrowed.as_ref().map(|service| (service.name, service.slot)));
    let differs = differs(node, &params, borrowed.as_ref());
    Ok(Translation { kind: "http_request", params, differs, credentials })
}

/// Puts the general credential in the place of a service's, where it is known how that is shown.
fn borrowed_credential(params: &mut Object) -> Option<Service> {
    if params.get("authentication")? != "predefinedCredentialType" {
        return None;
    }
    let service = http_services::find(params.get("nodeCredentialType")?.as_str()?)?;
    params.insert("authentication".to_owned(), json!("genericCredentialType"));
    params.insert("genericAuthType".to_owned(), json!(service.auth_type));
    if let Some((name, value)) = http_services::extra_header(service.name) {
        add_header(params, name, value);
    }
    Some(service)
}

fn add_header(params: &mut Object, name: &str, value: &str) {
    if params.get("specifyHeaders").is_some_and(|how| how == "json") {
        return;
    }
    if params.get("sendHeaders") != Some(&json!(true)) {
        params.insert("sendHeaders".to_owned(), json!(true));
        params.shift_remove("headerParameters");
    }
    let headers = params.entry("headerParameters").or_insert_with(|| json!({"parameters": []}));
    let Some(list) = headers.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    let is_it = |h: &Value| h["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name));
    if !list.iter().any(is_it) {
        list.push(json!({"name": name, "value": value}));
    }
}

fn differs(node: &N8nNode<'_>, params: &Object, borrowed: Option<&Service>) -> Option<String> {
    let mut notes = Vec::new();
    if let Some(service) = borrowed {
        notes.push(format!("the credential {} has to be entered anew: {}", service.name, service.hint));
    }
    let is = |key: &str, value: &str| params.get(key).and_then(Value::as_str) == Some(value);
    if is("authentication", "predefinedCredentialType") {
        let kind = node.text(&["nodeCredentialType"], "of the service");
        notes.push(format!(
            "the credential type {kind} is missing: choose a general one, such as a header or a bearer token"
        ));
    }
    if is("genericAuthType", "oAuth1Api") {
        notes.push("OAuth 1 is not supported".to_owned());
    }
    if node.param(&["options", "proxy"]).is_some_and(|proxy| proxy.as_str() != Some("")) {
        notes.push("it connects without the proxy".to_owned());
    }
    if node.param(&["provideSslCertificates"]) == Some(&json!(true)) {
        notes.push("it connects without a client certificate".to_owned());
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn from_version_3(node: &N8nNode<'_>) -> Object {
    let mut params = node.params.clone();
    let options = params.entry("options").or_insert_with(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        read_json_in_texts(options);
        for key in ["proxy", "lowercaseHeaders", "sendCredentialsOnCrossOriginRedirect"] {
            options.shift_remove(key);
        }
        // Version 3 followed redirects only when it was told to.
        if node.version < 4.0 {
            let redirect = options.entry("redirect").or_insert_with(|| json!({"redirect": {}}));
            if let Some(rule) = redirect.get_mut("redirect").and_then(Value::as_object_mut) {
                rule.entry("followRedirects").or_insert(json!(false));
            }
        }
    }
    if node.version < 4.0 {
        keep_dots(&mut params);
    }
    params
}

/// Texts that are JSON are written anew, and single values in them are read.
fn read_json_in_texts(options: &mut Object) {
    let reading = options.get_mut("response").and_then(|o| o.get_mut("response"));
    let Some(reading) = reading.and_then(Value::as_object_mut) else { return };
    if reading.get("responseFormat").is_some_and(|f| f != "json" && f != "file" && f != "autodetect") {
        reading.insert("jsonText".to_owned(), json!("compact"));
    }
}

fn from_version_1_or_2(node: &N8nNode<'_>) -> Object {
    let mut params = Object::new();
    let method = node.param(&["requestMethod"]).cloned().unwrap_or(json!("GET"));
    set(&mut params, "url", node.param(&["url"]).cloned());
    old_authentication(node, &mut params);
    let as_json = node.flag(&["jsonParameters"], false);
    for (what, one) in [("Query", "query"), ("Headers", "header"), ("Body", "body")] {
        if what == "Body" && matches!(method.as_str(), Some("GET" | "HEAD" | "OPTIONS")) {
            continue;
        }
        let (fields, json) = (format!("{one}ParametersUi"), format!("{one}ParametersJson"));
        let given = if as_json { node.param(&[&json]) } else { node.param(&[&fields, "parameter"]) };
        let Some(given) = given.filter(|g| !is_nothing(g)) else { continue };
        params.insert(format!("send{what}"), json!(true));
        if as_json {
            params.insert(format!("specify{what}"), json!("json"));
            params.insert(format!("json{what}"), given.clone());
        } else {
            params.insert(format!("{one}Parameters"), json!({ "parameters": given }));
        }
    }
    old_body(node, &mut params);
    params.insert("failAsAWhole".to_owned(), json!(true));
    let mut options = old_options(node);
    let asks_only = matches!(method.as_str(), Some("GET" | "HEAD"));
    if !asks_only && !node.flag(&["options", "followAllRedirects"], false) {
        options.insert("redirect".to_owned(), json!({"redirect": {"followRedirects": false}}));
    }
    params.insert("method".to_owned(), method);
    params.insert("options".to_owned(), Value::Object(options));
    params
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn set(params: &mut Object, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        params.insert(key.to_owned(), value);
    }
}

fn old_authentication(node: &N8nNode<'_>, params: &mut Object) {
    let generic = match node.text(&["authentication"], "none") {
        "none" => return,
        "basicAuth" => "httpBasicAuth",
        "digestAuth" => "httpDigestAuth",
        "headerAuth" => "httpHeaderAuth",
        "queryAuth" => "httpQueryAuth",
        "oAuth1" => "oAuth1Api",
        "oAuth2" => "oAuth2Api",
        _ => {
            for key in ["authentication", "genericAuthType", "nodeCredentialType"] {
                set(params, key, node.param(&[key]).cloned());
            }
            return;
        }
    };
    params.insert("authentication".to_owned(), json!("genericCredentialType"));
    params.insert("genericAuthType".to_owned(), json!(generic));
}

/// The type of the body, and the file that it may be or hold.
fn old_body(node: &N8nNode<'_>, params: &mut Object) {
    let content_type = node.text(&["options", "bodyContentType"], "json");
    let custom_type = node.param(&["options", "bodyContentCustomMimeType"]).cloned();
    let file = node.flag(&["sendBinaryData"], false).then(|| node.text(&["binaryPropertyName"], "data"));
    match (content_type, file) {
        ("raw", Some(name)) => {
            params.insert("sendBody".to_owned(), json!(true));
            params.insert("contentType".to_owned(), json!("binaryData"));
            params.insert("inputDataFieldName".to_owned(), json!(name));
        }
        ("raw", None) => {
            params.insert("contentType".to_owned(), json!("raw"));
            set(params, "rawContentType", custom_type);
            if let Some(text) = params.shift_remove("jsonBody") {
                params.insert("body".to_owned(), text);
            }
        }
        ("multipart-form-data", Some(names)) => {
            // Beside files, only fields were sent.
            params.shift_remove("specifyBody");
            params.shift_remove("jsonBody");
            params.insert("sendBody".to_owned(), json!(true));
            params.insert("contentType".to_owned(), json!("multipart-form-data"));
            let files = names.split(',').map(str::trim).filter(|n| !n.is_empty()).map(|name| {
                let (field, file) = name.split_once(':').unwrap_or((name, name));
                json!({"parameterType": "formBinaryData", "name": field, "inputDataFieldName": file})
            });
            let fields = params.entry("bodyParameters").or_insert_with(|| json!({"parameters": []}));
            if let Some(list) = fields.get_mut("parameters").and_then(Value::as_array_mut) {
                list.extend(files);
            }
        }
        (other, _) => {
            keep_dots(params);
            params.insert("contentType".to_owned(), json!(other));
        }
    }
}

/// Fields of the same name did not make lists before version 4.3: the last one counted.
fn keep_the_last(params: &mut Object, key: &str) {
    if params.get("contentType").is_some_and(|kind| kind == "multipart-form-data") {
        return;
    }
    let fields = params.get_mut(key).and_then(|fields| fields.get_mut("parameters"));
    let Some(fields) = fields.and_then(Value::as_array_mut) else { return };
    let mut kept: Vec<Value> = Vec::with_capacity(fields.len());
    for field in fields.drain(..) {
        match kept.iter_mut().find(|k| k["name"].is_string() && k["name"] == field["name"]) {
            Some(earlier) => *earlier = field,
            None => kept.push(field),
        }
    }
    *fields = kept;
}

/// Names with dots made no objects before version 4.
fn keep_dots(params: &mut Object) {
    let fields = params.get("bodyParameters").and_then(|fields| fields.get("parameters"));
    let mut names = fields.and_then(Value::as_array).into_iter().flatten().filter_map(|f| f["name"].as_str());
    if names.any(|name| name.starts_with('=') || name.contains(['.', '['])) {
        params.insert("nestFields".to_owned(), json!(false));
    }
}

fn old_options(node: &N8nNode<'_>) -> Object {
    let old = |key: &str| node.param(&["options", key]).cloned();
    let mut options = Object::new();
    let format = match node.param(&["responseFormat"]) {
        Some(format) if format == "string" => json!("text"),
        Some(format) => format.clone(),
        None => json!("json"),
    };
    let mut response = Object::new();
    if format != "json" && format != "file" {
        response.insert("jsonText".to_owned(), json!("read"));
    }
    response.insert("responseFormat".to_owned(), format);
    set(&mut response, "outputPropertyName", node.param(&["dataPropertyName"]).cloned());
    set(&mut response, "fullResponse", old("fullResponse"));
    set(&mut response, "neverError", old("ignoreResponseCode"));
    response.insert("splitIntoItems".to_owned(), old("splitIntoItems").unwrap_or(json!(false)));
    options.insert("response".to_owned(), json!({ "response": response }));
    if let Some(follow) = old("followRedirect") {
        options.insert("redirect".to_owned(), json!({"redirect": {"followRedirects": follow}}));
    }
    if old("batchSize").is_some() || old("batchInterval").is_some() {
        let mut batch = Object::new();
        set(&mut batch, "batchSize", old("batchSize"));
        set(&mut batch, "batchInterval", old("batchInterval"));
        options.insert("batching".to_owned(), json!({ "batch": batch }));
    }
    if old("useQueryString") == Some(json!(true)) {
        options.insert("queryParameterArrays".to_owned(), json!("repeat"));
    }
    set(&mut options, "timeout", old("timeout"));
    set(&mut options, "allowUnauthorizedCerts", node.param(&["allowUnauthorizedCerts"]).cloned());
    options
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    const KIND: &str = "http_request";

    #[test]
    fn new_versions_are_taken_as_they_are() {
        let given = json!({"method": "POST", "url": "https://x.test", "sendBody": true,
            "bodyParameters": {"parameters": [{"name": "a", "value": "1"}]}});
        let mut expected = given.clone();
        expected["options"] = json!({});
        expected["idempotencyKey"] = json!(false);
        check(translate, 4.2, &given, KIND, &expected);
        expected["options"] = json!({"redirect": {"redirect": {"followRedirects": false}}});
        check(translate, 3.0, &given, KIND, &expected);
    }

    #[test]
    fn the_first_versions_become_the_new_one() {
        let given = json!({
            "requestMethod": "POST", "url": "https://x.test", "authentication": "headerAuth",
            "bodyParametersUi": {"parameter": [{"name": "a", "value": "1"}]},
            "queryParametersUi": {"parameter": [{"name": "q", "value": "2"}]},
            "responseFormat": "string", "dataPropertyName": "text", "allowUnauthorizedCerts": true,
            "options": {"bodyContentType": "form-urlencoded", "batchSize": 5, "fullResponse": true,
                "followRedirect": false, "timeout": 9, "useQueryString": true}
        });
        let expected = json!({
            "url": "https://x.test", "authentication": "genericCredentialType",
            "genericAuthType": "httpHeaderAuth",
            "sendQuery": true, "queryParameters": {"parameters": [{"name": "q", "value": "2"}]},
            "sendBody": true, "bodyParameters": {"parameters": [{"name": "a", "value": "1"}]},
            "contentType": "form-urlencoded", "method": "POST", "failAsAWhole": true,
            "options": {
                "response": {"response": {"jsonText": "read", "responseFormat": "text", "outputPropertyName": "text",
                    "fullResponse": true, "splitIntoItems": false}},
                "redirect": {"redirect": {"followRedirects": false}},
                "batching": {"batch": {"batchSize": 5}}, "queryParameterArrays": "repeat",
                "timeout": 9, "allowUnauthorizedCerts": true
            },
            "idempotencyKey": false
        });
        check(translate, 1.0, &given, KIND, &expected);
        check(translate, 2.0, &given, KIND, &expected);
    }

    #[test]
    fn files_of_the_first_versions_are_sent_still() {
        let body = |params: Value| {
            let params = params.as_object().unwrap();
            let node = N8nNode { node_type: "t", version: 1.0, name: "n", params, whole: params };
            translate(&node).unwrap().params
        };
        let given = |kind: &str| {
            json!({"requestMethod": "POST", "jsonParameters": true, "sendBinaryData": true,
            "binaryPropertyName": "f:data,other", "bodyParametersJson": "{\"a\":1}",
            "options": {"bodyContentType": kind}})
        };
        assert_eq!(body(given("raw"))["contentType"], "binaryData");
        let form = body(given("multipart-form-data"));
        assert_eq!(form.get("jsonBody"), None);
        assert_eq!(form["bodyParameters"]["parameters"][0]["name"], "f");
        assert_eq!(form["bodyParameters"]["parameters"][1]["inputDataFieldName"], "other");
    }

    #[test]
    fn the_last_of_equal_names_counts_in_older_versions() {
        let given = json!({"queryParameters": {"parameters": [
            {"name": "a", "value": 1}, {"name": "b", "value": 2}, {"name": "a", "value": 3}]}});
        let read = |version| {
            let params = given.as_object().unwrap();
            let node = N8nNode { node_type: "t", version, name: "n", params, whole: params };
            translate(&node).unwrap().params["queryParameters"]["parameters"].clone()
        };
        assert_eq!(read(4.3).as_array().map(Vec::len), Some(3));
        assert_eq!(read(4.2), json!([{"name": "a", "value": 3}, {"name": "b", "value": 2}]));
    }

    #[test]
    fn old_versions_follow_redirects_of_questions_only() {
        let follows = |given: Value| {
            let params = given.as_object().unwrap();
            let node = N8nNode { node_type: "t", version: 1.0, name: "n", params, whole: params };
            translate(&node).unwrap().params["options"].get("redirect").cloned()
        };
        let never = Some(json!({"redirect": {"followRedirects": false}}));
        assert_eq!(follows(json!({"url": "x"})), None);
        assert_eq!(follows(json!({"requestMethod": "POST"})), never);
        assert_eq!(follows(json!({"requestMethod": "POST", "options": {"followAllRedirects": true}})), None);
    }

    #[test]
    fn dots_in_names_stay_dots() {
        let given = json!({"requestMethod": "POST",
            "bodyParametersUi": {"parameter": [{"name": "a.b", "value": "={{ 1 }}"}, {"name": "c", "value": "2"}]}});
        let params = given.as_object().unwrap();
        let node = N8nNode { node_type: "t", version: 1.0, name: "n", params, whole: params };
        let params = translate(&node).unwrap().params;
        assert_eq!(params["nestFields"], json!(false));
    }

    #[test]
    fn what_is_missing_is_told() {
        let note = |given: Value| {
            let params = given.as_object().unwrap();
            let node = N8nNode { node_type: "t", version: 4.2, name: "n", params, whole: params };
            translate(&node).unwrap().differs
        };
        assert_eq!(note(json!({})), None);
        let odd = json!({"authentication": "predefinedCredentialType", "nodeCredentialType": "oddApi"});
        assert!(note(odd).unwrap().contains("oddApi is missing"));
        assert!(note(json!({"options": {"proxy": "http://p"}})).unwrap().contains("proxy"));
    }

    #[test]
    fn the_key_of_a_known_service_becomes_a_general_credential() {
        let given = json!({"authentication": "predefinedCredentialType", "nodeCredentialType": "notionApi"});
        let expected = json!({
            "authentication": "genericCredentialType", "nodeCredentialType": "notionApi", "options": {},
            "idempotencyKey": false, "genericAuthType": "httpBearerAuth", "sendHeaders": true,
            "headerParameters": {"parameters": [{"name": "Notion-Version", "value": "2022-02-22"}]}
        });
        let found = check(translate, 4.2, &given, KIND, &expected);
        assert!(found.credentials.contains(&("notionApi", "http_bearer")));
        assert!(
            found.differs.unwrap().contains("notionApi has to be entered anew: the key as a bearer token")
        );
    }
}
