//! Time zones and names for the scripts' dates, from the tzdb and the locales that are compiled in.

use std::cell::RefCell;

use jiff::Timestamp;
use jiff::tz::TimeZone;

thread_local! {
    /// The zone asked for last: scripts ask for one zone many times in a row.
    static LAST: RefCell<Option<(String, TimeZone)>> = const { RefCell::new(None) };
}

fn with_zone<T>(name: &str, use_zone: impl FnOnce(&TimeZone) -> T) -> Option<T> {
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(known, _)| known != name) {
            *last = Some((name.to_owned(), find(name)?));
        }
        last.as_ref().map(|(_, zone)| use_zone(zone))
    })
}

fn find(name: &str) -> Option<TimeZone> {
    if name.len() > 64 {
        return None;
    }
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(name).ok()
}

fn timestamp(ms: f64) -> Option<Timestamp> {
    // Dates of scripts go further than the database of zones; beyond it the last rule stands.
    let (first, last) = (Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    ms.is_finite().then(|| Timestamp::from_millisecond((ms as i64).clamp(first, last)).ok()).flatten()
}

pub fn is_zone(name: &str) -> bool {
    with_zone(name, |_| ()).is_some()
}

/// Minutes that local time is ahead of UTC; NaN for an unknown zone or a time out of range.
pub fn offset_minutes(zone: &str, ms: f64) -> f64 {
    let seconds = timestamp(ms).and_then(|at| with_zone(zone, |z| z.to_offset(at).seconds()));
    seconds.map_or(f64::NAN, |s| f64::from(s) / 60.0)
}

/// The zone's abbreviation at that time, such as `CEST`; empty for an unknown zone.
pub fn abbreviation(zone: &str, ms: f64) -> String {
    timestamp(ms)
        .and_then(|at| with_zone(zone, |z| z.to_offset_info(at).abbreviation().to_owned()))
        .unwrap_or_default()
}

/// One JSON object per line; each begins with its name.
const LOCALES: &str = include_str!("../vendor/locales.jsonl");

/// Names and patterns of a locale, as JSON.
pub fn locale(name: &str) -> Option<&'static str> {
    let head = format!("{{\"locale\":\"{name}\",");
    LOCALES.lines().find(|line| line.starts_with(&head))
}

/// The zone that the process runs in: what `TZ` says, else UTC.
pub fn process_zone() -> String {
    match std::env::var("TZ") {
        Ok(name) if is_zone(&name) => name,
        _ => "UTC".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_follow_the_zone_and_its_summer_time() {
        assert_eq!(offset_minutes("Europe/Berlin", 1_718_446_830_400.0), 120.0);
        assert_eq!(offset_minutes("Europe/Berlin", 1_705_000_000_000.0), 60.0);
        assert_eq!(offset_minutes("Asia/Kolkata", 0.0), 330.0);
        assert!(offset_minutes("Mars/Base", 0.0).is_nan());
        assert!(offset_minutes("UTC", f64::NAN).is_nan());
    }
}
