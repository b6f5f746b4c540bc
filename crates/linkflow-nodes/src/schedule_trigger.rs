//! Schedule Trigger: starts the workflow at set times.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use linkflow_model::{Item, Millis, Node as WorkflowNode};
use linkflow_node::schedule::{Rule, check};
use linkflow_node::trigger::{ScheduleTrigger as Schedule, Trigger};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::trigger_params;

pub struct ScheduleTrigger;

/// Starts the workflow at set times, in the workflow's time zone.
///
/// A local time that a clock change skips is due at the change; one that comes twice is due the
/// first time only.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// When the workflow starts.
    #[serde(default)]
    rule: Rules,
    /// Start with an empty item instead of the time.
    #[serde(default, deserialize_with = "lenient::flag")]
    empty_item: bool,
}

/// When a workflow starts.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Rules {
    /// The rules; the workflow starts when one of them is due.
    interval: Vec<Interval>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { interval: vec![Interval::default()] }
    }
}

impl Rules {
    pub(crate) fn every_minute() -> Rules {
        Rules {
            interval: vec![Interval { field: Field::Minutes, minutes_interval: 1, ..Interval::default() }],
        }
    }

    pub(crate) fn every_seconds(n: i64) -> Rules {
        Rules {
            interval: vec![Interval { field: Field::Seconds, seconds_interval: n, ..Interval::default() }],
        }
    }
}

/// One rule of a schedule. Which fields count depends on `field`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Interval {
    /// The unit of the interval.
    field: Field,
    /// Seconds between starts.
    #[serde(deserialize_with = "lenient::integer")]
    seconds_interval: i64,
    /// Minutes between starts.
    #[serde(deserialize_with = "lenient::integer")]
    minutes_interval: i64,
    /// Hours between starts.
    #[serde(deserialize_with = "lenient::integer")]
    hours_interval: i64,
    /// Days between starts.
    #[serde(deserialize_with = "lenient::integer")]
    days_interval: i64,
    /// Weeks between starts.
    #[serde(deserialize_with = "lenient::integer")]
    weeks_interval: i64,
    /// Months between starts.
    #[serde(deserialize_with = "lenient::integer")]
    months_interval: i64,
    /// Weekdays, from 0 (Sunday) to 6 (Saturday).
    trigger_at_day: Vec<Value>,
    /// Day of the month, from 1. Months without that day are left out.
    #[serde(deserialize_with = "lenient::integer")]
    trigger_at_day_of_month: i64,
    /// Hour, from 0 to 23.
    #[serde(deserialize_with = "lenient::integer")]
    trigger_at_hour: i64,
    /// Minute, from 0 to 59.
    #[serde(deserialize_with = "lenient::integer")]
    trigger_at_minute: i64,
    /// A cron expression of five fields, or six with seconds in front.
    #[serde(deserialize_with = "lenient::text")]
    expression: String,
}

impl Default for Interval {
    fn default() -> Interval {
        Interval {
            field: Field::Days,
            seconds_interval: 30,
            minutes_interval: 5,
            hours_interval: 1,
            days_interval: 1,
            weeks_interval: 1,
            months_interval: 1,
            trigger_at_day: vec![json!(0)],
            trigger_at_day_of_month: 1,
            trigger_at_hour: 0,
            trigger_at_minute: 0,
            expression: String::new(),
        }
    }
}

/// The unit of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// Every so many seconds.
    Seconds,
    /// Every so many minutes.
    Minutes,
    /// Every so many hours, at a minute.
    Hours,
    /// Every so many days, at a time.
    #[default]
    Days,
    /// Every so many weeks, on weekdays at a time.
    Weeks,
    /// Every so many months, on a day at a time.
    Months,
    /// By a cron expression.
    CronExpression,
}

