//! Date & Time: makes, formats, moves, rounds, compares and takes apart points in time.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};
use linkflow_model::{Item, Object, Order};
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::date_format::{self, Letters};
use crate::{dates, js};

pub struct DateTime;

/// Makes, formats, moves, rounds, compares and takes apart points in time.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is done.
    operation: Operation,
    /// Whether the current date has a time of day, for `getCurrentDate`.
    #[serde(deserialize_with = "lenient::flag")]
    include_time: bool,
    /// Name of the field for the result. By default `currentDate`, `newDate`, `formattedDate`,
    /// `roundedDate`, `timeDifference` or `datePart`, as the operation is.
    #[serde(deserialize_with = "lenient::text")]
    output_field_name: String,
    /// The date to move, for `addToDate` and `subtractFromDate`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Value")]
    magnitude: Option<Value>,
    /// The unit of `duration`.
    time_unit: Unit,
    /// How many units the date is moved.
    #[serde(deserialize_with = "lenient::number")]
    duration: f64,
    /// The date, for `formatDate`, `roundDate` and `extractDate`. A text, or seconds or
    /// milliseconds since 1970.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Value")]
    date: Option<Value>,
    /// The pattern, or `custom`, for `formatDate`.
    #[serde(deserialize_with = "lenient::text")]
    format: String,
    /// The pattern where `format` is `custom`: `yyyy-MM-dd HH:mm`.
    #[serde(deserialize_with = "lenient::text")]
    custom_format: String,
    /// Which way `roundDate` goes.
    mode: Rounding,
    /// The unit to whose start `roundDown` goes.
    to_nearest: Unit,
    /// The unit to whose next start `roundUp` goes.
    to: Unit,
    /// The first date, for `getTimeBetweenDates`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Value")]
    start_date: Option<Value>,
    /// The second date, for `getTimeBetweenDates`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Value")]
    end_date: Option<Value>,
    /// The units in which the time between dates is told.
    units: Vec<Unit>,
    /// The part that `extractDate` takes out.
    part: Unit,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::GetCurrentDate,
            include_time: true,
            output_field_name: String::new(),
            magnitude: None,
            time_unit: Unit::Day,
            duration: 0.0,
            date: None,
            format: "MM/dd/yyyy".to_owned(),
            custom_format: String::new(),
            mode: Rounding::RoundDown,
            to_nearest: Unit::Month,
            to: Unit::Month,
            start_date: None,
            end_date: None,
            units: vec![Unit::Day],
            part: Unit::Month,
            options: Options::default(),
        }
    }
}

/// Null is a value too; what is not there, or undefined, is none.
fn given<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(d).map(Some)
}

/// What is done with dates.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// The time at which the node runs.
    GetCurrentDate,
    /// A later date.
    AddToDate,
    /// An earlier date.
    SubtractFromDate,
    /// The date as a text of a chosen form.
    FormatDate,
    /// The start of a unit.
    RoundDate,
    /// How long it is from one date to another.
    GetTimeBetweenDates,
    /// One number of the date.
    ExtractDate,
}

impl Operation {
    fn field(self) -> &'static str {
        match self {
            Operation::GetCurrentDate => "currentDate",
            Operation::AddToDate | Operation::SubtractFromDate => "newDate",
            Operation::FormatDate => "formattedDate",
            Operation::RoundDate => "roundedDate",
            Operation::GetTimeBetweenDates => "timeDifference",
            Operation::ExtractDate => "datePart",
        }
    }
}

/// Which way a date is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rounding {
    /// To the start of the unit.
    RoundDown,
    /// To the start of the next unit.
    RoundUp,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Years.
    #[serde(alias = "years")]
    Year,
    /// Three months.
    #[serde(alias = "quarters")]
    Quarter,
    /// Months.
    #[serde(alias = "months")]
    Month,
    /// Weeks, which begin on Monday.
    #[serde(alias = "weeks")]
    Week,
    /// Days.
    #[serde(alias = "days")]
    Day,
    /// Hours.
    #[serde(alias = "hours")]
    Hour,
    /// Minutes.
    #[serde(alias = "minutes")]
    Minute,
    /// Seconds.
    #[serde(alias = "seconds")]
    Second,
    /// Thousandths of a second.
    #[serde(alias = "milliseconds")]
    Millisecond,
}

