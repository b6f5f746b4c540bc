//! A request as it arrived, and its head as a node sees it.

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use linkflow_model::Object;
use linkflow_node::trigger::{FORM, Request};
use serde_json::Value;

use super::find::segments_of;
use crate::Api;
use crate::access::remote_address;
use crate::problem::Problem;

/// Names in a query or a form; more are refused.
pub const NAMES_MAX: usize = 1_000;

/// A request before anything of its body was read.
pub struct Arrived {
    pub method: Method,
    /// As it was typed, from the first slash.
    pub path: String,
    /// What lies behind the prefix.
    pub segments: Vec<String>,
    pub headers: HeaderMap,
    pub parts: Parts,
    body: Body,
}

/// What is still to be read.
pub struct Content {
    pub headers: HeaderMap,
    pub body: Body,
}

impl Arrived {
    pub fn new(request: HttpRequest, prefix: &str) -> Result<Arrived, Problem> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let segments = segments_of(path.strip_prefix(prefix).unwrap_or_default())?;
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        Ok(Arrived { method, path, segments, headers, parts, body })
    }

    /// As [`Arrived::new`], among the addresses of forms.
    pub fn form(request: HttpRequest, prefix: &str) -> Result<Arrived, Problem> {
        let mut arrived = Arrived::new(request, prefix)?;
        arrived.segments.insert(0, FORM.to_owned());
        Ok(arrived)
    }

    /// The head as the node sees it, and the rest. `is_authenticated`: the server has checked who
    /// calls, so that what proved it is not the workflow's to see.
    pub fn split(
        self,
        api: &Api,
        params: Object,
        is_authenticated: bool,
    ) -> Result<(Request, Content), Problem> {
        let head = Request {
            method: self.method.as_str().to_owned(),
            url: format!("{}{}", api.settings.base_url(), self.path),
            path: self.path.clone(),
            params,
            query: nested(pairs(self.parts.uri.query().unwrap_or_default().as_bytes(), "the query")?),
            headers: shown_headers(api, &self.headers, is_authenticated),
            remote_address: remote_address(api, &self.parts),
            ..Request::default()
        };
        Ok((head, Content { headers: self.headers, body: self.body }))
    }
}

/// Headers with names in lower case; one that comes twice is joined by commas. The session of a
/// signed-in person never reaches a workflow.
fn shown_headers(api: &Api, headers: &HeaderMap, is_authenticated: bool) -> Object {
    let mut shown = Object::new();
    for name in headers.keys() {
        if is_authenticated && name == header::AUTHORIZATION {
            continue;
        }
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let mut text = values.join(", ");
        if name == header::COOKIE {
            text = without_session(&text, api.settings.cookie_name());
            if text.is_empty() {
                continue;
            }
        }
        shown.insert(name.as_str().to_owned(), Value::String(text));
    }
    shown
}

fn without_session(cookies: &str, name: &str) -> String {
    let others = cookies.split(';').map(str::trim);
    let others = others.filter(|pair| pair.split('=').next() != Some(name) && !pair.is_empty());
    others.collect::<Vec<_>>().join("; ")
}

/// Names and values of a query or a form. A name that comes more than once has a list.
pub fn pairs(text: &[u8], what: &str) -> Result<Object, Problem> {
    let mut found = Object::new();
    for (n, pair) in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).enumerate() {
        if n >= NAMES_MAX {
            return Err(Problem::bad_request(format!("{what} has more than {NAMES_MAX} names")));
        }
        let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let name = plain(&pair[..at], what)?;
        let value = plain(pair.get(at + 1..).unwrap_or_default(), what)?;
        add(&mut found, name, Value::String(value));
    }
    Ok(found)
}

/// Names that a query has nested with brackets; what is deeper keeps its brackets in the name.
const NESTED_MAX: usize = 5;

/// The highest place in a list that a name may give; with a higher one it is an object.
const PLACE_MAX: usize = 20;

/// A query with the lists and objects that brackets in its names describe: `a[]=1`, `a[b]=2`.
fn nested(pairs: Object) -> Object {
    let mut found = Object::new();
    for (name, value) in pairs {
        let (first, inner) = steps_of(&name);
        if first.is_empty() {
            continue;
        }
        if inner.is_empty() && !found.contains_key(first) {
            found.insert(first.to_owned(), value);
        } else {
            put(found.entry(first).or_insert_with(|| Value::Object(Object::new())), &inner, value);
        }
    }
    found.into_iter().map(|(name, value)| (name, with_lists(value))).collect()
}

