//! GraphQL: asks a server that speaks it.
//!
//! The request itself is made by the kind for HTTP; here it is put together, and an answer that tells
//! of errors is one.

use std::sync::Arc;

use linkflow_expr::Compiled;
use linkflow_model::{Item, Object};
use linkflow_node::{
    Category, Ctx, Effects, Example, Input, Node, NodeError, NodeKind, Outcome, RunInput, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http_request::{AuthType, Authentication, CREDENTIALS, Fields, HttpRequest};

pub struct GraphQl;

/// Asks a GraphQL server. Errors in the answer are errors of the node.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The address, with `http://` or `https://` in front.
    #[serde(default, deserialize_with = "lenient::text")]
    endpoint: String,
    /// Whether it is asked by POST or by GET.
    #[serde(default)]
    request_method: Method,
    /// Whether a credential is used.
    #[serde(default)]
    authentication: Authentication,
    /// Which credential is used.
    #[serde(default)]
    generic_auth_type: AuthType,
    /// Take any certificate of the server.
    #[serde(default, deserialize_with = "lenient::flag")]
    allow_unauthorized_certs: bool,
    /// How the query is sent by POST: as JSON, with variables, or alone.
    #[serde(default)]
    request_format: RequestFormat,
    /// The query.
    #[serde(default, deserialize_with = "lenient::text")]
    query: String,
    /// Values of the query's variables: an object, or its JSON.
    #[serde(default)]
    variables: Value,
    /// Which operation of the query is meant, where it has several.
    #[serde(default, deserialize_with = "lenient::text")]
    operation_name: String,
    /// Whether the answer is JSON or a text.
    #[serde(default)]
    response_format: ResponseFormat,
    /// The property of the item that takes a text.
    #[serde(default = "data", deserialize_with = "lenient::text")]
    data_property_name: String,
    /// Headers of the request.
    #[serde(default)]
    header_parameters: Fields,
}

/// How it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub enum Method {
    /// In the body.
    #[default]
    #[serde(rename = "POST")]
    Post,
    /// In the address.
    #[serde(rename = "GET")]
    Get,
}

/// How the query is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RequestFormat {
    /// As JSON.
    #[default]
    Json,
    /// Alone, as `application/graphql`.
    Graphql,
}

/// What the answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseFormat {
    /// JSON.
    #[default]
    Json,
    /// A text.
    String,
}

fn data() -> String {
    "data".to_owned()
}

impl Node for GraphQl {
    const KIND: &'static str = "graphql";
    const SPEC: Spec = Spec {
        title: "GraphQL",
        summary: "Asks a GraphQL server.",
        category: Category::Network,
        aliases: &["api", "query", "mutation", "gql"],
        effects: Effects::Outside,
        credentials: CREDENTIALS,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Ask for a customer",
            params: r#"{"endpoint": "https://example.com/graphql",
                "query": "query($id: ID!) { customer(id: $id) { name } }",
                "variables": "={{ {id: $json.customer} }}"}"#,
            input: r#"[{"customer": 7}]"#,
            output: "null",
        },
        Example {
            title: "Ask by GET",
            params: r#"{"endpoint": "https://example.com/graphql", "requestMethod": "GET", "query": "{ version }"}"#,
            input: "[{}]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for index in 0..input.items().len() {
            match ask(&input, ctx, index).await {
                Ok(items) => out.extend(items.into_iter().map(|item| item.paired_with(index))),
                Err(error) => out.push(ctx.failed_item(error, index)?),
            }
        }
        Ok(Outcome::items(out))
    }
}

async fn ask(input: &Input<Params>, ctx: &Ctx, index: usize) -> Result<Vec<Item>, NodeError> {
    let params = input.params(index)?;
    let request: Object = said(params.request()?).as_object().cloned().unwrap_or_default();
    let item = input.items()[index].clone();
    let whole = RunInput {
        items: Arc::new(vec![item]),
        compiled: Arc::new(Compiled::of_object(&request)),
        params: Arc::new(request),
        ..(**input.whole()).clone()
    };
    let sent = NodeKind::of::<HttpRequest>().run(Arc::new(whole), ctx).await?;
    let Outcome::Items(outputs) = sent else { return Ok(Vec::new()) };
    let items = outputs.ports.into_iter().next().unwrap_or_default();
    if params.response_format == ResponseFormat::Json {
        items.iter().try_for_each(|item| check(&item.json))?;
    }
    Ok(items)
}

/// The errors that an answer tells of.
fn check(answer: &Object) -> Result<(), NodeError> {
    let Some(errors) = answer.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty())
    else {
        return Ok(());
    };
    let messages: Vec<&str> = errors.iter().filter_map(|e| e.get("message")?.as_str()).collect();
    let text = if messages.is_empty() { "Unexpected error".to_owned() } else { messages.join(", ") };
    Err(NodeError::data(text))
}

/// Texts that would be read as expressions, written so that they give themselves.
fn said(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('=') => {
            let quoted = Value::String(text).to_string().replace('}', "\\u007d");
            Value::String(format!("={{{{ {quoted} }}}}"))
        }
        Value::Array(list) => Value::Array(list.into_iter().map(said).collect()),
        Value::Object(object) => Value::Object(object.into_iter().map(|(k, v)| (k, said(v))).collect()),
        other => other,
    }
}