impl Unit {
    /// The larger ones, whose length depends on the calendar, and the others. Largest first.
    const CALENDAR: [Unit; 5] = [Unit::Year, Unit::Quarter, Unit::Month, Unit::Week, Unit::Day];
    const CLOCK: [Unit; 4] = [Unit::Hour, Unit::Minute, Unit::Second, Unit::Millisecond];

    fn plural(self) -> &'static str {
        match self {
            Unit::Year => "years",
            Unit::Quarter => "quarters",
            Unit::Month => "months",
            Unit::Week => "weeks",
            Unit::Day => "days",
            Unit::Hour => "hours",
            Unit::Minute => "minutes",
            Unit::Second => "seconds",
            Unit::Millisecond => "milliseconds",
        }
    }

    /// Its usual length.
    fn millis(self) -> f64 {
        const DAY: f64 = 86_400_000.0;
        match self {
            Unit::Year => 365.0 * DAY,
            Unit::Quarter => 91.0 * DAY,
            Unit::Month => 30.0 * DAY,
            Unit::Week => 7.0 * DAY,
            Unit::Day => DAY,
            Unit::Hour => 3_600_000.0,
            Unit::Minute => 60_000.0,
            Unit::Second => 1_000.0,
            Unit::Millisecond => 1.0,
        }
    }
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether the fields of the input item are kept.
    #[serde(deserialize_with = "lenient::flag")]
    include_input_fields: bool,
    /// IANA name of the zone of the result. For `formatDate` also true, for the workflow's zone;
    /// without it the date keeps the zone it is written in.
    timezone: Value,
    /// The pattern by which dates are read, when they are in no common form.
    #[serde(deserialize_with = "lenient::text")]
    from_format: String,
    /// IANA name of the zone of dates that name none.
    #[serde(deserialize_with = "lenient::text")]
    from_timezone: String,
    /// Whether the time between dates is a text such as `P1DT2H`.
    #[serde(deserialize_with = "lenient::flag")]
    iso_string: bool,
    /// Whose letters patterns are written in.
    letters: Letters,
}

impl Node for DateTime {
    const KIND: &'static str = "date_time";
    const SPEC: Spec = Spec {
        title: "Date & Time",
        summary: "Makes, formats, moves, rounds, compares and takes apart points in time.",
        aliases: &["now", "today", "format date", "timezone", "duration", "calendar", "clock"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Write a date the German way",
            params: r#"{"operation": "formatDate", "date": "={{ $json.due }}", "format": "custom", "customFormat": "dd.MM.yyyy"}"#,
            input: r#"[{"due": "2024-01-31T10:20:30Z"}]"#,
            output: r#"[[{"formattedDate": "31.01.2024"}]]"#,
        },
        Example {
            title: "A month later",
            params: r#"{"operation": "addToDate", "magnitude": "={{ $json.due }}", "duration": 1, "timeUnit": "months", "options": {"timezone": "Europe/Berlin", "includeInputFields": true}}"#,
            input: r#"[{"due": "2024-01-31"}]"#,
            output: r#"[[{"due": "2024-01-31", "newDate": "2024-02-29T01:00:00.000+01:00"}]]"#,
        },
        Example {
            title: "Days and hours between two dates",
            params: r#"{"operation": "getTimeBetweenDates", "startDate": "2024-01-31", "endDate": "2024-03-02T10:00:00", "units": ["day", "hour"]}"#,
            input: r#"[{}]"#,
            output: r#"[[{"timeDifference": {"days": 31, "hours": 10}}]]"#,
        },
        Example {
            title: "The start of the next week",
            params: r#"{"operation": "roundDate", "date": "2024-05-15", "mode": "roundUp", "to": "week", "outputFieldName": "monday"}"#,
            input: r#"[{}]"#,
            output: r#"[[{"monday": "2024-05-20T00:00:00.000Z"}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut items = Vec::with_capacity(input.items().len());
        for (i, item) in input.items().iter().enumerate() {
            let params = input.params(i);
            let is_older = params.as_ref().is_ok_and(|p| p.options.letters == Letters::Moment);
            // The older node leaves items without a date out.
            if params
                .as_ref()
                .is_ok_and(|p| is_older && p.operation == Operation::FormatDate && p.date.is_none())
            {
                continue;
            }
            let done = params.and_then(|params| {
                let value = Work::new(&params, ctx)?.result()?;
                Ok(result_item(&params, item, value).paired_with(i))
            });
            items.push(match done {
                Err(error) if is_older => ctx.failed_item(error, i)?,
                done => done.or_else(|error| ctx.failed_item_unpaired(error, i))?,
            });
        }
        Ok(Outcome::items(items))
    }
}

fn result_item(params: &Params, item: &Item, value: Option<Value>) -> Item {
    let keeps = params.options.include_input_fields;
    let mut json = if keeps { (*item.json).clone() } else { Object::new() };
    let field = match params.output_field_name.as_str() {
        "" => params.operation.field(),
        name => name,
    };
    if let Some(value) = value {
        json.insert(field.to_owned(), value);
    }
    let binary = item.binary.clone().filter(|_| keeps);
    Item { binary, ..Item::new(json) }
}

/// One item's work.
struct Work<'p> {
    params: &'p Params,
    now: Timestamp,
    workflow_zone: TimeZone,
    /// As in n8n, a date that is not there is the present, and null is the beginning of 1970.
    takes_nothing: bool,
    /// The zone of results.
    zone: TimeZone,
}

