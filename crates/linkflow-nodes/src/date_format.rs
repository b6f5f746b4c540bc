//! Writes and reads dates by a pattern, in the letters of Luxon or of Moment. English names only.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose letters a pattern is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Letters {
    /// `yyyy-MM-dd`.
    #[default]
    Luxon,
    /// `YYYY-MM-DD`, as older files have it.
    Moment,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// `at` as ISO 8601 with milliseconds and its offset, `Z` where the zone is plain UTC.
pub fn iso(at: &Zoned) -> String {
    let plain_utc = matches!(at.time_zone().iana_name(), Some("UTC" | "GMT"));
    let zone = if plain_utc { "Z".to_owned() } else { offset(at, ":") };
    let (date, time) = (at.date(), at.time());
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{zone}",
        year_text(date.year()),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

fn year_text(year: i16) -> String {
    if year < 0 { format!("-{:06}", -i32::from(year)) } else { format!("{year:04}") }
}

/// `at` in the letters of `pattern`.
pub fn format(at: &Zoned, pattern: &str, letters: Letters) -> String {
    let parts = match letters {
        Letters::Luxon => luxon_parts(pattern),
        Letters::Moment => moment_parts(pattern),
    };
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(plain) => text.push_str(&plain),
            Part::Token(token) => {
                let value = match letters {
                    Letters::Luxon => luxon(at, &token),
                    Letters::Moment => moment(at, &token),
                };
                text.push_str(&value.unwrap_or(token));
            }
        }
    }
    text
}

enum Part {
    Text(String),
    Token(String),
}

/// Runs of one letter are tokens; what stands in single quotes is text.
fn luxon_parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            parts.push(Part::Text(chars.by_ref().take_while(|c| *c != '\'').collect()));
            continue;
        }
        let mut run = String::from(c);
        while let Some(next) = chars.next_if_eq(&c) {
            run.push(next);
        }
        parts.push(if c.is_ascii_alphabetic() { Part::Token(run) } else { Part::Text(run) });
    }
    parts
}

/// Moment's tokens, the longest of a letter first.
const MOMENT: [&str; 62] = [
    "YYYYYY", "YYYYY", "YYYY", "YY", "Y", "gggg", "gg", "GGGG", "GG", "MMMM", "MMM", "MM", "Mo", "M", "Qo",
    "Q", "DDDD", "DDDo", "DDD", "DD", "Do", "D", "dddd", "ddd", "dd", "do", "d", "e", "E", "wo", "ww", "w",
    "Wo", "WW", "W", "A", "a", "HH", "H", "hh", "h", "kk", "k", "mm", "m", "ss", "s", "SSS", "SS", "S", "ZZ",
    "Z", "zz", "z", "X", "x", "LTS", "LT", "LLLL", "LLL", "LL", "L",
];
const MOMENT_SHORT: [&str; 4] = ["llll", "lll", "ll", "l"];

fn moment_parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if let Some((plain, behind)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            parts.push(Part::Text(plain.to_owned()));
            rest = behind;
        } else if let Some(token) = MOMENT.iter().chain(&MOMENT_SHORT).find(|t| rest.starts_with(**t)) {
            parts.push(Part::Token((*token).to_owned()));
            rest = &rest[token.len()..];
        } else {
            parts.push(Part::Text(first.to_string()));
            rest = &rest[first.len_utf8()..];
        }
    }
    parts
}

