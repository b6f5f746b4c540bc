//! Page after page.
//!
//! The expressions here see what only exists between two requests: `$response`, `$pageCount` and
//! `$request`.

use std::sync::Arc;

use linkflow_expr::{Compiled, Env, Scope};
use linkflow_model::Object;
use linkflow_node::input::read_params;
use linkflow_node::{NodeError, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Body, Page};
use super::draft::{Draft, checked_url};
use super::{Job, Params, limit_items, rest};
use crate::js;

/// Asks for further pages.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Paging {
    /// How the next page is asked for.
    pagination_mode: Mode,
    /// Address of the next page, for `responseContainsNextURL`.
    #[serde(rename = "nextURL")]
    next_url: Value,
    /// The parameters that change, for `updateAParameterInEachRequest`.
    parameters: Changes,
    /// When the last page has come.
    pagination_complete_when: Complete,
    /// Status codes of the last page, separated by commas.
    #[serde(deserialize_with = "lenient::text")]
    status_codes_when_complete: String,
    /// True for the last page.
    complete_expression: Value,
    /// Whether the number of pages is limited.
    #[serde(deserialize_with = "lenient::flag")]
    limit_pages_fetched: bool,
    /// Most pages that are asked for.
    #[serde(deserialize_with = "lenient::integer")]
    max_requests: i64,
    /// Milliseconds between requests.
    #[serde(deserialize_with = "lenient::integer")]
    request_interval: i64,
}

impl Default for Paging {
    fn default() -> Paging {
        Paging {
            pagination_mode: Mode::UpdateAParameterInEachRequest,
            next_url: Value::Null,
            parameters: Changes::default(),
            pagination_complete_when: Complete::ResponseIsEmpty,
            status_codes_when_complete: String::new(),
            complete_expression: Value::Null,
            limit_pages_fetched: false,
            max_requests: 100,
            request_interval: 0,
        }
    }
}

/// How the next page is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// There is one page.
    Off,
    /// By a parameter that changes.
    #[default]
    UpdateAParameterInEachRequest,
    /// At the address that the page before gives.
    #[serde(rename = "responseContainsNextURL")]
    ResponseContainsNextUrl,
}

/// When the last page has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Complete {
    /// It is empty.
    #[default]
    ResponseIsEmpty,
    /// It has one of certain status codes.
    ReceiveSpecificStatusCodes,
    /// An expression says so.
    Other,
}

/// The parameters that change.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Changes {
    /// The parameters.
    parameters: Vec<Change>,
}

/// A parameter that changes.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Change {
    /// Where it is: `qs` for the address, `headers`, or `body`.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    place: String,
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// Its value.
    value: Value,
}

/// No list of pages is longer, whatever the author says.
const PAGES_MAX: usize = 10_000;
/// So many equal pages in a row mean that nothing moves.
const EQUAL_PAGES_MAX: usize = 5;

/// All pages, as the rules in `written` say.
pub async fn pages(
    job: Job<'_>,
    index: usize,
    params: &Params,
    draft: Draft,
    written: &Value,
) -> Result<Vec<Page>, NodeError> {
    let view = View { job, index, written };
    let first = view.rules(&json!({}), 0, &draft)?;
    if first.pagination_mode == Mode::Off {
        return Ok(vec![job.ask(&draft, params, &[]).await?]);
    }
    let fine: Vec<u16> = match first.pagination_complete_when {
        Complete::ReceiveSpecificStatusCodes => first.codes()?,
        _ => Vec::new(),
    };
    let mut pages: Vec<Page> = Vec::new();
    let mut response = json!({});
    let (mut n_items, mut n_equal) = (0, 1);
    loop {
        let mut next = draft.for_page(pages.len());
        view.rules(&response, pages.len(), &draft)?.change(&mut next, pages.is_empty())?;
        let mut page = job.ask(&next, params, &fine).await?;
        if page.body == Body::Empty {
            page.body = Body::Text(Value::String(String::new()));
        }
        n_equal = if pages.last().is_some_and(|last| last.body == page.body) { n_equal + 1 } else { 1 };
        n_items += page.size();
        limit_items(n_items, job.ctx)?;
        response = page.shown();
        let empty = page.is_empty();
        let status = page.status;
        pages.push(page);
        let rules = view.rules(&response, pages.len(), &next)?;
        if pages.len() >= rules.most() || rules.is_complete(empty, status, &fine) {
            return Ok(pages);
        }
        if n_equal >= EQUAL_PAGES_MAX {
            return Err(NodeError::data(format!(
                "{EQUAL_PAGES_MAX} equal pages came in a row, so no more were asked for; \
                 `options.pagination` does not lead on, or does not see the end"
            )));
        }
        if pages.len() >= PAGES_MAX {
            return Err(NodeError::Limit { what: "pages".to_owned(), limit: PAGES_MAX.to_string() });
        }
        if let Ok(ms @ 1..) = u64::try_from(rules.request_interval) {
            rest(ms, job.ctx).await?;
        }
    }
}

