//! Email Send: sends a mail, and if wanted waits for what somebody answers on the page it links to.
//!
//! `mail_message` makes the mail, `smtp` hands it over.

use linkflow_model::{Item, Node as WorkflowNode, Object, OnError};
use linkflow_node::page::{self, Page, escape};
use linkflow_node::trigger::{
    Accepted, Auth, Body, Intake, Refusal, Request, Respond, Route, Trigger, WebhookTrigger,
};
use linkflow_node::{
    Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Resumed, Spec, Wait as Rest, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::forms::{self, Fields, Frame};
use crate::mail_message::{Attachment, Draft, Person, people};
use crate::smtp::{CREDENTIAL, Letter, Smtp};
use crate::{heavy, trigger_params, wait};

pub struct EmailSend;

/// Sends a mail over an SMTP server.
///
/// A mail that is sent again after a failure has the same `Message-ID`, so that servers can tell. Mails that
/// wait for an answer link to a page, on which people answer: looking at it alone decides nothing, since
/// programs that check mails open links too.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is done.
    operation: Operation,
    /// Who sends it: an address, or a name with it, `Ada <ada@example.com>`.
    #[serde(deserialize_with = "addresses")]
    from_email: String,
    /// Who gets it, with commas between several.
    #[serde(deserialize_with = "addresses")]
    to_email: String,
    /// The subject.
    #[serde(deserialize_with = "lenient::text")]
    subject: String,
    /// Which of the texts below the mail has.
    email_format: Format,
    /// The plain text.
    #[serde(deserialize_with = "lenient::text")]
    text: String,
    /// The text with its layout.
    #[serde(deserialize_with = "lenient::text")]
    html: String,
    /// The text of a mail that waits for an answer.
    #[serde(deserialize_with = "lenient::text")]
    message: String,
    /// What people are asked for.
    response_type: ResponseType,
    /// The buttons, for `approval`.
    approval_options: Approval,
    /// Whether the fields of a form are written out, or given as JSON.
    define_form: crate::form::Define,
    /// The fields of the form, for `customForm`.
    form_fields: Fields,
    /// The fields as a JSON list.
    json_output: Value,
    /// What is needed less often.
    options: Options,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Send a mail for each item.
    #[default]
    Send,
    /// Send one mail, and wait for what is answered.
    SendAndWait,
}

/// Which texts a mail has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// Plain text.
    Text,
    /// With layout.
    #[default]
    Html,
    /// Both, and who reads it has the choice.
    Both,
}

/// What people are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseType {
    /// A yes, or no.
    #[default]
    Approval,
    /// A text.
    FreeText,
    /// The fields of a form.
    CustomForm,
}

/// The buttons of an approval.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Approval {
    /// Their settings.
    values: Buttons,
}

/// The buttons' settings.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Buttons {
    /// Whether there is a button for no.
    approval_type: ApprovalType,
    /// What the button for yes says.
    #[serde(deserialize_with = "lenient::text")]
    approve_label: String,
    /// What the button for no says.
    #[serde(deserialize_with = "lenient::text")]
    disapprove_label: String,
}

/// Whether there is a button for no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalType {
    /// Only one for yes.
    #[default]
    Single,
    /// One for yes, one for no.
    Double,
}

impl Default for Buttons {
    fn default() -> Buttons {
        Buttons {
            approval_type: ApprovalType::default(),
            approve_label: "Approve".to_owned(),
            disapprove_label: "Decline".to_owned(),
        }
    }
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The names of the item's files that go along. HTML can show one as `cid:name`.
    #[serde(deserialize_with = "lenient::names")]
    attachments: Vec<String>,
    /// Who gets a copy.
    #[serde(deserialize_with = "addresses")]
    cc_email: String,
    /// Who gets a copy that the others do not know of.
    #[serde(deserialize_with = "addresses")]
    bcc_email: String,
    /// To whom answers go.
    #[serde(deserialize_with = "addresses")]
    reply_to: String,
    /// Further headers, each with `name` and `value`.
    headers: Headers,
    /// Take any certificate of the server.
    #[serde(deserialize_with = "lenient::flag")]
    allow_unauthorized_certs: bool,
    /// Wait for an answer no longer than this, then go on with the items as they are.
    limit_wait_time: Option<LimitWait>,
    /// What the link in the mail says, for `freeText` and `customForm`.
    #[serde(deserialize_with = "lenient::text")]
    message_button_label: String,
    /// The heading of the page.
    #[serde(deserialize_with = "lenient::text")]
    response_form_title: String,
    /// A text below the heading.
    #[serde(deserialize_with = "lenient::text")]
    response_form_description: String,
    /// The text of the page's button.
    #[serde(deserialize_with = "lenient::text")]
    response_form_button_label: String,
    /// CSS of your own, behind that of the page.
    #[serde(deserialize_with = "lenient::text")]
    response_form_custom_css: String,
}

