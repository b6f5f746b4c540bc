//! HTML: takes values out of pages by CSS selectors, fills templates, makes tables of items. Pages are
//! read by the rules of browsers; nothing is fetched, no script runs.

use linkflow_expr::{Compiled, Resolved};
use linkflow_model::{Item, Object, Pair, Paired};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dom::{self, Tree};
use crate::plain_text::plain_text;
use crate::selectors::Selector;
use crate::{heavy, js, paths};

pub struct Html;

/// Takes values out of pages, fills templates, and makes tables of items.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is done.
    operation: Operation,
    /// The template of a page. Parts within `{{ }}` are expressions, for each item.
    html: Value,
    /// Whether the page to read is in a field or a file.
    source_data: Source,
    /// Name of the field or the file with the page. A field may hold a list of pages.
    #[serde(deserialize_with = "lenient::text")]
    data_property_name: String,
    /// What to take out of a page.
    extraction_values: Extraction,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::GenerateHtmlTemplate,
            html: Value::String(String::new()),
            source_data: Source::Json,
            data_property_name: "data".to_owned(),
            extraction_values: Extraction::default(),
            options: Options::default(),
        }
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Fills a template, once for each item.
    GenerateHtmlTemplate,
    /// Takes values out of a page.
    ExtractHtmlContent,
    /// Makes one table of all items.
    ConvertToHtmlTable,
}

/// Where the page is.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// In a file of the item.
    Binary,
    /// In a field of the item.
    Json,
}

/// What to take out of a page.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Extraction {
    /// One entry for each value.
    values: Vec<Wanted>,
}

/// A value to take out of a page.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Wanted {
    /// The field that gets the value.
    #[serde(deserialize_with = "lenient::text")]
    key: String,
    /// Which elements to look at.
    #[serde(deserialize_with = "lenient::text")]
    css_selector: String,
    /// What of the element is taken.
    return_value: Part,
    /// The attribute that is taken.
    #[serde(deserialize_with = "lenient::text")]
    attribute: String,
    /// Elements within that are left out of the text: selectors with commas between them.
    #[serde(deserialize_with = "lenient::text")]
    skip_selectors: String,
    /// Whether all elements are taken, as a list, and not one.
    #[serde(deserialize_with = "lenient::flag")]
    return_array: bool,
}

/// What of an element is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// An attribute.
    Attribute,
    /// The HTML within it.
    Html,
    /// Its text.
    #[default]
    Text,
    /// What is entered in a field of a form.
    Value,
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether spaces and line breaks around values are left out.
    #[serde(deserialize_with = "lenient::flag")]
    trim_values: bool,
    /// Whether line breaks are left out of values and several spaces become one.
    #[serde(deserialize_with = "lenient::flag")]
    clean_up_text: bool,
    /// Whether text is that of all elements found, as it stands in the page, without layout.
    #[serde(deserialize_with = "lenient::flag")]
    bare_text: bool,
    /// Whether such text is a value where it is empty, and not left out.
    #[serde(deserialize_with = "lenient::flag")]
    keep_empty: bool,
    /// Whether the titles of a table's columns are capitalized.
    #[serde(deserialize_with = "lenient::flag")]
    capitalize: bool,
    /// Whether a table comes without a style.
    #[serde(deserialize_with = "lenient::flag")]
    custom_styling: bool,
    /// The caption of a table.
    #[serde(deserialize_with = "lenient::text")]
    caption: String,
    /// Attributes of a table, such as `border="1"`.
    #[serde(deserialize_with = "lenient::text")]
    table_attributes: String,
    /// Attributes of a table's head.
    #[serde(deserialize_with = "lenient::text")]
    header_attributes: String,
    /// Attributes of each row of a table.
    #[serde(deserialize_with = "lenient::text")]
    row_attributes: String,
    /// Attributes of each cell of a table.
    #[serde(deserialize_with = "lenient::text")]
    cell_attributes: String,
}

