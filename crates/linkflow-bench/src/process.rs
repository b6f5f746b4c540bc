//! What a process and its children used, from `/proc`.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;

#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub cpu: Duration,
    /// Most resident memory that the process itself ever had, in megabytes.
    pub peak_mb: f64,
    /// Memory of the process and its children now; what they share counts once.
    pub all_mb: f64,
}

struct Stat {
    parent: u32,
    /// User and system time, that of ended children included.
    ticks: u64,
}

pub fn usage(pid: u32) -> anyhow::Result<Usage> {
    let stats = all();
    let own = stats.get(&pid).context("the server has ended")?;
    let mut usage = Usage {
        peak_mb: line_mb(pid, "status", "VmHWM:"),
        all_mb: line_mb(pid, "smaps_rollup", "Pss:"),
        ..Usage::default()
    };
    let mut ticks = own.ticks;
    for (&child, stat) in stats.iter().filter(|(child, _)| is_below(&stats, **child, pid)) {
        ticks += stat.ticks;
        usage.all_mb += line_mb(child, "smaps_rollup", "Pss:");
    }
    // SAFETY: sysconf only reads a constant of the system.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as f64;
    usage.cpu = Duration::from_secs_f64(ticks as f64 / per_second);
    Ok(usage)
}

fn is_below(stats: &HashMap<u32, Stat>, mut pid: u32, root: u32) -> bool {
    for _ in 0..8 {
        let Some(stat) = stats.get(&pid) else { return false };
        if stat.parent == root {
            return true;
        }
        pid = stat.parent;
    }
    false
}

fn all() -> HashMap<u32, Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may hold spaces.
            let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
            let ticks = fields.get(11..15)?.iter().filter_map(|f| f.parse::<u64>().ok()).sum();
            Some((pid, Stat { parent: fields.get(1)?.parse().ok()?, ticks }))
        })
        .collect()
}

fn line_mb(pid: u32, file: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0
}
