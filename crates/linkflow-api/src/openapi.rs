//! The description of the API: made from the handlers, with the workflow's schema put in.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use linkflow_model::Workflow;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::problem::{FieldProblem, Said};

/// What stands at the head of the document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Linkflow", description = "Workflow automation: workflows, executions, and what they need."),
    components(schemas(Said, FieldProblem, WorkflowFile)),
    security(("key" = []), ("session" = [])),
    modifiers(&Security)
)]
pub struct Base;

/// Stands for the schema of workflow files, which [`complete`] puts in its place.
#[derive(ToSchema)]
#[schema(as = Workflow)]
pub struct WorkflowFile {}

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key: `lf_...`"));
        components.add_security_scheme("key", SecurityScheme::Http(key.build()));
        let cookie = ApiKeyValue::with_description("linkflow", "A session; `__Host-linkflow` over https");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The document as it is served.
pub fn complete(mut document: Document, version: &str) -> Arc<Bytes> {
    document.info.version = version.to_owned();
    let mut value = serde_json::to_value(&document).unwrap_or_default();
    if let Some(schemas) = value.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        add_workflow_schema(schemas);
    }
    Arc::new(Bytes::from(value.to_string()))
}

/// The schema of workflow files, with what it refers to as schemas of the document.
fn add_workflow_schema(schemas: &mut Map<String, Value>) {
    let mut schema = schemars::schema_for!(Workflow).to_value();
    let parts = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("$defs")
    });
    let Some(Value::Object(parts)) = parts else { return };
    for (name, mut part) in parts {
        point_to_components(&mut part);
        schemas.insert(format!("Workflow{name}"), part);
    }
    point_to_components(&mut schema);
    schemas.insert("Workflow".to_owned(), schema);
}

fn point_to_components(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#/components/schemas/Workflow{name}");
            }
            object.values_mut().for_each(point_to_components);
        }
        Value::Array(list) => list.iter_mut().for_each(point_to_components),
        _ => {}
    }
}

/// `GET /api/v1/openapi.json`
pub async fn show(document: Arc<Bytes>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], Bytes::clone(&document)).into_response()
}

/// `GET /api/v1/schemas/workflow.json`: the JSON Schema of workflow files.
pub async fn workflow_schema() -> Response {
    let mut schema = schemars::schema_for!(Workflow).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!("Linkflow workflow"));
    }
    ([(header::CONTENT_TYPE, "application/schema+json")], schema.to_string()).into_response()
}
