//! `linkflow executions`.

use anyhow::{Context, bail};
use linkflow_api::runtime::{ExecutionHistory, RetryFrom, RunStatus, Runtime, StepRun};
use linkflow_model::{ExecutionId, Millis, Mode, Status};
use linkflow_store::{CancelAsked, ExecutionFilter, ExecutionRecord};
use serde_json::{Map, Value, json};

use crate::args::{ExecutionsCommand, From, ListExecutions};
use crate::desk::{Beside, Desk, at};

pub fn executions(command: ExecutionsCommand) -> anyhow::Result<u8> {
    match command {
        ExecutionsCommand::List(list) => {
            let given = list.settings.given();
            at(&given, Beside::AServer, async |desk: &Desk| show_list(desk, &list).await)
        }
        ExecutionsCommand::Show { settings, id, json } => {
            at(&settings.given(), Beside::AServer, async |desk: &Desk| show(desk, &id, json).await)
        }
        ExecutionsCommand::Retry { settings, id, from, json } => {
            at(&settings.given(), Beside::AServer, async |desk: &Desk| retry(desk, &id, from, json).await)
        }
        ExecutionsCommand::Cancel { settings, id, json } => {
            at(&settings.given(), Beside::AServer, async |desk: &Desk| cancel(desk, &id, json).await)
        }
    }
}

async fn show_list(desk: &Desk, list: &ListExecutions) -> anyhow::Result<u8> {
    let page = desk.store.executions(desk.workspace, filter(desk, list).await?).await?;
    let workflows = page.items.iter().map(|row| row.workflow).collect();
    let names = desk.store.workflow_names(desk.workspace, workflows).await?;
    let rows = page.items.iter().map(|record| row(record, names.get(&record.workflow)));
    let rows: Vec<Value> = rows.collect();
    match list.json {
        true => println!("{}", Value::Array(rows)),
        false => rows.iter().for_each(print_row),
    }
    if let Some(next) = page.next {
        eprintln!("There are more: --cursor {next}");
    }
    Ok(0)
}

async fn filter(desk: &Desk, list: &ListExecutions) -> anyhow::Result<ExecutionFilter> {
    let statuses = list.status.iter().map(|s| known_status(s)).collect::<anyhow::Result<Vec<_>>>()?;
    let workflow = match &list.workflow {
        None => None,
        Some(id) => {
            let found = desk.store.workflow_by_any_id(desk.workspace, id.clone()).await?;
            Some(found.with_context(|| format!("there is no workflow {id}"))?.id)
        }
    };
    Ok(ExecutionFilter {
        workflow,
        statuses,
        mode: list.mode.as_deref().map(known_mode).transpose()?,
        from: list.from.as_deref().map(|text| time("--from", text)).transpose()?,
        to: list.to.as_deref().map(|text| time("--to", text)).transpose()?,
        custom: None,
        search: list.search.clone().filter(|text| !text.is_empty()),
        limit: usize::from(list.limit),
        cursor: list.cursor.clone(),
    })
}

fn known_status(text: &str) -> anyhow::Result<Status> {
    let known = "ready, running, waiting, success, error, canceled, dead";
    Status::parse(text.trim()).with_context(|| format!("`--status` is one of {known}; got \"{text}\""))
}

fn known_mode(text: &str) -> anyhow::Result<Mode> {
    let known = "manual, webhook, trigger, workflow, error, retry, api";
    Mode::parse(text).with_context(|| format!("`--mode` is one of {known}; got \"{text}\""))
}

/// A time or a day, which begins at midnight in UTC.
fn time(option: &str, text: &str) -> anyhow::Result<Millis> {
    let midnight = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| Some(midnight()?.timestamp()));
    let at = at.with_context(|| {
        format!("`{option}` must be a time such as 2026-01-31 or 2026-01-31T10:00:00Z, got \"{text}\"")
    })?;
    Ok(Millis(at.as_millisecond()))
}

fn parse(id: &str) -> anyhow::Result<ExecutionId> {
    id.parse()
        .with_context(|| format!("\"{id}\" is no id of an execution; `linkflow executions list` shows them"))
}

fn row(record: &ExecutionRecord, workflow_name: Option<&String>) -> Value {
    let began = record.started_at.unwrap_or(record.created_at);
    json!({
        "id": record.id,
        "workflow_id": record.workflow,
        "workflow_name": workflow_name,
        "version": record.version,
        "status": record.status,
        "mode": record.mode,
        "attempt": record.attempt,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.ended_at,
        "duration_ms": record.ended_at.map(|ended| (ended.0 - began.0).max(0)),
        "error": record.error,
        "error_node": record.error_node,
        "retry_of": record.retry_of,
        "parent": record.parent.as_ref().map(|parent| parent.execution),
    })
}

