//! Sticky note: text on the canvas. It never runs.

use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct StickyNote;

/// Text on the canvas.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Params {
    /// The text, in Markdown.
    #[serde(default)]
    content: String,
    /// Width on the canvas, in pixels.
    #[serde(default = "wide")]
    width: f64,
    /// Height on the canvas, in pixels.
    #[serde(default = "high")]
    height: f64,
    /// Colour: a number from 1 to 7, or a colour such as `#ffcc00`.
    #[serde(default)]
    color: Value,
}

fn wide() -> f64 {
    240.0
}

fn high() -> f64 {
    160.0
}

impl Node for StickyNote {
    const KIND: &'static str = "sticky_note";
    const SPEC: Spec = Spec {
        title: "Sticky Note",
        summary: "Explains something on the canvas.",
        category: Category::Note,
        aliases: &["comment", "note", "text", "annotation"],
        inputs: &[],
        outputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "A note",
            params: r###"{"content": "## Invoices\nRuns every night.", "width": 300, "height": 120, "color": 4}"###,
            input: "[]",
            output: "[]",
        },
        Example { title: "An empty note", params: "{}", input: "[]", output: "[]" },
    ];
    type Params = Params;

    async fn run(_input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        Ok(Outcome::ports(Vec::new()))
    }
}
