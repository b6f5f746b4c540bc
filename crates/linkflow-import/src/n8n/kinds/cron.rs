//! n8n's Cron, which Schedule Trigger replaced.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let times = node.param(&["triggerTimes", "item"]).and_then(Value::as_array);
    let rules = times.into_iter().flatten().map(rule).collect::<Result<Vec<Value>, _>>()?;
    let mut params = Object::new();
    params.insert("rule".to_owned(), json!({ "interval": rules }));
    params.insert("emptyItem".to_owned(), json!(true));
    Ok(Translation { kind: "schedule_trigger", params, ..Translation::default() })
}

/// The times at which a node polls, as rules of ours; none where it says nothing.
pub(super) fn poll_times(node: &N8nNode<'_>) -> Result<Option<Value>, Unreadable> {
    let Some(times) = node.param(&["pollTimes", "item"]).and_then(Value::as_array) else { return Ok(None) };
    let rules = times.iter().map(rule).collect::<Result<Vec<Value>, _>>()?;
    Ok((!rules.is_empty()).then(|| json!({ "interval": rules })))
}

fn rule(time: &Value) -> Result<Value, Unreadable> {
    let value = |key: &str, default: i64| time.get(key).cloned().unwrap_or(json!(default));
    let (hour, minute) = (value("hour", 14), value("minute", 0));
    let mode = time.get("mode").and_then(Value::as_str).unwrap_or("everyDay");
    Ok(match mode {
        "everyMinute" => json!({"field": "minutes", "minutesInterval": 1}),
        "everyHour" => json!({"field": "hours", "hoursInterval": 1, "triggerAtMinute": minute}),
        "everyDay" => json!({"field": "days", "triggerAtHour": hour, "triggerAtMinute": minute}),
        "everyWeek" => json!({
            "field": "weeks", "triggerAtDay": [value("weekday", 1)],
            "triggerAtHour": hour, "triggerAtMinute": minute
        }),
        "everyMonth" => json!({
            "field": "months", "triggerAtDayOfMonth": value("dayOfMonth", 1),
            "triggerAtHour": hour, "triggerAtMinute": minute
        }),
        "everyX" => match time.get("unit").and_then(Value::as_str).unwrap_or("hours") {
            "minutes" => json!({"field": "minutes", "minutesInterval": value("value", 2)}),
            "hours" => json!({"field": "hours", "hoursInterval": value("value", 2)}),
            other => return Err(Unreadable(format!("`triggerTimes`: the unit \"{other}\" is not known"))),
        },
        "custom" => {
            let expression = time.get("cronExpression").and_then(Value::as_str).unwrap_or("* * * * * *");
            json!({"field": "cronExpression", "expression": expression})
        }
        other => return Err(Unreadable(format!("`triggerTimes`: the mode \"{other}\" is not known"))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn every_mode_becomes_a_rule() {
        for (item, rule) in [
            (json!({}), json!({"field": "days", "triggerAtHour": 14, "triggerAtMinute": 0})),
            (json!({"mode": "everyMinute"}), json!({"field": "minutes", "minutesInterval": 1})),
            (
                json!({"mode": "everyWeek", "weekday": "5", "hour": 9, "minute": 30}),
                json!({"field": "weeks", "triggerAtDay": ["5"], "triggerAtHour": 9, "triggerAtMinute": 30}),
            ),
            (json!({"mode": "everyX"}), json!({"field": "hours", "hoursInterval": 2})),
            (
                json!({"mode": "custom", "cronExpression": "0 9 * * *"}),
                json!({"field": "cronExpression", "expression": "0 9 * * *"}),
            ),
        ] {
            let params = json!({"triggerTimes": {"item": [item]}});
            let expected = json!({"rule": {"interval": [rule]}, "emptyItem": true});
            check(translate, 1.0, &params, "schedule_trigger", &expected);
        }
    }
}