fn luxon(at: &Zoned, token: &str) -> Option<String> {
    let week = at.date().iso_week_date();
    let pad2 = |n: i64| format!("{n:02}");
    let millis = i64::from(at.millisecond());
    let (hour, month, day) = (i64::from(at.hour()), i64::from(at.month()), i64::from(at.day()));
    let year = i64::from(at.year());
    Some(match token {
        "S" => millis.to_string(),
        "u" | "SSS" => format!("{millis:03}"),
        "uu" => pad2(millis / 10),
        "uuu" => (millis / 100).to_string(),
        "s" => at.second().to_string(),
        "ss" => pad2(at.second().into()),
        "m" => at.minute().to_string(),
        "mm" => pad2(at.minute().into()),
        "h" => half_day(hour).to_string(),
        "hh" => pad2(half_day(hour)),
        "H" => hour.to_string(),
        "HH" => pad2(hour),
        "Z" => narrow_offset(at),
        "ZZ" => offset(at, ":"),
        "ZZZ" => offset(at, ""),
        "ZZZZ" => short_zone(at),
        "ZZZZZ" => long_zone(at),
        "z" => zone_name(at),
        "a" => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        "d" => day.to_string(),
        "dd" => pad2(day),
        "c" | "E" => at.weekday().to_monday_one_offset().to_string(),
        "ccc" | "EEE" => day_name(at)[..3].to_owned(),
        "cccc" | "EEEE" => day_name(at).to_owned(),
        "ccccc" | "EEEEE" => day_name(at)[..1].to_owned(),
        "L" | "M" => month.to_string(),
        "LL" | "MM" => pad2(month),
        "LLL" | "MMM" => month_name(at)[..3].to_owned(),
        "LLLL" | "MMMM" => month_name(at).to_owned(),
        "LLLLL" | "MMMMM" => month_name(at)[..1].to_owned(),
        "y" => year.to_string(),
        "yy" => pad2(year.rem_euclid(100)),
        "yyyy" => year_text(at.year()),
        "yyyyyy" => format!("{year:06}"),
        "G" => if year > 0 { "AD" } else { "BC" }.to_owned(),
        "GG" => if year > 0 { "Anno Domini" } else { "Before Christ" }.to_owned(),
        "GGGGG" => if year > 0 { "A" } else { "B" }.to_owned(),
        "kk" | "ii" => pad2(i64::from(week.year()).rem_euclid(100)),
        "kkkk" | "iiii" => year_text(week.year()),
        "W" | "n" => week.week().to_string(),
        "WW" | "nn" => pad2(week.week().into()),
        "o" => at.day_of_year().to_string(),
        "ooo" => format!("{:03}", at.day_of_year()),
        "q" => quarter(at).to_string(),
        "qq" => pad2(quarter(at)),
        "X" => at.timestamp().as_second().to_string(),
        "x" => at.timestamp().as_millisecond().to_string(),
        _ => return luxon_compound(at, token),
    })
}

/// Tokens that stand for whole patterns.
fn luxon_compound(at: &Zoned, token: &str) -> Option<String> {
    let pattern = match token {
        "D" => "M/d/yyyy",
        "DD" => "MMM d, yyyy",
        "DDD" => "MMMM d, yyyy",
        "DDDD" => "EEEE, MMMM d, yyyy",
        "t" => "h:mm a",
        "tt" => "h:mm:ss a",
        "ttt" => "h:mm:ss a ZZZZ",
        "tttt" => "h:mm:ss a ZZZZZ",
        "T" => "HH:mm",
        "TT" => "HH:mm:ss",
        "TTT" => "HH:mm:ss ZZZZ",
        "TTTT" => "HH:mm:ss ZZZZZ",
        "f" => "M/d/yyyy, h:mm a",
        "ff" => "MMM d, yyyy, h:mm a",
        "fff" => "MMMM d, yyyy 'at' h:mm a ZZZZ",
        "ffff" => "EEEE, MMMM d, yyyy 'at' h:mm a ZZZZZ",
        "F" => "M/d/yyyy, h:mm:ss a",
        "FF" => "MMM d, yyyy, h:mm:ss a",
        "FFF" => "MMMM d, yyyy 'at' h:mm:ss a ZZZZ",
        "FFFF" => "EEEE, MMMM d, yyyy 'at' h:mm:ss a ZZZZZ",
        _ => return None,
    };
    Some(format(at, pattern, Letters::Luxon))
}