impl Work<'_> {
    fn new<'p>(params: &'p Params, ctx: &Ctx) -> Result<Work<'p>, NodeError> {
        let workflow_zone = dates::zone(&ctx.timezone);
        let zone = match &params.options.timezone {
            Value::String(name) if !name.is_empty() => named_zone("options.timezone", name)?,
            _ => workflow_zone.clone(),
        };
        let now = Timestamp::from_millisecond(ctx.now.0).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Work { params, now, workflow_zone, takes_nothing: ctx.order != Order::Parallel, zone })
    }

    fn result(&self) -> Result<Option<Value>, NodeError> {
        let params = self.params;
        let value = match params.operation {
            Operation::GetCurrentDate => {
                let now = self.now.to_zoned(self.zone.clone());
                let now = if params.include_time { Some(now) } else { now.start_of_day().ok() };
                iso_value("options.timezone", now)
            }
            Operation::AddToDate => self.moved(params.duration),
            Operation::SubtractFromDate => self.moved(-params.duration),
            Operation::FormatDate => return self.formatted(),
            Operation::RoundDate => {
                let at = self.read("date", &params.date)?.with_time_zone(self.zone.clone());
                iso_value("date", rounded(&at, params))
            }
            Operation::ExtractDate => {
                let at = self.read("date", &params.date)?.with_time_zone(self.zone.clone());
                Ok(Value::from(part(&at, params.part)))
            }
            Operation::GetTimeBetweenDates => {
                let read = |name, value| Ok(self.read(name, value)?.with_time_zone(self.zone.clone()));
                let (start, end) =
                    (read("startDate", &params.start_date)?, read("endDate", &params.end_date)?);
                let between = between(&start, &end, &params.units)
                    .ok_or_else(|| NodeError::param("endDate", "is too far away"))?;
                Ok(if params.options.iso_string { iso_duration(&between) } else { as_object(&between) })
            }
        };
        value.map(Some)
    }

    fn moved(&self, duration: f64) -> Result<Value, NodeError> {
        let at = self.read("magnitude", &self.params.magnitude)?.with_time_zone(self.zone.clone());
        iso_value("duration", plus(&at, duration, self.params.time_unit))
    }

    fn formatted(&self) -> Result<Option<Value>, NodeError> {
        let params = self.params;
        let is_older = params.options.letters == Letters::Moment;
        if params.date.is_none() && self.takes_nothing {
            return Ok(None);
        }
        if matches!(params.date, None | Some(Value::Null)) && !is_older {
            return Ok(Some(Value::Null));
        }
        let has_form = !params.options.from_format.is_empty();
        let mut at = match self.read("date", &params.date) {
            Err(_) if is_older && has_form => return Ok(Some(Value::from("Invalid date"))),
            at => at?,
        };
        match &params.options.timezone {
            Value::Null | Value::Bool(false) => {}
            Value::String(name) if name.is_empty() => {}
            _ => at = at.with_time_zone(self.zone.clone()),
        }
        let is_custom = params.format == "custom";
        let pattern = if is_custom { &params.custom_format } else { &params.format };
        Ok(Some(Value::String(date_format::format(&at, pattern, params.options.letters))))
    }

    /// The date that a parameter holds, in the zone in which it is written.
    fn read(&self, name: &str, value: &Option<Value>) -> Result<Zoned, NodeError> {
        let options = &self.params.options;
        let is_older = options.letters == Letters::Moment;
        let value = match value {
            None if self.takes_nothing && !is_older => return Ok(self.now.to_zoned(TimeZone::UTC)),
            Some(Value::Null) if self.takes_nothing => &Value::from(0),
            value => value.as_ref().unwrap_or(&Value::Null),
        };
        let wrong = |why: &str| NodeError::param(name, format!("{why}, got {}", lenient::show(value)));
        let from_zone = match options.from_timezone.as_str() {
            "" => TimeZone::UTC,
            name => named_zone("options.fromTimezone", name)?,
        };
        let number = match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => js::number(value),
            Value::Array(_) if self.takes_nothing => js::number(value),
            _ => f64::NAN,
        };
        // Files with the older letters: numbers are no dates to be taken apart, and where one
        // calculates, they are milliseconds.
        let is_sum = is_older && name == "magnitude";
        if is_sum && number.is_finite() && value.is_string() && options.from_format.is_empty() {
            return Err(wrong("must be a date; say in `options.fromFormat` how it is written"));
        }
        if !options.from_format.is_empty() && !(is_older && number.is_finite()) {
            let zone = if options.from_timezone.is_empty() { &self.workflow_zone } else { &from_zone };
            let text = js::text(value);
            // What is read in the workflow's zone is told in UTC, like all other dates.
            let in_own_zone = |at: Zoned| {
                if at.time_zone() == &self.workflow_zone { at.with_time_zone(TimeZone::UTC) } else { at }
            };
            // The older node takes no notice of what follows, unless it calculates.
            let whole = !is_older || is_sum;
            return date_format::parse(&text, &options.from_format, options.letters, zone, self.now, whole)
                .map(in_own_zone)
                .ok_or_else(|| wrong(&format!("must be a date of the form \"{}\"", options.from_format)));
        }
        if number.is_finite() {
            let millis = if number.abs() < 1e11 && !is_sum { number * 1_000.0 } else { number };
            let at = Timestamp::from_millisecond(millis as i64);
            return at.map(|at| at.to_zoned(TimeZone::UTC)).map_err(|_| wrong("must be a date"));
        }
        let text = js::text(value);
        let millis = dates::parse_ms(&text, &from_zone)
            .ok_or_else(|| wrong("must be a date; say in `options.fromFormat` how it is written"))?;
        let zone = dates::offset_at_end(&text).map_or(from_zone, TimeZone::fixed);
        let at = Timestamp::from_millisecond(millis).map_err(|_| wrong("must be a date"))?;
        Ok(at.to_zoned(zone))
    }
}

