//! What every command that runs nodes needs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use linkflow_model::{Millis, Workflow};
use linkflow_node::files::Files;
use linkflow_node::guard::Guard;
use linkflow_node::http::Http;
use linkflow_node::{Blobs, Limits};
use linkflow_runtime::{Clock, Services};
use linkflow_sandbox::{Pool, PoolConfig};
use linkflow_store::{Keyring, Store};
use serde_json::Value;

use crate::settings::Settings;

pub struct Wiring {
    pub blobs: PathBuf,
    pub files: Option<PathBuf>,
    pub own_machine: bool,
    pub egress_allow: String,
    /// Whether nodes may run commands of this machine.
    pub commands: bool,
    pub timezone: String,
    pub public_url: String,
    pub signing_secret: Vec<u8>,
}

/// The key of credentials, and what signs resume addresses.
pub struct Keys {
    pub keyring: Keyring,
    pub signing_secret: Vec<u8>,
}

/// What the database's clock showed, and when that was: from then on time is counted, so that nobody
/// who sets this machine's clock moves it.
static TOLD: RwLock<Option<(Instant, Millis)>> = RwLock::new(None);
/// How often the database is asked, and how long the answer may take to be believed.
const ASK_CLOCK_EVERY: Duration = Duration::from_secs(10);
const BELIEVED_WITHIN: Duration = Duration::from_secs(1);
/// From which difference on it is said.
const SAID_FROM_MS: i64 = 2_000;

/// The time of this process: that of the database which it follows, or this machine's.
pub fn now() -> Millis {
    let told = *TOLD.read().unwrap_or_else(PoisonError::into_inner);
    match told {
        Some((at, time)) => time.plus(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)),
        None => machine_time(),
    }
}

fn machine_time() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

pub fn clock() -> Clock {
    Arc::new(now)
}

/// From now on the time is that of the database, by which the leases of all processes are measured,
/// however wrong the clock of this machine is. Where it cannot be asked at once, this machine's
/// clock is believed until it can.
pub async fn follow_clock(store: &Store) {
    ask_clock(store).await;
    let store = store.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(ASK_CLOCK_EVERY).await;
            ask_clock(&store).await;
        }
    });
}

async fn ask_clock(store: &Store) {
    let asked_at = Instant::now();
    let Ok(time) = store.clock().await else { return };
    let took = asked_at.elapsed();
    if took > BELIEVED_WITHIN {
        return;
    }
    // The answer was right somewhere between question and answer.
    *TOLD.write().unwrap_or_else(PoisonError::into_inner) = Some((asked_at + took / 2, time));
    let ahead_ms = machine_time().0 - now().0;
    metrics::gauge!("linkflow_clock_ahead_seconds").set(ahead_ms as f64 / 1_000.0);
    if ahead_ms.abs() >= SAID_FROM_MS {
        tracing::warn!(
            ahead_ms,
            "this machine's clock is {ahead_ms} ms ahead of the database's, which is used"
        );
    }
}

/// A random number for ids.
pub fn random() -> anyhow::Result<u128> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(u128::from_be_bytes(bytes))
}

/// The keys that the settings name; the one in the data folder is made when there is none.
pub fn keys(settings: &Settings) -> anyhow::Result<Keys> {
    if let Some(secret) = given_secret(settings)? {
        return Ok(Keys { keyring: Keyring::new(&secret, &[])?, signing_secret: secret.into_bytes() });
    }
    let file = settings.key_file();
    let keyring = Keyring::in_file(&file).with_context(|| format!("the key in {}", file.display()))?;
    let secret =
        std::fs::read(&file).with_context(|| format!("cannot read the key in {}", file.display()))?;
    Ok(Keys { keyring, signing_secret: secret })
}

/// The key that credentials are encrypted with, where the operator gives one.
pub fn given_secret(settings: &Settings) -> anyhow::Result<Option<String>> {
    match (&settings.secret_key, &settings.secret_key_file) {
        (Some(secret), _) => Ok(Some(secret.clone())),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("`SECRET_KEY_FILE`: cannot read {}", path.display()))?;
            Ok(Some(text.trim().to_owned()))
        }
        (None, None) => Ok(None),
    }
}

/// The services of a process that works on a store; `local_url` is where it listens, if it does.
pub fn services_of(
    settings: &Settings,
    blobs: &Path,
    own_machine: bool,
    local_url: Option<&str>,
    signing_secret: Vec<u8>,
) -> anyhow::Result<Services> {
    let usual = format!("http://localhost:{}", settings.port);
    let url = settings.public_url.as_deref().or(local_url).unwrap_or(&usual);
    services(Wiring {
        blobs: blobs.to_owned(),
        files: settings.files_dir.clone(),
        own_machine,
        egress_allow: settings.egress_allow.clone(),
        commands: settings.execute_command,
        timezone: settings.timezone.clone(),
        public_url: url.trim_end_matches('/').to_owned(),
        signing_secret,
    })
}

pub fn services(wiring: Wiring) -> anyhow::Result<Services> {
    let guard = Guard::parse(wiring.own_machine, &wiring.egress_allow)
        .map_err(|e| anyhow::anyhow!("`EGRESS_ALLOW` cannot be read: {e}"))?;
    let pool =
        Pool::new(PoolConfig::of_current_program().context("this program's own file cannot be found")?);
    Ok(Services {
        kinds: linkflow_nodes::ALL,
        http: Http::new(guard),
        blobs: Blobs::in_dir(wiring.blobs),
        files: wiring.files.map_or_else(Files::none, Files::below),
        pool,
        limits: Limits { commands: wiring.commands, ..Limits::default() },
        clock: clock(),
        timezone: wiring.timezone,
        public_url: wiring.public_url,
        signing_key: Arc::new(aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA256,
            &wiring.signing_secret,
        )),
        read_workflow,
    })
}

fn read_workflow(value: &Value) -> Result<Workflow, String> {
    linkflow_import::read(value.to_string().as_bytes()).map(|i| i.workflow).map_err(|e| e.to_string())
}
