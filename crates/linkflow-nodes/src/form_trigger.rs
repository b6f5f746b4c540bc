//! Form Trigger: starts the workflow when somebody fills in its form.
//!
//! The page, its checks and the first items are pure functions of node and request; serving it and
//! the pages behind it are the server's.

use std::sync::Arc;

use linkflow_model::{Item, Node as WorkflowNode};
use linkflow_node::page;
use linkflow_node::trigger::{
    Accepted, Auth, FORM, Intake, Refusal, Request, Respond, Route, Trigger, WebhookTrigger, no_pages,
};
use linkflow_node::{
    Category, Ctx, Example, Input, Node, NodeError, Outcome, Reply, ReplyBody, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::forms::{self, Fields, Frame};
use crate::{trigger_params, webhook};

pub struct FormTrigger;

/// Starts the workflow when somebody fills in its form.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The address behind `/form/`; the node's own webhook id where it is empty.
    #[serde(default, deserialize_with = "lenient::text")]
    path: String,
    /// Who may see the form: everybody, or who knows a user name and a password.
    #[serde(default)]
    authentication: Authentication,
    #[serde(flatten)]
    form: Form,
}

/// A form: its texts, its fields, and what people see behind it. Wait has the same.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Form {
    /// The heading.
    #[serde(deserialize_with = "lenient::text")]
    form_title: String,
    /// A text below the heading; it may have simple HTML.
    #[serde(deserialize_with = "lenient::text")]
    form_description: String,
    /// The fields.
    form_fields: Fields,
    /// What people see when they have sent the form, where the workflow has no further page.
    response_mode: ResponseMode,
    /// What is needed less often.
    options: Options,
}

/// Who may see a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Authentication {
    /// Everybody.
    #[default]
    None,
    /// Who knows a user name and a password.
    BasicAuth,
}

/// What people see when they have sent a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseMode {
    /// At once, that it has arrived.
    #[default]
    OnReceived,
    /// How the workflow ended.
    LastNode,
    /// What a Respond to Webhook node says.
    ResponseNode,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The text of the button.
    #[serde(deserialize_with = "lenient::text")]
    button_label: String,
    /// CSS of your own, behind that of the page.
    #[serde(deserialize_with = "lenient::text")]
    custom_css: String,
    /// What is shown when the form has arrived: a text, or another page.
    respond_with_options: RespondWith,
    /// Refuse calls of robots, such as link previews and crawlers.
    #[serde(deserialize_with = "lenient::flag")]
    ignore_bots: bool,
    /// Addresses or networks that may call, separated by commas; empty for all.
    #[serde(deserialize_with = "lenient::text")]
    ip_whitelist: String,
}

/// What is shown when a form has arrived.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct RespondWith {
    /// What is shown.
    values: Respondence,
}

/// What is shown when a form has arrived.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Respondence {
    /// A text, or another page.
    respond_with: RespondKind,
    /// The text.
    #[serde(deserialize_with = "lenient::text")]
    form_submitted_text: String,
    /// The address of the other page.
    #[serde(deserialize_with = "lenient::text")]
    redirect_url: String,
}

/// What is shown when a form has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RespondKind {
    /// A text.
    #[default]
    Text,
    /// Another page.
    Redirect,
}

