//! `linkflow export`: stored workflows as files.

use std::path::Path;

use anyhow::Context;
use linkflow_model::Workflow;
use linkflow_store::{WorkflowFilter, WorkflowRow, WorkflowSort};
use serde_json::{Value, json};

use crate::args::{Export, Format};
use crate::desk::{Beside, Desk, at};
use crate::progress::bar;

/// How many rows of the list of workflows are read at once.
const PAGE: usize = 500;

pub fn export(export: Export) -> anyhow::Result<u8> {
    at(&export.settings.given(), Beside::AServer, async |desk: &Desk| {
        let rows = wanted(desk, &export).await?;
        if let Some(dir) = &export.out {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let progress = bar(export.out.as_ref().map_or(0, |_| rows.len()), "workflows");
        let mut report = Vec::with_capacity(rows.len());
        for row in &rows {
            let text = text_of(&latest(desk, row).await?, export.format)?;
            match &export.out {
                None => println!("{text}"),
                Some(dir) => report.push(write(dir, row, &text)?),
            }
            progress.inc(1);
        }
        progress.finish_and_clear();
        if export.json {
            println!("{}", Value::Array(report));
        } else {
            for line in &report {
                let text = |key: &str| line[key].as_str().unwrap_or("").to_owned();
                eprintln!("{} -> {}", text("name"), text("file"));
            }
        }
        Ok(0)
    })
}

/// The rows of the workflows that are asked for. A missing one is told before any is written.
async fn wanted(desk: &Desk, export: &Export) -> anyhow::Result<Vec<WorkflowRow>> {
    let mut rows = Vec::new();
    for id in &export.ids {
        let row = desk.store.workflow_by_any_id(desk.workspace, id.clone()).await?;
        rows.push(row.with_context(|| format!("there is no workflow {id}"))?);
    }
    let mut cursor = None;
    while export.all {
        let filter = WorkflowFilter {
            search: None,
            tag: None,
            is_active: None,
            sort: WorkflowSort::Name,
            limit: PAGE,
            cursor: cursor.take(),
        };
        let page = desk.store.workflows(desk.workspace, filter).await?;
        rows.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(rows)
}

async fn latest(desk: &Desk, row: &WorkflowRow) -> anyhow::Result<Workflow> {
    let found = desk.store.workflow_version(desk.workspace, row.id, row.version).await?;
    Ok(found.with_context(|| format!("the workflow {} has no version {}", row.id, row.version))?.document)
}

fn text_of(document: &Workflow, format: Format) -> anyhow::Result<String> {
    Ok(match format {
        Format::Linkflow => serde_json::to_string_pretty(document)?,
        Format::N8n => serde_json::to_string_pretty(&linkflow_import::n8n::export_n8n(document))?,
    })
}

fn write(dir: &Path, row: &WorkflowRow, text: &str) -> anyhow::Result<Value> {
    let path = dir.join(format!("{}.json", row.id));
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(json!({"id": row.id, "name": row.name, "file": path.display().to_string()}))
}
