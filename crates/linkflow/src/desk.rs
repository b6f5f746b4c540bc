//! Where the administration from the shell works: the same data as the server's, which may run
//! meanwhile.

use std::sync::Arc;

use anyhow::{Context, bail};
use linkflow_api::{Api, ApiParts, ApiSettings};
use linkflow_model::{Millis, WorkspaceId};
use linkflow_node::Blobs;
use linkflow_queue::{MemoryQueue, Queue};
use linkflow_runtime::{Shell, ShellParts};
use linkflow_store::{Options, Store, StoreError};

use crate::roles;
use crate::settings::{Given, Settings};
use crate::wiring::{clock, keys, random, services_of};

pub struct Desk {
    pub store: Store,
    pub workspace: WorkspaceId,
    pub now: Millis,
    settings: Settings,
}

/// Whether a server may work on the data meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    AServer,
    Nobody,
}

/// Runs `work` on the data that the settings name.
pub fn at<T>(
    given: &Given,
    beside: Beside,
    work: impl AsyncFnOnce(&Desk) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let settings = Settings::read(given)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        // A folder that is named on the command line is meant, whatever the environment says.
        let is_cluster = settings.database_url.is_some() && !given.values.contains_key("data_dir");
        let store = if is_cluster { roles::store_of(&settings, "")? } else { in_folder(&settings, beside)? };
        let desk = sit_down(store, settings).await?;
        let done = work(&desk).await;
        desk.store.close().await;
        done
    })
}

fn in_folder(settings: &Settings, beside: Beside) -> anyhow::Result<Store> {
    let dir = &settings.data_dir;
    if beside == Beside::AServer && !dir.exists() {
        bail!("there are no data in {}; name the server's folder with --data-dir", dir.display());
    }
    let exclusive = beside == Beside::Nobody;
    Store::open(dir, Options { exclusive, ..Options::default() }).map_err(|error| match error {
        StoreError::Locked { path, pid } => anyhow::anyhow!(
            "the data directory {} is in use by process {pid}; stop that server first, or hand the files to it: \
             drop them on its page, or post them to /api/v1/workflows/import",
            path.display()
        ),
        other => other.into(),
    })
}

async fn sit_down(store: Store, settings: Settings) -> anyhow::Result<Desk> {
    let now = clock()();
    let id = WorkspaceId::new(now, random()?);
    let workspace = store.ensure_workspace(id, "Default".to_owned(), now).await?.id;
    Ok(Desk { store, workspace, now, settings })
}

impl Desk {
    /// The shell around the engine, which nothing here sets to work.
    pub fn shell(&self) -> anyhow::Result<Shell> {
        let keys = keys(&self.settings)?;
        Ok(Shell::new(ShellParts {
            store: self.store.clone(),
            queue: Queue::Memory(MemoryQueue::default()),
            partitions: None,
            keyring: keys.keyring,
            services: services_of(&self.settings, self.store.blob_dir(), false, None, keys.signing_secret)?,
            concurrency: 1,
            retention_days: None,
            memory: linkflow_runtime::Memory::default(),
            workspace_concurrency: None,
        }))
    }

    /// What the HTTP routes work with.
    pub fn api(&self) -> anyhow::Result<Api> {
        let shell = self.shell()?;
        Ok(Api::new(ApiParts {
            store: self.store.clone(),
            lookups: shell.lookups(),
            runtime: Arc::new(shell),
            kinds: linkflow_nodes::ALL,
            blobs: Blobs::in_dir(self.store.blob_dir()),
            keyring: keys(&self.settings)?.keyring,
            settings: ApiSettings::default(),
            clock: clock(),
            metrics: None,
        }))
    }

    /// Whether a server on this machine works on the data right now.
    pub async fn is_served(&self) -> anyhow::Result<bool> {
        let workers = self.store.workers().await.context("the workers cannot be listed")?;
        Ok(workers.iter().any(|worker| {
            let pid = worker.info["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
            !worker.revoked && worker.lease_until > self.now && pid.is_some_and(is_alive)
        }))
    }
}

fn is_alive(pid: i32) -> bool {
    // SAFETY: signal 0 asks whether the process exists, and changes nothing.
    let asked = unsafe { libc::kill(pid, 0) };
    asked == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}
