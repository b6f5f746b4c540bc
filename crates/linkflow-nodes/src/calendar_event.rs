//! The text of a calendar file with one event (iCalendar, RFC 5545), as Convert to File writes it.
//! Reading calendars is `calendar.rs`'s.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use linkflow_node::{NodeError, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{dates, js};

/// Longest line in units of UTF-16, after which it goes on in the next one.
const LINE_UNITS_MAX: usize = 75;

/// More about the event.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct More {
    /// Who is invited.
    attendees_ui: Attendees,
    /// How the time counts in calendars that know it: `BUSY` or `TENTATIVE`.
    #[serde(deserialize_with = "lenient::text")]
    busy_status: String,
    /// Name of the calendar.
    #[serde(deserialize_with = "lenient::text")]
    cal_name: String,
    /// What it is about.
    #[serde(deserialize_with = "lenient::text")]
    description: String,
    /// Name of the file, `event.ics` when nothing is given.
    #[serde(deserialize_with = "lenient::text")]
    pub file_name: String,
    /// Where it is, in degrees.
    geolocation_ui: Geolocation,
    /// Where it is.
    #[serde(deserialize_with = "lenient::text")]
    location: String,
    /// How it repeats, such as `FREQ=WEEKLY;COUNT=3`.
    #[serde(deserialize_with = "lenient::text")]
    recurrence_rule: String,
    /// Who invites.
    organizer_ui: Organizer,
    /// Which revision of the event this is, from 0.
    #[serde(deserialize_with = "lenient::integer")]
    sequence: i64,
    /// `CONFIRMED`, `CANCELLED` or `TENTATIVE`.
    #[serde(deserialize_with = "lenient::text")]
    status: String,
    /// By what calendars know the event again; without it, one is made.
    #[serde(deserialize_with = "lenient::text")]
    uid: String,
    /// A page about it.
    #[serde(deserialize_with = "lenient::text")]
    url: String,
    /// Whether times without a zone, and the days of an event that takes whole days, are of the
    /// workflow's time zone, and not UTC. Not heeded in workflows from n8n.
    #[serde(deserialize_with = "lenient::flag")]
    use_workflow_timezone: bool,
}

/// Who is invited.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Attendees {
    /// The people.
    attendee_values: Vec<Person>,
}

/// Who invites.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Organizer {
    /// The person.
    organizer_values: Option<Person>,
}

/// A person.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Person {
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// The address.
    #[serde(deserialize_with = "lenient::text")]
    email: String,
    /// Whether an answer is asked for.
    #[serde(deserialize_with = "lenient::flag")]
    rsvp: bool,
}

/// Where it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Geolocation {
    /// The place.
    geolocation_values: Option<Place>,
}

/// A place, in degrees.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Place {
    /// Degrees of latitude.
    lat: Value,
    /// Degrees of longitude.
    lon: Value,
}

/// An event, and what is needed to write it down.
pub struct Event<'a> {
    pub title: &'a str,
    pub start: &'a Value,
    pub end: &'a Value,
    pub is_all_day: bool,
    pub more: &'a More,
    /// The time at which it is written, in milliseconds.
    pub now_ms: i64,
    /// By what the event is known where `more` has nothing.
    pub uid: String,
    /// The workflow's time zone, where times without one may be of it.
    pub timezone: Option<&'a str>,
}

