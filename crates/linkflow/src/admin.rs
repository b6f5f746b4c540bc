//! Administration from the shell, against the same data as the server's, which may run meanwhile.

use std::path::Path;

use anyhow::{Context, bail};
use linkflow_api::{hash_password, new_token, token_hash};
use linkflow_model::{ApiKeyId, ExecutionId, Millis, Status, UserId, WorkflowId, WorkspaceId};
use linkflow_store::{ExecutionFilter, NewApiKey, NewUser, Options, Store};
use serde_json::{Value, json};

use crate::args::{ApiKeyCommand, DataDir, ExecutionsCommand, Export, UserCommand};
use crate::wiring::clock;

struct Desk {
    store: Store,
    workspace: WorkspaceId,
    now: Millis,
}

/// Runs `work` on the data below `dir`.
fn at<T>(dir: &DataDir, work: impl AsyncFnOnce(&Desk) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let desk = open(&dir.data_dir).await?;
        let done = work(&desk).await;
        desk.store.close().await;
        done
    })
}

async fn open(dir: &Path) -> anyhow::Result<Desk> {
    if !dir.is_dir() {
        bail!("there are no data in {}; name the server's folder with --data-dir", dir.display());
    }
    let store = Store::open(dir, Options { exclusive: false, ..Options::default() })?;
    let now = clock()();
    let id = WorkspaceId::new(now, random());
    let workspace = store.ensure_workspace(id, "Default".to_owned(), now).await?.id;
    Ok(Desk { store, workspace, now })
}

fn random() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}

pub fn user(command: UserCommand) -> anyhow::Result<u8> {
    let UserCommand::Create { dir, email, name, role, password } = command;
    at(&dir, async |desk: &Desk| {
        if password.chars().count() < 8 {
            bail!("`PASSWORD` must have at least 8 characters");
        }
        let password_hash =
            hash_password(password).await.map_err(|_| anyhow::anyhow!("the password cannot be hashed"))?;
        let user = NewUser {
            id: UserId::new(desk.now, random()),
            email: email.trim().to_lowercase(),
            name: name.unwrap_or_else(|| email.clone()),
            password_hash,
            role: role.as_str().to_owned(),
            at: desk.now,
        };
        let (id, email) = (user.id, user.email.clone());
        if desk.store.needs_owner().await? {
            let owner = NewUser { role: "owner".to_owned(), ..user };
            desk.store
                .create_owner(desk.workspace, owner)
                .await?
                .context("somebody else has just become the owner")?;
            println!("{id} {email} owner");
        } else {
            desk.store.create_user(desk.workspace, user).await?;
            println!("{id} {email} {}", role.as_str());
        }
        Ok(0)
    })
}

pub fn api_key(command: ApiKeyCommand) -> anyhow::Result<u8> {
    let ApiKeyCommand::Create { dir, name, scopes, json } = command;
    at(&dir, async |desk: &Desk| {
        let token = new_token().map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
        let key = format!("lf_{token}");
        let mut scopes: Vec<String> = scopes.iter().map(|s| s.as_str().to_owned()).collect();
        scopes.sort();
        scopes.dedup();
        let row = NewApiKey {
            id: ApiKeyId::new(desk.now, random()),
            workspace: desk.workspace,
            created_by: None,
            name,
            prefix: key[..11].to_owned(),
            key_hash: token_hash(&key),
            scopes,
            at: desk.now,
            expires_at: None,
        };
        let id = desk.store.create_api_key(row).await?.id;
        if json {
            println!("{}", json!({"id": id, "key": key}));
        } else {
            println!("{key}");
            eprintln!("It is shown this once.");
        }
        Ok(0)
    })
}

pub fn executions(command: ExecutionsCommand) -> anyhow::Result<u8> {
    match command {
        ExecutionsCommand::List { dir, status, limit, json } => at(&dir, async |desk: &Desk| {
            let statuses = status.iter().map(|s| known_status(s)).collect::<anyhow::Result<Vec<_>>>()?;
            let filter =
                ExecutionFilter { statuses, limit: limit.clamp(1, 1_000), ..ExecutionFilter::default() };
            let rows: Vec<Value> =
                desk.store.executions(desk.workspace, filter).await?.items.iter().map(row).collect();
            if json {
                println!("{}", Value::Array(rows));
            } else {
                rows.iter().for_each(print_row);
            }
            Ok(0)
        }),
        ExecutionsCommand::Show { dir, id } => at(&dir, async |desk: &Desk| {
            let found = desk.store.execution(desk.workspace, parse(&id)?).await?;
            let found = found.with_context(|| format!("there is no execution {id}"))?;
            println!("{}", serde_json::to_string_pretty(&row(&found))?);
            Ok(0)
        }),
        ExecutionsCommand::Cancel { dir, id } => at(&dir, async |desk: &Desk| {
            match desk.store.request_cancel(desk.workspace, parse(&id)?, desk.now).await? {
                linkflow_store::CancelAsked::Asked { .. } => println!("{id} will end"),
                linkflow_store::CancelAsked::Ended(status) => {
                    bail!("{id} has ended already: {}", status.as_str())
                }
                linkflow_store::CancelAsked::Unknown => bail!("there is no execution {id}"),
            }
            Ok(0)
        }),
    }
}

fn known_status(text: &str) -> anyhow::Result<Status> {
    Status::parse(text).with_context(|| {
        format!(
            "`--status` is one of ready, running, waiting, success, error, canceled, dead; got \"{text}\""
        )
    })
}

fn parse(id: &str) -> anyhow::Result<ExecutionId> {
    id.parse().with_context(|| format!("\"{id}\" is no id of an execution"))
}

fn row(record: &linkflow_store::ExecutionRecord) -> Value {
    json!({
        "id": record.id,
        "workflow_id": record.workflow,
        "version": record.version,
        "status": record.status,
        "mode": record.mode,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.ended_at,
        "error": record.error,
        "error_node": record.error_node,
    })
}

fn print_row(row: &Value) {
    let text = |key: &str| row[key].as_str().unwrap_or("").to_owned();
    println!("{}  {:<8}  {:<8}  {}", text("id"), text("status"), text("mode"), text("error"));
}

pub fn export(export: Export) -> anyhow::Result<u8> {
    at(&export.dir, async |desk: &Desk| {
        for id in &export.ids {
            let row = desk.store.workflow_by_any_id(desk.workspace, id.clone()).await?;
            let row = row.with_context(|| format!("there is no workflow {id}"))?;
            let document = latest(desk, row.id, row.version).await?;
            let text = serde_json::to_string_pretty(&document)?;
            match &export.out {
                None => println!("{text}"),
                Some(dir) => {
                    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
                    let path = dir.join(format!("{}.json", row.id));
                    std::fs::write(&path, text)
                        .with_context(|| format!("cannot write {}", path.display()))?;
                    eprintln!("{} -> {}", row.name, path.display());
                }
            }
        }
        Ok(0)
    })
}

async fn latest(desk: &Desk, id: WorkflowId, version: u32) -> anyhow::Result<linkflow_model::Workflow> {
    let found = desk.store.workflow_version(desk.workspace, id, version).await?;
    Ok(found.with_context(|| format!("the workflow {id} has no version {version}"))?.document)
}
