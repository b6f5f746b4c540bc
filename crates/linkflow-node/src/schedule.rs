//! When a schedule is due.
//!
//! Pure: zone, begin and present come as arguments. Local times that a clock change skips are due
//! at the change; those that come twice are due the first time only. Rules that run every hour
//! or oftener have no such times of their own: they go on through a change at their usual pace.

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, Zoned};
use linkflow_model::Millis;
use serde::{Deserialize, Serialize};

/// One rule of a schedule, in the workflow's time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Five fields, or six with seconds in front.
    Cron { expression: String },
    /// Every so many milliseconds, counted from the time at which the schedule began.
    Every { ms: u64 },
    /// Every `every` hours at this minute. Where `every` divides the day these are the same hours
    /// each day, from midnight; otherwise they are counted from when the schedule began.
    Hours { every: u32, minute: u8 },
    /// Every `every` days; the first one is the first after the schedule began.
    Days { every: u32, hour: u8, minute: u8 },
    /// On these weekdays (0 and 7 are Sunday) of every `every`th week, Monday to Sunday; the first
    /// week is that of the first such day after the schedule began.
    Weeks { every: u32, weekdays: Vec<u8>, hour: u8, minute: u8 },
    /// On this day of every `every`th month, counted so that January is one where `every` divides
    /// the year. Months without that day are left out.
    Months { every: u32, day: u8, hour: u8, minute: u8 },
}

/// Hundred years: no interval needs to be longer.
const EVERY_MS_MAX: u64 = 100 * 366 * 86_400_000;
const EVERY_MAX: u32 = 10_000;
const CRON_BYTES_MAX: usize = 1_000;
/// Candidates that one search looks at before it says that there is none.
const STEPS_MAX: usize = 2_400;

/// The first time after `after` at which the rule is due; `None` when there is none.
///
/// `timezone` is an IANA name, `anchor` the time at which the schedule began: nothing is due
/// before it. Errors say what is wrong with the rule or the zone.
pub fn next_after(
    rule: &Rule,
    timezone: &str,
    anchor: Millis,
    after: Millis,
) -> Result<Option<Millis>, String> {
    let zone = TimeZone::get(timezone).map_err(|_| format!("there is no time zone \"{timezone}\""))?;
    let clock = Clock { zone, anchor, after: after.max(anchor) };
    clock.check_range()?;
    match rule {
        Rule::Cron { expression } => clock.cron(&parse_cron(expression)?, repeats_hourly(expression)),
        Rule::Every { ms } => clock.every(*ms),
        Rule::Hours { every, minute } => clock.hours(*every, *minute),
        Rule::Days { every, hour, minute } => clock.days(*every, time(*hour, *minute)?),
        Rule::Weeks { every, weekdays, hour, minute } => clock.weeks(*every, weekdays, time(*hour, *minute)?),
        Rule::Months { every, day, hour, minute } => clock.months(*every, *day, time(*hour, *minute)?),
    }
}

/// Whether the rule can be read at all; the error says what is wrong.
pub fn check(rule: &Rule) -> Result<(), String> {
    next_after(rule, "UTC", Millis::ZERO, Millis::ZERO).map(|_| ())
}

