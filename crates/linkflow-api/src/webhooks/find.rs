//! Who listens at an address: the published webhooks, in memory.
//!
//! Fixed addresses are looked up, addresses with `:name` segments compared; the most specific
//! one wins, segment by segment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Method;
use linkflow_model::{Millis, Object, Workflow, WorkflowId, WorkspaceId};
use linkflow_runtime::{Level, Topic, looked_up};
use linkflow_store::WebhookRow;
use serde_json::Value;

use crate::Api;
use crate::problem::Problem;

/// What was published past the API, or by a process that could tell nobody, is seen after this time and
/// that of the shelf.
const TABLE_MS_MAX: u64 = 1_000;

/// Which node of which workflow listens.
#[derive(Clone, Debug)]
pub struct Target {
    pub workspace: WorkspaceId,
    pub workflow_id: WorkflowId,
    pub version: u32,
    pub node: String,
    /// The document, where it is at hand.
    pub workflow: Option<Arc<Workflow>>,
    /// Values of the `:name` segments.
    pub params: Object,
}

/// What was found at an address.
pub enum Looked {
    Found(Target),
    /// Somebody listens there for these methods; the target is one of them.
    OtherMethods(Vec<String>, Target),
    Nothing,
}

/// All addresses at a time.
#[derive(Default)]
pub struct Table {
    fixed: HashMap<String, Vec<(String, Target)>>,
    /// By number of segments, the most specific first.
    patterns: HashMap<usize, Vec<Pattern>>,
}

struct Pattern {
    segments: Vec<Segment>,
    method: String,
    target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    /// Before names in the order, so that it wins.
    Text(String),
    Name(String),
}

impl Table {
    pub fn add(&mut self, method: &str, path: &str, target: Target) {
        let segments: Vec<Segment> = path
            .trim_matches('/')
            .split('/')
            .map(|segment| match segment.strip_prefix(':') {
                Some(name) => Segment::Name(name.to_owned()),
                None => Segment::Text(segment.to_owned()),
            })
            .collect();
        if segments.iter().all(|segment| matches!(segment, Segment::Text(_))) {
            let path = path.trim_matches('/').to_owned();
            self.fixed.entry(path).or_default().push((method.to_owned(), target));
            return;
        }
        let list = self.patterns.entry(segments.len()).or_default();
        list.push(Pattern { segments, method: method.to_owned(), target });
        list.sort_by_key(|pattern| {
            pattern.segments.iter().map(|s| matches!(s, Segment::Name(_))).collect::<Vec<_>>()
        });
    }

    /// Who listens for `method` at the address with these segments.
    pub fn look(&self, method: &Method, segments: &[String]) -> Looked {
        let fixed = self.fixed.get(&segments.join("/")).into_iter().flatten();
        let fixed = fixed.map(|(method, target)| (method, target.clone()));
        let patterns = self.patterns.get(&segments.len()).into_iter().flatten();
        let patterns = patterns.filter_map(|pattern| {
            let params = params_of(&pattern.segments, segments)?;
            Some((&pattern.method, Target { params, ..pattern.target.clone() }))
        });
        let mut others: Option<(Vec<String>, Target)> = None;
        for (registered, target) in fixed.chain(patterns) {
            if registered == method.as_str() {
                return Looked::Found(target);
            }
            let (methods, _) = others.get_or_insert_with(|| (Vec::new(), target));
            if !methods.contains(registered) {
                methods.push(registered.clone());
            }
        }
        others.map_or(Looked::Nothing, |(methods, target)| Looked::OtherMethods(methods, target))
    }
}

/// The values of the names, if the address fits.
fn params_of(pattern: &[Segment], segments: &[String]) -> Option<Object> {
    let mut params = Object::new();
    for (pattern, segment) in pattern.iter().zip(segments) {
        match pattern {
            Segment::Text(text) if text != segment => return None,
            Segment::Text(_) => {}
            Segment::Name(_) if segment.is_empty() => return None,
            Segment::Name(name) => {
                params.insert(name.clone(), Value::String(segment.clone()));
            }
        }
    }
    Some(params)
}

/// The segments of a path, with their percent signs resolved one by one: `%2F` is no border.
pub fn segments_of(path: &str) -> Result<Vec<String>, Problem> {
    path.trim_matches('/').split('/').map(decode).collect()
}

