//! n8n's Date & Time, versions 1 and 2.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    if node.version >= 2.0 {
        return Ok(Translation::same("date_time", node.params));
    }
    let params = match node.text(&["action"], "format") {
        "format" => format(node),
        "calculate" => calculate(node),
        other => return Err(Unreadable(format!("the action \"{other}\" is not known"))),
    };
    Ok(Translation { kind: "date_time", params, ..Translation::default() })
}

/// Version 1 keeps the input's fields, writes patterns in Moment's letters, and tells dates in UTC.
fn base(node: &N8nNode<'_>, operation: &str) -> Object {
    let field = node.param(&["dataPropertyName"]).cloned().unwrap_or(json!("data"));
    let mut options = json!({"includeInputFields": true, "letters": "moment"});
    for (theirs, ours) in [("fromFormat", "fromFormat"), ("fromTimezone", "fromTimezone")] {
        if let Some(value) = node.param(&["options", theirs]) {
            options[ours] = value.clone();
        }
    }
    options["timezone"] = node.param(&["options", "toTimezone"]).cloned().unwrap_or(json!("UTC"));
    if options.get("fromFormat").is_some() && options.get("fromTimezone").is_none() {
        options["fromTimezone"] = json!("UTC");
    }
    Object::from_iter([
        ("operation".to_owned(), json!(operation)),
        ("outputFieldName".to_owned(), field),
        ("options".to_owned(), options),
    ])
}

fn format(node: &N8nNode<'_>) -> Object {
    let mut params = base(node, "formatDate");
    let given = |name: &str, default: &str| node.param(&[name]).cloned().unwrap_or(json!(default));
    params.insert("date".to_owned(), given("value", ""));
    params.insert("format".to_owned(), json!("custom"));
    params.insert("customFormat".to_owned(), given("toFormat", "MM/DD/YYYY"));
    params
}

fn calculate(node: &N8nNode<'_>) -> Object {
    let is_add = node.text(&["operation"], "add") == "add";
    let mut params = base(node, if is_add { "addToDate" } else { "subtractFromDate" });
    let given = |name: &str, default: Value| node.param(&[name]).cloned().unwrap_or(default);
    params.insert("magnitude".to_owned(), given("value", json!("")));
    params.insert("duration".to_owned(), given("duration", json!(0)));
    params.insert("timeUnit".to_owned(), given("timeUnit", json!("days")));
    params
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_newest_version_is_taken_as_it_is() {
        let params =
            json!({"operation": "formatDate", "date": "={{ $json.d }}", "options": {"timezone": true}});
        check(translate, 2.0, &params, "date_time", &params);
    }

    #[test]
    fn version_1_writes_patterns_in_moments_letters() {
        check(
            translate,
            1.0,
            &json!({"value": "={{ $json.d }}", "toFormat": "YYYY-MM-DD", "options": {"toTimezone": "Asia/Tokyo"}}),
            "date_time",
            &json!({"operation": "formatDate", "outputFieldName": "data",
                "options": {"includeInputFields": true, "letters": "moment", "timezone": "Asia/Tokyo"},
                "date": "={{ $json.d }}", "format": "custom", "customFormat": "YYYY-MM-DD"}),
        );
        check(
            translate,
            1.0,
            &json!({"action": "calculate", "operation": "subtract", "value": "2024-01-31", "duration": 2,
                "timeUnit": "hours", "dataPropertyName": "o"}),
            "date_time",
            &json!({"operation": "subtractFromDate", "outputFieldName": "o",
                "options": {"includeInputFields": true, "letters": "moment", "timezone": "UTC"},
                "magnitude": "2024-01-31", "duration": 2, "timeUnit": "hours"}),
        );
    }
}
