//! Reads points in time the way n8n's conditions do: ISO 8601 first, then the forms in which
//! dates are usually written.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::rfc2822;
use jiff::tz::{Offset, TimeZone};

/// Milliseconds since the epoch. Texts without a zone are in `zone`.
pub fn parse_ms(text: &str, zone: &TimeZone) -> Option<i64> {
    let text = text.trim();
    iso(text, zone).or_else(|| mail(text)).or_else(|| common(text, zone))
}

/// As [`parse_ms`], with numbers alone as well, which conditions take for dates.
pub fn parse_ms_or_number(text: &str, zone: &TimeZone) -> Option<i64> {
    parse_ms(text, zone).or_else(|| bare(text.trim(), zone))
}

/// A number alone, as JavaScript reads it: a month of 2001, a year of two digits, or a year.
fn bare(text: &str, zone: &TimeZone) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    let number: i16 = text.parse().ok().filter(|_| digits)?;
    let (year, month) = match number {
        0 | 32..=49 => (2000 + number, 1),
        1..=12 => (2001, number as i8),
        13..=31 => return None,
        50..=99 => (1900 + number, 1),
        year => (year, 1),
    };
    in_zone(Date::new(year, month, 1).ok()?.to_datetime(Time::midnight()), zone)
}

/// The zone of that IANA name; UTC where there is none.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn in_zone(at: DateTime, zone: &TimeZone) -> Option<i64> {
    at.to_zoned(zone.clone()).ok().map(|z| z.timestamp().as_millisecond())
}

fn iso(text: &str, zone: &TimeZone) -> Option<i64> {
    // jiff takes weeks and basic forms, but wants a `T` in them and no loose ends.
    let (date_text, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim_start()),
        None => (text, ""),
    };
    let date = iso_date(date_text)?;
    if rest.is_empty() {
        return in_zone(date.to_datetime(Time::midnight()), zone);
    }
    let (clock, offset) = split_offset(rest)?;
    let at = clock_on(date, clock)?;
    match offset {
        None => in_zone(at, zone),
        Some(offset) => in_zone(at, &TimeZone::fixed(offset)),
    }
}

fn iso_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<i16> {
        text.get(range).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
    };
    let make = |y: i16, m: i16, d: i16| Date::new(y, m as i8, d as i8).ok();
    match bytes.len() {
        4 => make(digits(0..4)?, 1, 1),
        7 if bytes[4] == b'-' => make(digits(0..4)?, digits(5..7)?, 1),
        8 if bytes[4] == b'-' => day_of_year(digits(0..4)?, digits(5..8)?),
        8 => make(digits(0..4)?, digits(4..6)?, digits(6..8)?),
        10 if bytes[4] == b'-' && bytes[5] == b'W' => {
            text.parse::<jiff::civil::ISOWeekDate>().ok().map(Date::from)
        }
        10 if bytes[4] == b'-' && bytes[7] == b'-' => make(digits(0..4)?, digits(5..7)?, digits(8..10)?),
        _ => None,
    }
}

fn day_of_year(year: i16, day: i16) -> Option<Date> {
    Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok()
}

/// The offset that stands at the end of a date with a time: `2024-01-02T00:00+02:00`, `... GMT+0100`.
pub fn offset_at_end(text: &str) -> Option<Offset> {
    let text = text.split('(').next().unwrap_or_default().trim();
    let clock = text.find(':').map(|at| &text[at..])?;
    split_offset(clock)?.1
}

/// A clock time and the offset behind it.
fn split_offset(text: &str) -> Option<(&str, Option<Offset>)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock.trim_end(), Some(Offset::UTC)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, None)) };
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    let digits: String = text[at + 1..].chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..4).map_or(Ok(0), str::parse).ok()?;
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some((text[..at].trim_end(), Some(offset)))
}

fn clock_on(date: Date, clock: &str) -> Option<DateTime> {
    let (whole, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let parts: Vec<i8> = if whole.contains(':') {
        whole.split(':').map(|p| p.parse().ok()).collect::<Option<_>>()?
    } else if matches!(whole.len(), 2 | 4 | 6) && whole.is_ascii() {
        (0..whole.len()).step_by(2).map(|i| whole[i..i + 2].parse().ok()).collect::<Option<_>>()?
    } else {
        return None;
    };
    if parts.is_empty() || parts.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: i32 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let [hour, minute, second] = [0, 1, 2].map(|i| parts.get(i).copied().unwrap_or(0));
    if (hour, minute, second, millis) == (24, 0, 0, 0) {
        return Some(date.tomorrow().ok()?.to_datetime(Time::midnight()));
    }
    Some(date.to_datetime(Time::new(hour, minute, second, millis * 1_000_000).ok()?))
}

/// `Tue, 02 Jan 2024 00:00:00 GMT`, as in mails and HTTP headers.
fn mail(text: &str) -> Option<i64> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok().map(|t| t.as_millisecond())
}

