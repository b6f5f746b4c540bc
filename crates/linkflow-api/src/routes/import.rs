//! Import and export of workflow files, ours and n8n's.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_import::{NodeReport, Verdict};
use linkflow_model::Workflow;
use linkflow_node::NodeKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Path, Query, Raw, check_json, idempotency_key, parse_any_json, parse_json};
use crate::problem::{Problem, Problems};
use crate::routes::publish::publish_version;
use crate::routes::workflows::{check_document, find, insert, update};
use crate::routes::{List, Once};

const FILES_MAX: usize = 500;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Publish what was imported and can run.
    publish: Option<bool>,
    /// Only report, keep nothing.
    check: Option<bool>,
}

/// What is imported: one file of either format or `{"files": [{"name", "content"}]}`, or, as some
/// tools export it, a list with one workflow.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only stands for a body in the document")]
pub enum ImportBody {
    File(serde_json::Map<String, Value>),
    List(Vec<serde_json::Map<String, Value>>),
}

/// Several files at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFiles {
    #[schema(max_items = 500)]
    files: Vec<ImportFile>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    /// Name of the file, for the report.
    name: String,
    /// The text of the file, or the JSON itself.
    #[schema(value_type = Object)]
    content: Value,
}

/// What became of one file.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedFile)]
pub struct ImportedView {
    pub file: String,
    pub name: String,
    pub workflow_id: Option<Uuid>,
    /// Whether every node can run.
    pub runnable: bool,
    pub nodes: Vec<ImportedNode>,
    /// What concerns the file as a whole.
    pub notes: Vec<String>,
    /// Why it was not imported, or not published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of one node.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedNode {
    pub name: String,
    #[serde(rename = "type")]
    pub node_type: String,
    pub type_version: f64,
    /// `exact`, `approximate`, `missing` or `unreadable`.
    pub verdict: String,
    pub message: String,
}

impl ImportedNode {
    fn of(report: NodeReport) -> ImportedNode {
        ImportedNode {
            name: report.name,
            node_type: report.node_type,
            type_version: report.type_version,
            verdict: match report.verdict {
                Verdict::Exact => "exact",
                Verdict::Approximate => "approximate",
                Verdict::Missing => "missing",
                Verdict::Unreadable => "unreadable",
            }
            .to_owned(),
            message: report.message,
        }
    }
}

/// Import workflow files
///
/// The body is one file of either format, or `{"files": [{"name", "content"}]}`.
#[utoipa::path(post, path = "/api/v1/workflows/import", tag = "workflows",
    params(ImportQuery, ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$")),
    request_body = ImportBody,
    responses((status = 200, body = List<ImportedView>), Problems))]
pub async fn import(
    State(api): State<Api>,
    who: Who,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let files = files_of(&body)?;
    let key = idempotency_key(&headers)?;
    let options = [query.publish.unwrap_or(false) as u8, query.check.unwrap_or(false) as u8];
    let once = match Once::begin(&api, &who, key, &[b"import", &options, &body]).await? {
        Ok(once) => once,
        Err(answered) => return Ok(answered),
    };
    let mut items = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        items.push(match query.check {
            Some(true) => check_file(api.kinds, name, &bytes),
            _ => import_file(&api, &who, query.publish == Some(true), name, &bytes).await?,
        });
    }
    once.answer(StatusCode::OK, List { items, next: None }).await
}

fn files_of(body: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    // Some programs put a byte order mark before what they export.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let has_files = match parse_any_json::<Value>(body)? {
        Value::Object(object) => object.contains_key("files") && !object.contains_key("nodes"),
        Value::Array(list) if list.iter().all(Value::is_object) => false,
        _ => return Err(Problem::invalid("body", "must be a workflow, a list of one, or `files`")),
    };
    if !has_files {
        return Ok(vec![("workflow.json".to_owned(), body.to_vec())]);
    }
    let files = parse_json::<ImportFiles>(body)?.files;
    if files.len() > FILES_MAX {
        return Err(Problem::invalid("files", format!("may be {FILES_MAX}, got {}", files.len())));
    }
    let bytes = |content: Value| match content {
        Value::String(text) => text.into_bytes(),
        other => other.to_string().into_bytes(),
    };
    Ok(files.into_iter().map(|file| (file.name, bytes(file.content))).collect())
}

/// Says what would become of a file, and keeps nothing.
pub fn check_file(kinds: &[NodeKind], file: String, bytes: &[u8]) -> ImportedView {
    let (mut view, document, _) = match read_file(kinds, file, bytes) {
        Ok(read) => read,
        Err(unreadable) => return *unreadable,
    };
    view.error = check_document(&document).err().map(|problem| problem.detail().to_owned());
    view
}

