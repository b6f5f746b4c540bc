//! What this process takes of its machine, as metrics: CPU, memory, files, and how much of each it may
//! take. Read from the kernel; where that says nothing, nothing is shown.

use std::time::Duration;

/// How old the numbers may be.
const EVERY: Duration = Duration::from_secs(5);

/// Measures from now on, as long as the runtime lives.
pub fn measure_always() {
    tokio::spawn(async {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            measure();
        }
    });
}

fn measure() {
    let set = |name: &'static str, value: Option<f64>| {
        if let Some(value) = value {
            metrics::gauge!(name).set(value);
        }
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    set("process_cpu_seconds_total", cpu_seconds(&stat));
    set("process_start_time_seconds", started_at(&stat));
    set("process_resident_memory_bytes", kilobytes(&status, "VmRSS:"));
    set("process_threads", number(&status, "Threads:"));
    set("process_open_fds", std::fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as f64));
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    set("process_max_fds", number(&limits, "Max open files"));
    metrics::gauge!("linkflow_cpu_limit_cores").set(cores());
    if let Some(bytes) = memory_limit() {
        metrics::gauge!("linkflow_memory_limit_bytes").set(bytes);
    }
}

/// The fields after the name of the program, which may hold anything; the first of them is the third.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(") ")?.1.split(' ').nth(number - 3)?.parse().ok()
}

fn ticks_per_second() -> f64 {
    // SAFETY: it only asks for a number.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / ticks_per_second())
}

fn started_at(stat: &str) -> Option<f64> {
    let machine = std::fs::read_to_string("/proc/stat").ok()?;
    Some(number(&machine, "btime")? + field(stat, 22)? / ticks_per_second())
}

/// The number that follows a name at the beginning of a line.
fn number(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kilobytes(text: &str, name: &str) -> Option<f64> {
    number(text, name).map(|kilobytes| kilobytes * 1_024.0)
}

/// What the container may use, or the machine has.
fn cores() -> f64 {
    let machine = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    let quota = std::fs::read_to_string("/sys/fs/cgroup/cpu.max").ok().and_then(|text| quota(&text));
    quota.map_or(machine, |quota| quota.min(machine))
}

/// `200000 100000` are two cores, and `max 100000` no limit.
fn quota(text: &str) -> Option<f64> {
    let (used, of) = text.trim().split_once(' ')?;
    Some(used.parse::<f64>().ok()? / of.parse::<f64>().ok().filter(|of| *of > 0.0)?)
}

fn memory_limit() -> Option<f64> {
    let machine =
        std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemTotal:"));
    let paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let read = |path: &&str| std::fs::read_to_string(path).ok()?.trim().parse::<f64>().ok();
    let container = paths.iter().find_map(read);
    [machine, container].into_iter().flatten().reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_this_process_takes() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let (cpu, started) = (cpu_seconds(&stat).unwrap(), started_at(&stat).unwrap());
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!((0.0..1e6).contains(&cpu), "{cpu}");
        assert!(started < now + 2.0 && started > now - 1e6, "{started} {now}");
        assert!(cores() > 0.0 && memory_limit().unwrap() > 1e6);
    }

    #[test]
    fn a_program_with_a_strange_name_is_read_as_well() {
        let stat = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 9 0 1000 0 0";
        assert_eq!(cpu_seconds(stat), Some(200.0 / ticks_per_second()));
        assert_eq!((quota("150000 100000\n"), quota("max 100000\n")), (Some(1.5), None));
    }
}