/// `a[b][]` is `a`, then `b`, then a new place.
fn steps_of(name: &str) -> (&str, Vec<&str>) {
    let (mut first, mut rest) = match name.find('[') {
        Some(at) if name[at..].contains(']') => name.split_at(at),
        _ => return (name, Vec::new()),
    };
    let mut inner = Vec::new();
    while let Some((step, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if inner.len() == NESTED_MAX {
            inner.push(rest);
            break;
        }
        inner.push(step);
        rest = behind;
    }
    if first.is_empty() {
        first = inner.remove(0);
    }
    (first, inner)
}

/// Puts a value below `tree`. Lists are objects with numbers for names until all names are read.
fn put(tree: &mut Value, steps: &[&str], value: Value) {
    if !tree.is_object() {
        *tree = Value::Object(Object::from_iter([("0".to_owned(), tree.take())]));
    }
    let Value::Object(object) = tree else { return };
    let next = |object: &Object| (0..).map(|n: usize| n.to_string()).find(|n| !object.contains_key(n));
    match (steps, value) {
        ([] | [""], Value::Array(values)) => {
            for value in values {
                let name = next(object).unwrap_or_default();
                object.insert(name, value);
            }
        }
        ([] | [""], value) => drop(object.insert(next(object).unwrap_or_default(), value)),
        ([name], value) if !object.contains_key(*name) => drop(object.insert((*name).to_owned(), value)),
        ([name, rest @ ..], value) => {
            let name = if name.is_empty() { next(object).unwrap_or_default() } else { (*name).to_owned() };
            put(object.entry(name).or_insert_with(|| Value::Object(Object::new())), rest, value);
        }
    }
}

/// Objects of which all names are places are lists.
fn with_lists(value: Value) -> Value {
    let Value::Object(object) = value else { return value };
    let place =
        |name: &String| name.parse::<usize>().ok().filter(|n| *n <= PLACE_MAX && n.to_string() == *name);
    let are_places = object.keys().all(|name| place(name).is_some()) || is_counted(&object);
    let mut inner: Vec<(String, Value)> = object.into_iter().map(|(name, v)| (name, with_lists(v))).collect();
    if !are_places {
        return Value::Object(inner.into_iter().collect());
    }
    inner.sort_by_key(|(name, _)| name.parse::<usize>().unwrap_or(usize::MAX));
    Value::Array(inner.into_iter().map(|(_, value)| value).collect())
}

/// Whether the names are the numbers from 0 on, as `a[]` gives them.
fn is_counted(object: &Object) -> bool {
    object.keys().enumerate().all(|(n, name)| *name == n.to_string())
}

/// Adds a value under a name; the second makes it a list.
pub fn add(object: &mut Object, name: String, value: Value) {
    match object.get_mut(&name) {
        None => {
            object.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// Resolves `+` and percent signs; what is no percent sign with two digits stays as it is.
fn plain(text: &[u8], what: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        let hex = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (text[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                i += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
        i += 1;
    }
    String::from_utf8(bytes).map_err(|e| {
        let shown = String::from_utf8_lossy(e.as_bytes()).chars().take(80).collect::<String>();
        Problem::bad_request(format!("{what} is not UTF-8: {shown}"))
    })
}

/// The first value of a name in the query.
pub fn query_value(parts: &Parts, name: &str) -> Option<String> {
    let query = pairs(parts.uri.query()?.as_bytes(), "the query").ok()?;
    match query.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => list.first().and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_twice_has_a_list() {
        let found = pairs(b"a=1&b=x%20y+z&a=2&c&=&a=%zz", "the query").unwrap();
        assert_eq!(Value::Object(found).to_string(), r#"{"a":["1","2","%zz"],"b":"x y z","c":"","":""}"#);
        assert!(pairs(b"a=%ff", "the query").unwrap_err().detail().contains("is not UTF-8"));
        assert!(pairs("a=1&".repeat(1_001).as_bytes(), "the form").is_err());
    }

    #[test]
    fn brackets_in_a_query_make_lists_and_objects() {
        for (query, expected) in [
            ("a[]=1&a[]=2", r#"{"a":["1","2"]}"#),
            ("a[]=1", r#"{"a":["1"]}"#),
            ("a[b]=1&a[c][d]=2", r#"{"a":{"b":"1","c":{"d":"2"}}}"#),
            ("a[1]=x&a[0]=y", r#"{"a":["y","x"]}"#),
            ("a[25]=1", r#"{"a":{"25":"1"}}"#),
            ("a[]=1&a=2", r#"{"a":["1","2"]}"#),
            ("a%5Bb%5D=1", r#"{"a":{"b":"1"}}"#),
            ("[a]=1&a]=2&=3", r#"{"a":"1","a]":"2"}"#),
            ("a[b][c][d][e][f][g]=1", r#"{"a":{"b":{"c":{"d":{"e":{"f":{"[g]":"1"}}}}}}}"#),
            ("a[b]=1&a[b]=2&c[=3", r#"{"a":{"b":["1","2"]},"c[":"3"}"#),
            ("a=1&a[b]=2", r#"{"a":{"0":"1","b":"2"}}"#),
        ] {
            let found = nested(pairs(query.as_bytes(), "the query").unwrap());
            assert_eq!(Value::Object(found).to_string(), expected, "{query}");
        }
    }

    #[test]
    fn a_session_is_cut_out_of_the_cookies() {
        assert_eq!(without_session("a=1; linkflow=secret; b=2", "linkflow"), "a=1; b=2");
        assert_eq!(without_session("linkflow=secret", "linkflow"), "");
    }
}
