//! What an editor asks about a document that is not saved: what keeps it from running, and what it is
//! in the other format. Nothing here is kept.

use axum::extract::State;
use linkflow_model::{Workflow, WorkflowId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Query, Raw, parse_json};
use crate::openapi::WorkflowFile;
use crate::problem::{FieldProblem, Problem, Problems};
use crate::routes::List;
use crate::routes::import::{Format, ImportBody, ImportedView, read_file};
use crate::routes::publish::{routes_of, taken};
use crate::routes::workflows::check_document;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CheckQuery {
    /// The workflow that the document belongs to; its own addresses are not taken by another one.
    workflow: Option<Uuid>,
}

/// Say what keeps a document from running
///
/// The same that publishing would say, of a document that need not be saved.
#[utoipa::path(post, path = "/api/v1/workflows/check", tag = "workflows", request_body = WorkflowFile,
    params(CheckQuery), responses((status = 200, body = List<FieldProblem>), Problems))]
pub async fn check(
    State(api): State<Api>,
    who: Who,
    Query(query): Query<CheckQuery>,
    Raw(body): Raw,
) -> Result<axum::Json<List<FieldProblem>>, Problem> {
    let document: Workflow = parse_json(&body)?;
    let mut problems = match check_document(&document) {
        Ok(()) => Vec::new(),
        Err(problem) => unsound(&problem),
    };
    let planned = api.runtime.plan_check(&document);
    problems.extend(planned.into_iter().map(|p| FieldProblem { field: p.field, problem: p.problem }));
    let (routes, wrong) = routes_of(&api, &document);
    problems.extend(wrong);
    let own = WorkflowId(query.workflow.unwrap_or_default());
    problems.extend(taken(&api, &who, own, &routes).await?);
    Ok(List::whole(problems))
}

fn unsound(problem: &Problem) -> Vec<FieldProblem> {
    match problem.errors() {
        [] => vec![FieldProblem { field: "workflow".to_owned(), problem: problem.detail().to_owned() }],
        errors => errors.to_vec(),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConvertQuery {
    /// The format that is wanted: `linkflow` when it is left out.
    #[param(inline)]
    to: Option<Format>,
}

/// A file in the format that was asked for.
#[derive(Serialize, ToSchema)]
pub struct ConvertedView {
    /// Null when the file cannot be read; `report` says why.
    #[schema(value_type = Option<Object>)]
    file: Option<Value>,
    /// What became of each node. Empty for files that had our own format.
    report: ImportedView,
}

/// Write a workflow file, or a part of one, in the other format
///
/// What is copied out of another editor is a part of a file: nodes and the connections between them.
#[utoipa::path(post, path = "/api/v1/workflows/convert", tag = "workflows", params(ConvertQuery),
    request_body = ImportBody, responses((status = 200, body = ConvertedView), Problems))]
pub async fn convert(
    State(api): State<Api>,
    Query(query): Query<ConvertQuery>,
    Raw(body): Raw,
) -> Result<axum::Json<ConvertedView>, Problem> {
    let (report, document) = match read_file(api.kinds, "pasted".to_owned(), &body) {
        Ok((report, document, _)) => (report, document),
        Err(report) => return Ok(axum::Json(ConvertedView { file: None, report: *report })),
    };
    let file = match query.to {
        Some(Format::N8n) => linkflow_import::n8n::export_n8n(&document),
        _ => json!(document),
    };
    Ok(axum::Json(ConvertedView { file: Some(file), report }))
}
