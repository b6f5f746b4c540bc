//! Chat Trigger: starts the workflow with each message of a chat, on a page of ours or by an API.
//!
//! The page keeps nothing; which messages belong together says the session, which it makes up.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use linkflow_model::{Binary, Item, Node as WorkflowNode, Object};
use linkflow_node::page::escape;
use linkflow_node::trigger::{
    Accepted, Auth, Body, Intake, LastNode, Refusal, Request, Respond, Route, Trigger, WebhookTrigger,
    no_pages,
};
use linkflow_node::{
    Category, Ctx, Example, Input, Node, NodeError, Outcome, Reply, ReplyBody, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::manual_trigger::first_items;
use crate::{trigger_params, webhook};

pub struct ChatTrigger;

/// Starts the workflow with each message of a chat.
///
/// The address is `/webhook/{webhookId}/chat`: by POST it takes `sessionId`, `chatInput` and files, and by
/// GET it shows a page to chat on. The page answers with `output` or `text` of the last node's first
/// item.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether anybody can reach it; otherwise it is for trying out only.
    #[serde(default, deserialize_with = "lenient::flag")]
    public: bool,
    /// Whether there is a page, or an address for a chat of your own only.
    #[serde(default)]
    mode: Mode,
    /// Who may chat. The page itself cannot ask for a password: with one, use a chat of your own.
    #[serde(default)]
    authentication: Authentication,
    /// What the page says at first, a line each.
    #[serde(default = "greeting", deserialize_with = "lenient::text")]
    initial_messages: String,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// How people chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// On a page of ours.
    #[default]
    HostedChat,
    /// By a chat of your own.
    Webhook,
}

/// Who may chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Authentication {
    /// Everybody.
    #[default]
    None,
    /// Who knows a user name and a password.
    BasicAuth,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Take files beside messages.
    #[serde(deserialize_with = "lenient::flag")]
    allow_file_uploads: bool,
    /// Types of files that are taken, separated by commas; empty or `*` for all.
    #[serde(deserialize_with = "lenient::text")]
    allowed_files_mime_types: String,
    /// Origins of which pages may chat, separated by commas; `*` or empty for all.
    #[serde(deserialize_with = "lenient::text")]
    allowed_origins: String,
    /// What the field says while it is empty.
    #[serde(deserialize_with = "lenient::text")]
    input_placeholder: String,
    /// The heading of the page.
    #[serde(deserialize_with = "lenient::text")]
    title: String,
    /// A line below it.
    #[serde(deserialize_with = "lenient::text")]
    subtitle: String,
    /// Who answers.
    response_mode: ResponseMode,
}

/// Who answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseMode {
    /// The node that runs last.
    #[default]
    #[serde(alias = "streaming")]
    LastNode,
    /// A Respond to Webhook node.
    #[serde(alias = "responseNodes")]
    ResponseNode,
}

fn greeting() -> String {
    "Hi there! How can I help you?".to_owned()
}

/// The most characters of a message and of a session's name.
const MESSAGE_CHARS_MAX: usize = 100_000;
const SESSION_CHARS_MAX: usize = 200;

impl Node for ChatTrigger {
    const KIND: &'static str = "chat_trigger";
    const SPEC: Spec = Spec {
        title: "Chat Trigger",
        summary: "Starts the workflow with each message of a chat.",
        category: Category::Trigger,
        aliases: &["chat", "message", "conversation", "assistant", "bot"],
        inputs: &[],
        credentials: &[webhook::BASIC],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "A page for everybody",
            params: r#"{"public": true, "options": {"title": "Ask us"}}"#,
            input: r#"[{"sessionId": "a", "action": "sendMessage", "chatInput": "Hello"}]"#,
            output: r#"[[{"sessionId": "a", "action": "sendMessage", "chatInput": "Hello"}]]"#,
        },
        Example {
            title: "A chat of your own, with a password",
            params: r#"{"public": true, "mode": "webhook", "authentication": "basicAuth"}"#,
            input: r#"[{"sessionId": "a", "chatInput": "Hello"}]"#,
            output: r#"[[{"sessionId": "a", "chatInput": "Hello"}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        Ok(first_items(input.items()))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Webhook(WebhookTrigger { routes, auth, intake, accept, has_pages: no_pages }))
    }
}

