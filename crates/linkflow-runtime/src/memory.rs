//! How much memory this process may take, and what a worker does about it: over the budget it takes
//! no more executions while any still run. With none running it takes one at a time, since memory
//! that was once taken is not always given back.
//!
//! What is counted is what is resident of the process itself; code of users runs in others, which
//! have limits of their own.

use std::sync::Arc;
use std::time::Duration;

/// How often it is looked while there is no room.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Tells how many bytes are in use; `None` where that cannot be known.
pub type Gauge = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// The budget of a worker, and how it is measured.
#[derive(Clone)]
pub struct Memory {
    pub budget_bytes: Option<u64>,
    pub used: Gauge,
}

impl Default for Memory {
    /// Four fifths of what the process may have.
    fn default() -> Memory {
        Memory { budget_bytes: usual_budget_bytes(), used: Arc::new(resident_bytes) }
    }
}

impl Memory {
    /// Waits until there is room, and says for how many executions.
    pub async fn room(&self, n_running: impl Fn() -> usize) -> usize {
        let Some(budget) = self.budget_bytes else { return usize::MAX };
        let is_over = |is_over: bool| {
            metrics::gauge!("linkflow_worker_memory_over_budget").set(f64::from(u8::from(is_over)));
        };
        metrics::gauge!("linkflow_worker_memory_budget_bytes").set(budget as f64);
        let mut has_said = false;
        loop {
            let used = (self.used)().unwrap_or(0);
            metrics::gauge!("linkflow_worker_memory_bytes").set(used as f64);
            if used <= budget {
                is_over(false);
                return usize::MAX;
            }
            is_over(true);
            if n_running() == 0 {
                return 1;
            }
            if !has_said {
                let (used_mb, budget_mb) = (used >> 20, budget >> 20);
                tracing::warn!(
                    used_mb,
                    budget_mb,
                    "{used_mb} MB are in use, more than the budget of {budget_mb} MB; nothing is taken until some of what runs has ended"
                );
                has_said = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What the kernel counts as resident.
fn resident_bytes() -> Option<u64> {
    // Pages, whose size the kernel does not tell here; in bytes it stands in `status`.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kilobytes(&status, "VmRSS:")
}

fn usual_budget_bytes() -> Option<u64> {
    let of_machine = kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let of_container = limits.iter().find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok());
    Some(of_container.unwrap_or(u64::MAX).min(of_machine) / 5 * 4)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_is_resident_and_what_there_is() {
        let (used, budget) = (resident_bytes().unwrap(), usual_budget_bytes().unwrap());
        assert!(used > 1 << 20, "{used}");
        assert!(budget > used, "{budget}");
        assert_eq!(kilobytes("Name:\tx\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12 * 1024));
        assert_eq!(kilobytes("", "VmRSS:"), None);
    }
}
