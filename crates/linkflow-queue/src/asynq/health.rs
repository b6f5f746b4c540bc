//! Asks the server how it is.

use std::sync::Arc;
use std::time::Instant;

use redis::Value;

use super::address::Address;
use super::link::Link;
use crate::job::QueueError;
use crate::queue::QueueHealth;

pub(crate) async fn ask(link: &Arc<Link>) -> Result<QueueHealth, QueueError> {
    let before = Instant::now();
    let answer: Value = link.call(redis::cmd("INFO").arg("memory")).await?;
    let mut health = QueueHealth { latency: before.elapsed(), ..QueueHealth::default() };
    let mut texts = Vec::new();
    collect(&answer, &mut texts);
    for line in texts.iter().flat_map(|text| text.lines()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let n = || value.trim().parse().unwrap_or(0);
        match name {
            "used_memory" => health.memory_bytes += n(),
            "maxmemory" => health.memory_bytes_max += n(),
            "maxmemory_policy" => health.is_evicting |= value.trim() != "noeviction",
            _ => {}
        }
    }
    Ok(health)
}

/// What a look at a Redis server from outside gave; of a cluster, all of its masters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisLook {
    pub version: String,
    pub health: QueueHealth,
    /// Whether it writes what it has to a disk: all changes, or a picture now and then.
    pub has_log: bool,
    pub has_pictures: bool,
    pub n_replicas: u64,
}

/// Looks at the server at `url`.
///
/// # Errors
/// When the address cannot be read, or the server not be reached.
pub async fn look_at(url: &str) -> Result<RedisLook, QueueError> {
    let link = Link::open(Address::parse(url, None)?).await;
    let mut look = RedisLook { health: ask(&link).await?, ..RedisLook::default() };
    let mut texts = Vec::new();
    for section in ["server", "persistence", "replication"] {
        collect(&link.call(redis::cmd("INFO").arg(section)).await?, &mut texts);
    }
    for line in texts.iter().flat_map(|text| text.lines()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name {
            "redis_version" => look.version = value.trim().to_owned(),
            "aof_enabled" => look.has_log |= value.trim() == "1",
            "connected_slaves" => look.n_replicas += value.trim().parse::<u64>().unwrap_or(0),
            _ => {}
        }
    }
    // Managed servers do not tell their settings, and keep copies in ways of their own.
    let mut saves = Vec::new();
    match link.call::<Value>(redis::cmd("CONFIG").arg("GET").arg("save")).await {
        Ok(answer) => collect(&answer, &mut saves),
        Err(_) => look.has_pictures = true,
    }
    look.has_pictures |= saves.iter().any(|text| text != "save" && !text.is_empty());
    Ok(look)
}

/// The texts of an answer; a cluster answers with one for each node.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::BulkString(bytes) => texts.push(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Map(pairs) => pairs.iter().for_each(|(_, value)| collect(value, texts)),
        _ => {}
    }
}