/// The address, where it is a public one.
pub fn routes(node: &WorkflowNode) -> Result<Vec<Route>, NodeError> {
    let params: Params = trigger_params::read(node, None)?;
    let id = node.webhook_id.clone().unwrap_or_default();
    if !params.public {
        return Ok(Vec::new());
    }
    if id.is_empty() {
        return Err(NodeError::param("public", "needs an id of the node, and it has none: set `webhook_id`"));
    }
    let route = |method: &str| Route { method: method.to_owned(), path: format!("{id}/chat") };
    Ok(match params.mode {
        Mode::HostedChat => vec![route("GET"), route("POST")],
        Mode::Webhook => vec![route("POST")],
    })
}

pub fn auth(node: &WorkflowNode) -> Result<Auth, NodeError> {
    Ok(match trigger_params::read::<Params>(node, None)?.authentication {
        Authentication::None => Auth::None,
        Authentication::BasicAuth => Auth::Basic { slot: webhook::BASIC.name },
    })
}

pub fn intake(node: &WorkflowNode) -> Result<Intake, NodeError> {
    let options = trigger_params::read::<Params>(node, None)?.options;
    let origins: Vec<String> =
        options.allowed_origins.split(',').map(|o| o.trim().to_owned()).filter(|o| !o.is_empty()).collect();
    let all = origins.iter().any(|origin| origin == "*");
    Ok(Intake { origins: if all { Vec::new() } else { origins }, ..Intake::default() })
}

/// The page, or a message.
pub fn accept(node: &WorkflowNode, request: &Request) -> Result<Accepted, Refusal> {
    let params: Params = trigger_params::read(node, None).map_err(|e| Refusal::new(500, e.to_string()))?;
    if request.method == "GET" {
        return Err(Refusal::with(params.page(request)));
    }
    let (mut json, files) = match &request.body {
        Body::Json(Value::Object(fields)) | Body::Form(fields) => (fields.clone(), &[][..]),
        Body::Multipart { fields, files } => (fields.clone(), files.as_slice()),
        _ => {
            return Err(Refusal::new(
                400,
                "the body must be JSON or a form with `sessionId` and `chatInput`",
            ));
        }
    };
    if json.get("action").and_then(Value::as_str) == Some("loadPreviousSession") {
        // Nothing is remembered here.
        return Err(Refusal::with(Reply {
            status: 200,
            headers: Vec::new(),
            body: ReplyBody::Json(json!({"data": []})),
        }));
    }
    check(&json, "sessionId", SESSION_CHARS_MAX)?;
    check(&json, "chatInput", MESSAGE_CHARS_MAX)?;
    let binary = params.files(files, &mut json)?;
    let binary = Some(binary).filter(|files| !files.is_empty()).map(Arc::new);
    let item = Item { json: Arc::new(json), binary, ..Item::default() }.paired_with(0);
    let respond = match params.options.response_mode {
        ResponseMode::ResponseNode => Respond::Node,
        ResponseMode::LastNode => Respond::LastNode {
            status: 200,
            headers: Vec::new(),
            what: LastNode::FirstItem { property: None, content_type: None },
        },
    };
    Ok(Accepted { items: vec![item], respond })
}

fn check(json: &Object, name: &str, chars_max: usize) -> Result<(), Refusal> {
    match json.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if text.chars().count() <= chars_max => Ok(()),
        Some(Value::String(_)) => Err(Refusal::new(413, format!("`{name}` may have {chars_max} characters"))),
        Some(other) => Err(Refusal::new(400, format!("`{name}` must be text, got {}", lenient::show(other)))),
    }
}

impl Params {
    /// The files of a message, and what the item says of them.
    fn files(
        &self,
        files: &[(String, Binary)],
        json: &mut Object,
    ) -> Result<BTreeMap<String, Binary>, Refusal> {
        let mut found = BTreeMap::new();
        if files.is_empty() {
            return Ok(found);
        }
        if !self.options.allow_file_uploads {
            return Err(Refusal::new(400, "this chat takes no files"));
        }
        let mut told = Vec::new();
        for (n, (_, file)) in files.iter().enumerate() {
            if !self.takes(&file.mime_type) {
                return Err(Refusal::new(
                    400,
                    format!("this chat takes no files of type {}", file.mime_type),
                ));
            }
            let key = format!("data{n}");
            told.push(json!({
                "fileName": file.file_name, "fileType": file.mime_type, "mimeType": file.mime_type,
                "fileSize": file.bytes, "fileExtension": file.file_extension, "binaryKey": key,
            }));
            found.insert(key, file.clone());
        }
        json.insert("files".to_owned(), Value::Array(told));
        Ok(found)
    }

    fn takes(&self, mime: &str) -> bool {
        let wanted = self.options.allowed_files_mime_types.split(',').map(str::trim);
        let wanted: Vec<&str> = wanted.filter(|want| !want.is_empty() && *want != "*").collect();
        wanted.is_empty()
            || wanted.iter().any(|want| match want.strip_suffix("/*") {
                Some(family) => mime.split('/').next() == Some(family),
                None => mime.eq_ignore_ascii_case(want),
            })
    }

