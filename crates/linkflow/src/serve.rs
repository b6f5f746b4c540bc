//! `linkflow serve`: everything in one process.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use linkflow_api::{Api, ApiParts, ApiSettings, serve as serve_api};
use linkflow_model::WorkspaceId;
use linkflow_node::Blobs;
use linkflow_queue::{MemoryQueue, Queue};
use linkflow_runtime::{Memory, Shell, ShellParts};
use linkflow_store::{Options, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::Serve;
use crate::settings::Settings;
use crate::wiring::{clock, keys, random, services_of};

/// As a shell shows a process that SIGTERM has ended.
const ENDED_AT_ONCE: i32 = 143;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

pub fn serve(args: &Serve) -> anyhow::Result<u8> {
    let settings = Settings::read(&args.settings.given())?;
    crate::log::begin(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(settings))?;
    Ok(0)
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let metrics = crate::metrics::install("serve")?;
    let store = Store::open(&settings.data_dir, Options::default())?;
    let listener = listen(&settings).await?;
    let address = listener.local_addr()?;
    let queue = Queue::Memory(MemoryQueue::new(settings.queue_priorities.clone(), Default::default()));
    let place = Place { address, own_machine: address.ip().is_loopback() };
    let (shell, api) = assemble(&settings, &store, queue, None, place, metrics).await?;
    let stop = CancellationToken::new();
    let grace_ms = settings.shutdown_grace_seconds * 1_000;
    let worker = tokio::spawn({
        let (shell, stop) = (shell.clone(), stop.clone());
        async move { shell.work(stop, grace_ms).await }
    });
    let measuring = tokio::spawn({
        let (shell, stop) = (shell.clone(), stop.clone());
        async move { shell.measure_queue(stop).await }
    });
    let url = settings.public_url.clone().unwrap_or_else(|| local_url(address));
    crate::log::say(&settings, &format!("Linkflow {} is ready at {url}", env!("CARGO_PKG_VERSION")));
    crate::log::say(&settings, &format!("Data are in {}. Ctrl+C ends it.", settings.data_dir.display()));
    serve_api(listener, api, ended()).await?;
    stop.cancel();
    worker.await.context("the worker ended badly")?;
    measuring.await.context("measuring ended badly")?;
    store.close().await;
    Ok(())
}

/// Where a process listens, and whether its nodes may call services of this machine.
pub struct Place {
    pub address: SocketAddr,
    pub own_machine: bool,
}

/// The shell and the API of a process, whatever its role.
pub async fn assemble(
    settings: &Settings,
    store: &Store,
    queue: Queue,
    partitions: Option<u32>,
    place: Place,
    metrics: PrometheusHandle,
) -> anyhow::Result<(Shell, Api)> {
    let Place { address, own_machine } = place;
    let local_url = local_url(address);
    let keys = keys(settings)?;
    let services =
        services_of(settings, store.blob_dir(), own_machine, Some(&local_url), keys.signing_secret)?;
    let now = services.now();
    store.ensure_workspace(WorkspaceId::new(now, random()?), "Default".to_owned(), now).await?;
    let shell = Shell::new(ShellParts {
        store: store.clone(),
        queue,
        partitions,
        keyring: keys.keyring.clone(),
        services,
        concurrency: settings.worker_concurrency,
        retention_days: settings.retention_days,
        memory: memory(settings),
        workspace_concurrency: settings.workspace_concurrency,
    });
    let api = Api::new(ApiParts {
        store: store.clone(),
        runtime: Arc::new(shell.clone()),
        lookups: shell.lookups(),
        kinds: linkflow_nodes::ALL,
        blobs: Blobs::in_dir(store.blob_dir()),
        keyring: keys.keyring,
        settings: api_settings(settings, address, &local_url),
        clock: clock(),
        metrics: Some(metrics),
    });
    Ok((shell, api))
}

/// What the settings say of memory; where they say nothing, what fits this machine.
fn memory(settings: &Settings) -> Memory {
    let usual = Memory::default();
    Memory { budget_bytes: settings.worker_memory_budget.or(usual.budget_bytes), ..usual }
}

fn local_url(address: SocketAddr) -> String {
    format!("http://localhost:{}", address.port())
}

pub async fn listen(settings: &Settings) -> anyhow::Result<TcpListener> {
    let (host, port) = (settings.host.as_str(), settings.port);
    TcpListener::bind((host, port)).await.map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there; stop it, or choose another port with --port"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need rights of their own; choose another port with --port"
            }
            _ => "give an address of this machine with --host",
        };
        anyhow::anyhow!("cannot listen on {host}:{port}: {error}; {advice}")
    })
}

fn api_settings(settings: &Settings, address: SocketAddr, local_url: &str) -> ApiSettings {
    let hosts: &[&str] = if address.ip().is_loopback() { &["localhost", "127.0.0.1", "[::1]"] } else { &[] };
    ApiSettings {
        public_url: settings.public_url.clone(),
        local_url: local_url.to_owned(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        origins: settings.allowed_origins.clone(),
        trusted_proxies: settings.trusted_proxies,
        body_bytes_max: settings.body_bytes_max,
        webhook_bytes_max: settings.webhook_bytes_max,
        webhook_parsed_bytes_max: settings.webhook_parsed_bytes_max,
        webhook_answer_ms_max: settings.webhook_answer_seconds_max * 1_000,
        session_ms: settings.session_days * DAY_MS,
        connections_max: settings.connections_max,
        address_requests_per_minute_max: settings.address_requests_per_minute_max,
        key_requests_per_minute_max: settings.key_requests_per_minute_max,
        drain_ms: settings.shutdown_drain_seconds * 1_000,
        shutdown_ms_max: settings.shutdown_grace_seconds * 1_000,
        ..ApiSettings::default()
    }
}

/// Returns when the process is asked to end. Asked again, it ends at once.
pub async fn ended() {
    asked().await;
    tokio::spawn(async {
        asked().await;
        tracing::warn!("asked to end once more: what still runs is left as it is");
        std::process::exit(ENDED_AT_ONCE);
    });
}

async fn asked() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
