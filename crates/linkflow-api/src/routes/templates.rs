//! Templates: workflows that come with the program, to begin with.

use rust_embed::RustEmbed;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::Path;
use crate::problem::{Problem, Problems};
use crate::routes::List;

#[derive(RustEmbed)]
#[folder = "../../examples"]
struct Examples;

/// A workflow to begin with.
#[derive(Serialize, ToSchema)]
pub struct TemplateView {
    id: String,
    name: String,
    description: String,
    n_nodes: usize,
    /// Kinds of its nodes, each once.
    kinds: Vec<String>,
}

/// A template with its file, fit for `POST /workflows/import`.
#[derive(Serialize, ToSchema)]
pub struct TemplateDetail {
    #[serde(flatten)]
    row: TemplateView,
    /// The file, in whichever format it is.
    #[schema(value_type = Object)]
    content: Value,
}

fn file(id: &str) -> Option<Vec<u8>> {
    Some(Examples::get(&format!("{id}.json"))?.data.into_owned())
}

fn view(id: &str, file: &[u8]) -> Option<TemplateView> {
    let workflow = linkflow_import::read(file).ok()?.workflow;
    let mut kinds: Vec<String> = workflow.nodes.iter().map(|node| node.kind.clone()).collect();
    kinds.sort();
    kinds.dedup();
    Some(TemplateView {
        id: id.to_owned(),
        description: workflow.description.clone().unwrap_or_default(),
        n_nodes: workflow.nodes.len(),
        name: workflow.name,
        kinds,
    })
}

/// List templates
#[utoipa::path(get, path = "/api/v1/templates", tag = "workflows",
    responses((status = 200, body = List<TemplateView>), Problems))]
pub async fn list() -> axum::Json<List<TemplateView>> {
    let ids = Examples::iter().filter_map(|file| file.strip_suffix(".json").map(str::to_owned));
    let mut all: Vec<TemplateView> = ids.filter_map(|id| view(&id, &file(&id)?)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    List::whole(all)
}

/// Show a template with its file
#[utoipa::path(get, path = "/api/v1/templates/{id}", tag = "workflows", params(("id" = String, Path)),
    responses((status = 200, body = TemplateDetail), Problems))]
pub async fn show(Path(id): Path<String>) -> Result<axum::Json<TemplateDetail>, Problem> {
    let missing = || Problem::not_found("template", &id);
    let file = file(&id).ok_or_else(missing)?;
    let row = view(&id, &file).ok_or_else(missing)?;
    let content = serde_json::from_slice(&file).map_err(|e| Problem::internal(&e))?;
    Ok(axum::Json(TemplateDetail { row, content }))
}
