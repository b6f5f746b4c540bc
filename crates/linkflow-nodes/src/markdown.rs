//! Markdown: makes HTML of Markdown and Markdown of HTML.

use linkflow_expr::Resolved;
use linkflow_model::{Item, Object};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::html_markdown::{self, Writing};
use crate::{heavy, markdown_html, paths};

pub struct Markdown;

/// Makes HTML of Markdown and Markdown of HTML.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// Which way.
    mode: Mode,
    /// The HTML.
    #[serde(deserialize_with = "lenient::text")]
    html: String,
    /// The Markdown.
    #[serde(deserialize_with = "lenient::text")]
    markdown: String,
    /// Name of the field for the result, or the path to it.
    #[serde(deserialize_with = "lenient::text")]
    destination_key: String,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            mode: Mode::HtmlToMarkdown,
            html: String::new(),
            markdown: String::new(),
            destination_key: "data".to_owned(),
            options: Options::default(),
        }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// HTML becomes Markdown.
    HtmlToMarkdown,
    /// Markdown becomes HTML.
    MarkdownToHtml,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    #[serde(flatten)]
    reading: markdown_html::Options,
    /// The sign of lists.
    #[serde(deserialize_with = "lenient::text")]
    bullet_marker: String,
    /// The lines around code.
    #[serde(deserialize_with = "lenient::text")]
    code_fence: String,
    /// The sign of emphasis.
    #[serde(deserialize_with = "lenient::text")]
    em_delimiter: String,
    /// The sign of strong emphasis.
    #[serde(deserialize_with = "lenient::text")]
    strong_delimiter: String,
    /// What is escaped in text, instead of the signs of Markdown.
    global_escape: OneRule,
    /// What is escaped at the start of lines, instead of the signs of Markdown.
    line_start_escape: OneRule,
    /// Elements that are left out, with commas between them.
    #[serde(deserialize_with = "lenient::text")]
    ignore: String,
    /// Elements that stand apart, with commas between them.
    #[serde(deserialize_with = "lenient::text")]
    block_elements: String,
    /// Whether images that are written out in the page are kept.
    #[serde(deserialize_with = "lenient::flag")]
    keep_data_images: bool,
    /// How many line breaks may follow each other.
    #[serde(deserialize_with = "lenient::integer")]
    max_consecutive_newlines: i64,
    /// Whether the addresses of links are listed at the end.
    #[serde(deserialize_with = "lenient::flag")]
    use_link_reference_definitions: bool,
    /// How blocks of code are written: `fence` or `indented`.
    #[serde(deserialize_with = "lenient::text")]
    code_block_style: String,
    /// What else is replaced in text.
    text_replace: Rules,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            reading: markdown_html::Options::default(),
            bullet_marker: "*".to_owned(),
            code_fence: "```".to_owned(),
            em_delimiter: "_".to_owned(),
            strong_delimiter: "**".to_owned(),
            global_escape: OneRule::default(),
            line_start_escape: OneRule::default(),
            ignore: String::new(),
            block_elements: String::new(),
            keep_data_images: false,
            max_consecutive_newlines: 3,
            use_link_reference_definitions: false,
            code_block_style: String::new(),
            text_replace: Rules::default(),
        }
    }
}

/// A rule, if there is one.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct OneRule {
    /// The rule.
    value: Option<Rule>,
}

/// Several rules.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Rules {
    /// The rules, in order.
    values: Vec<Rule>,
}

/// What is replaced by what.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Rule {
    /// What is looked for; the first place in each piece of text counts.
    #[serde(deserialize_with = "lenient::text")]
    pattern: String,
    /// What stands in its place; `$&` is what was there.
    #[serde(deserialize_with = "lenient::text")]
    replacement: String,
}