fn named_zone(param: &str, name: &str) -> Result<TimeZone, NodeError> {
    TimeZone::get(name).map_err(|_| {
        NodeError::param(param, format!("must be a time zone such as Europe/Berlin, got \"{name}\""))
    })
}

fn iso_value(param: &str, at: Option<Zoned>) -> Result<Value, NodeError> {
    at.map(|at| Value::String(date_format::iso(&at)))
        .ok_or_else(|| NodeError::param(param, "leads to a date that is too far away"))
}

/// Whole units by the calendar, the rest of a fraction by the clock.
fn plus(at: &Zoned, amount: f64, unit: Unit) -> Option<Zoned> {
    let whole = if Unit::CLOCK.contains(&unit) { 0.0 } else { amount.trunc() };
    let millis = (amount - whole) * unit.millis();
    if !millis.is_finite() || millis.abs() > 1e15 || whole.abs() > 1e9 {
        return None;
    }
    let moved = at.checked_add(span(whole as i64, unit)?).ok()?;
    moved.checked_add(SignedDuration::from_millis(millis.round() as i64)).ok()
}

fn span(n: i64, unit: Unit) -> Option<Span> {
    let none = Span::new();
    match unit {
        Unit::Year => none.try_years(n),
        Unit::Quarter => none.try_months(n * 3),
        Unit::Month => none.try_months(n),
        Unit::Week => none.try_weeks(n),
        Unit::Day => none.try_days(n),
        Unit::Hour => none.try_hours(n),
        Unit::Minute => none.try_minutes(n),
        Unit::Second => none.try_seconds(n),
        Unit::Millisecond => none.try_milliseconds(n),
    }
    .ok()
}