/// Further headers.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Headers {
    /// The headers.
    values: Vec<Header>,
}

/// A header.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Header {
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    name: String,
    /// Its value.
    #[serde(default, deserialize_with = "lenient::text")]
    value: String,
}

/// The longest wait.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct LimitWait {
    /// How it is given.
    values: wait::Limit,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::default(),
            from_email: String::new(),
            to_email: String::new(),
            subject: String::new(),
            email_format: Format::default(),
            text: String::new(),
            html: String::new(),
            message: String::new(),
            response_type: ResponseType::default(),
            approval_options: Approval::default(),
            define_form: crate::form::Define::default(),
            form_fields: Fields::default(),
            json_output: Value::Null,
            options: Options::default(),
        }
    }
}

/// A text of addresses, or a list of such.
fn addresses<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(d)? {
        Value::Array(list) => list.iter().map(lenient::as_text).collect::<Vec<_>>().join(", "),
        one => lenient::as_text(&one),
    })
}

impl Node for EmailSend {
    const KIND: &'static str = "email_send";
    const SPEC: Spec = Spec {
        title: "Send Email",
        summary: "Sends a mail over an SMTP server.",
        category: Category::Service,
        aliases: &["smtp", "mail", "message", "approval", "notify"],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Send an invoice along",
            params: r#"{"fromEmail": "Shop <shop@example.com>", "toEmail": "={{ $json.email }}",
                "subject": "=Your order {{ $json.number }}", "html": "<p>Thank you!</p>",
                "options": {"attachments": "invoice"}}"#,
            input: r#"[{"email": "ada@example.com", "number": 7}]"#,
            output: "null",
        },
        Example {
            title: "Ask somebody to approve, for at most a day",
            params: r#"{"operation": "sendAndWait", "fromEmail": "shop@example.com",
                "toEmail": "boss@example.com", "subject": "=Order {{ $json.number }}",
                "message": "=It costs {{ $json.total }}.",
                "approvalOptions": {"values": {"approvalType": "double"}},
                "options": {"limitWaitTime": {"values": {"resumeAmount": 1, "resumeUnit": "days"}}}}"#,
            input: r#"[{"number": 7, "total": 1200}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if input.items().is_empty() {
            return Ok(Outcome::items(Vec::new()));
        }
        if let Some(resumed) = &ctx.resumed {
            return resumed_with(&input, resumed);
        }
        let waits = input.params(0).map(|params| params.operation == Operation::SendAndWait);
        if matches!(waits, Ok(true)) {
            return send_and_wait(&input, ctx).await;
        }
        let mut smtp = None;
        let mut out = Vec::with_capacity(input.items().len());
        for (index, item) in input.items().iter().enumerate() {
            let done = async {
                let params = input.params(index)?;
                let draft = params.draft(ctx, item, index).await?;
                params.sent(ctx, &mut smtp, draft).await
            };
            match done.await {
                Ok(json) => out.push(Item::new(json).paired_with(index)),
                Err(error) => {
                    // Nobody knows in the middle of what the server is now.
                    smtp = None;
                    if let NodeError::Credential(_) | NodeError::Canceled = error {
                        if ctx.on_error == OnError::Stop {
                            return Err(error);
                        }
                    }
                    out.push(ctx.failed_item(error, index)?);
                }
            }
        }
        if let Some(smtp) = smtp {
            smtp.quit().await;
        }
        Ok(Outcome::items(out))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Webhook(WebhookTrigger {
            routes,
            auth,
            intake,
            accept,
            has_pages: linkflow_node::trigger::no_pages,
        }))
    }
}