fn moment(at: &Zoned, token: &str) -> Option<String> {
    if let Some(same) = luxon_for(token) {
        return luxon(at, same);
    }
    let hour = i64::from(at.hour());
    let sunday = i64::from(at.weekday().to_sunday_zero_offset());
    let (year, week) = sunday_week(at.date());
    let night = if hour == 0 { 24 } else { hour };
    Some(match token {
        "Mo" => ordinal(at.month().into()),
        "Qo" => ordinal(quarter(at)),
        "Do" => ordinal(at.day().into()),
        "DDDo" => ordinal(at.day_of_year().into()),
        "d" | "e" => sunday.to_string(),
        "do" => ordinal(sunday),
        "dd" => day_name(at)[..2].to_owned(),
        "Wo" => ordinal(at.date().iso_week_date().week().into()),
        "w" => week.to_string(),
        "wo" => ordinal(week),
        "ww" => format!("{week:02}"),
        "gg" => format!("{:02}", year.rem_euclid(100)),
        "gggg" => format!("{year:04}"),
        "a" => if hour < 12 { "am" } else { "pm" }.to_owned(),
        "k" => night.to_string(),
        "kk" => format!("{night:02}"),
        "S" => (at.millisecond() / 100).to_string(),
        "SS" => format!("{:02}", at.millisecond() / 10),
        "z" | "zz" => String::new(),
        "L" => format(at, "MM/DD/YYYY", Letters::Moment),
        "LLL" => format(at, "MMMM D, YYYY h:mm A", Letters::Moment),
        "LLLL" => format(at, "dddd, MMMM D, YYYY h:mm A", Letters::Moment),
        "lll" => format(at, "MMM D, YYYY h:mm A", Letters::Moment),
        "llll" => format(at, "ddd, MMM D, YYYY h:mm A", Letters::Moment),
        _ => return None,
    })
}

/// Luxon's token for the same thing as Moment's `token`.
fn luxon_for(token: &str) -> Option<&'static str> {
    const SAME: [&str; 17] =
        ["M", "MM", "MMM", "MMMM", "E", "W", "WW", "H", "HH", "h", "hh", "m", "mm", "s", "ss", "SSS", "X"];
    const OTHER: [(&str, &str); 21] = [
        ("x", "x"),
        ("Q", "q"),
        ("D", "d"),
        ("DD", "dd"),
        ("DDD", "o"),
        ("DDDD", "ooo"),
        ("ddd", "EEE"),
        ("dddd", "EEEE"),
        ("YY", "yy"),
        ("Y", "y"),
        ("YYYY", "yyyy"),
        ("YYYYYY", "yyyyyy"),
        ("GG", "kk"),
        ("GGGG", "kkkk"),
        ("A", "a"),
        ("Z", "ZZ"),
        ("ZZ", "ZZZ"),
        ("LT", "t"),
        ("LTS", "tt"),
        ("LL", "DDD"),
        ("ll", "DD"),
    ];
    if token == "l" {
        return Some("D");
    }
    let same = SAME.iter().find(|t| **t == token).copied();
    same.or_else(|| OTHER.iter().find(|(theirs, _)| *theirs == token).map(|(_, ours)| *ours))
}

/// Year and number of the week, where weeks begin on Sunday and the first has January 1 in it.
fn sunday_week(date: Date) -> (i64, i64) {
    let saturday = 6 - i64::from(date.weekday().to_sunday_zero_offset());
    let days_left = i64::from(date.days_in_year()) - i64::from(date.day_of_year());
    if days_left < saturday {
        return (i64::from(date.year()) + 1, 1);
    }
    (i64::from(date.year()), (i64::from(date.day_of_year()) + saturday - 1) / 7 + 1)
}

fn ordinal(n: i64) -> String {
    let ending = match (n % 10, n % 100 / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

fn half_day(hour: i64) -> i64 {
    if hour % 12 == 0 { 12 } else { hour % 12 }
}

fn quarter(at: &Zoned) -> i64 {
    (i64::from(at.month()) - 1) / 3 + 1
}

fn day_name(at: &Zoned) -> &'static str {
    DAYS[at.weekday().to_monday_zero_offset() as usize]
}

fn month_name(at: &Zoned) -> &'static str {
    MONTHS[at.month() as usize - 1]
}