fn rounded(at: &Zoned, params: &Params) -> Option<Zoned> {
    match params.mode {
        Rounding::RoundDown => start_of(at, params.to_nearest),
        Rounding::RoundUp => start_of(&plus(at, 1.0, params.to)?, params.to),
    }
}

fn start_of(at: &Zoned, unit: Unit) -> Option<Zoned> {
    let (date, zone) = (at.date(), at.time_zone().clone());
    let day = |date: Option<Date>| date?.to_datetime(Time::midnight()).to_zoned(zone.clone()).ok();
    let with = |month: i8| Date::new(date.year(), month, 1).ok();
    match unit {
        Unit::Year => day(with(1)),
        Unit::Quarter => day(with((date.month() - 1) / 3 * 3 + 1)),
        Unit::Month => day(with(date.month())),
        Unit::Week => day(date_format::monday(date)),
        Unit::Day => at.start_of_day().ok(),
        Unit::Hour => at.with().minute(0).second(0).subsec_nanosecond(0).build().ok(),
        Unit::Minute => at.with().second(0).subsec_nanosecond(0).build().ok(),
        Unit::Second => at.with().subsec_nanosecond(0).build().ok(),
        Unit::Millisecond => Some(at.clone()),
    }
}

fn part(at: &Zoned, unit: Unit) -> i64 {
    match unit {
        Unit::Year => at.year().into(),
        Unit::Quarter => (i64::from(at.month()) - 1) / 3 + 1,
        Unit::Month => at.month().into(),
        Unit::Week => at.date().iso_week_date().week().into(),
        Unit::Day => at.day().into(),
        Unit::Hour => at.hour().into(),
        Unit::Minute => at.minute().into(),
        Unit::Second => at.second().into(),
        Unit::Millisecond => at.millisecond().into(),
    }
}

/// The time from `start` to `end`, the largest units first; only the smallest has a fraction.
fn between(start: &Zoned, end: &Zoned, units: &[Unit]) -> Option<Vec<(Unit, f64)>> {
    let is_back = end < start;
    let (earlier, later) = if is_back { (end, start) } else { (start, end) };
    let mut found: Vec<(Unit, i64)> = Vec::new();
    for unit in Unit::CALENDAR.into_iter().filter(|u| units.contains(u)) {
        let most = units_at_most(&plus_all(earlier, &found)?, later, unit)?;
        found.push((unit, most));
        if plus_all(earlier, &found)? > *later
            && let Some((_, n)) = found.last_mut()
        {
            *n -= 1;
        }
    }
    let reached = plus_all(earlier, &found)?;
    let millis = |to: &Zoned| reached.duration_until(to).as_millis() as f64;
    let mut rest = millis(later);
    let mut told: Vec<(Unit, f64)> = found.iter().map(|(unit, n)| (*unit, *n as f64)).collect();
    let clock: Vec<Unit> = Unit::CLOCK.into_iter().filter(|u| units.contains(u)).collect();
    if clock.is_empty()
        && let (Some((_, n)), Some((_, exact))) = (found.last_mut(), told.last_mut())
    {
        *n += 1;
        let length = millis(&plus_all(earlier, &found)?);
        *exact += if length > 0.0 { rest / length } else { 0.0 };
    }
    for (i, unit) in clock.iter().enumerate() {
        let exact = rest / unit.millis();
        let n = if i + 1 == clock.len() { exact } else { exact.trunc() };
        rest -= n * unit.millis();
        told.push((*unit, n));
    }
    if is_back {
        // Plain zero, not the negative one.
        told.iter_mut().filter(|(_, n)| *n != 0.0).for_each(|(_, n)| *n = -*n);
    }
    Some(told)
}