async fn send_and_wait(input: &Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
    let params = input.params(0)?;
    let until = match &params.options.limit_wait_time {
        Some(limit) => Some(limit.values.at(ctx)?),
        None => None,
    };
    let mut draft = params.draft(ctx, &input.items()[0], 0).await?;
    let url = input.scope(0).env.resume_url.clone();
    (draft.text, draft.html) = params.question(&url);
    let mut smtp = None;
    params.sent(ctx, &mut smtp, draft).await.map_err(|e| e.at_item(0))?;
    if let Some(smtp) = smtp {
        smtp.quit().await;
    }
    Ok(Outcome::Park(Rest::Call { until }))
}

fn resumed_with(input: &Input<Params>, resumed: &Resumed) -> Result<Outcome, NodeError> {
    let Resumed::Call(request) = resumed else {
        let items = input.items().iter().enumerate();
        return Ok(Outcome::items(items.map(|(i, item)| item.clone().paired_with(i)).collect()));
    };
    let params = input.params(0)?;
    let data = params.answer(request)?;
    Ok(Outcome::items(vec![Item::new(Object::from_iter([("data".to_owned(), data)])).paired_with(0)]))
}

impl Params {
    async fn draft(&self, ctx: &Ctx, item: &Item, index: usize) -> Result<Draft, NodeError> {
        let from = people("fromEmail", &self.from_email)?;
        let sender = from.first().ok_or_else(|| NodeError::param("fromEmail", "must not be empty"))?;
        let host = sender.address.rsplit_once('@').map_or("localhost", |(_, host)| host);
        let message_id = format!("{}@{host}", ctx.idempotency_key(index));
        let mut draft = Draft {
            to: people("toEmail", &self.to_email)?,
            cc: people("options.ccEmail", &self.options.cc_email)?,
            reply_to: people("options.replyTo", &self.options.reply_to)?,
            subject: self.subject.clone(),
            text: (self.email_format != Format::Html).then(|| self.text.clone()),
            html: (self.email_format != Format::Text).then(|| self.html.clone()),
            headers: self.options.headers.values.iter().map(|h| (h.name.clone(), h.value.clone())).collect(),
            message_id,
            at_seconds: ctx.now.0 / 1000,
            from,
            ..Draft::default()
        };
        let mut bytes_left = ctx.limits.file_bytes_max as u64;
        for name in &self.options.attachments {
            let bytes = heavy::file_of(ctx, item, name, "options.attachments").await?;
            bytes_left = bytes_left.checked_sub(bytes.len() as u64).ok_or_else(|| NodeError::Limit {
                what: "the files of a mail together".to_owned(),
                limit: format!("{} bytes", ctx.limits.file_bytes_max),
            })?;
            let file = item.binary.as_ref().and_then(|files| files.get(name));
            let file_name = file.and_then(|file| file.file_name.clone()).unwrap_or_else(|| name.clone());
            let mime_type = file.map(|file| file.mime_type.clone()).unwrap_or_default();
            let id: String = name.chars().filter(|c| c.is_ascii_graphic() && !"<>".contains(*c)).collect();
            draft.attachments.push(Attachment { name: file_name, mime_type, id, bytes });
        }
        Ok(draft)
    }

