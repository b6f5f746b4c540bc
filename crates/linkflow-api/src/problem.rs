//! Problems: every refusal and failure, as `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder};
use uuid::Uuid;

use crate::runtime::{RuntimeError, StartError};

/// Why a request was not carried out. Boxed: it is the rare side of every result.
#[derive(Clone, Debug)]
pub struct Problem(Box<Said>);

/// What is said about a problem.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Said {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: String,
    status: u16,
    /// A whole thought for people: what was wrong, and what to do.
    detail: String,
    /// The field, parameter or header that has to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// All fields that have to be changed, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// The execution that was started before the problem arose.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<Uuid>,
    #[serde(skip)]
    retry_after_ms: Option<u64>,
    #[serde(skip)]
    allow: Option<String>,
    /// How to prove who one is, for 401.
    #[serde(skip)]
    challenge: &'static str,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    pub field: String,
    pub problem: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem(Box::new(Said {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            errors: Vec::new(),
            execution_id: None,
            retry_after_ms: None,
            allow: None,
            challenge: "Bearer",
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Said)) -> Problem {
        change(&mut self.0);
        self
    }

    /// The request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The request can be read, and a value in it cannot be taken.
    pub fn invalid(field: impl Into<String>, problem: impl std::fmt::Display) -> Problem {
        let field = field.into();
        let detail = format!("`{field}` {problem}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_field(field)
    }

    /// Several values cannot be taken.
    pub fn invalid_fields(detail: impl Into<String>, errors: Vec<FieldProblem>) -> Problem {
        let field = errors.first().map(|e| e.field.clone());
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with(|said| {
            said.field = field;
            said.errors = errors;
        })
    }

    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no {what} {id}"))
    }

    pub fn unauthorized() -> Problem {
        let detail = "sign in, or send `Authorization: Bearer <api key>`";
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, detail)
    }

    pub fn too_large(limit_bytes: usize) -> Problem {
        let detail = format!("the body is larger than the limit of {limit_bytes} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// Something here failed. The cause goes to the log and nowhere else.
    pub fn internal(cause: &dyn std::fmt::Display) -> Problem {
        let id = Uuid::new_v4();
        tracing::error!(%id, %cause, "a request failed: {cause}");
        let detail = format!("something failed on the server; the log has the cause under {id}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    pub fn busy(retry_after_ms: u64) -> Problem {
        metrics::counter!("linkflow_requests_refused_total", "reason" => "busy").increment(1);
        let detail = format!("there is too much to do, come again in {retry_after_ms} ms");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .with(|said| said.retry_after_ms = Some(retry_after_ms))
    }

    /// Whoever runs the server has to make space; the request can be sent again then.
    pub fn no_space() -> Problem {
        let detail = "no space is left on the disk of the server, so nothing of this request was kept; \
                      send it again once its operator has made some";
        tracing::error!(
            "no space is left on the disk of the data folder: requests are refused until some is free"
        );
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail).with(|said| said.retry_after_ms = Some(10_000))
    }

    /// The files of the store cannot be used. The cause, which names paths, goes to the log.
    pub fn storage(cause: &dyn std::fmt::Display) -> Problem {
        tracing::error!(%cause, "the store cannot be used: {cause}");
        let detail = "the server cannot write its data now, so nothing of this request was kept; its log says \
                      why, and `linkflow doctor` what to do";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(|said| said.retry_after_ms = Some(10_000))
    }

    pub fn method_not_allowed(detail: impl Into<String>, allow: String) -> Problem {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).with(|said| said.allow = Some(allow))
    }

    pub fn too_many(detail: impl Into<String>, retry_after_ms: u64) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .with(|said| said.retry_after_ms = Some(retry_after_ms))
    }

    pub fn with_challenge(self, challenge: &'static str) -> Problem {
        self.with(|said| said.challenge = challenge)
    }

    pub fn with_field(self, field: impl Into<String>) -> Problem {
        self.with(|said| said.field = Some(field.into()))
    }

    pub fn with_execution(self, id: Uuid) -> Problem {
        self.with(|said| said.execution_id = Some(id))
    }

    /// Whether it lies in what was asked, and not in the server.
    pub fn is_refusal(&self) -> bool {
        (400..500).contains(&self.0.status)
    }

    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    pub fn errors(&self) -> &[FieldProblem] {
        &self.0.errors
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let said = *self.0;
        let status = StatusCode::from_u16(said.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&said).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(said.challenge));
        }
        if let Some(ms) = said.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
        }
        if let Some(allow) = said.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Busy { retry_after_ms } => Problem::busy(retry_after_ms),
            StoreError::Closed | StoreError::Unavailable { .. } => Problem::busy(1_000),
            StoreError::DiskFull { .. } => Problem::no_space(),
            StoreError::Io { .. } | StoreError::ReadOnly { .. } | StoreError::Corrupted { .. } => {
                Problem::storage(&error)
            }
            StoreError::NotFound { what, id } => Problem::not_found(what, id),
            StoreError::Invalid { field, problem } => Problem::invalid(field, problem),
            StoreError::Duplicate { columns } => {
                let field = columns.rsplit('.').next().unwrap_or("name").to_owned();
                Problem::conflict(format!("another one has the same `{field}` already")).with_field(field)
            }
            StoreError::Changed { what, .. } => Problem::new(
                StatusCode::PRECONDITION_FAILED,
                format!("the {what} has been changed by somebody else meanwhile; read it again and repeat the change"),
            )
            .with_field("If-Match"),
            StoreError::KeyReused { key } => Problem::conflict(format!(
                "the idempotency key \"{key}\" was used for another request; use a new key for a new request"
            ))
            .with_field("Idempotency-Key"),
            error => Problem::internal(&error),
        }
    }
}

