//! The items that flowed in an execution: page by page, searched and cut to what a screen can show,
//! and single ones and files as a whole.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use linkflow_model::Item;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Path, Query};
use crate::problem::{Problem, Problems};
use crate::routes::executions::find;
use crate::routes::limit;
use crate::routes::preview::{CutView, Preview, says};
use crate::runtime::ExecutionHistory;

/// The most bytes of one item that a preview shows.
const CUT_MAX: u32 = 1 << 20;
/// A page of previews ends after about this many bytes.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Which items are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DataQuery {
    /// Name of the node.
    node: String,
    /// Which run of the node, from 0.
    #[param(maximum = 4294967295u32)]
    run: Option<u32>,
    /// Which output, from 0.
    #[param(maximum = 4294967295u32)]
    output: Option<u32>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Index of the first item of the page.
    #[param(maximum = 4294967295u32)]
    offset: Option<u32>,
    /// Only items with this text in a field's name or value, in any case.
    search: Option<String>,
    /// Items longer than this many bytes are cut, and the page ends early when it gets long.
    #[param(minimum = 256, maximum = 1048576)]
    cut: Option<u32>,
}

/// Items of one output of one run of one node.
#[derive(Serialize, ToSchema)]
pub struct ItemsView {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// How many items the output has.
    total: usize,
    /// Index of each item of the page.
    at: Vec<usize>,
    /// The `offset` of the next page; null on the last one.
    next: Option<usize>,
    /// What was cut.
    cut: Vec<CutView>,
}

/// Show the items that a node gave
#[utoipa::path(get, path = "/api/v1/executions/{id}/data", tag = "executions",
    params(("id" = Uuid, Path), DataQuery), responses((status = 200, body = ItemsView), Problems))]
pub async fn data(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(query): Query<DataQuery>,
) -> Result<axum::Json<ItemsView>, Problem> {
    let limit = limit(query.limit)?;
    if let Some(cut) = query.cut.filter(|cut| !(256..=CUT_MAX).contains(cut)) {
        return Err(Problem::invalid("cut", format!("must be from 256 to {CUT_MAX} bytes, got {cut}")));
    }
    let row = find(&api, &who, id).await?;
    let history = api.runtime.history(who.workspace, row.id).await?;
    let history = history.ok_or_else(|| Problem::not_found("data of execution", id))?;
    // Looking through many items is work, and others wait for this thread.
    let page = tokio::task::spawn_blocking(move || {
        let items = output_of(&history, &query.node, query.run, query.output)?;
        Ok(page_of(items, &query, limit))
    });
    page.await.map_err(|e| Problem::internal(&e))?.map(axum::Json)
}

fn page_of(items: &[Item], query: &DataQuery, limit: usize) -> ItemsView {
    let text = query.search.as_deref().unwrap_or_default().trim().to_lowercase();
    let mut preview = Preview::new(query.cut.map_or(usize::MAX, |cut| cut as usize));
    let (mut at, mut next) = (Vec::new(), None);
    for (index, item) in items.iter().enumerate().skip(query.offset.unwrap_or(0) as usize) {
        if !text.is_empty() && !says(item, &text) {
            continue;
        }
        let is_long = query.cut.is_some() && preview.taken >= PAGE_BYTES_MAX;
        if at.len() == limit || is_long {
            next = Some(index);
            break;
        }
        at.push(index);
        preview.add(index, item);
    }
    ItemsView { items: preview.items, total: items.len(), at, next, cut: preview.cuts }
}

fn output_of<'a>(
    history: &'a ExecutionHistory,
    node: &str,
    run: Option<u32>,
    output: Option<u32>,
) -> Result<&'a [Item], Problem> {
    let runs = history.runs.iter().find(|(name, _)| name == node).map(|(_, runs)| runs);
    let runs = runs.ok_or_else(|| Problem::not_found("run of node", format!("\"{node}\"")))?;
    let (run, output) = (run.unwrap_or(0), output.unwrap_or(0));
    let run = runs.iter().find(|r| r.run == run).ok_or_else(|| Problem::not_found("run", run))?;
    let items = run.outputs.get(output as usize).ok_or_else(|| Problem::not_found("output", output))?;
    Ok(items)
}

/// Which item is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ItemQuery {
    /// Name of the node.
    node: String,
    /// Which run of the node, from 0.
    #[param(maximum = 4294967295u32)]
    run: Option<u32>,
    /// Which output, from 0.
    #[param(maximum = 4294967295u32)]
    output: Option<u32>,
    /// Which item, from 0.
    #[param(maximum = 4294967295u32)]
    item: Option<u32>,
    /// Which part of its JSON, as a JSON pointer (RFC 6901); all of it when left out.
    pointer: Option<String>,
}

/// Download an item that a node gave, or a part of it, as a whole
#[utoipa::path(get, path = "/api/v1/executions/{id}/item", tag = "executions",
    params(("id" = Uuid, Path), ItemQuery),
    responses((status = 200, body = Value, content_type = "application/json"), Problems))]
pub async fn item(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(query): Query<ItemQuery>,
) -> Result<Response, Problem> {
    let row = find(&api, &who, id).await?;
    let history = api.runtime.history(who.workspace, row.id).await?;
    let history = history.ok_or_else(|| Problem::not_found("data of execution", id))?;
    let items = output_of(&history, &query.node, query.run, query.output)?;
    let n = query.item.unwrap_or(0);
    let item = items.get(n as usize).ok_or_else(|| Problem::not_found("item", n))?;
    let json = item.bare.as_deref().cloned().unwrap_or_else(|| Value::Object(item.json.as_ref().clone()));
    let pointer = query.pointer.unwrap_or_default();
    let part = json.pointer(&pointer).ok_or_else(|| Problem::not_found("value", format!("\"{pointer}\"")))?;
    let mut response = axum::Json(json!(part)).into_response();
    let name = format!("attachment; filename=\"item-{}.json\"", u64::from(n) + 1);
    if let Ok(name) = HeaderValue::try_from(name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Which file is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BinaryQuery {
    /// Name of the node.
    node: String,
    /// Which run of the node, from 0.
    #[param(maximum = 4294967295u32)]
    run: Option<u32>,
    /// Which output, from 0.
    #[param(maximum = 4294967295u32)]
    output: Option<u32>,
    /// Which item, from 0.
    #[param(maximum = 4294967295u32)]
    item: Option<u32>,
    /// Which property of the item's files.
    property: String,
}

/// Download a file that a node gave
#[utoipa::path(get, path = "/api/v1/executions/{id}/binary", tag = "executions",
    params(("id" = Uuid, Path), BinaryQuery),
    responses((status = 200, body = Vec<u8>, content_type = "*/*"), Problems))]
pub async fn binary(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(query): Query<BinaryQuery>,
) -> Result<Response, Problem> {
    let row = find(&api, &who, id).await?;
    let history = api.runtime.history(who.workspace, row.id).await?;
    let history = history.ok_or_else(|| Problem::not_found("data of execution", id))?;
    let items = output_of(&history, &query.node, query.run, query.output)?;
    let n = query.item.unwrap_or(0);
    let item = items.get(n as usize).ok_or_else(|| Problem::not_found("item", n))?;
    let file = item.binary.as_ref().and_then(|files| files.get(&query.property)).cloned();
    let file = file.ok_or_else(|| Problem::not_found("file", format!("\"{}\"", query.property)))?;
    crate::webhooks::attachment(&api, file).await
}
