//! A store that holds many finished executions already, as the program writes them.

use anyhow::Context;
use linkflow_model::{ExecutionId, Millis, Mode, Status};
use linkflow_store::{Append, ExecutionFilter, NewExecution, Options, Store, Then};
use serde_json::json;
use tempfile::TempDir;

use crate::Args;
use crate::cases::Case;
use crate::client;
use crate::server::Server;

/// Executions that are written side by side.
const BATCH: usize = 500;

/// A data folder with `args.stored` executions that are copies of one which the program ran.
pub async fn filled(args: &Args, case: &Case) -> anyhow::Result<TempDir> {
    let dir = tempfile::tempdir()?;
    let server = Server::start(&args.program, dir.path()).await?;
    server.publish(&case.workflow).await?;
    client::load(server.port, case, 20, 1).await?;
    server.wait_until_idle().await?;
    server.stop().await?;
    let store = Store::open(dir.path(), Options::default())?;
    copy(&store, args.stored).await?;
    store.close().await;
    Ok(dir)
}

async fn copy(store: &Store, n: usize) -> anyhow::Result<()> {
    let workspace = store.workspaces().await?.into_iter().next().context("a workspace")?;
    let found =
        store.executions(workspace, ExecutionFilter { limit: 1, ..ExecutionFilter::default() }).await?;
    let id = found.items.first().context("an execution")?.id;
    let model = store.load(workspace, id).await?.context("its journal")?;
    let start = model.record.created_at.0;
    let key = store.register_worker(Millis(start), 3_600_000, json!({})).await?;
    let mut done = 0;
    while done < n {
        let size = BATCH.min(n - done);
        // Spread over the thirty days before.
        let new: Vec<NewExecution> = (done..done + size)
            .map(|i| {
                let at = Millis(start - ((n - i) as i64 * 30 * 86_400_000 / n as i64));
                NewExecution {
                    id: ExecutionId::new(at, uuid::Uuid::new_v4().as_u128()),
                    workspace,
                    workflow: model.record.workflow,
                    version: model.record.version,
                    mode: Mode::Webhook,
                    parent: None,
                    retry_of: None,
                    idempotency: None,
                    queue: model.record.queue.clone(),
                    created_at: at,
                    entries: model.entries[..1].to_vec(),
                }
            })
            .collect();
        let ids = store.accept_many(new).await?.iter().map(|a| a.id).collect();
        let claimed = store.claim(&key, ids, Millis(start)).await?;
        let appends = claimed.iter().map(|c| {
            let append = Append {
                execution: c.id,
                claim: c.claim,
                takes: false,
                seq: c.seq,
                entries: model.entries[1..].to_vec(),
                then: Then::Finish {
                    status: Status::Success,
                    error: None,
                    error_node: None,
                    keep_data: true,
                    custom_data: None,
                },
                started_at: Some(Millis(start)),
            };
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { store.append(&key, append).await })
        });
        for append in appends.collect::<Vec<_>>() {
            append.await??;
        }
        done += size;
        if done % 50_000 == 0 {
            eprintln!("{done} of {n} executions stored");
        }
    }
    Ok(())
}