impl Node for Html {
    const KIND: &'static str = "html";
    const SPEC: Spec = Spec {
        title: "HTML",
        summary: "Takes values out of pages, fills templates, and makes tables of items.",
        category: Category::Data,
        aliases: &["scrape", "css", "selector", "extract", "template", "page", "web"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "All titles of a page, and the first link",
            params: r#"{"operation": "extractHtmlContent", "dataPropertyName": "page", "extractionValues": {"values": [
                {"key": "titles", "cssSelector": "h2", "returnArray": true},
                {"key": "first", "cssSelector": "a", "returnValue": "attribute", "attribute": "href"}]}}"#,
            input: r#"[{"page": "<h2>One</h2><a href='/1'>more</a><h2>Two</h2>"}]"#,
            output: r#"[[{"titles": ["One", "Two"], "first": "/1"}]]"#,
        },
        Example {
            title: "A page for each item",
            params: r#"{"operation": "generateHtmlTemplate", "html": "<h1>{{ $json.name }}</h1>"}"#,
            input: r#"[{"name": "Ada"}]"#,
            output: r#"[[{"html": "<h1>Ada</h1>"}]]"#,
        },
        Example {
            title: "A table of all items",
            params: r#"{"operation": "convertToHtmlTable", "options": {"customStyling": true}}"#,
            input: r#"[{"id": 1}]"#,
            output: r#"[[{"table": "<table  ><thead  ><tr><th>id</th></tr></thead><tbody><tr  ><td  >1</td></tr></tbody></table>"}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let items = input.items();
        if !items.is_empty()
            && input.param::<Operation>("operation", 0)? == Some(Operation::ConvertToHtmlTable)
        {
            let params = input.params(0)?;
            let pairs = (0..items.len()).map(|i| Pair { item: i as u32, ..Pair::default() });
            let table = Value::String(table(items, &params.options));
            let item = Item::new(Object::from_iter([("table".to_owned(), table)]));
            return Ok(Outcome::items(vec![item.with_paired(Paired::Many(pairs.collect()))]));
        }
        let template = template(&input);
        let mut out = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match made(&input, template.as_ref(), ctx, item, i).await {
                Ok(found) => out.extend(found.into_iter().map(|item| item.paired_with(i))),
                Err(e) => out.push(ctx.failed_item(e, i)?),
            }
        }
        Ok(Outcome::items(out))
    }
}

async fn made(
    input: &Input<Params>,
    template: Option<&Template>,
    ctx: &Ctx,
    item: &Item,
    index: usize,
) -> Result<Vec<Item>, NodeError> {
    if ctx.cancel.is_cancelled() {
        return Err(NodeError::Canceled);
    }
    let operation = input.param::<Operation>("operation", index)?.unwrap_or(Operation::GenerateHtmlTemplate);
    if operation == Operation::GenerateHtmlTemplate {
        let filled = match template {
            Some(template) => template.filled(input, index)?,
            None => {
                let text = input.param::<Value>("html", index)?.unwrap_or_default();
                Template::read(&lenient::as_text(&text)).filled(input, index)?
            }
        };
        let html = Value::String(filled);
        return Ok(vec![Item::new(Object::from_iter([("html".to_owned(), html)]))]);
    }
    let params = input.params(index)?;
    let mut found = Vec::new();
    for page in pages(&params, ctx, item).await? {
        let params = params.clone();
        let json = heavy::run(move || extracted(&dom::parse(&page)?, &params)).await?;
        found.push(Item::new(json));
    }
    Ok(found)
}

/// A template: text, and expressions between.
struct Template {
    pieces: Vec<(String, Option<Compiled>)>,
}

impl Template {
    fn read(text: &str) -> Template {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let Some((chunk, after)) = behind.split_once("}}") else { break };
            let expression = Value::String(format!("={{{{{chunk}}}}}"));
            let compiled = Compiled::of_object(&Object::from_iter([("html".to_owned(), expression)]));
            pieces.push((before.to_owned(), Some(compiled)));
            rest = after;
        }
        pieces.push((rest.to_owned(), None));
        Template { pieces }
    }

    /// With its expressions filled in. What an expression gives is printed as JavaScript prints it,
    /// `undefined` too.
    fn filled(&self, input: &Input<Params>, index: usize) -> Result<String, NodeError> {
        let mut out = String::new();
        for (text, expression) in &self.pieces {
            out.push_str(text);
            let Some(part) = expression.as_ref().and_then(|compiled| compiled.get("html")) else { continue };
            match input.evaluate(part, index).map_err(|e| e.inside("html"))? {
                Resolved::Undefined => out.push_str("undefined"),
                value => out.push_str(&js::text(&value.into_json())),
            }
        }
        Ok(out)
    }
}

/// The template of the run, unless it is itself the result of an expression.
fn template(input: &Input<Params>) -> Option<Template> {
    let text = input.whole().params.get("html").and_then(Value::as_str).unwrap_or_default();
    (!text.starts_with('=')).then(|| Template::read(text))
}