fn offset(at: &Zoned, between: &str) -> String {
    let minutes = at.offset().seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}{between}{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// `+1`, `-3:30`.
fn narrow_offset(at: &Zoned) -> String {
    let minutes = at.offset().seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let rest = if minutes % 60 == 0 { String::new() } else { format!(":{:02}", minutes.abs() % 60) };
    format!("{sign}{}{rest}", minutes.abs() / 60)
}

/// `UTC`, `EST`, else `GMT+1`: the abbreviations that English readers in America use.
fn short_zone(at: &Zoned) -> String {
    let info = at.time_zone().to_offset_info(at.timestamp());
    let name = info.abbreviation();
    let known = ["EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "HDT", "UTC"];
    let american = at.time_zone().iana_name().is_none_or(|n| n.starts_with("America/") || n.ends_with("UTC"));
    match (known.contains(&name) && american, at.offset().seconds()) {
        (true, _) => name.to_owned(),
        (false, 0) => "GMT".to_owned(),
        (false, _) => format!("GMT{}", narrow_offset(at)),
    }
}

fn long_zone(at: &Zoned) -> String {
    match zone_name(at).as_str() {
        "UTC" | "Etc/UTC" => "Coordinated Universal Time".to_owned(),
        name => name.to_owned(),
    }
}

fn zone_name(at: &Zoned) -> String {
    match at.time_zone().iana_name() {
        Some(name) => name.to_owned(),
        None => format!("UTC{}", narrow_offset(at)),
    }
}

/// Reads `text` by `pattern`. Without an offset in it, the time is in `zone`; larger units that the
/// pattern does not have are those of `now`, smaller ones begin. `whole`: nothing may follow.
pub fn parse(
    text: &str,
    pattern: &str,
    letters: Letters,
    zone: &TimeZone,
    now: Timestamp,
    whole: bool,
) -> Option<Zoned> {
    let parts = match letters {
        Letters::Luxon => luxon_parts(pattern),
        Letters::Moment => moment_parts(pattern),
    };
    let mut found = Found::default();
    let mut rest = text.trim();
    for part in parts {
        rest = match part {
            Part::Text(plain) => rest.strip_prefix(plain.as_str())?,
            Part::Token(token) => {
                let token = match letters {
                    Letters::Luxon => token.as_str(),
                    Letters::Moment if token == "a" => "a",
                    Letters::Moment if token == "Do" => "do",
                    Letters::Moment => luxon_for(&token)?,
                };
                found.take(token, rest)?
            }
        };
    }
    if whole && !rest.is_empty() {
        return None;
    }
    found.at(zone, &now.to_zoned(zone.clone()))
}

#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    millis: Option<i64>,
    afternoon: Option<bool>,
    zone: Option<TimeZone>,
    instant: Option<Timestamp>,
}

impl Found {
    /// Takes a token's value from the start of `text` and gives what follows.
    fn take<'t>(&mut self, token: &str, text: &'t str) -> Option<&'t str> {
        let (value, rest) = match token {
            "yyyy" => digits(text, 4, 4)?,
            "y" | "yyyyyy" => digits(text, 1, 6)?,
            "ooo" | "SSS" | "u" => digits(text, 3, 3)?,
            "o" | "S" => digits(text, 1, 3)?,
            "yy" | "MM" | "LL" | "dd" | "HH" | "hh" | "mm" | "ss" => digits(text, 2, 2)?,
            "M" | "L" | "d" | "do" | "H" | "h" | "m" | "s" => digits(text, 1, 2)?,
            "X" | "x" => digits(text, 1, 14)?,
            _ => return self.take_name(token, text),
        };
        match token {
            "yy" => self.year = Some(if value > 60 { 1900 + value } else { 2000 + value }),
            "y" | "yyyy" | "yyyyyy" => self.year = Some(value),
            "M" | "MM" | "L" | "LL" => self.month = Some(value),
            "d" | "dd" => self.day = Some(value),
            "do" => {
                self.day = Some(value);
                return ["st", "nd", "rd", "th"].iter().find_map(|e| rest.strip_prefix(e));
            }
            "o" | "ooo" => self.day_of_year = Some(value),
            "H" | "HH" => self.hour = Some(value),
            "h" | "hh" => {
                self.hour = Some(value);
                self.afternoon.get_or_insert(false);
            }
            "m" | "mm" => self.minute = Some(value),
            "s" | "ss" => self.second = Some(value),
            "X" => self.instant = Timestamp::from_second(value).ok(),
            "x" => self.instant = Timestamp::from_millisecond(value).ok(),
            _ => self.millis = Some(value),
        }
        Some(rest)
    }

    fn take_name<'t>(&mut self, token: &str, text: &'t str) -> Option<&'t str> {
        match token {
            "MMM" | "LLL" | "MMMM" | "LLLL" => {
                let (month, rest) = name(text, &MONTHS, token.len() == 3)?;
                self.month = Some(month as i64 + 1);
                Some(rest)
            }
            "EEE" | "ccc" | "EEEE" | "cccc" => Some(name(text, &DAYS, token.len() == 3)?.1),
            "a" => {
                let (half, rest) = text.split_at_checked(2)?;
                self.afternoon = Some(match half.to_ascii_lowercase().as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                Some(rest)
            }
            "Z" | "ZZ" | "ZZZ" => {
                let (zone, rest) = read_offset(text)?;
                self.zone = Some(zone);
                Some(rest)
            }
            "z" => {
                let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "/_+-".contains(c)));
                let (zone, rest) = text.split_at(end.unwrap_or(text.len()));
                self.zone = Some(TimeZone::get(zone).ok()?);
                Some(rest)
            }
            _ => None,
        }
    }

    fn at(self, zone: &TimeZone, now: &Zoned) -> Option<Zoned> {
        let zone = self.zone.clone().unwrap_or_else(|| zone.clone());
        if let Some(instant) = self.instant {
            return Some(instant.to_zoned(zone));
        }
        let date = self.date(now)?;
        let hour = match (self.afternoon, self.hour.unwrap_or(0)) {
            (Some(_), hour) if hour > 12 => return None,
            (Some(true), hour) if hour < 12 => hour + 12,
            (Some(false), 12) => 0,
            (_, hour) => hour,
        };
        let small = |n: Option<i64>| i8::try_from(n.unwrap_or(0)).ok();
        let nanos = i32::try_from(self.millis.unwrap_or(0)).ok()? * 1_000_000;
        let time =
            jiff::civil::Time::new(i8::try_from(hour).ok()?, small(self.minute)?, small(self.second)?, nanos);
        DateTime::from_parts(date, time.ok()?).to_zoned(zone).ok()
    }

    fn date(&self, now: &Zoned) -> Option<Date> {
        let year = i16::try_from(self.year.unwrap_or(now.year().into())).ok()?;
        if let Some(day) = self.day_of_year {
            return Date::new(year, 1, 1).ok()?.with().day_of_year(i16::try_from(day).ok()?).build().ok();
        }
        let has_year = self.year.is_some();
        let month = self.month.unwrap_or(if has_year { 1 } else { now.month().into() });
        let has_month = has_year || self.month.is_some();
        let day = self.day.unwrap_or(if has_month { 1 } else { now.day().into() });
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }
}

