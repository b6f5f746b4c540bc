//! When an evaluation has to end, by the processor time that it took: a machine that is busy with other
//! things must not fail expressions that are quick.
//!
//! Whoever evaluates for others can ask to be told when one takes long ([`on_long_evaluation`]).

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The longest that one evaluation may take, in processor time.
pub(super) const TIME_MAX_MS: u64 = 1_000;
/// By the clock on the wall it may take this many times as long.
const WALL_FACTOR: u32 = 10;
/// An evaluation that takes longer is a long one.
const LONG: Duration = Duration::from_millis(5);

#[derive(Clone, Copy)]
struct Running {
    began: Instant,
    cpu_began: Duration,
    is_known_long: bool,
}

thread_local! {
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
    static HAS_PASSED: Cell<bool> = const { Cell::new(false) };
}

static LONG_EVALUATION: OnceLock<fn()> = OnceLock::new();

/// Sets what is called on the thread of an evaluation, once when it takes longer than a few milliseconds,
/// and once when an engine has to be made for it: a chance to let others go on elsewhere. The first that is
/// set stays.
pub fn on_long_evaluation(tell: fn()) {
    let _ = LONG_EVALUATION.set(tell);
}

pub(super) fn begin() {
    let (began, cpu_began) = (Instant::now(), cpu_time());
    RUNNING.set(Some(Running { began, cpu_began, is_known_long: false }));
    HAS_PASSED.set(false);
}

/// Ends it, and says whether its time was over.
pub(super) fn end() -> bool {
    RUNNING.set(None);
    HAS_PASSED.replace(false)
}

/// Tells that the evaluation that runs is a long one, or is about to become one.
pub(super) fn is_long() {
    let Some(running) = RUNNING.get().filter(|running| !running.is_known_long) else { return };
    RUNNING.set(Some(Running { is_known_long: true, ..running }));
    tell();
}

/// Lets others go on now.
pub(super) fn tell() {
    if let Some(tell) = LONG_EVALUATION.get() {
        tell();
    }
}

/// Whether the evaluation that runs has to end now.
pub(super) fn has_passed() -> bool {
    let Some(running) = RUNNING.get() else { return false };
    let wall = running.began.elapsed();
    if wall < LONG {
        return false;
    }
    is_long();
    let max = Duration::from_millis(TIME_MAX_MS);
    let is_over =
        wall >= max && (wall >= max * WALL_FACTOR || cpu_time().saturating_sub(running.cpu_began) >= max);
    if is_over {
        HAS_PASSED.set(true);
    }
    is_over
}

/// Processor time that this thread has taken.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes the time into the place that it is given, and nothing else.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    if done != 0 {
        return Duration::ZERO;
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