impl Event<'_> {
    /// The file's text.
    pub fn text(&self) -> Result<String, NodeError> {
        let more = self.more;
        let mut lines = Lines::default();
        lines.add("BEGIN:VCALENDAR");
        lines.add("VERSION:2.0");
        lines.add("CALSCALE:GREGORIAN");
        lines.add("PRODID:-//Linkflow//Linkflow//EN");
        lines.add("METHOD:PUBLISH");
        lines.given("X-WR-CALNAME:", &one_line(&more.cal_name));
        lines.add("X-PUBLISHED-TTL:PT1H");
        lines.add("BEGIN:VEVENT");
        lines.given("UID:", &one_line(if more.uid.is_empty() { &self.uid } else { &more.uid }));
        lines.given("SUMMARY:", &escaped(self.title));
        lines.add(&format!("DTSTAMP:{}", in_utc(self.now_ms)?));
        self.add_times(&mut lines)?;
        if more.sequence != 0 {
            lines.add(&format!("SEQUENCE:{}", at_least_0(more.sequence)?));
        }
        lines.given("DESCRIPTION:", &escaped(&more.description));
        lines.given("URL:", checked_url(&more.url)?);
        self.add_place(&mut lines)?;
        lines.given("LOCATION:", &escaped(&more.location));
        lines.given("STATUS:", one_of("status", &more.status, &["CONFIRMED", "CANCELLED", "TENTATIVE"])?);
        if let Some(person) = &more.organizer_ui.organizer_values {
            let mail = mail("organizerUi.organizerValues.email".to_owned(), &person.email)?;
            lines.add(&format!("ORGANIZER;CN={}:mailto:{mail}", named(&person.name, "Organizer")));
        }
        let busy = one_of("busyStatus", &more.busy_status, &["BUSY", "TENTATIVE", "FREE", "OOF"])?;
        lines.given("X-MICROSOFT-CDO-BUSYSTATUS:", busy);
        for (i, person) in more.attendees_ui.attendee_values.iter().enumerate() {
            let mail = mail(format!("attendeesUi.attendeeValues[{i}].email"), &person.email)?;
            let (rsvp, name) = (if person.rsvp { "TRUE" } else { "FALSE" }, &person.name);
            let name = named(name, "Unnamed attendee");
            lines.add(&format!("ATTENDEE;RSVP={rsvp};CN={name}:mailto:{mail}"));
        }
        let rule = one_line(&more.recurrence_rule);
        lines.given("RRULE:", rule.strip_prefix("RRULE:").unwrap_or(&rule));
        lines.add("END:VEVENT");
        lines.add("END:VCALENDAR");
        Ok(lines.0)
    }

    fn add_times(&self, lines: &mut Lines) -> Result<(), NodeError> {
        let zone = self.timezone.filter(|_| self.more.use_workflow_timezone);
        let zone = zone.map_or(TimeZone::UTC, dates::zone);
        let start = self.moment("start", self.start, &zone)?;
        let end = self.moment("end", self.end, &zone)?;
        if !self.is_all_day {
            lines.add(&format!("DTSTART:{}", in_utc(start)?));
            lines.add(&format!("DTEND:{}", in_utc(end)?));
            return Ok(());
        }
        // The end is the first day on which the event is over.
        let (start, last) = (day(start, &zone)?, day(end, &zone)?);
        let end = last.tomorrow().map_err(|_| NodeError::param("end", "is too late"))?;
        lines.add(&format!("DTSTART;VALUE=DATE:{}", start.strftime("%Y%m%d")));
        lines.add(&format!("DTEND;VALUE=DATE:{}", end.strftime("%Y%m%d")));
        Ok(())
    }

    /// Milliseconds; now where nothing is given.
    fn moment(&self, param: &'static str, value: &Value, zone: &TimeZone) -> Result<i64, NodeError> {
        let found = match value {
            Value::Null => Some(self.now_ms),
            Value::String(text) if text.is_empty() => Some(self.now_ms),
            Value::Number(number) => number.as_f64().map(|ms| ms as i64),
            Value::String(text) => dates::parse_ms(text, zone),
            _ => None,
        };
        found.ok_or_else(|| {
            let shown = lenient::show(value);
            NodeError::param(param, format!("must be a date such as 2026-01-31T10:00:00Z, got {shown}"))
        })
    }

    fn add_place(&self, lines: &mut Lines) -> Result<(), NodeError> {
        let Some(place) = &self.more.geolocation_ui.geolocation_values else { return Ok(()) };
        let degrees = |field: &str, value: &Value, max: f64| {
            let degrees = lenient::as_number(value).filter(|d| d.abs() <= max).ok_or_else(|| {
                let param = format!("additionalFields.geolocationUi.geolocationValues.{field}");
                let shown = lenient::show(value);
                NodeError::param(param, format!("must be a number from -{max} to {max}, got {shown}"))
            })?;
            Ok::<String, NodeError>(js::text(&Value::from(degrees)))
        };
        lines.add(&format!(
            "GEO:{};{}",
            degrees("lat", &place.lat, 90.0)?,
            degrees("lon", &place.lon, 180.0)?
        ));
        Ok(())
    }
}