fn print_row(row: &Value) {
    let text = |key: &str| row[key].as_str().unwrap_or("").to_owned();
    let at = row["created_at"].as_i64().map_or(String::new(), shown_time);
    println!(
        "{}  {at}  {:<8}  {:<8}  {}  {}",
        text("id"),
        text("status"),
        text("mode"),
        text("workflow_name"),
        text("error").lines().next().unwrap_or("")
    );
}

fn shown_time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).ok();
    at.map_or(String::new(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

async fn find(desk: &Desk, id: &str) -> anyhow::Result<ExecutionRecord> {
    let found = desk.store.execution(desk.workspace, parse(id)?).await?;
    found.with_context(|| format!("there is no execution {id}"))
}

async fn show(desk: &Desk, id: &str, json: bool) -> anyhow::Result<u8> {
    let record = find(desk, id).await?;
    let names = desk.store.workflow_names(desk.workspace, vec![record.workflow]).await?;
    let mut shown = row(&record, names.get(&record.workflow));
    let history = desk.shell()?.history(desk.workspace, record.id).await?;
    if json {
        if let Some(history) = &history {
            shown["order"] = json!(history.order);
            shown["nodes"] = nodes(history);
        }
        shown["custom_data"] = json!(record.custom_data);
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(0);
    }
    for (name, value) in shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match (name.ends_with("_at"), value.as_i64()) {
            (true, Some(ms)) => println!("{name:<14}{}", shown_time(ms)),
            _ => println!("{name:<14}{text}"),
        }
    }
    match &history {
        Some(history) => print_nodes(history),
        None => println!("What its nodes did is not kept."),
    }
    Ok(0)
}

fn nodes(history: &ExecutionHistory) -> Value {
    let run = |run: &StepRun| {
        json!({
            "status": status_of(run),
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "outputs": run.outputs,
            "error": run.error,
            "logs": run.logs,
        })
    };
    let of_node = |(name, runs): &(String, Vec<StepRun>)| (name.clone(), runs.iter().map(run).collect());
    Value::Object(history.runs.iter().map(of_node).collect::<Map<String, Value>>())
}

fn status_of(run: &StepRun) -> &'static str {
    match run.status {
        RunStatus::Success => "success",
        RunStatus::Error => "error",
        RunStatus::Running => "running",
        RunStatus::Waiting => "waiting",
    }
}

fn print_nodes(history: &ExecutionHistory) {
    for (name, runs) in &history.runs {
        for run in runs {
            let counts: Vec<String> = run.outputs.iter().map(|items| items.len().to_string()).collect();
            let error = run.error.as_ref().map_or(String::new(), |e| format!(": {}", e.message));
            println!("  {name}: {}, {} items{error}", status_of(run), counts.join(" + "));
        }
    }
}

async fn retry(desk: &Desk, id: &str, from: From, json: bool) -> anyhow::Result<u8> {
    let record = find(desk, id).await?;
    if !record.status.is_terminal() {
        bail!("{id} has not ended, it is {}; cancel it first", record.status.as_str());
    }
    let from = match from {
        From::Start => RetryFrom::Start,
        From::Failed => RetryFrom::Failed,
    };
    let new = desk.shell()?.retry(desk.workspace, record.id, from.into()).await?;
    let is_served = desk.is_served().await?;
    if json {
        println!(
            "{}",
            json!({"id": new, "retry_of": record.id, "status": "ready", "server_running": is_served})
        );
    } else {
        println!("{new}");
        eprintln!("It is ready. {}", when(is_served));
    }
    Ok(0)
}

fn when(is_served: bool) -> &'static str {
    match is_served {
        true => "The running server takes it within seconds.",
        false => "No server works on these data: it runs at the next start of `linkflow serve`.",
    }
}

async fn cancel(desk: &Desk, id: &str, json: bool) -> anyhow::Result<u8> {
    match desk.store.request_cancel(desk.workspace, parse(id)?, desk.now).await? {
        CancelAsked::Asked { .. } => {}
        CancelAsked::Ended(status) => bail!("{id} has ended already: {}", status.as_str()),
        CancelAsked::Unknown => bail!("there is no execution {id}"),
    }
    let is_served = desk.is_served().await?;
    if json {
        println!("{}", json!({"id": id, "cancel_requested": true, "server_running": is_served}));
    } else {
        println!("{id} will end");
        eprintln!("{}", when(is_served));
    }
    Ok(0)
}