/// Resolves the rules between two requests.
struct View<'a> {
    job: Job<'a>,
    index: usize,
    written: &'a Value,
}

impl View<'_> {
    fn rules(&self, response: &Value, n_pages: usize, request: &Draft) -> Result<Paging, NodeError> {
        let scope = self.job.input.scope(self.index);
        let mut vars = (*scope.env.vars).clone();
        vars.insert("__response".to_owned(), response.clone());
        vars.insert("__pageCount".to_owned(), json!(n_pages));
        vars.insert("__request".to_owned(), request.shown());
        let env = Env { vars: Arc::new(vars), ..scope.env.clone() };
        let compiled = Compiled::new(&renamed(self.written));
        let resolved = compiled.resolve(&Scope { env: &env, ..scope });
        let at = "options.pagination.pagination";
        let value = resolved.map_err(|e| {
            let e = e.inside(at);
            NodeError::param(e.param, e.error.to_string())
        })?;
        read_params(&value).map_err(|e| e.inside(at))
    }
}

/// The rules with their own variables found below `$vars`, which every evaluation may have anew.
fn renamed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('=') => Value::String(
            ["response", "pageCount", "request"]
                .iter()
                .fold(text.clone(), |text, name| replace_variable(&text, name)),
        ),
        Value::Array(list) => list.iter().map(renamed).collect(),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(k, v)| (k.clone(), renamed(v))).collect::<Object>())
        }
        other => other.clone(),
    }
}

fn replace_variable(text: &str, name: &str) -> String {
    let variable = format!("${name}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&variable) {
        let after = &rest[at + variable.len()..];
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let inside = rest[..at].chars().next_back().is_some_and(is_part) || after.starts_with(is_part);
        out.push_str(&rest[..at]);
        if inside {
            out.push_str(&variable);
        } else {
            out.push_str(&format!("$vars.__{name}"));
        }
        rest = after;
    }
    out + rest
}

impl Paging {
    fn codes(&self) -> Result<Vec<u16>, NodeError> {
        let text = &self.status_codes_when_complete;
        let codes = text.split(',').map(str::trim).filter(|c| !c.is_empty());
        codes
            .map(|code| {
                code.parse().map_err(|_| {
                    let problem = format!("must hold status codes, got \"{code}\"");
                    NodeError::param("options.pagination.pagination.statusCodesWhenComplete", problem)
                })
            })
            .collect()
    }

    fn most(&self) -> usize {
        if self.limit_pages_fetched {
            usize::try_from(self.max_requests).unwrap_or(1).max(1)
        } else {
            PAGES_MAX
        }
    }

    fn is_complete(&self, empty: bool, status: u16, codes: &[u16]) -> bool {
        match self.pagination_complete_when {
            Complete::ResponseIsEmpty => empty,
            Complete::ReceiveSpecificStatusCodes => codes.contains(&status),
            Complete::Other => js::truthy(&self.complete_expression),
        }
    }

    fn change(&self, draft: &mut Draft, is_first: bool) -> Result<(), NodeError> {
        if self.pagination_mode == Mode::ResponseContainsNextUrl {
            if is_first {
                return Ok(());
            }
            let at = "options.pagination.pagination.nextURL";
            let base: Option<url::Url> = draft.url.parse().ok();
            let text = js::text(&self.next_url);
            // A relative address is one on the same server; its own parameters are all that count.
            let next = match base.filter(|_| text.starts_with('/')).and_then(|base| base.join(&text).ok()) {
                Some(next) => next.to_string(),
                None => checked_url(at, &text)?,
            };
            draft.go_to(next);
            return Ok(());
        }
        for change in self.parameters.parameters.iter().filter(|c| !c.name.is_empty()) {
            match change.place.as_str() {
                "headers" => draft.set_header(&change.name, &js::text(&change.value))?,
                "body" => draft.set_field(&change.name, change.value.clone()),
                _ => drop(draft.query.insert(change.name.clone(), change.value.clone())),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_variables_are_renamed() {
        let text = "={{ $response.body.next + $responses + a$request + $request.qs.p }}";
        let expected = "={{ $vars.__response.body.next + $responses + a$request + $vars.__request.qs.p }}";
        assert_eq!(renamed(&json!([text])), json!([expected]));
        assert_eq!(renamed(&json!("$response")), json!("$response"));
    }
}
