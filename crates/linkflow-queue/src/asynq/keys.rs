//! The names of asynq's keys. The braces keep all keys of a queue in one slot of a cluster.

use md5::{Digest, Md5};

use crate::job::QueueName;

pub(crate) const QUEUES: &str = "asynq:queues";
pub(crate) const SERVERS: &str = "asynq:servers";
pub(crate) const WORKERS: &str = "asynq:workers";
pub(crate) const SCHEDULERS: &str = "asynq:schedulers";
pub(crate) const CANCEL: &str = "asynq:cancel";

/// A key of a queue, such as `asynq:{default}:pending`.
pub(crate) fn of(queue: &QueueName, what: &str) -> String {
    format!("asynq:{{{queue}}}:{what}")
}

/// What the keys of all tasks of a queue begin with.
pub(crate) fn tasks(queue: &QueueName) -> String {
    of(queue, "t:")
}

/// The counter of a day, such as `asynq:{default}:processed:2026-11-23`.
pub(crate) fn on_day(queue: &QueueName, what: &str, day: &str) -> String {
    of(queue, &format!("{what}:{day}"))
}

/// The lock that keeps a second task with this type and payload out.
pub(crate) fn unique(queue: &QueueName, kind: &str, payload: &[u8]) -> String {
    of(queue, &format!("unique:{kind}:{}", hex::encode(Md5::digest(payload))))
}

/// The UTC day of a time in seconds since 1970, as `YYYY-MM-DD`.
pub(crate) fn day(unix_s: i64) -> String {
    // Days since 0000-03-01, in eras of 400 years (Howard Hinnant's `civil_from_days`).
    let days = unix_s.div_euclid(86_400) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asynqs() {
        let queue = QueueName::default();
        assert_eq!(of(&queue, "pending"), "asynq:{default}:pending");
        assert_eq!(on_day(&queue, "failed", "2026-11-23"), "asynq:{default}:failed:2026-11-23");
        assert_eq!(
            unique(&queue, "mail", b"{}"),
            "asynq:{default}:unique:mail:99914b932bd37a50b983c5e7c90ae93b"
        );
    }

    #[test]
    fn days_are_the_calendars() {
        for (unix_s, want) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (4_107_542_400, "2100-03-01"),
            (1_795_439_999, "2026-11-23"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(day(unix_s), want);
        }
    }
}