/// `at` moved by all units at once: the end of a month is then cut only once.
fn plus_all(at: &Zoned, units: &[(Unit, i64)]) -> Option<Zoned> {
    let (mut months, mut days) = (0, 0);
    for (unit, n) in units {
        match unit {
            Unit::Year => months += n * 12,
            Unit::Quarter => months += n * 3,
            Unit::Month => months += n,
            Unit::Week => days += n * 7,
            _ => days += n,
        }
    }
    at.checked_add(Span::new().try_months(months).ok()?.try_days(days).ok()?).ok()
}

/// How many units it is to `to` at most; it may be one too many.
fn units_at_most(from: &Zoned, to: &Zoned, unit: Unit) -> Option<i64> {
    let years = i64::from(to.year()) - i64::from(from.year());
    let months = years * 12 + i64::from(to.month()) - i64::from(from.month());
    let days = || Some(i64::from(from.date().until(to.date()).ok()?.get_days()));
    Some(match unit {
        Unit::Year => years,
        Unit::Quarter => months / 3,
        Unit::Month => months,
        Unit::Week => days()? / 7,
        _ => days()?,
    })
}

fn as_object(between: &[(Unit, f64)]) -> Value {
    let named = between.iter().map(|(unit, n)| (unit.plural().to_owned(), js::number_value(*n)));
    Value::Object(named.collect())
}