impl From<RuntimeError> for Problem {
    fn from(error: RuntimeError) -> Problem {
        Problem::internal(&error)
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Problem {
        match error {
            StartError::Busy { retry_after_ms } => Problem::busy(retry_after_ms),
            StartError::NoSpace => Problem::no_space(),
            StartError::Storage(cause) => Problem::storage(&cause),
            StartError::Invalid { field, problem } => Problem::invalid(field, problem),
            StartError::NotFound(detail) => Problem::new(StatusCode::NOT_FOUND, detail),
            StartError::Conflict(detail) => Problem::conflict(detail),
            StartError::Runtime(error) => error.into(),
        }
    }
}

/// The problems that any endpoint may answer with, for the OpenAPI document.
pub struct Problems;

impl utoipa::IntoResponses for Problems {
    fn responses() -> std::collections::BTreeMap<String, RefOr<utoipa::openapi::response::Response>> {
        let described = [
            (400, "The request cannot be read"),
            (401, "Nobody is signed in, and there is no valid API key"),
            (403, "Role or key do not allow this"),
            (404, "There is no such thing in this workspace"),
            (405, "There is no such method here"),
            (408, "The request took too long to arrive"),
            (409, "It does not fit what is there"),
            (412, "It has been changed meanwhile"),
            (413, "The body is too large"),
            (415, "The body has another content type than expected"),
            (421, "This server does not answer under that name"),
            (422, "A value cannot be taken; `field` names it"),
            (429, "Too many requests"),
            (500, "Something failed on the server"),
            (503, "There is too much to do; come again after `Retry-After`"),
            (507, "No space is left on the server's disk"),
        ];
        described
            .into_iter()
            .map(|(status, description)| {
                let content = ContentBuilder::new()
                    .schema(Some(utoipa::openapi::Ref::from_schema_name("Problem")))
                    .build();
                let response = ResponseBuilder::new()
                    .description(description)
                    .content("application/problem+json", content)
                    .build();
                (status.to_string(), RefOr::T(response))
            })
            .collect()
    }
}
