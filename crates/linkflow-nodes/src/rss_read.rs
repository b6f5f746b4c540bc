//! RSS Read: gives the entries of a feed.

use linkflow_model::Item;
use linkflow_node::{Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::feed;

pub struct RssRead;

/// Gives the entries of a feed, RSS or Atom.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The address of the feed.
    #[serde(deserialize_with = "lenient::text")]
    url: String,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Options {
    /// Take any certificate of the server.
    #[serde(rename = "ignoreSSL", deserialize_with = "lenient::flag")]
    ignore_ssl: bool,
}

impl Node for RssRead {
    const KIND: &'static str = "rss_read";
    const SPEC: Spec = Spec {
        title: "RSS Read",
        summary: "Gives the entries of a feed.",
        category: Category::Network,
        aliases: &["rss", "atom", "feed", "news", "podcast"],
        effects: Effects::Outside,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Read the news of a site",
            params: r#"{"url": "https://example.com/feed.xml"}"#,
            input: "[{}]",
            output: "null",
        },
        Example {
            title: "Read the feed that each item names",
            params: r#"{"url": "={{ $json.feed }}"}"#,
            input: r#"[{"feed": "https://example.com/feed.xml"}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::new();
        for index in 0..input.items().len() {
            match read(&input, ctx, index).await {
                Ok(items) => out.extend(items),
                Err(error) => out.push(ctx.failed_item(error, index)?),
            }
            if out.len() > ctx.limits.items_max {
                let limit = ctx.limits.items_max.to_string();
                return Err(NodeError::Limit { what: "entries of feeds".to_owned(), limit });
            }
        }
        Ok(Outcome::items(out))
    }
}

async fn read(input: &Input<Params>, ctx: &Ctx, index: usize) -> Result<Vec<Item>, NodeError> {
    let params = input.params(index)?;
    let entries = feed::fetch(ctx, &params.url, params.options.ignore_ssl).await?;
    Ok(entries.into_iter().map(|entry| Item::new(entry).paired_with(index)).collect())
}