    fn page(&self, request: &Request) -> Reply {
        let title = if self.options.title.is_empty() { "Chat" } else { &self.options.title };
        let hint = if self.options.input_placeholder.is_empty() {
            "Type your question.."
        } else {
            &self.options.input_placeholder
        };
        let greetings: String = self
            .initial_messages
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| format!("<li class=\"theirs\">{}</li>", escape(line.trim())))
            .collect();
        let file = if self.options.allow_file_uploads {
            "<label class=\"files\">Files <input type=\"file\" id=\"files\" multiple></label>"
        } else {
            ""
        };
        let subtitle = match self.options.subtitle.as_str() {
            "" => String::new(),
            text => format!("<p>{}</p>", escape(text)),
        };
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\"><title>{0}</title><style>{CSS}</style></head>\n\
             <body><header><h1>{0}</h1>{subtitle}</header>\
             <ol id=\"said\" role=\"log\" aria-live=\"polite\">{greetings}</ol>\
             <form id=\"ask\"><label for=\"text\" class=\"hidden\">Message</label>\
             <textarea id=\"text\" rows=\"2\" placeholder=\"{1}\" required></textarea>{file}\
             <button type=\"submit\">Send</button></form>\
             <noscript><p>This page needs JavaScript.</p></noscript><script>{SCRIPT}</script></body></html>\n",
            escape(title),
            escape(hint),
        );
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
        let origin: String = request.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; connect-src 'self' {origin}; \
             base-uri 'none'; form-action 'none'"
        );
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![
            header("content-type", "text/html; charset=utf-8"),
            header("content-security-policy", &policy),
            header("cache-control", "no-store"),
        ];
        Reply { status: 200, headers, body: ReplyBody::Text(html) }
    }
}

const CSS: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--paper:#fff;--back:#f3f5f8;--line:#8a95a5;--key:#2456c5;--on-key:#fff;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#a9b4c2;--paper:#1b222c;--back:#11161d;--line:#66717f;--key:#8fb2ff;--on-key:#0b1526;--bad:#ff9d94}}\
*{box-sizing:border-box}html,body{height:100%}\
body{margin:0 auto;max-width:42rem;display:flex;flex-direction:column;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
header{padding:1rem}h1{font-size:1.3rem;margin:0}header p{margin:.2rem 0 0;color:var(--soft)}\
ol{flex:1;overflow-y:auto;list-style:none;margin:0;padding:.5rem 1rem;display:flex;flex-direction:column;gap:.6rem}\
li{max-width:85%;padding:.6rem .8rem;border-radius:.8rem;white-space:pre-wrap}\
.theirs{align-self:flex-start;background:var(--paper)}.ours{align-self:flex-end;background:var(--key);color:var(--on-key)}\
.wrong{align-self:flex-start;color:var(--bad);border:1px solid var(--bad)}\
form{display:flex;flex-wrap:wrap;gap:.5rem;padding:.75rem 1rem 1rem}\
textarea{flex:1;min-width:12rem;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.5rem;padding:.6rem;resize:none}\
button{font:inherit;font-weight:600;padding:.6rem 1.1rem;border:0;border-radius:.5rem;background:var(--key);color:var(--on-key);cursor:pointer}\
button:disabled{opacity:.6}.files{flex-basis:100%;color:var(--soft);font-size:.9rem}\
:focus-visible{outline:3px solid var(--key);outline-offset:2px}\
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}";