impl Params {
    /// The parameters of the request, in the words of the kind for HTTP.
    fn request(&self) -> Result<Value, NodeError> {
        if self.query.trim().is_empty() {
            return Err(NodeError::param("query", "must not be empty"));
        }
        let variables = self.variables()?;
        let mut request = json!({
            "url": self.endpoint,
            "authentication": self.authentication,
            "genericAuthType": self.generic_auth_type,
            "sendHeaders": true,
            "headerParameters": self.header_parameters,
            "idempotencyKey": false,
            "options": {
                "allowUnauthorizedCerts": self.allow_unauthorized_certs,
                "response": {"response": {
                    "responseFormat": if self.response_format == ResponseFormat::Json { "json" } else { "text" },
                    "outputPropertyName": self.data_property_name,
                    "splitIntoItems": false,
                }},
            },
        });
        let mut body = json!({"query": self.query, "variables": variables});
        if !self.operation_name.is_empty() {
            body["operationName"] = json!(self.operation_name);
        }
        let more = match (self.request_method, self.request_format) {
            (Method::Get, _) => {
                let mut parameters = vec![json!({"name": "query", "value": self.query})];
                if variables.as_object().is_some_and(|v| !v.is_empty()) {
                    parameters.push(json!({"name": "variables", "value": variables.to_string()}));
                }
                if !self.operation_name.is_empty() {
                    parameters.push(json!({"name": "operationName", "value": self.operation_name}));
                }
                json!({"method": "GET", "sendQuery": true, "queryParameters": {"parameters": parameters}})
            }
            (Method::Post, RequestFormat::Json) => json!({
                "method": "POST", "sendBody": true, "contentType": "json", "specifyBody": "json",
                "jsonBody": body.to_string(),
            }),
            (Method::Post, RequestFormat::Graphql) => json!({
                "method": "POST", "sendBody": true, "contentType": "raw", "body": self.query,
                "rawContentType": "application/graphql",
            }),
        };
        if let (Some(all), Value::Object(more)) = (request.as_object_mut(), more) {
            all.extend(more);
        }
        Ok(request)
    }

    fn variables(&self) -> Result<Value, NodeError> {
        let found = match &self.variables {
            Value::Null => json!({}),
            Value::String(text) if text.trim().is_empty() => json!({}),
            Value::String(text) => serde_json::from_str(text)
                .map_err(|e| NodeError::param("variables", format!("must be a JSON object: {e}")))?,
            value => value.clone(),
        };
        match found.is_object() {
            true => Ok(found),
            false => Err(NodeError::param(
                "variables",
                format!("must be an object, got {}", lenient::show(&found)),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use linkflow_model::OnError;
    use linkflow_node::testing::{TestHost, ctx, input, items};

    use super::*;

    /// A server that says what it was asked; to the query `bad` it answers with an error.
    async fn server() -> String {
        let answer = |headers: axum::http::HeaderMap, body: String| async move {
            let kind =
                headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
            let asked = serde_json::from_str(&body).unwrap_or(json!(body));
            match asked["query"] == "bad" {
                true => axum::Json(json!({"errors": [{"message": "no"}, {"message": "never"}]})),
                false => axum::Json(json!({"data": {"kind": kind, "asked": asked}})),
            }
        };
        let get = |axum::extract::RawQuery(query): axum::extract::RawQuery| async move {
            axum::Json(json!({"data": {"query": query}}))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/", post(answer).get(get));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    async fn run(params: Value, on_error: OnError) -> Result<Value, NodeError> {
        let dir = tempfile::tempdir().unwrap();
        let mut params = params;
        params["endpoint"] = json!(server().await);
        let ctx = Ctx { on_error, ..ctx(dir.path(), Arc::new(TestHost::default())) };
        let given = input(&params, vec![items(&json!([{"id": "=1"}]))]);
        match NodeKind::of::<GraphQl>().run(given, &ctx).await? {
            Outcome::Items(outputs) => Ok(json!(*outputs.ports[0][0].json)),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_query_goes_with_its_variables_and_its_data_come_back() {
        let asked =
            run(json!({"query": "=q { a }", "variables": "={{ {id: $json.id} }}"}), OnError::Stop).await;
        let expected = json!({"query": "q { a }", "variables": {"id": "=1"}});
        assert_eq!(asked.unwrap()["data"], json!({"kind": "application/json", "asked": expected}));
        let alone = run(json!({"query": "{ a }", "requestFormat": "graphql"}), OnError::Stop).await.unwrap();
        assert_eq!(alone["data"], json!({"kind": "application/graphql", "asked": "{ a }"}));
        let get = run(json!({"query": "{ a }", "requestMethod": "GET"}), OnError::Stop).await.unwrap();
        assert!(get["data"]["query"].as_str().unwrap().starts_with("query="), "{get}");
    }

    #[tokio::test]
    async fn errors_in_the_answer_are_errors() {
        let bad = || json!({"query": "bad"});
        assert_eq!(run(bad(), OnError::Stop).await.unwrap_err().to_string(), "no, never");
        assert_eq!(run(bad(), OnError::ContinueRegular).await.unwrap(), json!({"error": "no, never"}));
        let wrong =
            run(json!({"query": "{a}", "variables": "[1]"}), OnError::Stop).await.unwrap_err().to_string();
        assert!(wrong.starts_with("`variables`: must be an object"), "{wrong}");
    }
}
