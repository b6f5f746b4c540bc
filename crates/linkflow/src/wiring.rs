//! What every command that runs nodes needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use linkflow_model::{Millis, Workflow};
use linkflow_node::files::Files;
use linkflow_node::guard::Guard;
use linkflow_node::http::Http;
use linkflow_node::{Blobs, Limits};
use linkflow_runtime::{Clock, Services};
use linkflow_sandbox::{Pool, PoolConfig};
use linkflow_store::Keyring;
use serde_json::Value;

use crate::settings::Settings;

pub struct Wiring {
    pub blobs: PathBuf,
    pub files: Option<PathBuf>,
    pub own_machine: bool,
    pub egress_allow: String,
    pub timezone: String,
    pub public_url: String,
    pub signing_secret: Vec<u8>,
}

/// The key of credentials, and what signs resume addresses.
pub struct Keys {
    pub keyring: Keyring,
    pub signing_secret: Vec<u8>,
}

pub fn clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
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
        limits: Limits::default(),
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