/// The pages of an item.
async fn pages(params: &Params, ctx: &Ctx, item: &Item) -> Result<Vec<String>, NodeError> {
    let name = &params.data_property_name;
    if params.source_data == Source::Binary {
        let bytes = heavy::file_of(ctx, item, name, "dataPropertyName").await?;
        return Ok(vec![String::from_utf8_lossy(&bytes).into_owned()]);
    }
    let value = paths::lookup(&item.json, name, true)
        .ok_or_else(|| NodeError::param("dataPropertyName", format!("the item has no field \"{name}\"")))?;
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        other => {
            let problem =
                format!("the field \"{name}\" must hold a page as text, got {}", lenient::show(other));
            Err(NodeError::param("dataPropertyName", problem))
        }
    };
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        other => Ok(vec![text(other)?]),
    }
}

fn extracted(tree: &Tree, params: &Params) -> Result<Object, NodeError> {
    let mut json = Object::new();
    for wanted in &params.extraction_values.values {
        let found = match wanted.css_selector.trim() {
            "" => Vec::new(),
            selector => Selector::parse(selector)?.select(tree, 0)?,
        };
        let part = |found: &[usize]| Ok(value(tree, found, wanted, &params.options)?.map(Value::String));
        let value: Option<Value> = match wanted.return_array {
            true => {
                let each = |id: &usize| part(std::slice::from_ref(id)).map(|v| v.unwrap_or(Value::Null));
                Some(Value::Array(found.iter().map(each).collect::<Result<_, NodeError>>()?))
            }
            false => part(&found)?,
        };
        // A later entry for the same field wins, even one that finds nothing.
        match value {
            Some(value) => drop(json.insert(wanted.key.clone(), value)),
            None => drop(json.shift_remove(&wanted.key)),
        }
    }
    Ok(json)
}

fn value(
    tree: &Tree,
    found: &[usize],
    wanted: &Wanted,
    options: &Options,
) -> Result<Option<String>, NodeError> {
    let first = found.first().copied();
    let attribute = |name: &str| {
        let element = tree.element(first?)?;
        element.attribute(name).map(str::to_owned)
    };
    let taken = match wanted.return_value {
        Part::Attribute => attribute(&wanted.attribute.to_ascii_lowercase()),
        Part::Html => first.map(|id| tree.inner_html(id)).filter(|html| !html.is_empty()),
        Part::Value => entered(tree, found),
        Part::Text if options.bare_text => {
            let text: String = found.iter().map(|id| tree.text(*id)).collect();
            Some(text).filter(|text| options.keep_empty || !text.is_empty())
        }
        Part::Text => {
            let skip = wanted.skip_selectors.trim();
            let skip = if skip.is_empty() { None } else { Some(Selector::parse(skip)?) };
            Some(first.map(|id| plain_text(tree, id, skip.as_ref())).transpose()?.unwrap_or_default())
        }
    };
    Ok(taken.map(|text| tidied(text, options)))
}

fn tidied(text: String, options: &Options) -> String {
    let text = if options.trim_values { text.trim().to_owned() } else { text };
    if !options.clean_up_text {
        return text;
    }
    let one_line: String = text.trim().chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let mut out = String::with_capacity(one_line.len());
    for c in one_line.chars() {
        match c.is_whitespace() || c == '\u{feff}' {
            true if out.ends_with(' ') => {}
            true => out.push(' '),
            false => out.push(c),
        }
    }
    out
}

/// What is entered in the first of the elements.
fn entered(tree: &Tree, found: &[usize]) -> Option<String> {
    let first = *found.first()?;
    let element = tree.element(first)?;
    match element.name.as_str() {
        "textarea" => Some(found.iter().map(|id| tree.text(*id)).collect()),
        "input" | "option" => own_value(tree, first),
        "select" => {
            let selected = Selector::parse("option:selected").ok()?;
            let within = |id: &usize| selected.select(tree, *id).unwrap_or_default();
            let chosen: Vec<usize> = found.iter().flat_map(within).collect();
            match element.attribute("multiple") {
                Some(_) => Some(chosen.iter().map(|id| tree.text(*id)).collect::<Vec<_>>().join(",")),
                None => own_value(tree, *chosen.first()?),
            }
        }
        _ => None,
    }
}

fn own_value(tree: &Tree, id: usize) -> Option<String> {
    let element = tree.element(id)?;
    let is_box = matches!(element.attribute("type"), Some("checkbox" | "radio"));
    match element.attribute("value") {
        Some(value) => Some(value.to_owned()),
        None if element.name == "option" => Some(tree.text(id)),
        None => is_box.then(|| "on".to_owned()),
    }
}