impl Node for FormTrigger {
    const KIND: &'static str = "form_trigger";
    const SPEC: Spec = Spec {
        title: "Form Trigger",
        summary: "Starts the workflow when somebody fills in its form.",
        category: Category::Trigger,
        aliases: &["form", "survey", "questionnaire", "page", "upload"],
        inputs: &[],
        credentials: &[webhook::BASIC],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Ask for a name and how somebody wants to be called back",
            params: r#"{"path": "contact", "formTitle": "Contact", "formFields": {"values": [
                {"fieldLabel": "Name", "requiredField": true},
                {"fieldLabel": "By", "fieldType": "radio",
                    "fieldOptions": {"values": [{"option": "mail"}, {"option": "phone"}]}}]}}"#,
            input: r#"[{"Name": "Ann", "By": "mail"}]"#,
            output: r#"[[{"Name": "Ann", "By": "mail", "submittedAt": "2026-03-04T05:06:07.890Z", "formMode": "test"}]]"#,
        },
        Example {
            title: "Take a file, and send people to another page afterwards",
            params: r#"{"path": "upload", "formTitle": "Upload", "formFields": {"values": [
                {"fieldLabel": "Report", "fieldType": "file", "acceptFileTypes": ".pdf"}]},
                "options": {"respondWithOptions": {"values":
                    {"respondWith": "redirect", "redirectUrl": "https://example.com/thanks"}}}}"#,
            input: r#"[{"Report": null}]"#,
            output: r#"[[{"Report": null, "submittedAt": "2026-03-04T05:06:07.890Z", "formMode": "test"}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let is_test = ctx.mode == linkflow_model::Mode::Manual;
        let items = input.items().iter().cloned().map(|item| {
            let stamped = forms::stamped(item, ctx.now, &ctx.timezone, is_test);
            // What was in the address comes last.
            let mut json = (*stamped.json).clone();
            if let Some(query) = json.shift_remove("formQueryParameters") {
                json.insert("formQueryParameters".to_owned(), query);
            }
            Item { json: Arc::new(json), ..stamped }
        });
        Ok(Outcome::items(items.collect()))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Webhook(WebhookTrigger { routes, auth, intake, accept, has_pages: no_pages }))
    }
}

/// The address of the form: it is shown by GET, and sent by POST.
pub fn routes(node: &WorkflowNode) -> Result<Vec<Route>, NodeError> {
    let params: Params = trigger_params::read(node, None)?;
    let given = params.path.trim_matches('/').to_owned();
    let path = if given.is_empty() { node.webhook_id.clone().unwrap_or_default() } else { given };
    if path.is_empty() {
        return Err(NodeError::param("path", "must not be empty"));
    }
    if path.split('/').any(|segment| segment.starts_with(':')) {
        return Err(NodeError::param("path", format!("must be a fixed address, got \"{path}\"")));
    }
    let route = |method: &str| Route { method: method.to_owned(), path: format!("{FORM}/{path}") };
    Ok(vec![route("GET"), route("POST")])
}

pub fn auth(node: &WorkflowNode) -> Result<Auth, NodeError> {
    Ok(match trigger_params::read::<Params>(node, None)?.authentication {
        Authentication::None => Auth::None,
        Authentication::BasicAuth => Auth::Basic { slot: webhook::BASIC.name },
    })
}

pub fn intake(_node: &WorkflowNode) -> Result<Intake, NodeError> {
    Ok(Intake::default())
}

/// The page, or the item of what was filled in.
pub fn accept(node: &WorkflowNode, request: &Request) -> Result<Accepted, Refusal> {
    let broken = |e: NodeError| Refusal::new(500, e.to_string());
    let seen = webhook::item(request, &webhook::Options::default());
    let params: Params = trigger_params::read(node, Some(&seen)).map_err(broken)?;
    webhook::Options::guard(&params.form.options.ip_whitelist, params.form.options.ignore_bots)
        .admit(request)?;
    let item = params.form.filled(request)?;
    let mut json = (*item.json).clone();
    if !request.query.is_empty() {
        json.insert("formQueryParameters".to_owned(), Value::Object(request.query.clone()));
    }
    let item = Item { json: Arc::new(json), ..item };
    Ok(Accepted { items: vec![item], respond: params.form.respond() })
}

impl Form {
    fn frame(&self) -> Frame {
        Frame {
            title: self.form_title.clone(),
            about: self.form_description.clone(),
            button: self.options.button_label.clone(),
            css: self.options.custom_css.clone(),
        }
    }

    /// The item of what was sent; as a refusal, the page to fill in.
    pub(crate) fn filled(&self, request: &Request) -> Result<Item, Refusal> {
        let fields = forms::fields_of(&self.form_fields, &Value::Null)
            .map_err(|e| Refusal::new(500, e.to_string()))?;
        if request.method != "POST" {
            return Err(Refusal::with(forms::asking(&self.frame(), &fields, &request.query)));
        }
        forms::read(&self.frame(), &fields, request).map(|given| given.item()).map_err(Refusal::with)
    }

    pub(crate) fn has_fields(&self) -> bool {
        !self.form_fields.values.is_empty()
    }

