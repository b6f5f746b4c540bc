//! `linkflow serve`: everything in one process.

use std::sync::Arc;

use anyhow::Context;
use linkflow_api::{Api, ApiParts, ApiSettings, HTTP_SECONDS_BUCKETS, serve as serve_api};
use linkflow_model::WorkspaceId;
use linkflow_node::Blobs;
use linkflow_runtime::{Shell, ShellParts};
use linkflow_store::{Keyring, Options, Store};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tokio_util::sync::CancellationToken;

use crate::args::Serve;
use crate::wiring::{Wiring, clock, services};

/// Longest wait for executions that still run when the program ends, in milliseconds.
const GRACE_MS: u64 = 20_000;

pub fn serve(args: Serve) -> anyhow::Result<u8> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("LOG").unwrap_or_else(|_| "warn,linkflow=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(args))?;
    Ok(0)
}

async fn run(args: Serve) -> anyhow::Result<()> {
    let store = Store::open(&args.data_dir, Options::default())?;
    let listener =
        tokio::net::TcpListener::bind((args.host.as_str(), args.port)).await.with_context(|| {
            format!("cannot listen on {}:{}; choose another port with --port", args.host, args.port)
        })?;
    let address = listener.local_addr()?;
    let own_machine = address.ip().is_loopback();
    let local_url = format!("http://localhost:{}", address.port());
    let base_url = args.public_url.clone().unwrap_or_else(|| local_url.clone());
    let key_file = args.data_dir.join("secret.key");
    let (keyring, signing_secret) = match secret()? {
        Some(secret) => (Keyring::new(&secret, &[])?, secret.into_bytes()),
        None => {
            let keyring = Keyring::in_file(&key_file)?;
            (keyring, std::fs::read(&key_file).context("the key file cannot be read")?)
        }
    };
    let services = services(Wiring {
        blobs: store.blob_dir().to_owned(),
        files: args.files_dir.clone(),
        own_machine,
        egress_allow: args.egress_allow.clone(),
        timezone: args.timezone.clone(),
        public_url: base_url.trim_end_matches('/').to_owned(),
        signing_secret,
    })?;
    let now = services.now();
    let random = u128::from_be_bytes(random_bytes()?);
    store.ensure_workspace(WorkspaceId::new(now, random), "Default".to_owned(), now).await?;
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("http_request_duration_seconds".to_owned()),
            HTTP_SECONDS_BUCKETS,
        )
        .context("the buckets of a metric are wrong")?
        .install_recorder()
        .context("the metrics cannot be recorded")?;
    let shell = Shell::new(ShellParts {
        store: store.clone(),
        keyring: keyring.clone(),
        services,
        concurrency: args.concurrency,
        retention_days: args.retention_days,
    });
    let hosts = if own_machine {
        ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec()
    } else {
        Vec::new()
    };
    let api = Api::new(ApiParts {
        store: store.clone(),
        runtime: Arc::new(shell.clone()),
        kinds: linkflow_nodes::ALL,
        blobs: Blobs::in_dir(store.blob_dir()),
        keyring,
        settings: ApiSettings {
            public_url: args.public_url,
            local_url: local_url.clone(),
            hosts,
            ..ApiSettings::default()
        },
        clock: clock(),
        metrics: Some(metrics),
    });
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (shell, stop) = (shell.clone(), stop.clone());
        async move { shell.work(stop, GRACE_MS).await }
    });
    eprintln!("Linkflow {} is ready at {base_url}", env!("CARGO_PKG_VERSION"));
    eprintln!("Data are in {}. Ctrl+C ends it.", args.data_dir.display());
    serve_api(listener, api, ended()).await?;
    stop.cancel();
    worker.await.context("the worker ended badly")?;
    store.close().await;
    Ok(())
}

/// The key that credentials are encrypted with, where the operator gives one.
fn secret() -> anyhow::Result<Option<String>> {
    if let Ok(secret) = std::env::var("SECRET_KEY") {
        return Ok(Some(secret));
    }
    match std::env::var("SECRET_KEY_FILE") {
        Ok(path) => {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("`SECRET_KEY_FILE`: cannot read {path}"))?;
            Ok(Some(text.trim().to_owned()))
        }
        Err(_) => Ok(None),
    }
}

fn random_bytes() -> anyhow::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(bytes)
}

async fn ended() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