fn parse_cron(expression: &str) -> Result<Cron, String> {
    let wrong = |why: String| format!("\"{expression}\" is no cron expression: {why}");
    let text = expression.trim();
    if text.len() > CRON_BYTES_MAX {
        return Err(format!("a cron expression has at most {CRON_BYTES_MAX} characters"));
    }
    let fields = text.split_whitespace().count();
    if !text.starts_with('@') && !(5..=6).contains(&fields) {
        return Err(wrong(format!("it must have 5 fields, or 6 with seconds in front, got {fields}")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    parser.parse(text).map_err(|e| wrong(e.to_string()))
}

/// Whether the hour is left open, so that the pattern follows the clock through a change.
fn repeats_hourly(expression: &str) -> bool {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    match fields.as_slice() {
        [alias] => alias.eq_ignore_ascii_case("@hourly"),
        [.., hour, _, _, _] => matches!(*hour, "*" | "?" | "*/1" | "0-23"),
        _ => false,
    }
}

fn time(hour: u8, minute: u8) -> Result<Time, String> {
    if hour > 23 {
        return Err(format!("the hour must be from 0 to 23, got {hour}"));
    }
    if minute > 59 {
        return Err(format!("the minute must be from 0 to 59, got {minute}"));
    }
    Ok(Time::constant(hour as i8, minute as i8, 0, 0))
}

fn interval(every: u32, what: &str) -> Result<i64, String> {
    if every == 0 || every > EVERY_MAX {
        return Err(format!("the number of {what} must be from 1 to {EVERY_MAX}, got {every}"));
    }
    Ok(i64::from(every))
}

/// A zone, the begin of a schedule and the time after which the next tick is wanted.
struct Clock {
    zone: TimeZone,
    anchor: Millis,
    after: Millis,
}

type Found = Result<Option<Millis>, String>;

impl Clock {
    fn check_range(&self) -> Result<(), String> {
        // A thousand years around 1970 leave room for every search below.
        let most = 1_000 * 366 * 86_400_000;
        if self.anchor.0.unsigned_abs() > most || self.after.0.unsigned_abs() > most {
            return Err("the time is too far from the present".to_owned());
        }
        Ok(())
    }

    fn every(&self, ms: u64) -> Found {
        if ms == 0 || ms > EVERY_MS_MAX {
            return Err(format!("the interval must be from 1 to {EVERY_MS_MAX} ms, got {ms}"));
        }
        let n = self.after.since(self.anchor) / ms + 1;
        Ok(Some(self.anchor.plus(n * ms)))
    }

    fn hours(&self, every: u32, minute: u8) -> Found {
        let hours = interval(every, "hours")?;
        time(0, minute)?;
        if hours == 1 {
            return self.cron(&parse_cron(&format!("{minute} * * * *"))?, true);
        }
        if 24 % hours == 0 {
            return self.cron(&parse_cron(&format!("{minute} */{hours} * * *"))?, false);
        }
        let hourly = parse_cron(&format!("{minute} * * * *"))?;
        let Some(first) = self.at(self.anchor).cron(&hourly, true)? else { return Ok(None) };
        if first > self.after {
            return Ok(Some(first));
        }
        let ms = hours as u64 * 3_600_000;
        Ok(Some(first.plus((self.after.since(first) / ms + 1) * ms)))
    }

    fn days(&self, every: u32, time: Time) -> Found {
        let every = interval(every, "days")?;
        let Some(first) = self.first_day(self.anchor, |_| true, time) else { return Ok(None) };
        let passed = days_between(first, self.local(self.after).date());
        let start = (passed / every - 1).max(0);
        Ok(self.first_of((start..start + 4).filter_map(|n| plus_days(first, n * every)), time))
    }

    fn weeks(&self, every: u32, weekdays: &[u8], time: Time) -> Found {
        let every = interval(every, "weeks")?;
        if weekdays.is_empty() {
            return Err("no weekday is chosen".to_owned());
        }
        if let Some(wrong) = weekdays.iter().find(|d| **d > 7) {
            return Err(format!("a weekday must be from 0 (Sunday) to 6 (Saturday), got {wrong}"));
        }
        let chosen = |date: Date| {
            let day = date.weekday().to_sunday_zero_offset() as u8;
            weekdays.iter().any(|d| d % 7 == day)
        };
        let Some(first) = self.first_day(self.anchor, chosen, time) else { return Ok(None) };
        let Some(monday) = plus_days(first, -i64::from(first.weekday().to_monday_zero_offset())) else {
            return Ok(None);
        };
        let passed = days_between(monday, self.local(self.after).date());
        let start = (passed / (7 * every) - 1).max(0);
        let days = (start..start + 4)
            .flat_map(|week| (0..7).map(move |day| week * 7 * every + day))
            .filter_map(|n| plus_days(monday, n))
            .filter(|date| chosen(*date));
        Ok(self.first_of(days, time))
    }

    fn months(&self, every: u32, day: u8, time: Time) -> Found {
        let every = interval(every, "months")?;
        if !(1..=31).contains(&day) {
            return Err(format!("the day of the month must be from 1 to 31, got {day}"));
        }
        let here = self.local(self.after).date();
        let month = i64::from(here.year()) * 12 + i64::from(here.month()) - 1;
        let start = month.div_euclid(every) * every;
        let days = (0..STEPS_MAX as i64).filter_map(|n| {
            let month = start + n * every;
            let year = i16::try_from(month.div_euclid(12)).ok()?;
            Date::new(year, month.rem_euclid(12) as i8 + 1, day as i8).ok()
        });
        Ok(self.first_of(days, time))
    }

    /// A pattern. `hourly`: it follows the clock through its changes instead of naming hours.
    fn cron(&self, cron: &Cron, hourly: bool) -> Found {
        if hourly {
            return Ok(self.cron_through_changes(cron));
        }
        let mut local = self.local(self.after);
        for _ in 0..STEPS_MAX {
            let Ok(next) = cron.find_next_occurrence(&local, false) else { return Ok(None) };
            let due = self.instant(next);
            if due.is_some_and(|due| due > self.after) {
                return Ok(due);
            }
            // A local time that has come before: this is its second coming.
            local = next;
        }
        Ok(None)
    }

    /// Goes by one offset until the zone changes it, then by the next.
    fn cron_through_changes(&self, cron: &Cron) -> Option<Millis> {
        let mut from = timestamp(self.after)?;
        let mut inclusive = false;
        for _ in 0..STEPS_MAX {
            let offset = self.zone.to_offset(from);
            let change = self.zone.following(from).next().map(|t| t.timestamp());
            let next = cron.find_next_occurrence(&offset.to_datetime(from), inclusive);
            let due = next.ok().and_then(|next| offset.to_timestamp(next).ok());
            match (due, change) {
                (Some(due), Some(change)) if due >= change => (from, inclusive) = (change, true),
                (Some(due), _) => return millis(due),
                (None, Some(change)) => (from, inclusive) = (change, true),
                (None, None) => return None,
            }
        }
        None
    }

    /// The first day at or after the one of `after` on which `time` lies behind it.
    fn first_day(&self, after: Millis, chosen: impl Fn(Date) -> bool, time: Time) -> Option<Date> {
        let today = self.local(after).date();
        (0..16)
            .filter_map(|n| plus_days(today, n))
            .filter(|date| chosen(*date))
            .find(|date| self.instant(date.to_datetime(time)).is_some_and(|due| due > after))
    }

    /// The first of `days` whose `time` lies behind what is asked for.
    fn first_of(&self, days: impl Iterator<Item = Date>, time: Time) -> Option<Millis> {
        days.filter_map(|date| self.instant(date.to_datetime(time))).find(|due| *due > self.after)
    }

    fn at(&self, after: Millis) -> Clock {
        Clock { zone: self.zone.clone(), anchor: self.anchor, after }
    }

    fn local(&self, at: Millis) -> DateTime {
        Zoned::new(timestamp(at).unwrap_or(Timestamp::UNIX_EPOCH), self.zone.clone()).datetime()
    }

    /// When a local time is: the first time where it comes twice, the change where it is skipped.
    fn instant(&self, local: DateTime) -> Option<Millis> {
        let at = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
            AmbiguousOffset::Gap { after, .. } => {
                // With the offset that holds behind the change, a skipped time lies before it.
                let before_change = after.to_timestamp(local).ok()?;
                self.zone.following(before_change).next()?.timestamp()
            }
        };
        millis(at)
    }
}

fn timestamp(at: Millis) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.0).ok()
}

fn millis(at: Timestamp) -> Option<Millis> {
    Some(Millis(at.as_millisecond()))
}

fn plus_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().try_days(days).ok()?).ok()
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}
