//! What a calendar file (iCalendar, RFC 5545) says, as an object: its events, with their times in UTC
//! and as they are where they take place. Nothing is repeated here: rules of repetition are only
//! read. Writing is `calendar_event.rs`'s.

use indexmap::IndexMap;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use linkflow_model::Object;
use linkflow_node::NodeError;
use serde_json::{Value, json};

/// How deep parts may lie within each other; calendars have three levels.
const DEPTH_MAX: usize = 16;

/// The names of an event's texts, here and there.
const TEXTS: &[(&str, &str)] = &[
    ("ATTACH", "attach"),
    ("CLASS", "class"),
    ("COMMENT", "comment"),
    ("DESCRIPTION", "description"),
    ("GEO", "geo"),
    ("LOCATION", "location"),
    ("PRIORITY", "priority"),
    ("RECURRENCE-ID", "recurrenceId"),
    ("STATUS", "status"),
    ("SUMMARY", "summary"),
    ("TRANSP", "timeTransparent"),
    ("UID", "uid"),
    ("URL", "url"),
];

/// The names of an event's times.
const TIMES: &[(&str, &str)] = &[
    ("CREATED", "created"),
    ("DTEND", "end"),
    ("DTSTAMP", "stamp"),
    ("DTSTART", "start"),
    ("LAST-MODIFIED", "lastModified"),
];

/// The numbers in a rule of repetition.
const NUMBERS: &[(&str, &str)] = &[
    ("BYHOUR", "byHour"),
    ("BYMINUTE", "byMinute"),
    ("BYMONTHDAY", "byMonthday"),
    ("BYSECOND", "bySecond"),
    ("BYSETPOS", "bySetPos"),
    ("BYWEEKNO", "byWeekNo"),
    ("BYYEARDAY", "byYearday"),
];

/// The calendar in `text`. Where `is_raw`, texts keep the backslashes of the file, as in n8n.
pub fn read(text: &str, is_raw: bool) -> Result<Object, NodeError> {
    let root = parsed(text)?;
    let mut calendar = Object::new();
    // Of several calendars in one file the last one counts.
    let Some(found) = root.parts.iter().rfind(|part| part.name == "VCALENDAR") else { return Ok(calendar) };
    for (name, ours) in [("VERSION", "version"), ("PRODID", "prodId"), ("METHOD", "method")] {
        if let Some(line) = found.line(name) {
            calendar.insert(ours.to_owned(), json!(line.value));
        }
    }
    let of = |name: &'static str| found.parts.iter().filter(move |part| part.name == name);
    let reading = Reading { is_raw, zones: of("VTIMEZONE").filter_map(Zone::of).collect() };
    let zones: Vec<Value> = of("VTIMEZONE").map(|part| reading.zone(part)).collect();
    let events: Vec<Value> = of("VEVENT").map(|part| reading.event(part)).collect();
    for (name, list) in [("timezones", zones), ("events", events)] {
        if !list.is_empty() {
            calendar.insert(name.to_owned(), Value::Array(list));
        }
    }
    Ok(calendar)
}

/// A part of the file, from BEGIN to END.
#[derive(Default)]
struct Part {
    name: String,
    lines: Vec<Line>,
    parts: Vec<Part>,
}

struct Line {
    name: String,
    params: Vec<(String, String)>,
    value: String,
}

impl Part {
    /// The last line of that name: it counts.
    fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().rfind(|line| line.name == name)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.line(name).map(|line| line.value.as_str())
    }
}