/// Lines of at most [`LINE_UNITS_MAX`], each longer one going on behind a tab.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: &str) {
        let mut n_units = 0;
        for c in line.chars() {
            if n_units + c.len_utf16() > LINE_UNITS_MAX {
                self.0.push_str("\r\n\t");
                n_units = 1;
            }
            self.0.push(c);
            n_units += c.len_utf16();
        }
        self.0.push_str("\r\n");
    }

    /// The line, if there is a value.
    fn given(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.add(&format!("{name}{value}"));
        }
    }
}

fn in_utc(ms: i64) -> Result<String, NodeError> {
    Ok(timestamp(ms)?.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn day(ms: i64, zone: &TimeZone) -> Result<Date, NodeError> {
    Ok(timestamp(ms)?.to_zoned(zone.clone()).date())
}

fn timestamp(ms: i64) -> Result<Timestamp, NodeError> {
    Timestamp::from_millisecond(ms)
        .map_err(|_| NodeError::data(format!("the time {ms} of the event is out of range")))
}

/// Text as it stands in a value: with its separators and line breaks written out.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
    text.replace("\r\n", "\\n").replace(['\n', '\r'], "\\n")
}

/// Text that cannot begin another line of the file.
fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A name as a parameter, in quotes where it needs them.
fn named(name: &str, default: &str) -> String {
    let name = one_line(if name.is_empty() { default } else { name }).replace('"', "'");
    if name.contains([':', ';', ',']) { format!("\"{name}\"") } else { name }
}

fn mail(field: String, text: &str) -> Result<&str, NodeError> {
    let is_mail = text.split_once('@').is_some_and(|(who, host)| {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"@<>,;:\"".contains(c);
        !who.is_empty() && !host.is_empty() && who.chars().chain(host.chars()).all(is_plain)
    });
    if is_mail {
        return Ok(text);
    }
    let problem = format!("must be an address such as ada@example.com, got \"{text}\"");
    Err(NodeError::param(format!("additionalFields.{field}"), problem))
}

fn checked_url(text: &str) -> Result<&str, NodeError> {
    let is_url = !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text.contains("://")
        && url::Url::parse(text).is_ok_and(|url| url.has_host());
    if text.is_empty() || is_url {
        return Ok(text);
    }
    let problem = format!("must be an address such as https://example.com, got \"{text}\"");
    Err(NodeError::param("additionalFields.url", problem))
}

fn one_of<'t>(field: &str, text: &'t str, all: &[&str]) -> Result<&'t str, NodeError> {
    if text.is_empty() || all.contains(&text) {
        return Ok(text);
    }
    let problem = format!("must be one of {}, got \"{text}\"", all.join(", "));
    Err(NodeError::param(format!("additionalFields.{field}"), problem))
}

