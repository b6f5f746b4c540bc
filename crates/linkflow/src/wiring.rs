//! What every command that runs nodes needs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use linkflow_model::{Millis, Workflow};
use linkflow_node::files::Files;
use linkflow_node::guard::Guard;
use linkflow_node::http::Http;
use linkflow_node::{Blobs, Limits};
use linkflow_runtime::{Clock, Services};
use linkflow_sandbox::{Pool, PoolConfig};
use serde_json::Value;

pub struct Wiring {
    pub blobs: PathBuf,
    pub files: Option<PathBuf>,
    pub own_machine: bool,
    pub egress_allow: String,
    pub timezone: String,
    pub public_url: String,
    pub signing_secret: Vec<u8>,
}

pub fn clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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