/// `P13M2DT10H`.
fn iso_duration(between: &[(Unit, f64)]) -> Value {
    let of = |unit: Unit| between.iter().find(|(u, _)| *u == unit).map_or(0.0, |(_, n)| *n);
    let (mut day, mut clock) = (String::new(), String::new());
    let add = |text: &mut String, n: f64, letter: char| {
        if n != 0.0 {
            *text += &format!("{}{letter}", js::float_text(n));
        }
    };
    add(&mut day, of(Unit::Year), 'Y');
    add(&mut day, of(Unit::Month) + of(Unit::Quarter) * 3.0, 'M');
    add(&mut day, of(Unit::Week), 'W');
    add(&mut day, of(Unit::Day), 'D');
    add(&mut clock, of(Unit::Hour), 'H');
    add(&mut clock, of(Unit::Minute), 'M');
    let seconds = of(Unit::Second) + of(Unit::Millisecond) / 1_000.0;
    add(&mut clock, (seconds * 1_000.0).round() / 1_000.0, 'S');
    Value::String(match (day.is_empty(), clock.is_empty()) {
        (true, true) => "PT0S".to_owned(),
        (false, true) => format!("P{day}"),
        (_, false) => format!("P{day}T{clock}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::testing::{TestHost, ctx};
    use serde_json::json;

    /// The result in a workflow in Berlin.
    fn check(params: Value, expected: Value) {
        let dir = tempfile::tempdir().unwrap();
        let ctx = Ctx { timezone: "Europe/Berlin".to_owned(), ..ctx(dir.path(), TestHost::default().into()) };
        let params: Params = serde_json::from_value(params).unwrap();
        let found = Work::new(&params, &ctx).and_then(|work| work.result());
        match expected.as_str().and_then(|e| e.strip_prefix("error: ")) {
            Some(part) => assert!(found.unwrap_err().to_string().contains(part), "{params:?}"),
            None => assert_eq!(found.unwrap().unwrap(), expected, "{params:?}"),
        }
    }

    #[test]
    fn the_current_date_is_told_in_the_chosen_zone() {
        check(json!({}), json!("2026-03-04T06:06:07.890+01:00"));
        check(json!({"includeTime": false}), json!("2026-03-04T00:00:00.000+01:00"));
        check(json!({"options": {"timezone": "Asia/Tokyo"}}), json!("2026-03-04T14:06:07.890+09:00"));
        check(json!({"options": {"timezone": "Mars/Base"}}), json!("error: must be a time zone"));
    }

    #[test]
    fn dates_are_moved_by_the_calendar_in_the_workflows_zone() {
        for (date, n, unit, expected) in [
            ("2024-01-31T10:20:30.400Z", 1.0, "months", "2024-02-29T11:20:30.400+01:00"),
            ("2024-01-31T10:20:30.400Z", 1.0, "quarters", "2024-04-30T11:20:30.400+02:00"),
            ("2024-01-31T10:00:00Z", 1.5, "days", "2024-02-01T23:00:00.000+01:00"),
            ("2024-01-31T10:00:00", 1.0, "days", "2024-02-01T11:00:00.000+01:00"),
            ("2024-01-31T10:00:00+05:00", 1.0, "hours", "2024-01-31T07:00:00.000+01:00"),
            ("nope", 1.0, "days", "error: must be a date"),
            ("2024-01-31", 1e300, "years", "error: too far away"),
            ("2024-01-31", 1e8, "years", "error: too far away"),
        ] {
            let params =
                json!({"operation": "addToDate", "magnitude": date, "duration": n, "timeUnit": unit});
            check(params, json!(expected));
        }
    }

    #[test]
    fn a_formatted_date_keeps_the_zone_it_is_written_in() {
        let options = |options: Value, date: Value, expected: &str| {
            check(
                json!({"operation": "formatDate", "date": date, "format": "custom",
                    "customFormat": "yyyy-MM-dd HH:mm ZZ", "options": options}),
                json!(expected),
            );
        };
        options(json!({}), json!("2024-01-31T10:00:00+05:00"), "2024-01-31 10:00 +05:00");
        options(json!({}), json!("2024-01-31T10:00:00"), "2024-01-31 10:00 +00:00");
        options(json!({"timezone": true}), json!("2024-01-31T10:00:00"), "2024-01-31 11:00 +01:00");
        options(
            json!({"fromFormat": "dd.MM.yyyy HH:mm"}),
            json!("31.01.2024 15:04"),
            "2024-01-31 14:04 +00:00",
        );
        options(json!({}), json!(1_704_153_600_000_i64), "2024-01-02 00:00 +00:00");
        options(json!({}), json!(1_704_153_600), "2024-01-02 00:00 +00:00");
        options(json!({}), json!("01/02/2024"), "2024-01-02 00:00 +00:00");
        check(json!({"operation": "formatDate", "date": null}), Value::Null);
    }

    #[test]
    fn dates_are_rounded_and_taken_apart_in_the_workflows_zone() {
        let round = |mode: &str, key: &str, unit: &str, expected: &str| {
            let params = json!({"operation": "roundDate", "date": "2024-05-15T10:20:30.400Z", "mode": mode, key: unit});
            check(params, json!(expected));
        };
        round("roundDown", "toNearest", "week", "2024-05-13T00:00:00.000+02:00");
        round("roundDown", "toNearest", "year", "2024-01-01T00:00:00.000+01:00");
        round("roundDown", "toNearest", "minute", "2024-05-15T12:20:00.000+02:00");
        round("roundUp", "to", "month", "2024-06-01T00:00:00.000+02:00");
        let part = |part: &str, n: i64| {
            check(
                json!({"operation": "extractDate", "date": "2024-05-15T22:20:30Z", "part": part}),
                json!(n),
            );
        };
        part("day", 16);
        part("hour", 0);
        part("week", 20);
    }

    #[test]
    fn the_time_between_dates_is_told_in_the_chosen_units() {
        let between = |start: &str, end: &str, units: Value, expected: Value| {
            let iso = expected.is_string();
            let params = json!({"operation": "getTimeBetweenDates", "startDate": start, "endDate": end,
                "units": units, "options": {"isoString": iso}});
            check(params, expected);
        };
        let (start, end) = ("2024-01-31", "2025-03-02T10:00:00");
        between(start, end, json!(["day"]), json!({"days": 396.4166666666667}));
        between(start, end, json!(["hour", "month", "day"]), json!("P13M2DT10H"));
        between(
            end,
            start,
            json!(["month", "day", "hour"]),
            json!({"months": -13, "days": -2, "hours": -10}),
        );
        between(start, "2024-03-02T10:00:00", json!(["month"]), json!({"months": 1.0779569892473118}));
        between(start, start, json!(["day"]), json!("PT0S"));
    }
}