const STYLE: [&str; 3] = [
    "style='border-spacing:0; font-family:helvetica,arial,sans-serif'",
    "style='margin:0; padding:7px 20px 7px 0px; border-bottom:1px solid #eee; text-align:left; color:#888; font-weight:normal'",
    "style='margin:0; padding:7px 20px 7px 0px; border-bottom:1px solid #eee'",
];

/// One table of all items, with a column for each field that any of them has. Values are written as
/// they are: they may be HTML.
fn table(items: &[Item], options: &Options) -> String {
    let fields: indexmap::IndexSet<&String> = items.iter().flat_map(|item| item.json.keys()).collect();
    let style = |which: usize| if options.custom_styling { "" } else { STYLE[which] };
    let mut html = format!("<table {} {}>", style(0), options.table_attributes);
    if !options.caption.is_empty() {
        html.push_str(&format!("<caption>{}</caption>", options.caption));
    }
    html.push_str(&format!("<thead {} {}><tr>", style(1), options.header_attributes));
    for field in &fields {
        let title = if options.capitalize { capitalized(field) } else { (*field).clone() };
        html.push_str(&format!("<th>{title}</th>"));
    }
    html.push_str("</tr></thead><tbody>");
    for item in items {
        html.push_str(&format!("<tr  {}>", options.row_attributes));
        for field in &fields {
            let text = match item.json.get(*field) {
                None => "undefined".to_owned(),
                Some(Value::Bool(flag)) => {
                    format!("<input type=\"checkbox\" {}/>", if *flag { "checked=\"checked\"" } else { "" })
                }
                Some(value) => js::text(value),
            };
            html.push_str(&format!("<td {} {}>{text}</td>", style(2), options.cell_attributes));
        }
        html.push_str("</tr>");
    }
    html + "</tbody></table>"
}

/// `first_name` becomes `First Name`.
fn capitalized(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + chars.as_str())
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use serde_json::json;

    async fn check(params: Value, given: Value, expected: Value) {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), TestHost::default().into());
        let done = NodeKind::of::<Html>().run(input(&params, vec![items(&given)]), &ctx).await;
        let found = match done {
            Ok(Outcome::Items(outputs)) => outputs.ports[0].iter().map(Item::value).collect::<Value>(),
            Ok(other) => panic!("{other:?}"),
            Err(e) => {
                assert!(e.to_string().contains(expected.as_str().unwrap_or("no error")), "{e}");
                return;
            }
        };
        assert_eq!(found, expected, "{params}");
    }

    fn take(wanted: Value, options: Value) -> Value {
        json!({"operation": "extractHtmlContent", "extractionValues": {"values": [wanted]}, "options": options})
    }

    #[tokio::test]
    async fn each_part_of_an_element_can_be_taken() {
        let page = json!([{"data": "<p id=a> x <b>y</b></p><p>z</p><input value=v>"}]);
        let of = |selector: &str, part: &str| json!({"key": "k", "cssSelector": selector, "returnValue": part, "attribute": "ID"});
        let none = json!({});
        check(take(of("p", "text"), none.clone()), page.clone(), json!([{"k": "x y"}])).await;
        check(take(of("p", "html"), none.clone()), page.clone(), json!([{"k": " x <b>y</b>"}])).await;
        check(take(of("p", "attribute"), none.clone()), page.clone(), json!([{"k": "a"}])).await;
        check(take(of("input", "value"), none.clone()), page.clone(), json!([{"k": "v"}])).await;
        check(take(of("p", "text"), json!({"bareText": true})), page.clone(), json!([{"k": " x yz"}])).await;
        check(take(of("p", "html"), json!({"trimValues": true})), page, json!([{"k": "x <b>y</b>"}])).await;
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told() {
        let wanted = json!({"key": "k", "cssSelector": "p["});
        check(take(wanted, json!({})), json!([{"data": "x"}]), json!("must be a CSS selector, got \"p[\""))
            .await;
        let wanted = json!({"key": "k", "cssSelector": "p"});
        check(take(wanted.clone(), json!({})), json!([{}]), json!("no field \"data\"")).await;
        check(
            take(wanted.clone(), json!({})),
            json!([{"data": 5}]),
            json!("must hold a page as text, got 5"),
        )
        .await;
        let deep = "<div>".repeat(50_000);
        check(take(wanted, json!({})), json!([{ "data": deep }]), json!("in each other")).await;
    }

    #[tokio::test]
    async fn a_template_prints_what_javascript_prints() {
        let params = json!({"html": "<b>{{ $json.a }}</b>{{ $json.no }}{{ [1, 2] }} {{ unclosed"});
        check(params, json!([{"a": "<x>"}]), json!([{"html": "<b><x></b>undefined1,2 {{ unclosed"}])).await;
    }
}
