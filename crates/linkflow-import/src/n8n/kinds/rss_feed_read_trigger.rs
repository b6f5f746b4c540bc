//! n8n's RSS Feed Trigger. Its times are those of the old Cron.

use linkflow_model::Object;
use serde_json::json;

use super::{N8nNode, Translation, Unreadable, cron};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = Object::new();
    params.insert("feedUrl".to_owned(), node.param(&["feedUrl"]).cloned().unwrap_or(json!("")));
    if let Some(rules) = cron::poll_times(node)? {
        params.insert("rule".to_owned(), rules);
    }
    Ok(Translation { kind: "rss_feed_trigger", params, ..Translation::default() })
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn its_times_become_rules() {
        let given = json!({"feedUrl": "https://a.example", "pollTimes": {"item": [{"mode": "everyHour", "minute": 7}]}});
        let rule = json!({"field": "hours", "hoursInterval": 1, "triggerAtMinute": 7});
        let expected = json!({"feedUrl": "https://a.example", "rule": {"interval": [rule]}});
        check(translate, 1.0, &given, "rss_feed_trigger", &expected);
        let usual = json!({"feedUrl": "https://a.example"});
        check(translate, 1.0, &usual, "rss_feed_trigger", &usual);
    }
}