    async fn sent<'a>(
        &self,
        ctx: &'a Ctx,
        smtp: &mut Option<Smtp<'a>>,
        draft: Draft,
    ) -> Result<Object, NodeError> {
        let bcc = people("options.bccEmail", &self.options.bcc_email)?;
        let mut to: Vec<String> = Vec::new();
        for person in draft.to.iter().chain(&draft.cc).chain(&bcc) {
            if !to.contains(&person.address) {
                to.push(person.address.clone());
            }
        }
        if to.is_empty() {
            return Err(NodeError::param("toEmail", "must not be empty"));
        }
        let from = draft.from.first().map(|person: &Person| person.address.clone()).unwrap_or_default();
        let message_id = format!("<{}>", draft.message_id);
        let message = draft.message()?;
        let smtp = match smtp {
            Some(open) => open,
            none => none.insert(Smtp::connect(ctx, self.options.allow_unauthorized_certs).await?),
        };
        let sent = smtp.send(&Letter { from: &from, to: &to, message: &message }).await?;
        let json = json!({"accepted": sent.accepted, "rejected": sent.rejected,
            "envelope": {"from": from, "to": to}, "messageId": message_id,
            "messageSize": message.len(), "response": sent.response});
        Ok(json.as_object().cloned().unwrap_or_default())
    }

    /// The texts of a mail that waits, with a link to the page for the answer.
    fn question(&self, url: &str) -> (Option<String>, Option<String>) {
        let buttons = &self.approval_options.values;
        let label = match self.response_type {
            ResponseType::Approval if buttons.approval_type == ApprovalType::Double => {
                format!("{} / {}", buttons.approve_label, buttons.disapprove_label)
            }
            ResponseType::Approval => buttons.approve_label.clone(),
            _ if self.options.message_button_label.is_empty() => "Respond".to_owned(),
            _ => self.options.message_button_label.clone(),
        };
        let text = format!("{}\n\n{label}: {url}\n", self.message);
        let shown = escape(&self.message).replace('\n', "<br>");
        let style = "display:inline-block;padding:12px 20px;border-radius:6px;background:#2456c5;color:#fff;\
            text-decoration:none;font-weight:bold";
        let link = format!("<a href=\"{}\" style=\"{style}\">{}</a>", escape(url), escape(&label));
        let html = format!("<div style=\"font-family:sans-serif\"><p>{shown}</p><p>{link}</p></div>");
        (Some(text), Some(html))
    }

    fn fields(&self) -> Result<Vec<forms::Field>, NodeError> {
        let written = match self.define_form {
            crate::form::Define::Json => &self.json_output,
            crate::form::Define::Fields => &Value::Null,
        };
        forms::fields_of(&self.form_fields, written)
    }

    fn frame(&self) -> Frame {
        let title = &self.options.response_form_title;
        Frame {
            title: if title.is_empty() { self.subject.clone() } else { title.clone() },
            about: self.options.response_form_description.clone(),
            button: self.options.response_form_button_label.clone(),
            css: self.options.response_form_custom_css.clone(),
        }
    }

    /// The page on which people answer with a button or a text.
    fn page(&self) -> linkflow_node::Reply {
        let frame = self.frame();
        let buttons = &self.approval_options.values;
        let button = |value: &str, label: &str| {
            format!("<p><button name=\"approved\" value=\"{value}\">{}</button></p>", escape(label))
        };
        let asked = match self.response_type {
            ResponseType::Approval => {
                let no = match buttons.approval_type {
                    ApprovalType::Double => button("false", &buttons.disapprove_label),
                    ApprovalType::Single => String::new(),
                };
                format!("{}{no}", button("true", &buttons.approve_label))
            }
            _ => {
                let label = if frame.button.is_empty() { "Submit" } else { &frame.button };
                let field = "<div><label for=\"text\">Response</label>\
                    <textarea id=\"text\" name=\"text\" required></textarea></div>";
                format!("{field}<button>{}</button>", escape(label))
            }
        };
        let body = format!(
            "<h1>{}</h1><p class=\"about\">{}</p><form method=\"post\">{asked}</form>",
            escape(&frame.title),
            escape(&frame.about)
        );
        page::reply(200, &Page { title: &frame.title, body: &body, css: &frame.css, again_s: None })
    }

    /// What was answered.
    fn answer(&self, request: &Request) -> Result<Value, NodeError> {
        let field = |name: &str| match &request.body {
            Body::Form(fields) | Body::Json(Value::Object(fields)) | Body::Multipart { fields, .. } => {
                fields.get(name).cloned()
            }
            _ => None,
        };
        Ok(match self.response_type {
            ResponseType::Approval => {
                json!({"approved": field("approved").is_some_and(|v| v == json!("true") || v == json!(true))})
            }
            ResponseType::FreeText => {
                json!({"text": field("text").map(|v| lenient::as_text(&v)).unwrap_or_default()})
            }
            ResponseType::CustomForm => {
                let item = forms::Given::read(&self.fields()?, request).item();
                Value::Object((*item.json).clone())
            }
        })
    }
}