fn decode(segment: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => {
                    return Err(Problem::bad_request(format!(
                        "the address has a broken percent sign: {segment}"
                    )));
                }
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::bad_request(format!("the address is not UTF-8: {segment}")))
}

/// The table and the published documents, kept in memory.
pub struct RouteCache {
    /// With when it was made, and after how many changes.
    table: Mutex<Option<(Millis, u64, Arc<Table>)>>,
    /// Documents of versions, which never change.
    documents: moka::sync::Cache<(WorkflowId, u32), Arc<Workflow>>,
}

impl RouteCache {
    pub fn new() -> RouteCache {
        RouteCache { table: Mutex::new(None), documents: moka::sync::Cache::new(1_000) }
    }

    pub async fn table(&self, api: &Api) -> Result<Arc<Table>, Problem> {
        let (now, changes) = (api.now(), api.lookups.changes(Topic::Webhooks));
        if let Some((read_at, after, table)) = &*self.table.lock().unwrap_or_else(PoisonError::into_inner)
            && *after == changes
            && now.since(*read_at) <= TABLE_MS_MAX
        {
            looked_up("webhooks", Level::Memory);
            return Ok(table.clone());
        }
        let table = Arc::new(table_of(api.lookups.webhooks().await?));
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, changes, table.clone()));
        Ok(table)
    }

    /// The document of a published version.
    pub async fn document(
        &self,
        api: &Api,
        workspace: WorkspaceId,
        id: WorkflowId,
        version: u32,
    ) -> Result<Arc<Workflow>, Problem> {
        if let Some(document) = self.documents.get(&(id, version)) {
            looked_up("versions", Level::Memory);
            return Ok(document);
        }
        let found = api.lookups.document(workspace, id, version).await?;
        let document = Arc::new(found.ok_or_else(|| Problem::not_found("version", version))?);
        self.documents.insert((id, version), document.clone());
        Ok(document)
    }
}

fn table_of(rows: Vec<WebhookRow>) -> Table {
    let mut table = Table::default();
    for row in rows {
        let target = Target {
            workspace: row.workspace,
            workflow_id: row.workflow,
            version: row.version,
            node: row.node,
            workflow: None,
            params: Object::new(),
        };
        table.add(&row.method, &row.path, target);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: &str) {
        let mut table = Table::default();
        for (i, (method, path)) in [
            ("GET", "a/b"),
            ("POST", "a/b"),
            ("GET", "a/:x"),
            ("GET", ":y/b"),
            ("GET", ":y/:x"),
            ("PUT", "only/:put"),
        ]
        .into_iter()
        .enumerate()
        {
            let target = Target {
                workspace: WorkspaceId(uuid::Uuid::nil()),
                workflow_id: WorkflowId(uuid::Uuid::nil()),
                version: i as u32,
                node: format!("{method} {path}"),
                workflow: None,
                params: Object::new(),
            };
            table.add(method, path, target);
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let found = match segments_of(path) {
            Err(problem) => problem.detail().to_owned(),
            Ok(segments) => match table.look(&method, &segments) {
                Looked::Found(target) => format!("{} {}", target.node, Value::Object(target.params)),
                Looked::OtherMethods(methods, _) => methods.join(", "),
                Looked::Nothing => "nothing".to_owned(),
            },
        };
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn the_most_specific_address_wins() {
        check("GET", "a/b", "GET a/b {}");
        check("GET", "a/c", r#"GET a/:x {"x":"c"}"#);
        check("GET", "z/b", r#"GET :y/b {"y":"z"}"#);
        check("GET", "z/z", r#"GET :y/:x {"y":"z","x":"z"}"#);
        check("GET", "/a/b/", "GET a/b {}");
    }

    #[test]
    fn an_address_without_the_method_says_which_it_has() {
        check("DELETE", "a/b", "GET, POST");
        check("PUT", "only/1", r#"PUT only/:put {"put":"1"}"#);
        check("GET", "a/b/c", "nothing");
        check("GET", "a//", "nothing");
    }

    #[test]
    fn percent_signs_are_resolved_within_a_segment() {
        check("GET", "a/x%2Fy%20z", r#"GET a/:x {"x":"x/y z"}"#);
        check("GET", "a/%zz", "the address has a broken percent sign: %zz");
        check("GET", "a/%ff", "the address is not UTF-8: %ff");
        check("GET", "a/%", "the address has a broken percent sign: %");
    }
}