impl Node for ScheduleTrigger {
    const KIND: &'static str = "schedule_trigger";
    const SPEC: Spec = Spec {
        title: "Schedule Trigger",
        summary: "Starts the workflow at set times.",
        category: Category::Trigger,
        aliases: &["cron", "timer", "interval", "every", "daily"],
        inputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Every working day at half past eight",
            params: r#"{"rule": {"interval": [{"field": "weeks", "triggerAtDay": [1, 2, 3, 4, 5],
                "triggerAtHour": 8, "triggerAtMinute": 30}]}}"#,
            input: "[]",
            output: r#"[[{
                "timestamp": "2026-03-04T05:06:07.890+00:00",
                "Readable date": "March 4th 2026, 5:06:07 am",
                "Readable time": "5:06:07 am",
                "Day of week": "Wednesday",
                "Year": "2026",
                "Month": "March",
                "Day of month": "04",
                "Hour": "05",
                "Minute": "06",
                "Second": "07",
                "Timezone": "UTC (UTC+00:00)"
            }]]"#,
        },
        Example {
            title: "By a cron expression, every quarter of an hour",
            params: r#"{"rule": {"interval": [{"field": "cronExpression", "expression": "*/15 * * * *"}]},
                "emptyItem": true}"#,
            input: "[]",
            output: "[[{}]]",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if !input.items().is_empty() {
            return Ok(Outcome::items(input.items().as_ref().clone()));
        }
        let empty = input.params(0)?.empty_item;
        Ok(Outcome::items(vec![item(empty, ctx.now, &ctx.timezone)]))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Schedule(Schedule { rules, tick }))
    }
}

/// The rules of `node`, checked.
pub fn rules(node: &WorkflowNode) -> Result<Vec<Rule>, NodeError> {
    rules_or(node, Rules::default)
}

/// The rules in the parameter `rule` of a node that has other ones where none are given.
pub(crate) fn rules_or(node: &WorkflowNode, usual: fn() -> Rules) -> Result<Vec<Rule>, NodeError> {
    #[derive(Deserialize)]
    struct Given {
        rule: Option<Rules>,
    }
    let given: Given = trigger_params::read(node, None)?;
    let given = given.rule.unwrap_or_else(usual);
    let mut rules = Vec::with_capacity(given.interval.len());
    for (i, interval) in given.interval.iter().enumerate() {
        let wrong = |problem| NodeError::param(format!("rule.interval[{i}]"), problem);
        let rule = interval.rule().map_err(wrong)?;
        check(&rule).map_err(wrong)?;
        rules.push(rule);
    }
    Ok(rules)
}

/// The item of a tick of `node`.
pub fn tick(node: &WorkflowNode, at: Millis, timezone: &str) -> Item {
    let empty = trigger_params::read::<Params>(node, None).is_ok_and(|p| p.empty_item);
    item(empty, at, timezone)
}

impl Interval {
    fn rule(&self) -> Result<Rule, String> {
        let hour = number("triggerAtHour", self.trigger_at_hour)?;
        let minute = number("triggerAtMinute", self.trigger_at_minute)?;
        Ok(match self.field {
            Field::Seconds => evenly(number("secondsInterval", self.seconds_interval)?, 1_000, "* * * * *"),
            Field::Minutes => evenly(number("minutesInterval", self.minutes_interval)?, 60_000, "* * * *"),
            Field::Hours => Rule::Hours { every: number("hoursInterval", self.hours_interval)?, minute },
            Field::Days => Rule::Days { every: number("daysInterval", self.days_interval)?, hour, minute },
            Field::Weeks => {
                let every = number("weeksInterval", self.weeks_interval)?;
                Rule::Weeks { every, weekdays: self.weekdays()?, hour, minute }
            }
            Field::Months => {
                let day = number("triggerAtDayOfMonth", self.trigger_at_day_of_month)?;
                let every = number("monthsInterval", self.months_interval)?;
                Rule::Months { every, day, hour, minute }
            }
            Field::CronExpression => Rule::Cron { expression: self.expression.trim().to_owned() },
        })
    }

    fn weekdays(&self) -> Result<Vec<u8>, String> {
        let day = |value: &Value| {
            let number = lenient::as_number(value).filter(|n| (0.0..=7.0).contains(n) && n.fract() == 0.0);
            number.map(|n| n as u8).ok_or_else(|| {
                format!("`triggerAtDay` must hold numbers from 0 (Sunday) to 6, got {}", lenient::show(value))
            })
        };
        self.trigger_at_day.iter().map(day).collect()
    }
}

fn number<T: TryFrom<i64>>(name: &str, value: i64) -> Result<T, String> {
    T::try_from(value).map_err(|_| format!("`{name}` is out of range: {value}"))
}

