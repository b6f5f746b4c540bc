//! n8n's Schedule Trigger, versions 1 to 1.3.

use serde_json::Value;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("schedule_trigger", node.params);
    let rules = node.param(&["rule", "interval"]).and_then(Value::as_array);
    translation.differs = rules.into_iter().flatten().find_map(uneven);
    Ok(translation)
}

/// Intervals that do not divide the next larger unit started over with it there.
fn uneven(rule: &Value) -> Option<String> {
    let (key, whole, unit) = match rule.get("field")?.as_str()? {
        "seconds" => ("secondsInterval", 60, "seconds"),
        "minutes" => ("minutesInterval", 60, "minutes"),
        "hours" => ("hoursInterval", 24, "hours"),
        _ => return None,
    };
    let n = rule.get(key)?.as_i64().filter(|n| *n > 0)?;
    (whole % n != 0).then(|| format!("every {n} {unit} is evenly spaced here"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn intervals_that_started_over_there_are_told() {
        let differs = |rule: Value| {
            let params = json!({"rule": {"interval": [rule]}});
            check(translate, 1.2, &params, "schedule_trigger", &params).differs
        };
        assert_eq!(differs(json!({})), None);
        assert_eq!(differs(json!({"field": "minutes", "minutesInterval": 15})), None);
        assert!(differs(json!({"field": "minutes", "minutesInterval": 25})).is_some());
        assert!(differs(json!({"field": "hours", "hoursInterval": 5})).is_some());
    }
}