/// Sends a message and shows the answer. It shows texts only, never HTML.
const SCRIPT: &str = r#"
const said = document.getElementById("said"), form = document.getElementById("ask"), text = document.getElementById("text");
const files = document.getElementById("files"), button = form.querySelector("button");
const session = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
function show(kind, words) {
  const line = document.createElement("li");
  line.className = kind;
  line.textContent = words;
  said.append(line);
  line.scrollIntoView({ block: "end" });
  return line;
}
function words(answer) {
  const one = Array.isArray(answer) ? answer[0] : answer;
  if (typeof one === "string") return one;
  for (const name of ["output", "text", "message"]) if (typeof one?.[name] === "string") return one[name];
  return JSON.stringify(one, null, 2);
}
async function ask(message) {
  const chosen = files ? Array.from(files.files) : [];
  const fields = { action: "sendMessage", sessionId: session, chatInput: message };
  let request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(fields) };
  if (chosen.length) {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    for (const file of chosen) body.append("files", file);
    request = { method: "POST", body };
  }
  const answer = await fetch(location.href, request);
  const raw = await answer.text();
  let read = raw;
  try { read = JSON.parse(raw); } catch {}
  if (!answer.ok) throw new Error(read?.detail ?? read?.message ?? "The answer did not come.");
  return words(read);
}
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = text.value.trim();
  if (!message || button.disabled) return;
  show("ours", message);
  text.value = "";
  button.disabled = true;
  const waits = show("theirs", "...");
  try {
    waits.textContent = await ask(message);
    if (files) files.value = "";
  } catch (error) {
    waits.className = "wrong";
    waits.textContent = error.message;
    text.value = message;
  }
  waits.scrollIntoView({ block: "end" });
  button.disabled = false;
  text.focus();
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
});
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn node(params: Value) -> WorkflowNode {
        let params = params.as_object().cloned().unwrap();
        WorkflowNode { params, webhook_id: Some("abc".to_owned()), ..WorkflowNode::default() }
    }

    fn says(body: Body) -> Request {
        Request { method: "POST".to_owned(), body, ..Request::default() }
    }

    #[test]
    fn only_a_public_chat_has_an_address() {
        let paths = |params: Value| -> Vec<String> {
            routes(&node(params)).unwrap().iter().map(|r| format!("{} {}", r.method, r.path)).collect()
        };
        assert_eq!(paths(json!({})), Vec::<String>::new());
        assert_eq!(paths(json!({"public": true})), ["GET abc/chat", "POST abc/chat"]);
        assert_eq!(paths(json!({"public": true, "mode": "webhook"})), ["POST abc/chat"]);
    }

    #[test]
    fn a_message_starts_the_workflow_and_its_last_node_answers() {
        let message = json!({"action": "sendMessage", "sessionId": "s", "chatInput": "Hi"});
        let accepted = accept(&node(json!({"public": true})), &says(Body::Json(message.clone()))).unwrap();
        assert_eq!(json!(*accepted.items[0].json), message);
        assert!(matches!(accepted.respond, Respond::LastNode { .. }));
        let by_node = json!({"options": {"responseMode": "responseNode"}});
        assert_eq!(accept(&node(by_node), &says(Body::Json(message))).unwrap().respond, Respond::Node);
        let earlier = says(Body::Json(json!({"action": "loadPreviousSession", "sessionId": "s"})));
        let answered = accept(&node(json!({})), &earlier).unwrap_err().reply.unwrap();
        assert_eq!(answered.body, ReplyBody::Json(json!({"data": []})));
        let wrong = says(Body::Json(json!({"chatInput": {"a": 1}})));
        assert_eq!(accept(&node(json!({})), &wrong).unwrap_err().status, 400);
    }

    #[test]
    fn files_come_along_where_they_are_allowed() {
        let file = Binary {
            mime_type: "image/png".to_owned(),
            file_name: Some("a.png".to_owned()),
            ..Binary::default()
        };
        let fields = json!({"chatInput": "look"}).as_object().cloned().unwrap();
        let sent = says(Body::Multipart { fields, files: vec![("files".to_owned(), file)] });
        let options = |more: Value| json!({"options": more});
        assert_eq!(accept(&node(options(json!({}))), &sent).unwrap_err().message, "this chat takes no files");
        let only_text = options(json!({"allowFileUploads": true, "allowedFilesMimeTypes": "text/*"}));
        assert!(accept(&node(only_text), &sent).is_err());
        let accepted = accept(&node(options(json!({"allowFileUploads": true}))), &sent).unwrap();
        assert_eq!(accepted.items[0].json["files"][0]["binaryKey"], "data0");
        assert!(accepted.items[0].binary.as_ref().unwrap().contains_key("data0"));
    }

    #[test]
    fn the_page_shows_what_the_author_says_as_text() {
        let params = json!({"public": true, "initialMessages": "Hi <b>\nYou?", "options": {"title": "T&C"}});
        let asked = Request {
            method: "GET".to_owned(),
            url: "http://h:1/webhook/abc/chat".to_owned(),
            ..Request::default()
        };
        let reply = accept(&node(params), &asked).unwrap_err().reply.unwrap();
        let ReplyBody::Text(page) = &reply.body else { panic!("no page") };
        assert!(
            page.contains("<li class=\"theirs\">Hi &lt;b&gt;</li>") && page.contains("T&amp;C"),
            "{page}"
        );
        let policy = &reply.headers[1].1;
        assert!(
            policy.contains("connect-src 'self' http://h:1;") && policy.contains("script-src 'sha256-"),
            "{policy}"
        );
    }
}