/// Every `n` units: on the full ones where `n` divides sixty, else counted from the begin.
fn evenly(n: u64, unit_ms: u64, rest: &str) -> Rule {
    match n {
        1 => Rule::Cron { expression: format!("* {rest}") },
        2..=59 if 60 % n == 0 => Rule::Cron { expression: format!("*/{n} {rest}") },
        _ => Rule::Every { ms: n.saturating_mul(unit_ms) },
    }
}

fn item(empty: bool, at: Millis, timezone: &str) -> Item {
    if empty {
        return Item::default().paired_with(0);
    }
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = Zoned::new(at, zone);
    let show = |format: &str| local.strftime(format).to_string();
    let time = format!("{}:{} {}", show("%-I"), show("%M:%S"), show("%P"));
    let day = format!("{} {}{} {}", show("%B"), local.day(), ordinal(local.day()), local.year());
    Item::from_value(json!({
        "timestamp": format!("{}.{:03}{}", show("%Y-%m-%dT%H:%M:%S"), local.millisecond(), show("%:z")),
        "Readable date": format!("{day}, {time}"),
        "Readable time": time,
        "Day of week": show("%A"),
        "Year": show("%Y"),
        "Month": show("%B"),
        "Day of month": show("%d"),
        "Hour": show("%H"),
        "Minute": show("%M"),
        "Second": show("%S"),
        "Timezone": format!("{timezone} (UTC{})", show("%:z")),
    }))
    .paired_with(0)
}

fn ordinal(day: i8) -> &'static str {
    match (day / 10, day % 10) {
        (1, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_rules(interval: Value, expected: &[Rule]) {
        let params = json!({"rule": {"interval": interval}}).as_object().cloned().unwrap();
        let node = WorkflowNode { params, ..WorkflowNode::default() };
        assert_eq!(rules(&node).as_deref(), Ok(expected));
    }

    fn cron(expression: &str) -> Rule {
        Rule::Cron { expression: expression.to_owned() }
    }

    #[test]
    fn every_form_of_a_rule_is_read() {
        check_rules(json!([{}]), &[Rule::Days { every: 1, hour: 0, minute: 0 }]);
        check_rules(
            json!([{"field": "seconds"}, {"field": "seconds", "secondsInterval": 45},
                {"field": "minutes"}, {"field": "minutes", "minutesInterval": 1},
                {"field": "minutes", "minutesInterval": "90"}]),
            &[
                cron("*/30 * * * * *"),
                Rule::Every { ms: 45_000 },
                cron("*/5 * * * *"),
                cron("* * * * *"),
                Rule::Every { ms: 5_400_000 },
            ],
        );
        check_rules(
            json!([{"field": "hours", "hoursInterval": 2, "triggerAtMinute": 7},
                {"field": "days", "daysInterval": 3, "triggerAtHour": 8},
                {"field": "weeks", "triggerAtDay": [1, "5"], "triggerAtHour": 9, "triggerAtMinute": 30},
                {"field": "months", "monthsInterval": 2, "triggerAtDayOfMonth": 15},
                {"field": "cronExpression", "expression": " 0 9 * * 1-5 "}]),
            &[
                Rule::Hours { every: 2, minute: 7 },
                Rule::Days { every: 3, hour: 8, minute: 0 },
                Rule::Weeks { every: 1, weekdays: vec![1, 5], hour: 9, minute: 30 },
                Rule::Months { every: 2, day: 15, hour: 0, minute: 0 },
                cron("0 9 * * 1-5"),
            ],
        );
    }

    #[test]
    fn a_rule_that_cannot_be_due_names_its_place() {
        let params = json!({"rule": {"interval": [{}, {"field": "cronExpression", "expression": "x"}]}});
        let node = WorkflowNode { params: params.as_object().cloned().unwrap(), ..WorkflowNode::default() };
        let error = rules(&node).unwrap_err().to_string();
        assert!(error.starts_with("`rule.interval[1]`: \"x\" is no cron expression"), "{error}");
    }

    #[test]
    fn a_tick_tells_the_local_time() {
        let item = tick(&WorkflowNode::default(), Millis(1_795_428_854_493), "Europe/Berlin");
        assert_eq!(item.json["timestamp"], "2026-11-23T11:14:14.493+01:00");
        assert_eq!(item.json["Readable date"], "November 23rd 2026, 11:14:14 am");
        assert_eq!(item.json["Timezone"], "Europe/Berlin (UTC+01:00)");
    }
}
