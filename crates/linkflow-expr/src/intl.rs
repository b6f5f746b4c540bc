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
    // Dates of scripts go further than ours: beyond, the calendar and with it the rules of summer
    // time repeat every 400 years.
    const CYCLE_MS: i64 = 146_097 * 86_400_000;
    const LAST_MS: i64 = 250_000_000_000_000;
    if !ms.is_finite() {
        return None;
    }
    const SCRIPT_MS_MAX: f64 = 8.64e15;
    let ms = ms.clamp(-SCRIPT_MS_MAX, SCRIPT_MS_MAX) as i64;
    let beyond = (ms.abs() - LAST_MS).max(0);
    let cycles = beyond.div_euclid(CYCLE_MS) + i64::from(beyond.rem_euclid(CYCLE_MS) > 0);
    Timestamp::from_millisecond(ms - ms.signum() * cycles * CYCLE_MS).ok()
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
        assert_eq!(offset_minutes("Europe/Berlin", 1_718_446_830_000_000.0), 120.0);
        assert_eq!(offset_minutes("Asia/Tokyo", -8.64e15), offset_minutes("Asia/Tokyo", -1e14));
        assert!(offset_minutes("UTC", 1e300).is_finite());
        assert!(offset_minutes("UTC", -1e300).is_finite());
        assert!(offset_minutes("Mars/Base", 0.0).is_nan());
        assert!(offset_minutes("UTC", f64::NAN).is_nan());
    }
}