fn at_least_0(sequence: i64) -> Result<i64, NodeError> {
    if sequence >= 0 {
        return Ok(sequence);
    }
    let problem = format!("must be at least 0, got {sequence}");
    Err(NodeError::param("additionalFields.sequence", problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The lines of the event behind its stamp, or the error.
    fn check(start: &str, end: &str, is_all_day: bool, more: Value, expected: Result<&[&str], &str>) {
        let more: More = serde_json::from_value(more).expect("what is allowed");
        let event = Event {
            title: "Launch, at last",
            start: &json!(start),
            end: &json!(end),
            is_all_day,
            more: &more,
            now_ms: 1_772_600_767_890,
            uid: "u1".to_owned(),
            timezone: Some("Europe/Berlin"),
        };
        match (event.text(), expected) {
            (Ok(text), Ok(expected)) => {
                let (head, lines) = text.split_once("DTSTAMP:20260304T050607Z\r\n").expect("a stamp");
                assert!(head.ends_with("BEGIN:VEVENT\r\nUID:u1\r\nSUMMARY:Launch\\, at last\r\n"), "{head}");
                let lines = lines.strip_suffix("END:VEVENT\r\nEND:VCALENDAR\r\n").expect("an end");
                let found: Vec<&str> = lines.split_terminator("\r\n").collect();
                assert_eq!(found, expected, "{more:?}");
            }
            (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{e}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn all_that_is_given_is_in_the_event_in_its_place() {
        let person = |name: &str, email: &str| json!({"name": name, "email": email, "rsvp": true});
        let more = json!({
            "attendeesUi": {"attendeeValues": [person("Ada", "a@x.org"), person("", "b@x.org"), person("X; \"Y\"\n", "c@x.org")]},
            "busyStatus": "BUSY", "description": "a\\b\nc;d", "location": "Room 5, Berlin",
            "url": "https://x.org/a?b=1", "sequence": 4, "status": "CANCELLED", "recurrenceRule": "FREQ=DAILY",
            "geolocationUi": {"geolocationValues": {"lat": "1.50", "lon": -2}},
            "organizerUi": {"organizerValues": person("Bob", "bob@x.org")},
        });
        let lines = [
            "DTSTART:20240615T082030Z",
            "DTEND:20240615T120000Z",
            "SEQUENCE:4",
            "DESCRIPTION:a\\\\b\\nc\\;d",
            "URL:https://x.org/a?b=1",
            "GEO:1.5;-2",
            "LOCATION:Room 5\\, Berlin",
            "STATUS:CANCELLED",
            "ORGANIZER;CN=Bob:mailto:bob@x.org",
            "X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
            "ATTENDEE;RSVP=TRUE;CN=Ada:mailto:a@x.org",
            "ATTENDEE;RSVP=TRUE;CN=Unnamed attendee:mailto:b@x.org",
            "ATTENDEE;RSVP=TRUE;CN=\"X; 'Y'\":mailto:c@x.org",
            "RRULE:FREQ=DAILY",
        ];
        check("2024-06-15T10:20:30+02:00", "2024-06-15 12:00", false, more, Ok(&lines));
    }

    #[test]
    fn an_event_of_whole_days_ends_behind_its_last_one() {
        let (start, end) = ("2024-06-15T23:20:30Z", "2024-06-16T23:30:00Z");
        let utc = ["DTSTART;VALUE=DATE:20240615", "DTEND;VALUE=DATE:20240617"];
        check(start, end, true, json!({}), Ok(&utc));
        let berlin = ["DTSTART;VALUE=DATE:20240616", "DTEND;VALUE=DATE:20240618"];
        check(start, end, true, json!({"useWorkflowTimezone": true}), Ok(&berlin));
        let now = ["DTSTART:20260304T050607Z", "DTEND:20260304T050607Z"];
        check("", "", false, json!({}), Ok(&now));
    }

    #[test]
    fn long_lines_go_on_in_the_next_one_and_none_begins_by_a_value() {
        let more = json!({"description": "é".repeat(70), "recurrenceRule": "FREQ=DAILY\r\nX:Y"});
        let (first, second) = (format!("DESCRIPTION:{}", "é".repeat(63)), format!("\t{}", "é".repeat(7)));
        let now = "20260304T050607Z";
        let (start, end) = (format!("DTSTART:{now}"), format!("DTEND:{now}"));
        check("", "", false, more, Ok(&[&start, &end, &first, &second, "RRULE:FREQ=DAILY X:Y"]));
    }

    #[test]
    fn what_no_calendar_would_take_is_refused() {
        let refused = |more: Value, part: &str| check("", "", false, more, Err(part));
        check("nope", "", false, json!({}), Err("`start`: must be a date"));
        refused(json!({"url": "notaurl"}), "must be an address such as https");
        refused(json!({"status": "odd"}), "must be one of CONFIRMED");
        refused(json!({"sequence": -1}), "must be at least 0");
        refused(json!({"organizerUi": {"organizerValues": {"email": "b"}}}), "got \"b\"");
        let place = json!({"geolocationUi": {"geolocationValues": {"lat": 91, "lon": 0}}});
        refused(place, "must be a number from -90 to 90, got 91");
    }
}