impl Line {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The parts of the file; what has no end is left out.
fn parsed(text: &str) -> Result<Part, NodeError> {
    let mut open = vec![Part::default()];
    for text in unfolded(text) {
        let line = line(&text)?;
        match line.name.as_str() {
            "BEGIN" if open.len() > DEPTH_MAX => {
                let limit = format!("{DEPTH_MAX} levels");
                return Err(NodeError::Limit { what: "the depth of the calendar".to_owned(), limit });
            }
            "BEGIN" => open.push(Part { name: line.value.to_ascii_uppercase(), ..Part::default() }),
            "END" if open.len() > 1 => close(&mut open, &line.value),
            _ => open.last_mut().expect("the root is never closed").lines.push(line),
        }
    }
    // The calendar itself may do without an end.
    if open.len() == 2 {
        close(&mut open, "VCALENDAR");
    }
    Ok(open.swap_remove(0))
}

fn close(open: &mut Vec<Part>, name: &str) {
    let Some(at) = open.iter().rposition(|part| part.name.eq_ignore_ascii_case(name)).filter(|at| *at > 0)
    else {
        return;
    };
    open.truncate(at + 1);
    let (Some(part), Some(outer)) = (open.pop(), open.last_mut()) else { return };
    outer.parts.push(part);
}

/// Lines, with those that go on in the next one put together.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => lines.push(line.to_owned()),
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// `NAME;PARAM=value;PARAM="va:lue":value`.
fn line(text: &str) -> Result<Line, NodeError> {
    let mut is_quoted = false;
    let mut ends = Vec::new();
    let mut colon = None;
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => ends.push(at),
            ':' if !is_quoted => {
                colon = Some(at);
                break;
            }
            _ => {}
        }
    }
    let Some(colon) = colon else {
        let shown: String = text.chars().take(80).collect();
        return Err(NodeError::data(format!("the calendar has a line without a value: \"{shown}\"")));
    };
    ends.push(colon);
    let name = text[..ends[0]].trim().to_ascii_uppercase();
    let param = |pair: &[usize]| {
        let (name, value) = text[pair[0] + 1..pair[1]].split_once('=')?;
        Some((name.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
    };
    Ok(Line {
        name,
        params: ends.windows(2).filter_map(param).collect(),
        value: text[colon + 1..].to_owned(),
    })
}

/// What is needed to read events.
struct Reading {
    is_raw: bool,
    zones: Vec<Zone>,
}

impl Reading {
    fn text(&self, text: &str) -> Value {
        json!(if self.is_raw { text.to_owned() } else { unescaped(text) })
    }

    fn event(&self, part: &Part) -> Value {
        let mut event = IndexMap::new();
        for line in &part.lines {
            let name = line.name.as_str();
            if let Some((_, ours)) = TEXTS.iter().find(|(n, _)| *n == name) {
                event.insert(*ours, self.text(&line.value));
            } else if let Some((_, ours)) = TIMES.iter().find(|(n, _)| *n == name) {
                event.insert(*ours, self.time(line));
            }
        }
        let value = |name: &str| part.value(name);
        if let Some(list) = value("CATEGORIES") {
            event.insert("categories", list.split(',').map(|c| self.text(c)).collect());
        }
        if let Some(text) = value("DURATION") {
            event.insert("duration", duration(text));
        }
        if let Some(line) = part.line("ORGANIZER") {
            event.insert("organizer", person(line));
        }
        if let Some(rule) = value("RRULE") {
            event.insert("recurrenceRule", self.rule(rule));
        }
        let attendees = attendees(part);
        let alarms: Vec<Value> =
            part.parts.iter().filter(|p| p.name == "VALARM").map(|p| self.alarm(p)).collect();
        for (name, list) in [("attendees", attendees), ("alarms", alarms)] {
            if !list.is_empty() {
                event.insert(name, Value::Array(list));
            }
        }
        json!(event)
    }

    fn alarm(&self, part: &Part) -> Value {
        let mut alarm = IndexMap::new();
        for (name, ours) in [("ACTION", "action"), ("DESCRIPTION", "description"), ("SUMMARY", "summary")] {
            if let Some(text) = part.value(name) {
                alarm.insert(ours, self.text(text));
            }
        }
        if let Some(line) = part.line("TRIGGER") {
            let related = line.param("RELATED").map(|related| json!({ "related": related }));
            let options = related.unwrap_or_else(|| json!({}));
            let is_absolute = line.param("VALUE") == Some("DATE-TIME");
            let value = if is_absolute { self.time(line) } else { duration(&line.value) };
            let kind = if is_absolute { "absolute" } else { "relative" };
            alarm.insert("trigger", json!({"type": kind, "value": value, "options": options}));
        }
        if let Some(n) = part.value("REPEAT").and_then(|n| n.parse::<i64>().ok()) {
            alarm.insert("repeat", json!(n));
        }
        if let Some(text) = part.value("DURATION") {
            alarm.insert("duration", duration(text));
        }
        let attachment = |line: &Line| {
            let mut found = IndexMap::from([("type", json!("uri")), ("url", json!(line.value))]);
            line.param("FMTTYPE").map(|format| found.insert("formatType", json!(format)));
            json!(found)
        };
        let attachments: Vec<Value> =
            part.lines.iter().filter(|l| l.name == "ATTACH").map(attachment).collect();
        for (name, list) in [("attachments", attachments), ("attendees", attendees(part))] {
            if !list.is_empty() {
                alarm.insert(name, Value::Array(list));
            }
        }
        json!(alarm)
    }

    /// A time in UTC, and as it is in its zone. A time without a zone counts as UTC.
    fn time(&self, line: &Line) -> Value {
        let is_date = line.param("VALUE") == Some("DATE") || line.value.trim().len() == 8;
        let kind = if is_date { "DATE" } else { "DATE-TIME" };
        let Some(civil) = civil(&line.value) else { return json!({"date": null, "type": kind}) };
        let is_utc = is_date || line.value.trim_end().ends_with('Z');
        let zone = line.param("TZID").filter(|_| !is_utc);
        let Some((zone, offset)) = zone.and_then(|name| Some((name, self.offset(name, civil)?))) else {
            return json!({"date": iso(civil), "type": kind});
        };
        let in_utc = civil.checked_sub(jiff::SignedDuration::from_secs(offset));
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
        let offset = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
        let local = json!({"date": iso(civil), "timezone": zone, "tzoffset": offset});
        json!({"date": in_utc.ok().map(iso), "type": kind, "local": local})
    }

    /// Seconds by which the zone is ahead of UTC then; the world's zones are known better than the
    /// file knows them.
    fn offset(&self, zone: &str, at: DateTime) -> Option<i64> {
        if let Ok(known) = TimeZone::get(zone) {
            return Some(i64::from(at.to_zoned(known).ok()?.offset().seconds()));
        }
        self.zones.iter().find(|known| known.name == zone)?.offset(at)
    }

    fn zone(&self, part: &Part) -> Value {
        let prop = |prop: &Part| {
            let mut found = IndexMap::from([("type", json!(prop.name))]);
            if let Some(at) = prop.value("DTSTART").and_then(civil) {
                found.insert("start", json!(iso(at)));
            }
            let names = [("TZOFFSETFROM", "offsetFrom"), ("TZOFFSETTO", "offsetTo")];
            for (name, ours) in names.into_iter().chain([("TZNAME", "name"), ("COMMENT", "comment")]) {
                prop.value(name).map(|value| found.insert(ours, self.text(value)));
            }
            prop.value("RRULE").map(|rule| found.insert("recurrenceRule", self.rule(rule)));
            prop.line("RDATE").map(|line| found.insert("recurrenceDate", self.time(line)));
            json!(found)
        };
        let mut zone = IndexMap::new();
        zone.insert("props", part.parts.iter().map(prop).collect());
        part.value("TZID").map(|id| zone.insert("id", json!(id)));
        part.value("LAST-MODIFIED").and_then(civil).map(|at| zone.insert("lastModified", json!(iso(at))));
        part.value("TZURL").map(|url| zone.insert("url", json!(url)));
        json!(zone)
    }

    fn rule(&self, text: &str) -> Value {
        let mut rule = IndexMap::new();
        for (name, value) in text.split(';').filter_map(|part| part.split_once('=')) {
            let name = name.trim().to_ascii_uppercase();
            let number = value.parse::<i64>().ok();
            match name.as_str() {
                "FREQ" => rule.insert("frequency", json!(value)),
                "WKST" => rule.insert("workweekStart", json!(value)),
                "UNTIL" => {
                    let line = Line { name, params: Vec::new(), value: value.to_owned() };
                    let mut until = self.time(&line);
                    until["type"] = json!("DATE-TIME");
                    rule.insert("until", until)
                }
                "COUNT" => number.and_then(|n| rule.insert("count", json!(n))),
                "INTERVAL" => number.and_then(|n| rule.insert("interval", json!(n))),
                "BYDAY" => rule.insert("byDay", value.split(',').map(week_day).collect()),
                // Months count from 0, as JavaScript's do.
                "BYMONTH" => rule.insert("byMonth", numbers(value, -1)),
                _ => NUMBERS
                    .iter()
                    .find(|(n, _)| *n == name)
                    .and_then(|(_, ours)| rule.insert(*ours, numbers(value, 0))),
            };
        }
        json!(rule)
    }
}

fn numbers(text: &str, shift: i64) -> Value {
    text.split(',').filter_map(|n| n.trim().parse::<i64>().ok()?.checked_add(shift)).collect()
}

/// `-1FR`: the last Friday.
fn week_day(text: &str) -> Value {
    let (number, day) = numbered_day(text);
    match number {
        Some(number) => json!({"day": day, "occurence": number}),
        None => json!({ "day": day }),
    }
}

fn numbered_day(text: &str) -> (Option<i64>, &str) {
    let text = text.trim();
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    (text[..at].parse().ok(), &text[at..])
}

fn attendees(part: &Part) -> Vec<Value> {
    part.lines.iter().filter(|line| line.name == "ATTENDEE").map(person).collect()
}

fn person(line: &Line) -> Value {
    let mail = |text: &str| match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => text[7..].to_owned(),
        _ => text.to_owned(),
    };
    let mut person = IndexMap::from([("email", mail(line.value.trim()))]);
    for (name, ours) in [("CN", "name"), ("PARTSTAT", "partstat"), ("ROLE", "role"), ("DIR", "dir")] {
        line.param(name).map(|value| person.insert(ours, value.to_owned()));
    }
    for (name, ours) in [("SENT-BY", "sentBy"), ("MEMBER", "member"), ("DELEGATED-FROM", "delegatedFrom")] {
        line.param(name).map(|value| person.insert(ours, mail(value)));
    }
    json!(person)
}