impl Node for Markdown {
    const KIND: &'static str = "markdown";
    const SPEC: Spec = Spec {
        title: "Markdown",
        summary: "Makes HTML of Markdown and Markdown of HTML.",
        category: Category::Data,
        aliases: &["md", "html", "convert", "format"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "A message as HTML",
            params: r#"{"mode": "markdownToHtml", "markdown": "={{ $json.text }}", "destinationKey": "html"}"#,
            input: "[{\"text\": \"**Hello**\\n\\n- a\\n- b\"}]",
            output: "[[{\"text\": \"**Hello**\\n\\n- a\\n- b\", \"html\": \"<p><strong>Hello</strong></p>\\n<ul>\\n<li>a</li>\\n<li>b</li>\\n</ul>\"}]]",
        },
        Example {
            title: "A page as Markdown",
            params: r#"{"html": "={{ $json.page }}", "destinationKey": "text"}"#,
            input: r#"[{"page": "<h1>Title</h1><p>See <a href='/x'>this</a>."}]"#,
            output: "[[{\"page\": \"<h1>Title</h1><p>See <a href='/x'>this</a>.\", \"text\": \"# Title\\n\\nSee [this](/x).\"}]]",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for (i, item) in input.items().iter().enumerate() {
            if ctx.cancel.is_cancelled() {
                return Err(NodeError::Canceled);
            }
            out.push(match changed(&input, item, i).await {
                Ok(item) => item.paired_with(i),
                Err(e) => ctx.failed_item(e, i)?,
            });
        }
        Ok(Outcome::items(out))
    }
}

async fn changed(input: &Input<Params>, item: &Item, index: usize) -> Result<Item, NodeError> {
    let params = input.params(index)?;
    let source = if params.mode == Mode::MarkdownToHtml { "markdown" } else { "html" };
    let given = input.part(source).map(|part| input.evaluate(part, index)).transpose()?;
    if matches!(given, Some(Resolved::Undefined)) {
        // There is nothing to convert, which is not the same as an empty text.
        return Ok(item.clone());
    }
    let key = paths::parse(&params.destination_key);
    let made = heavy::run(move || match params.mode {
        Mode::MarkdownToHtml => markdown_html::html(&params.markdown, &params.options.reading),
        Mode::HtmlToMarkdown => html_markdown::markdown(&params.html, &writing(&params.options)),
    })
    .await?;
    let mut json = Object::clone(&item.json);
    paths::set(&mut json, &key, Value::String(made));
    Ok(Item { binary: item.binary.clone(), ..Item::new(json) })
}

fn writing(options: &Options) -> Writing {
    let names = |text: &str| -> Vec<String> {
        text.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect()
    };
    let pair = |rule: &Rule| (rule.pattern.clone(), rule.replacement.clone());
    Writing {
        bullet: options.bullet_marker.clone(),
        fence: options.code_fence.clone(),
        emphasis: options.em_delimiter.clone(),
        strong: options.strong_delimiter.clone(),
        is_fenced: matches!(options.code_block_style.as_str(), "" | "fenced"),
        keeps_data_images: options.keep_data_images,
        lists_links: options.use_link_reference_definitions,
        newlines_max: usize::try_from(options.max_consecutive_newlines).unwrap_or(0),
        ignored: names(&options.ignore),
        blocks: names(&options.block_elements),
        escape: options.global_escape.value.as_ref().map(pair),
        line_escape: options.line_start_escape.value.as_ref().map(pair),
        replacements: options.text_replace.values.iter().map(pair).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, options: serde_json::Value, expected: &str) {
        let options: Options = serde_json::from_value(options).unwrap();
        assert_eq!(html_markdown::markdown(html, &writing(&options)).unwrap(), expected);
    }

    #[test]
    fn pages_become_markdown() {
        let none = serde_json::json!({});
        check("<ul><li>a<li>b<ul><li>c</ul></ul>", none.clone(), "* a\n* b  \n   * c");
        check("<b>x </b>y <code>z`</code>", none.clone(), "**x** y `` z` ``");
        check("<table><tr><th>A<th>B<tr><td>1</table>", none.clone(), "| A | B |\n| - | - |\n| 1 |   |");
        check("<pre><code class=language-js>a\n</code></pre>", none.clone(), "```js\na\n\n```");
        check("<p>1. x * y", none, "1\\. x \\* y");
        let options = serde_json::json!({"useLinkReferenceDefinitions": true, "emDelimiter": "*"});
        check("<a href=u>l</a> <i>e</i>", options, "[l][1] *e*\n\n[1]: u");
    }
}