/// `1/2/2024` (the month comes first), `2024/1/2`, `Jan 2, 2024 10:00 PM`, `2 January 2024`,
/// `Tue Jan 02 2024 00:00:00 GMT+0100 (CET)`.
fn common(text: &str, zone: &TimeZone) -> Option<i64> {
    let text = text.split('(').next().unwrap_or_default();
    let words: Vec<&str> = text.split([' ', ',', '\t']).filter(|w| !w.is_empty()).collect();
    let mut found = Found::default();
    for word in words {
        found.take(word)?;
    }
    let mut date = found.date()?;
    let mut hour = found.clock.map_or(0, |c| c.hour());
    match found.afternoon {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let clock = found.clock.unwrap_or_default().with().hour(hour).build().ok()?;
    if found.next_day {
        date = date.tomorrow().ok()?;
    }
    let zone = found.offset.map_or_else(|| zone.clone(), TimeZone::fixed);
    in_zone(date.to_datetime(clock), &zone)
}

#[derive(Default)]
struct Found {
    year: Option<i16>,
    month: Option<i8>,
    days: Option<i8>,
    clock: Option<Time>,
    next_day: bool,
    afternoon: Option<bool>,
    offset: Option<Offset>,
}

impl Found {
    /// Takes one word; `None` when it belongs to no date.
    fn take(&mut self, word: &str) -> Option<()> {
        let lower = word.trim_end_matches('.').to_ascii_lowercase();
        if word.contains(':') && !lower.starts_with("gmt") && !lower.starts_with("utc") {
            return self.take_clock(word);
        }
        if let Some(separator) = ['/', '-', '.'].into_iter().find(|c| word.matches(*c).count() == 2) {
            return self.take_numbers(&word.split(separator).collect::<Vec<_>>());
        }
        if let Ok(number) = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<i16>() {
            match number {
                1..=31 if self.days.is_none() && word.len() <= 4 => self.days = Some(number as i8),
                _ if self.year.is_none() && (1000..=9999).contains(&number) => self.year = Some(number),
                _ => return None,
            }
            return Some(());
        }
        match lower.as_str() {
            "am" => self.afternoon = Some(false),
            "pm" => self.afternoon = Some(true),
            "z" | "utc" | "gmt" => self.offset = Some(Offset::UTC),
            _ if lower.starts_with("gmt") || lower.starts_with("utc") => {
                self.offset = Some(split_offset(&lower[3..])?.1?);
            }
            _ if lower.len() >= 3 && day_name(&lower) => {}
            _ => self.month = Some(month_name(&lower)?),
        }
        Some(())
    }

    fn take_clock(&mut self, word: &str) -> Option<()> {
        let lower = word.to_ascii_lowercase();
        let clock = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
            (Some(clock), _) => {
                self.afternoon = Some(false);
                clock
            }
            (_, Some(clock)) => {
                self.afternoon = Some(true);
                clock
            }
            _ => word,
        };
        let (clock, offset) = split_offset(clock)?;
        let day = Date::constant(2000, 1, 1);
        let at = clock_on(day, clock)?;
        self.next_day = at.date() != day;
        self.clock = Some(at.time());
        self.offset = offset.or(self.offset);
        Some(())
    }

    fn take_numbers(&mut self, parts: &[&str]) -> Option<()> {
        let number = |i: usize| parts[i].parse::<i16>().ok();
        let small = |i: usize| parts[i].parse::<i8>().ok();
        if parts[0].len() == 4 {
            (self.year, self.month, self.days) = (Some(number(0)?), Some(small(1)?), Some(small(2)?));
        } else {
            (self.month, self.days, self.year) = (Some(small(0)?), Some(small(1)?), Some(number(2)?));
        }
        self.year = self.year.map(|y| match y {
            0..=49 => y + 2000,
            50..=99 => y + 1900,
            _ => y,
        });
        Some(())
    }

    fn date(&self) -> Option<Date> {
        Date::new(self.year?, self.month?, self.days?).ok()
    }
}

fn day_name(word: &str) -> bool {
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        .iter()
        .any(|day| day.starts_with(word))
}

fn month_name(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = if word == "sept" { "sep" } else { word };
    let at = MONTHS.iter().position(|month| word.len() >= 3 && month.starts_with(word))?;
    Some(at as i8 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_write_a_date_are_read() {
        let utc = TimeZone::UTC;
        let second_of_january = 1_704_153_600_000;
        for text in [
            "2024-01-02",
            "20240102",
            "2024-W01-2",
            "2024-002",
            "2024-01-02T00:00",
            "2024-01-02 00:00:00",
            "2024-01-02T00:00:00Z",
            "2024-01-02T02:00:00+02:00",
            "2024-01-02T02:00:00+0200",
            "2024-01-02 00:00:00Z",
            "2024-01-02T00:00:00.000+00:00",
            "2024-01-01T24:00:00Z",
            "Tue, 02 Jan 2024 00:00:00 GMT",
            "1/2/2024",
            "01/02/2024",
            "1/2/2024 00:00",
            "2024/01/02",
            "2024-1-2",
            "Jan 2, 2024",
            "2 January 2024",
            "Tue Jan 02 2024 00:00:00 GMT+0000 (UTC)",
            "Tue Jan 02 2024",
            "January 2, 2024 12:00 AM",
        ] {
            assert_eq!(parse_ms(text, &utc), Some(second_of_january), "{text}");
        }
        for text in ["", "tomorrow", "13/01/2024", "abc", "1704153600", "2024-13-01", "true", "[1,2]", "5"] {
            assert_eq!(parse_ms(text, &utc), None, "{text}");
        }
        assert_eq!(parse_ms_or_number("5", &utc), Some(988_675_200_000));
        assert_eq!(parse_ms_or_number("13", &utc), None);
    }

    #[test]
    fn texts_without_a_zone_are_in_the_workflows() {
        let berlin = zone("Europe/Berlin");
        assert_eq!(parse_ms("2024-01-02T01:00", &berlin), Some(1_704_153_600_000));
        assert_eq!(parse_ms("1/2/2024 1:00", &berlin), Some(1_704_153_600_000));
    }
}