    pub(crate) fn respond(&self) -> Respond {
        match self.response_mode {
            ResponseMode::ResponseNode => Respond::Node,
            ResponseMode::LastNode => Respond::Pages { done: None },
            ResponseMode::OnReceived => Respond::Pages { done: Some(Box::new(self.done())) },
        }
    }

    fn done(&self) -> Reply {
        let shown = &self.options.respond_with_options.values;
        match shown.respond_with {
            RespondKind::Redirect if !shown.redirect_url.is_empty() => redirect(&shown.redirect_url),
            _ if shown.form_submitted_text.is_empty() => {
                page::message(200, &self.form_title, "Your answers have arrived.")
            }
            _ => page::message(200, &self.form_title, &shown.form_submitted_text),
        }
    }
}

/// Sends people to another page; only to one of the web.
pub(crate) fn redirect(url: &str) -> Reply {
    let url = url.trim();
    let lower = url.to_ascii_lowercase();
    let address = match lower.starts_with("http://") || lower.starts_with("https://") {
        true => url.to_owned(),
        false => format!("https://{}", url.trim_start_matches('/')),
    };
    let headers = vec![("location".to_owned(), address), ("cache-control".to_owned(), "no-store".to_owned())];
    Reply { status: 303, headers, body: ReplyBody::Empty }
}

#[cfg(test)]
mod tests {
    use linkflow_node::trigger::Body;
    use serde_json::json;

    use super::*;
    use crate::forms::tests::text_of;

    fn node(params: Value) -> WorkflowNode {
        let mut all = json!({"path": "contact", "formTitle": "Contact",
            "formFields": {"values": [{"fieldLabel": "Name", "requiredField": true}]}});
        all.as_object_mut().unwrap().extend(params.as_object().cloned().unwrap());
        WorkflowNode { params: all.as_object().cloned().unwrap(), ..WorkflowNode::default() }
    }

    fn request(method: &str, form: Value) -> Request {
        let fields = form.as_object().cloned().unwrap();
        Request { method: method.to_owned(), body: Body::Form(fields), ..Request::default() }
    }

    #[test]
    fn a_form_is_asked_for_and_sent_at_the_same_address() {
        let paths = |params| {
            routes(&node(params))
                .map(|all| all.iter().map(|r| format!("{} {}", r.method, r.path)).collect::<Vec<_>>())
        };
        assert_eq!(paths(json!({})).unwrap(), ["GET =form/contact", "POST =form/contact"]);
        assert!(paths(json!({"path": ""})).is_err());
        assert!(paths(json!({"path": "a/:b"})).is_err());
    }

    #[test]
    fn asking_shows_the_page_and_sending_starts_the_workflow() {
        let asked = accept(&node(json!({})), &request("GET", json!({}))).unwrap_err();
        let page = text_of(asked.reply.as_deref().unwrap());
        assert!(page.contains("<h1>Contact</h1>") && page.contains("name=\"field-0\" required"), "{page}");
        let wrong = accept(&node(json!({})), &request("POST", json!({"field-0": ""}))).unwrap_err();
        assert_eq!(wrong.status, 422);
        let mut sent = request("POST", json!({"field-0": "Ann"}));
        sent.query.insert("from".to_owned(), json!("mail"));
        let accepted = accept(&node(json!({})), &sent).unwrap();
        let expected = json!({"Name": "Ann", "formQueryParameters": {"from": "mail"}});
        assert_eq!(json!(*accepted.items[0].json), expected);
    }

    #[test]
    fn what_people_see_afterwards_is_what_the_parameters_say() {
        let respond =
            |params| accept(&node(params), &request("POST", json!({"field-0": "x"}))).unwrap().respond;
        assert_eq!(respond(json!({"responseMode": "responseNode"})), Respond::Node);
        assert_eq!(respond(json!({"responseMode": "lastNode"})), Respond::Pages { done: None });
        let done =
            |options: Value| match respond(json!({"options": {"respondWithOptions": {"values": options}}})) {
                Respond::Pages { done: Some(reply) } => *reply,
                other => panic!("{other:?}"),
            };
        assert!(text_of(&done(json!({"formSubmittedText": "Thanks <3"}))).contains("Thanks &lt;3"));
        let away = done(json!({"respondWith": "redirect", "redirectUrl": "example.com/x"}));
        assert_eq!((away.status, away.headers[0].1.as_str()), (303, "https://example.com/x"));
    }
}