/// Keeps a file as a workflow, and publishes it when that is wanted.
pub async fn import_file(
    api: &Api,
    who: &Who,
    publish: bool,
    file: String,
    bytes: &[u8],
) -> Result<ImportedView, Problem> {
    let (mut view, mut document, is_ours) = match read_file(api.kinds, file, bytes) {
        Ok(read) => read,
        Err(unreadable) => return Ok(*unreadable),
    };
    find_credentials(api, who, &mut document).await?;
    match keep(api, who, document, is_ours, publish).await {
        Ok((id, error)) => {
            view.workflow_id = Some(id);
            view.error = error;
        }
        Err(problem) => view.error = Some(why(&problem)),
    }
    Ok(view)
}

/// The report on a file, its document, and whether it has our own format.
pub fn read_file(
    kinds: &[NodeKind],
    file: String,
    bytes: &[u8],
) -> Result<(ImportedView, Workflow, bool), Box<ImportedView>> {
    let nothing = |error: String| {
        Box::new(ImportedView {
            file: file.clone(),
            name: String::new(),
            workflow_id: None,
            runnable: false,
            nodes: Vec::new(),
            notes: Vec::new(),
            error: Some(error),
        })
    };
    check_json(bytes).map_err(|problem| nothing(problem.detail().to_owned()))?;
    let imported = linkflow_import::read(bytes).map_err(|error| nothing(error.to_string()))?;
    let is_ours = imported.report.is_empty();
    let mut document = imported.workflow;
    if document.name.trim().is_empty() {
        document.name = file.trim_end_matches(".json").to_owned();
    }
    let runnable = imported.report.iter().all(|node| node.verdict.is_runnable())
        && document.nodes.iter().all(|node| node.disabled || kinds.iter().any(|k| k.kind == node.kind));
    let view = ImportedView {
        name: document.name.clone(),
        runnable,
        nodes: imported.report.into_iter().map(ImportedNode::of).collect(),
        notes: imported.notes,
        error: None,
        ..*nothing(String::new())
    };
    Ok((view, document, is_ours))
}

/// Keeps a document: as the next version of the workflow that it came from, if it is one of ours,
/// else as a new one. Also says why it was not published.
async fn keep(
    api: &Api,
    who: &Who,
    document: Workflow,
    is_ours: bool,
    publish: bool,
) -> Result<(Uuid, Option<String>), Problem> {
    let earlier = match document.id.filter(|_| is_ours) {
        Some(id) => api.store.workflow(who.workspace, id).await?,
        None => None,
    };
    let row = match earlier {
        Some(row) => update(api, who, row.id, None, document, "imported").await?,
        None => insert(api, who, document, "imported").await?,
    };
    if !publish {
        return Ok((row.id.0, None));
    }
    let published = publish_version(api, who, row.id, row.version).await;
    Ok((row.id.0, published.err().map(|problem| why(&problem))))
}

fn why(problem: &Problem) -> String {
    let fields: Vec<String> =
        problem.errors().iter().map(|e| format!("`{}` {}", e.field, e.problem)).collect();
    match fields.is_empty() {
        true => problem.detail().to_owned(),
        false => format!("{}: {}", problem.detail(), fields.join("; ")),
    }
}

/// Credentials of elsewhere have other ids here; one with the same type and name is taken.
async fn find_credentials(api: &Api, who: &Who, document: &mut Workflow) -> Result<(), Problem> {
    let known = api.store.credentials(who.workspace).await?;
    for node in &mut document.nodes {
        for (slot, chosen) in &mut node.credentials {
            let is_here = known.iter().any(|c| Some(c.id.to_string()) == chosen.id);
            if is_here {
                continue;
            }
            let mut same = known.iter().filter(|c| c.kind == *slot && c.name == chosen.name);
            chosen.id = match (same.next(), same.next()) {
                (Some(only), None) => Some(only.id.to_string()),
                _ => None,
            };
        }
    }
    Ok(())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `linkflow` when it is left out.
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Linkflow,
    N8n,
}

/// Export a workflow as a file
#[utoipa::path(get, path = "/api/v1/workflows/{id}/export", tag = "workflows",
    params(("id" = Uuid, Path), ExportQuery), responses((status = 200, body = Object), Problems))]
pub async fn export(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let row = find(&api, &who, id).await?;
    let found = api.store.workflow_version(who.workspace, row.id, row.version).await?;
    let document = found.ok_or_else(|| Problem::not_found("version", row.version))?.document;
    let mut response = match query.format {
        Some(Format::N8n) => axum::Json(linkflow_import::n8n::export_n8n(&document)).into_response(),
        _ => axum::Json(document).into_response(),
    };
    let name = HeaderValue::try_from(format!("attachment; filename=\"{}.json\"", row.id));
    if let Ok(name) = name {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