/// The page is shown by GET, and answered by POST. A mail that waits for nothing has none.
pub fn routes(node: &WorkflowNode) -> Result<Vec<Route>, NodeError> {
    if node.params.get("operation").and_then(Value::as_str) != Some("sendAndWait") {
        return Ok(Vec::new());
    }
    let route = |method: &str| Route { method: method.to_owned(), path: String::new() };
    Ok(vec![route("GET"), route("POST")])
}

/// The address itself is the secret.
pub fn auth(_node: &WorkflowNode) -> Result<Auth, NodeError> {
    Ok(Auth::None)
}

pub fn intake(_node: &WorkflowNode) -> Result<Intake, NodeError> {
    Ok(Intake::default())
}

/// The page, or that it was answered.
pub fn accept(node: &WorkflowNode, request: &Request) -> Result<Accepted, Refusal> {
    let broken = |e: NodeError| Refusal::new(500, e.to_string());
    let params: Params = trigger_params::read(node, None).map_err(broken)?;
    let is_form = params.response_type == ResponseType::CustomForm;
    if request.method != "POST" {
        return Err(Refusal::with(match is_form {
            true => forms::asking(&params.frame(), &params.fields().map_err(broken)?, &request.query),
            false => params.page(),
        }));
    }
    let item = match is_form {
        true => {
            let fields = params.fields().map_err(broken)?;
            forms::read(&params.frame(), &fields, request).map_err(Refusal::with)?.item()
        }
        false => {
            let data = params.answer(request).map_err(broken)?;
            if params.response_type == ResponseType::FreeText && data["text"] == "" {
                return Err(Refusal::with(params.page()));
            }
            Item::new(Object::from_iter([("data".to_owned(), data)]))
        }
    };
    let done = page::message(200, "Thank you", "Your response has been recorded.");
    Ok(Accepted { items: vec![item], respond: Respond::Immediately(done) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::tests::text_of;

    fn node(params: Value) -> WorkflowNode {
        WorkflowNode { params: params.as_object().cloned().unwrap(), ..WorkflowNode::default() }
    }

    fn posted(fields: Value) -> Request {
        let body = Body::Form(fields.as_object().cloned().unwrap());
        Request { method: "POST".to_owned(), body, ..Request::default() }
    }

    #[track_caller]
    fn check(params: &Value, fields: Value, expected: Value) {
        let accepted = accept(&node(params.clone()), &posted(fields)).unwrap();
        assert!(matches!(accepted.respond, Respond::Immediately(_)));
        assert_eq!(accepted.items[0].json["data"], expected, "{params}");
    }

    #[test]
    fn looking_at_the_page_decides_nothing_and_a_button_does() {
        let asks = json!({"operation": "sendAndWait", "subject": "Order <7>",
            "approvalOptions": {"values": {"approvalType": "double", "disapproveLabel": "Never"}}});
        let shown = accept(&node(asks.clone()), &Request { method: "GET".to_owned(), ..Request::default() });
        let page = text_of(shown.unwrap_err().reply.as_deref().unwrap());
        assert!(page.contains("<h1>Order &lt;7&gt;</h1>") && page.contains("Never"), "{page}");
        check(&asks, json!({"approved": "true"}), json!({"approved": true}));
        check(&asks, json!({"approved": "false"}), json!({"approved": false}));
        check(&asks, json!({}), json!({"approved": false}));
        let text = json!({"operation": "sendAndWait", "responseType": "freeText"});
        check(&text, json!({"text": "fine"}), json!({"text": "fine"}));
        assert!(
            accept(&node(text), &posted(json!({"text": ""}))).is_err(),
            "an empty text is asked for again"
        );
    }

    #[test]
    fn only_a_mail_that_waits_has_an_address() {
        assert_eq!(routes(&node(json!({}))).unwrap(), []);
        assert_eq!(routes(&node(json!({"operation": "sendAndWait"}))).unwrap().len(), 2);
    }
}