fn digits(text: &str, min: usize, max: usize) -> Option<(i64, &str)> {
    let n = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if n < min {
        return None;
    }
    Some((text[..n].parse().ok()?, &text[n..]))
}

/// Which of `names` the text begins with, and what follows.
fn name<'t>(text: &'t str, names: &[&str], short: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(i, name)| {
        let name = if short { &name[..3] } else { name };
        let (head, rest) = text.split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name).then_some((i, rest))
    })
}

fn read_offset(text: &str) -> Option<(TimeZone, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((TimeZone::UTC, rest));
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&text[1..], 1, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':').unwrap_or(rest), 2, 2).unwrap_or((0, rest));
    let seconds = i32::try_from(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some((TimeZone::fixed(Offset::from_seconds(seconds).ok()?), rest))
}

/// The Monday of the week in which `date` lies.
pub fn monday(date: Date) -> Option<Date> {
    if date.weekday() == Weekday::Monday { Some(date) } else { date.nth_weekday(-1, Weekday::Monday).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str) -> Zoned {
        text.parse::<Timestamp>().unwrap().to_zoned(TimeZone::get(zone).unwrap())
    }

    #[test]
    fn patterns_are_written_in_the_letters_of_luxon() {
        let at = at("2024-03-05T04:06:07.089Z", "UTC");
        for (pattern, expected) in [
            ("S SSS u uu uuu", "89 089 089 08 0"),
            ("h hh H HH m mm s ss a", "4 04 4 04 6 06 7 07 AM"),
            ("Z ZZ ZZZ ZZZZ", "+0 +00:00 +0000 UTC"),
            ("d dd c ccc cccc EEEEE", "5 05 2 Tue Tuesday T"),
            ("M MM MMM MMMM y yy yyyy", "3 03 Mar March 2024 24 2024"),
            ("G kk kkkk W WW o ooo q qq", "AD 24 2024 10 10 65 065 1 01"),
            ("DDDD", "Tuesday, March 5, 2024"),
            ("fff", "March 5, 2024 at 4:06 AM UTC"),
            ("TT X x", "04:06:07 1709611567 1709611567089"),
            ("'quo''te' YYYY \\h", "quote YYYY \\4"),
        ] {
            assert_eq!(format(&at, pattern, Letters::Luxon), expected, "{pattern}");
        }
    }

    #[test]
    fn patterns_are_written_in_the_letters_of_moment() {
        let at = at("2024-03-05T04:06:07.089Z", "UTC");
        for (pattern, expected) in [
            ("YYYY-MM-DD HH:mm:ss", "2024-03-05 04:06:07"),
            ("M Mo MMM MMMM Q Qo D Do DDDo DDDD", "3 3rd Mar March 1 1st 5 5th 65th 065"),
            ("d do dd ddd dddd e E w wo W WW", "2 2nd Tu Tue Tuesday 2 2 10 10th 10 10"),
            ("YY gggg GGGG A a k S SS SSS Z ZZ", "24 2024 2024 AM am 4 0 08 089 +00:00 +0000"),
            ("LT LTS L LL l ll", "4:06 AM 4:06:07 AM 03/05/2024 March 5, 2024 3/5/2024 Mar 5, 2024"),
            ("LLLL [at] X", "Tuesday, March 5, 2024 4:06 AM at 1709611567"),
        ] {
            assert_eq!(format(&at, pattern, Letters::Moment), expected, "{pattern}");
        }
    }

    #[test]
    fn a_date_is_read_by_its_pattern() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-03-04T05:06:07Z".parse().unwrap();
        for (text, pattern, letters, expected) in [
            ("31.01.2024 15:04", "dd.MM.yyyy HH:mm", Letters::Luxon, Some("2024-01-31T15:04:00.000+01:00")),
            ("Jan 5, 2024 3PM", "MMM d, yyyy ha", Letters::Luxon, Some("2024-01-05T15:00:00.000+01:00")),
            ("2024-01-05 +05:00", "yyyy-MM-dd ZZ", Letters::Luxon, Some("2024-01-05T00:00:00.000+05:00")),
            ("05.02", "dd.MM", Letters::Luxon, Some("2026-02-05T00:00:00.000+01:00")),
            ("31.01.2024", "DD.MM.YYYY", Letters::Moment, Some("2024-01-31T00:00:00.000+01:00")),
            ("31-01", "dd.MM.yyyy", Letters::Luxon, None),
            ("31.02.2024", "dd.MM.yyyy", Letters::Luxon, None),
            ("é", "a", Letters::Luxon, None),
        ] {
            let found = parse(text, pattern, letters, &berlin, now, true).map(|at| iso(&at));
            assert_eq!(found.as_deref(), expected, "{text} by {pattern}");
        }
    }
}
