//! Answers to a webhook's caller. What a workflow sends is people's content: it is never sniffed
//! and never runs with the rights of the editor's pages.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_model::{Binary, Item, Status};
use linkflow_node::trigger::{LastNode, Respond};
use linkflow_node::{Reply, ReplyBody};
use serde_json::{Value, json};

use crate::Api;
use crate::problem::Problem;
use crate::runtime::Finished;

/// A page that a workflow sends is a site of its own, not a page of the editor.
const SANDBOX: &str = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts";

/// Headers that are the server's business, not the workflow's.
const NOT_THEIRS: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TRAILER,
    header::TE,
    header::X_CONTENT_TYPE_OPTIONS,
    HeaderName::from_static("keep-alive"),
];

/// An answer that a node or a parameter gave.
pub async fn reply(api: &Api, reply: Reply) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(reply.status).ok().filter(|s| s.as_u16() >= 200);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (kind, body) = match reply.body {
        ReplyBody::Empty => (None, Body::empty()),
        // A text is sent as it is, wherever it comes from.
        ReplyBody::Json(Value::String(text)) | ReplyBody::Text(text) => {
            (Some("text/html; charset=utf-8".to_owned()), Body::from(text))
        }
        ReplyBody::Json(value) => {
            (Some("application/json; charset=utf-8".to_owned()), Body::from(value.to_string()))
        }
        ReplyBody::Binary(binary) => {
            return send(api, binary, status, &reply.headers).await;
        }
    };
    let mut response = (status, body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Some(kind) = kind.and_then(|kind| HeaderValue::try_from(kind).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    add_theirs(api, response.headers_mut(), &reply.headers);
    Ok(guarded(response))
}

/// A stored file, piece by piece from the disk.
async fn send(
    api: &Api,
    binary: Binary,
    status: StatusCode,
    headers: &[(String, String)],
) -> Result<Response, Problem> {
    let file = api.blobs.open(&binary).await.map_err(|e| Problem::internal(&e))?;
    let length = file.metadata().await.map_err(|e| Problem::internal(&e))?.len();
    let body = Body::from_stream(tokio_util::io::ReaderStream::new(file));
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let kind = HeaderValue::try_from(&binary.mime_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    add_theirs(api, response.headers_mut(), headers);
    Ok(guarded(response))
}

/// A stored file for people to keep: never shown in place, whatever it says it is.
pub async fn attachment(api: &Api, binary: Binary) -> Result<Response, Problem> {
    let name = binary.file_name.clone().unwrap_or_else(|| "data".to_owned());
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' })
        .collect();
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    let headers = [("content-disposition".to_owned(), disposition)];
    send(api, binary, StatusCode::OK, &headers).await
}

/// The workflow's own headers; those with a name or value that is none are left out, as are those
/// that would reach into the connection or the session.
fn add_theirs(api: &Api, headers: &mut HeaderMap, theirs: &[(String, String)]) {
    let session = format!("{}=", api.settings.cookie_name());
    for (name, value) in theirs {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            continue;
        };
        let is_session = name == header::SET_COOKIE
            && value.to_str().is_ok_and(|value| value.trim_start().starts_with(&session));
        if NOT_THEIRS.contains(&name) || is_session {
            continue;
        }
        if name == header::SET_COOKIE || name == header::LINK {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
    }
}

fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // Beside a policy of the workflow's own: browsers then obey both.
    headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The answer of an execution that ended before a node spoke.
pub async fn finished(api: &Api, respond: Respond, finished: Finished) -> Result<Response, Problem> {
    if !matches!(finished.status, Status::Success | Status::Waiting) {
        return Ok(message(StatusCode::INTERNAL_SERVER_ERROR, "Error in workflow"));
    }
    match respond {
        Respond::LastNode { status, headers, what } => {
            let said = last_node(what, finished.last_node_items);
            let (body, kind) = match said {
                Ok(said) => said,
                Err(text) => return Ok(message(StatusCode::INTERNAL_SERVER_ERROR, text)),
            };
            let kind = kind.map(|kind| ("content-type".to_owned(), kind));
            reply(api, Reply { status, headers: kind.into_iter().chain(headers).collect(), body }).await
        }
        _ => Ok(message(StatusCode::OK, "Workflow executed successfully")),
    }
}

fn message(status: StatusCode, text: &str) -> Response {
    guarded((status, axum::Json(json!({"message": text}))).into_response())
}

/// The wanted part of the last node's items, and its content type where the node gives one.
fn last_node(what: LastNode, items: Vec<Item>) -> Result<(ReplyBody, Option<String>), &'static str> {
    let first = items.first();
    match what {
        LastNode::Nothing => Ok((ReplyBody::Empty, None)),
        LastNode::AllItems => {
            let all = items.iter().map(Item::value).collect();
            Ok((ReplyBody::Json(Value::Array(all)), None))
        }
        LastNode::FirstItem { property, content_type } => {
            let item = first.ok_or("No item to return was found")?;
            let value = match property {
                Some(path) => at_path(&item.json, &path).cloned(),
                None => Some(item.value()),
            };
            let body = match value {
                Some(Value::String(text)) => ReplyBody::Text(text),
                Some(value) => ReplyBody::Json(value),
                None => ReplyBody::Empty,
            };
            Ok((body, content_type))
        }
        LastNode::FirstItemBinary { property } => {
            let files = first.ok_or("No item was found to return")?.binary.as_ref();
            let file = files.and_then(|files| files.get(&property)).cloned();
            file.map(|file| (ReplyBody::Binary(file), None))
                .ok_or("The binary property to return was not found")
        }
    }
}

fn at_path<'a>(json: &'a linkflow_model::Object, path: &str) -> Option<&'a Value> {
    if let Some(value) = json.get(path) {
        return Some(value);
    }
    let path = path.replace('[', ".").replace(']', "");
    let mut names = path.split('.').filter(|name| !name.is_empty());
    let mut value = json.get(names.next()?)?;
    for name in names {
        value = match value {
            Value::Array(list) => list.get(name.parse::<usize>().ok()?)?,
            value => value.get(name)?,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(what: LastNode, items: Value, expected: &str) {
        let items: Vec<Item> = items.as_array().unwrap().iter().cloned().map(Item::from_value).collect();
        let said = match last_node(what, items) {
            Ok((body, kind)) => format!("{} {kind:?}", serde_json::to_string(&body).unwrap()),
            Err(text) => text.to_owned(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn the_last_nodes_items_answer_as_the_node_says() {
        let first = |property: Option<&str>, kind: Option<&str>| LastNode::FirstItem {
            property: property.map(str::to_owned),
            content_type: kind.map(str::to_owned),
        };
        check(LastNode::AllItems, json!([{"a": 1}, {"a": 2}]), r#"{"json":[{"a":1},{"a":2}]} None"#);
        check(LastNode::AllItems, json!([]), r#"{"json":[]} None"#);
        check(first(None, None), json!([{"a": 1}, {"a": 2}]), r#"{"json":{"a":1}} None"#);
        check(first(Some("a.b.1"), None), json!([{"a": {"b": [1, 2]}}]), r#"{"json":2} None"#);
        check(first(Some("a.b[0]"), None), json!([{"a": {"b": [1, 2]}}]), r#"{"json":1} None"#);
        check(first(Some("a"), None), json!([{"a": "x"}]), r#"{"text":"x"} None"#);
        check(first(Some("b"), None), json!([{"a": "x"}]), r#""empty" None"#);
        check(
            first(Some("x"), Some("text/csv")),
            json!([{"x": "1;2"}]),
            r#"{"text":"1;2"} Some("text/csv")"#,
        );
        check(first(None, None), json!([]), "No item to return was found");
        check(LastNode::Nothing, json!([]), r#""empty" None"#);
    }
}
