//! RSS Feed Trigger: starts the workflow when a feed has new entries.

use std::sync::Arc;

use linkflow_model::{Item, Mode, Node as WorkflowNode, Object};
use linkflow_node::schedule::Rule;
use linkflow_node::trigger::{PollTrigger, Polled, Trigger};
use linkflow_node::{
    BoxFuture, Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, RunInput, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::feed;
use crate::schedule_trigger::{self, Rules};

pub struct RssFeedTrigger;

/// Starts the workflow when a feed has new entries: once for all that are new. What is there when
/// the workflow is published is not new.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// When the feed is looked at.
    #[serde(default = "each_minute")]
    rule: Rules,
    /// The address of the feed.
    #[serde(default, deserialize_with = "lenient::text")]
    feed_url: String,
}

fn each_minute() -> Rules {
    Rules::every_minute()
}

/// Entries that are remembered. Feeds show some tens, seldom hundreds.
const SEEN_MAX: usize = 2_000;

impl Node for RssFeedTrigger {
    const KIND: &'static str = "rss_feed_trigger";
    const SPEC: Spec = Spec {
        title: "RSS Feed Trigger",
        summary: "Starts the workflow when a feed has new entries.",
        category: Category::Trigger,
        aliases: &["rss", "atom", "feed", "news", "poll"],
        inputs: &[],
        effects: Effects::Outside,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Look every quarter of an hour",
            params: r#"{"feedUrl": "https://example.com/feed.xml",
                "rule": {"interval": [{"field": "minutes", "minutesInterval": 15}]}}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "Look every morning",
            params: r#"{"feedUrl": "https://example.com/feed.xml",
                "rule": {"interval": [{"field": "days", "triggerAtHour": 7}]}}"#,
            input: "[]",
            output: "null",
        },
    ];
    type Params = Params;

    /// By hand it gives the newest entry, to work with.
    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if ctx.mode != Mode::Manual {
            return Ok(Outcome::items(input.items().as_ref().clone()));
        }
        let entries = fetched(input.whole(), ctx).await?;
        let first = entries.into_iter().next();
        Ok(Outcome::items(first.map(|entry| Item::new(entry).paired_with(0)).into_iter().collect()))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Poll(PollTrigger { rules, poll }))
    }
}

pub fn rules(node: &WorkflowNode) -> Result<Vec<Rule>, NodeError> {
    schedule_trigger::rules_or(node, each_minute)
}

fn poll<'a>(input: Arc<RunInput>, ctx: &'a Ctx) -> BoxFuture<'a, Result<Polled, NodeError>> {
    Box::pin(async move { Ok(new_ones(fetched(&input, ctx).await?, ctx.state.as_ref())) })
}

async fn fetched(input: &RunInput, ctx: &Ctx) -> Result<Vec<Object>, NodeError> {
    let value = input
        .compiled
        .resolve(&input.scope(0))
        .map_err(|e| NodeError::param(e.param, e.error.to_string()))?;
    let params: Params = linkflow_node::input::read_params(&value)?;
    feed::fetch(ctx, &params.feed_url, false).await.map_err(|error| match error {
        NodeError::Param { problem, item, .. } => {
            NodeError::Param { param: "feedUrl".to_owned(), problem, item }
        }
        error => error,
    })
}

/// The entries that were not seen before; none the first time.
fn new_ones(entries: Vec<Object>, state: Option<&Value>) -> Polled {
    let before: Option<Vec<&str>> =
        state.map(|state| state["seen"].as_array().into_iter().flatten().filter_map(Value::as_str).collect());
    let mut seen: Vec<String> = entries.iter().map(feed::mark).collect();
    let is_new =
        |entry: &Object| before.as_ref().is_some_and(|known| !known.contains(&feed::mark(entry).as_str()));
    let items = entries.into_iter().filter(is_new).map(|entry| Item::new(entry).paired_with(0)).collect();
    let older = before.into_iter().flatten().filter(|mark| !seen.iter().any(|s| s == mark));
    let older: Vec<String> = older.map(str::to_owned).collect();
    seen.extend(older);
    seen.truncate(SEEN_MAX);
    Polled { items, state: json!({"seen": seen}) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::entries;
    use crate::feed::tests::RSS;

    #[test]
    fn only_what_was_not_seen_before_is_new() {
        let first = new_ones(entries(RSS).unwrap(), None);
        assert_eq!(first.items.len(), 0);
        assert_eq!(new_ones(entries(RSS).unwrap(), Some(&first.state)).items.len(), 0);
        let more = RSS.replace(
            "<item><title>First",
            "<item><title>Third</title><guid>3</guid></item><item><title>First",
        );
        let second = new_ones(entries(&more).unwrap(), Some(&first.state));
        assert_eq!(second.items.iter().map(|i| i.json["title"].clone()).collect::<Vec<_>>(), ["Third"]);
        // One that was gone for a while is not new when it is back.
        let third = new_ones(entries(RSS).unwrap(), Some(&second.state));
        assert_eq!(new_ones(entries(&more).unwrap(), Some(&third.state)).items.len(), 0);
    }

    #[test]
    fn it_looks_every_minute_unless_told_otherwise() {
        assert_eq!(rules(&WorkflowNode::default()).unwrap().len(), 1);
    }
}
