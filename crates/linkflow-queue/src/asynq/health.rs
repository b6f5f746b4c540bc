//! Asks the server how it is.

use std::sync::Arc;
use std::time::Instant;

use redis::Value;

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
