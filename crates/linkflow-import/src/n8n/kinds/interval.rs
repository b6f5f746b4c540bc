//! n8n's Interval, which Schedule Trigger replaced.

use linkflow_model::Object;
use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let n = node.param(&["interval"]).cloned().unwrap_or(json!(1));
    let rule = match node.text(&["unit"], "seconds") {
        "seconds" => json!({"field": "seconds", "secondsInterval": n}),
        "minutes" => json!({"field": "minutes", "minutesInterval": n}),
        "hours" => json!({"field": "hours", "hoursInterval": n}),
        other => return Err(Unreadable(format!("`unit`: \"{other}\" is not known"))),
    };
    let mut params = Object::new();
    params.insert("rule".to_owned(), json!({ "interval": [rule] }));
    params.insert("emptyItem".to_owned(), json!(true));
    Ok(Translation { kind: "schedule_trigger", params, ..Translation::default() })
}