/// `-P1DT2H3M4S`.
fn duration(text: &str) -> Value {
    let mut found = IndexMap::new();
    if text.trim_start().starts_with('-') {
        found.insert("before", json!(true));
    }
    let mut digits = String::new();
    for c in text.chars() {
        let unit = match c.to_ascii_uppercase() {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            'W' => "weeks",
            'D' => "days",
            'H' => "hours",
            'M' => "minutes",
            'S' => "seconds",
            _ => continue,
        };
        if let Ok(number) = std::mem::take(&mut digits).parse::<i64>() {
            found.insert(unit, json!(number));
        }
    }
    json!(found)
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// `20240615T102030Z` or `20240615`, whatever its zone.
fn civil(text: &str) -> Option<DateTime> {
    let text = text.trim().trim_end_matches('Z');
    if !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let date = Date::new(text.get(..4)?.parse().ok()?, number(4, 6)?, number(6, 8)?).ok()?;
    let time = match text.get(8..) {
        Some("") => Time::midnight(),
        _ => Time::new(number(9, 11)?, number(11, 13)?, number(13, 15).unwrap_or(0), 0).ok()?,
    };
    Some(date.to_datetime(time))
}

fn iso(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A zone that the file describes.
struct Zone {
    name: String,
    changes: Vec<Change>,
}

/// From when on an offset holds: once, or each year.
struct Change {
    first: DateTime,
    /// Month, number of the week's day in it, and which day that is.
    yearly: Option<(i8, i8, Weekday)>,
    offset_from: i64,
    offset_to: i64,
}

impl Zone {
    fn of(part: &Part) -> Option<Zone> {
        let changes = part.parts.iter().filter_map(Change::of).collect();
        Some(Zone { name: part.value("TZID")?.to_owned(), changes })
    }

    /// The offset of the last change before `at`; that before the first change, if there is none.
    fn offset(&self, at: DateTime) -> Option<i64> {
        let before =
            self.changes.iter().filter_map(|change| Some((change.last_until(at)?, change.offset_to)));
        let first = || self.changes.iter().min_by_key(|change| change.first).map(|c| c.offset_from);
        before.max_by_key(|(when, _)| *when).map(|(_, offset)| offset).or_else(first)
    }
}

impl Change {
    fn of(part: &Part) -> Option<Change> {
        let seconds = |name: &str| {
            let text = part.value(name)?.trim();
            let number = |from: usize| text.get(from..from + 2)?.parse::<i64>().ok();
            let seconds = number(1)? * 3_600 + number(3)? * 60 + number(5).unwrap_or(0);
            Some(if text.starts_with('-') { -seconds } else { seconds })
        };
        Some(Change {
            first: civil(part.value("DTSTART")?)?,
            yearly: part.value("RRULE").and_then(yearly),
            offset_from: seconds("TZOFFSETFROM")?,
            offset_to: seconds("TZOFFSETTO")?,
        })
    }

    fn last_until(&self, at: DateTime) -> Option<DateTime> {
        let Some((month, nth, day)) = self.yearly else {
            return Some(self.first).filter(|first| *first <= at);
        };
        let in_year = |year: i16| {
            let date = Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, day).ok()?;
            Some(date.to_datetime(self.first.time())).filter(|when| *when <= at && *when >= self.first)
        };
        in_year(at.year()).or_else(|| in_year(at.year() - 1))
    }
}

/// `FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU`.
fn yearly(rule: &str) -> Option<(i8, i8, Weekday)> {
    let of = |name: &str| rule.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let (nth, day) = numbered_day(of("BYDAY")?);
    let day = match day {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    Some((of("BYMONTH")?.parse().ok()?, i8::try_from(nth?).ok()?, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the calendar with these lines says, behind version and product.
    fn check(lines: &str, expected: Value) {
        let text = format!("BEGIN:VCALENDAR\n{lines}\nEND:VCALENDAR");
        assert_eq!(json!(read(&text, false).expect("a calendar")), expected, "{lines}");
    }

    fn events(lines: &str, expected: Value) {
        check(&format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT"), json!({"events": [expected]}));
    }

    #[test]
    fn events_say_what_where_and_when() {
        let lines = "UID:1\nSUMMARY;LANGUAGE=en:Fol\n ded\\, a\\nb\nDTSTART;VALUE=DATE:20240615\n\
            DTEND;TZID=America/New_York:20240615T102030\nCATEGORIES:A,B\nDURATION:-P1DT2H\nX-A:b";
        let expected = json!({
            "uid": "1", "summary": "Folded, a\nb", "categories": ["A", "B"],
            "start": {"date": "2024-06-15T00:00:00.000Z", "type": "DATE"},
            "end": {"date": "2024-06-15T14:20:30.000Z", "type": "DATE-TIME", "local":
                {"date": "2024-06-15T10:20:30.000Z", "timezone": "America/New_York", "tzoffset": "-0400"}},
            "duration": {"before": true, "days": 1, "hours": 2}});
        events(lines, expected);
        events("DTSTART:bad", json!({"start": {"date": null, "type": "DATE-TIME"}}));
        let raw =
            read("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:a\\, b\nEND:VEVENT", true).expect("a calendar");
        assert_eq!(json!(raw), json!({"events": [{"summary": "a\\, b"}]}));
    }

    #[test]
    fn events_say_who_how_often_and_when_to_remind() {
        let lines = "ATTENDEE;CN=\"Ada; L\";ROLE=CHAIR:MAILTO:a@x.org\nORGANIZER;SENT-BY=\"mailto:s@x\":mailto:b@x.org\n\
            RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,-1FR;BYMONTH=1;UNTIL=20241231\n\
            BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;RELATED=END:-PT15M\nEND:VALARM";
        let expected = json!({
            "attendees": [{"email": "a@x.org", "name": "Ada; L", "role": "CHAIR"}],
            "organizer": {"email": "b@x.org", "sentBy": "s@x"},
            "recurrenceRule": {"frequency": "MONTHLY", "interval": 2, "byMonth": [0],
                "byDay": [{"day": "MO"}, {"day": "FR", "occurence": -1}],
                "until": {"date": "2024-12-31T00:00:00.000Z", "type": "DATE-TIME"}},
            "alarms": [{"action": "DISPLAY", "trigger": {"type": "relative",
                "value": {"before": true, "minutes": 15}, "options": {"related": "END"}}}]});
        events(lines, expected);
    }

    #[test]
    fn zones_that_only_the_file_knows_have_summer_and_winter() {
        let zone = "BEGIN:VTIMEZONE\nTZID:Home\n\
            BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n\
            BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\n\
            END:VTIMEZONE";
        for (local, offset) in [
            ("20240115T102030", "+0100"),
            ("20240331T015900", "+0100"),
            ("20240331T030000", "+0200"),
            ("20240615T102030", "+0200"),
            ("20241027T040000", "+0100"),
        ] {
            let text =
                format!("BEGIN:VCALENDAR\n{zone}\nBEGIN:VEVENT\nDTSTART;TZID=Home:{local}\nEND:VEVENT");
            let found = json!(read(&text, false).expect("a calendar"));
            assert_eq!(found["events"][0]["start"]["local"]["tzoffset"], offset, "{local}");
        }
    }

    #[test]
    fn broken_calendars_are_refused_or_read_as_far_as_they_go() {
        check("BEGIN:VEVENT\nUID:1", json!({}));
        check("BEGIN:VTODO\nUID:1\nEND:VTODO\nEND:OTHER", json!({}));
        assert!(
            read("nonsense", false).unwrap_err().to_string().contains("a line without a value: \"nonsense\"")
        );
        assert!(read(&"BEGIN:X\n".repeat(100), false).unwrap_err().to_string().contains("16 levels"));
        assert_eq!(json!(read("", false).expect("nothing")), json!({}));
        for text in [
            "DTSTART:99999999T999999",
            "DTSTART:é0240615",
            "RRULE:BYDAY=é;UNTIL=x",
            "DURATION:P99999999999999999999D",
        ] {
            read(&format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{text}\nEND:VEVENT\nEND:VCALENDAR"), false)
                .expect("a calendar");
        }
    }
}
