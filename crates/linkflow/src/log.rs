//! The log of a server: what goes to standard error, for people or for machines. Each line that concerns an
//! execution has its id in the field `execution`, in both forms.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::settings::Settings;

const JSON: &str = "json";

/// Begins to log, once in a process.
pub fn begin(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log).context("`LOG` cannot be read")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format.as_str() {
        JSON => lines.json().flatten_event(true).init(),
        _ => lines.init(),
    }
    Ok(())
}

/// Says something to whoever started the server: as a line for people, or as one of the log where machines
/// read everything.
pub fn say(settings: &Settings, text: &str) {
    if settings.log_format == JSON {
        tracing::info!("{text}");
    } else {
        eprintln!("{text}");
    }
}
