//! Form: a further page of a form, or its end. The execution rests while it is in front of people.

use linkflow_model::{Millis, Node as WorkflowNode};
use linkflow_node::page::{self, Page, escape};
use linkflow_node::trigger::{
    Accepted, Auth, Intake, Refusal, Request, Respond, Route, Trigger, WebhookTrigger,
};
use linkflow_node::{
    Category, Ctx, Example, Input, Node, NodeError, Outcome, Reply, Resumed, Spec, Wait as Rest, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::form_trigger::redirect;
use crate::forms::{self, Fields, Frame};
use crate::{trigger_params, wait};

pub struct Form;

/// Shows people a further page of a form, or how it ends.
///
/// An end is shown to whoever looks at the form within half a minute; then the workflow goes on.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// A further page, or the end.
    #[serde(default)]
    operation: Operation,
    /// Whether the fields are written out, or given as JSON.
    #[serde(default)]
    define_form: Define,
    /// The fields.
    #[serde(default)]
    form_fields: Fields,
    /// The fields as a JSON list, with the settings of `formFields`.
    #[serde(default)]
    json_output: Value,
    /// What people see at the end.
    #[serde(default)]
    respond_with: RespondWith,
    /// The heading of the end.
    #[serde(default, deserialize_with = "lenient::text")]
    completion_title: String,
    /// The text of the end.
    #[serde(default, deserialize_with = "lenient::text")]
    completion_message: String,
    /// The address to which people are sent at the end.
    #[serde(default, deserialize_with = "lenient::text")]
    redirect_url: String,
    /// HTML of the end. Scripts and forms in it are left out.
    #[serde(default, deserialize_with = "lenient::text")]
    response_text: String,
    /// The file of the first item that people get at the end.
    #[serde(default = "data", deserialize_with = "lenient::text")]
    input_data_field_name: String,
    /// Wait for people no longer than the limit below, then go on with the items as they are.
    #[serde(default, deserialize_with = "lenient::flag")]
    limit_wait_time: bool,
    #[serde(flatten)]
    limit: wait::Limit,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// A further page, or the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// A further page.
    #[default]
    Page,
    /// The end.
    Completion,
}

/// How the fields are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Define {
    /// Written out.
    #[default]
    Fields,
    /// As JSON.
    Json,
}

/// What people see at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RespondWith {
    /// A heading and a text.
    #[default]
    Text,
    /// Another page.
    Redirect,
    /// HTML.
    ShowText,
    /// A file.
    ReturnBinary,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The heading.
    #[serde(deserialize_with = "lenient::text")]
    form_title: String,
    /// A text below the heading; it may have simple HTML.
    #[serde(deserialize_with = "lenient::text")]
    form_description: String,
    /// The text of the button.
    #[serde(deserialize_with = "lenient::text")]
    button_label: String,
    /// CSS of your own, behind that of the page.
    #[serde(deserialize_with = "lenient::text")]
    custom_css: String,
}

/// How long an end waits for somebody to look at it.
const END_MS: u64 = 30_000;

fn data() -> String {
    "data".to_owned()
}

impl Node for Form {
    const KIND: &'static str = "form";
    const SPEC: Spec = Spec {
        title: "Form",
        summary: "Shows people a further page of a form, or how it ends.",
        category: Category::Flow,
        aliases: &["page", "ask", "ending", "completion", "thank you"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Ask for more on a further page",
            params: r#"{"formFields": {"values": [{"fieldLabel": "Street"}, {"fieldLabel": "City"}]},
                "options": {"formTitle": "={{ $json.Name }}, where do you live?"}}"#,
            input: r#"[{"Name": "Ann"}]"#,
            output: "null",
        },
        Example {
            title: "Say thanks at the end",
            params: r#"{"operation": "completion", "completionTitle": "Thanks", "completionMessage": "We will call you."}"#,
            input: r#"[{"Name": "Ann"}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if input.items().is_empty() {
            return Ok(Outcome::items(Vec::new()));
        }
        let params = input.params(0)?;
        match &ctx.resumed {
            Some(Resumed::Call(request)) if params.operation == Operation::Page => {
                let item = forms::Given::read(&params.fields()?, request).item();
                let is_test = ctx.mode == linkflow_model::Mode::Manual;
                Ok(Outcome::items(vec![forms::stamped(item, ctx.now, &ctx.timezone, is_test)]))
            }
            Some(_) => {
                let items = input.items().iter().enumerate();
                Ok(Outcome::items(items.map(|(i, item)| item.clone().paired_with(i)).collect()))
            }
            None => Ok(Outcome::Park(Rest::Call { until: params.until(ctx)? })),
        }
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Webhook(WebhookTrigger { routes, auth, intake, accept, has_pages: |_| true }))
    }
}

/// The page is shown by GET, and sent by POST; an end is only shown.
pub fn routes(_node: &WorkflowNode) -> Result<Vec<Route>, NodeError> {
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

/// The page, or that it was filled in; an end is over when it was shown.
pub fn accept(node: &WorkflowNode, request: &Request) -> Result<Accepted, Refusal> {
    let broken = |e: NodeError| Refusal::new(500, e.to_string());
    let params: Params = trigger_params::read(node, None).map_err(broken)?;
    if params.operation == Operation::Completion {
        return Ok(Accepted { items: Vec::new(), respond: params.end() });
    }
    let fields = params.fields().map_err(broken)?;
    if request.method != "POST" {
        return Err(Refusal::with(forms::asking(&params.frame(), &fields, &request.query)));
    }
    let given = forms::read(&params.frame(), &fields, request).map_err(Refusal::with)?;
    Ok(Accepted { items: vec![given.item()], respond: Respond::Pages { done: None } })
}

impl Params {
    fn fields(&self) -> Result<Vec<forms::Field>, NodeError> {
        let written = if self.define_form == Define::Json { &self.json_output } else { &Value::Null };
        forms::fields_of(&self.form_fields, written)
    }

    fn frame(&self) -> Frame {
        Frame {
            title: self.options.form_title.clone(),
            about: self.options.form_description.clone(),
            button: self.options.button_label.clone(),
            css: self.options.custom_css.clone(),
        }
    }

    fn until(&self, ctx: &Ctx) -> Result<Option<Millis>, NodeError> {
        match self.operation {
            Operation::Completion => Ok(Some(ctx.now.plus(END_MS))),
            Operation::Page if self.limit_wait_time => self.limit.at(ctx).map(Some),
            Operation::Page => Ok(None),
        }
    }

    fn end(&self) -> Respond {
        let reply = match self.respond_with {
            RespondWith::ReturnBinary => {
                return Respond::InputFile { property: self.input_data_field_name.clone() };
            }
            RespondWith::Redirect if !self.redirect_url.is_empty() => redirect(&self.redirect_url),
            RespondWith::ShowText => self.end_page("", &page::harmless(&self.response_text)),
            _ => {
                let text = format!("<p class=\"about\">{}</p>", escape(&self.completion_message));
                self.end_page(&self.completion_title, &text)
            }
        };
        Respond::Immediately(reply)
    }

    fn end_page(&self, title: &str, html: &str) -> Reply {
        let heading = if title.is_empty() { String::new() } else { format!("<h1>{}</h1>", escape(title)) };
        let title = if title.is_empty() { &self.options.form_title } else { title };
        let body = format!("{heading}{html}");
        page::reply(200, &Page { title, body: &body, css: &self.options.custom_css, again_s: None })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_node::NodeKind;
    use linkflow_node::testing::{NOW, TestHost, ctx, input, items};
    use linkflow_node::trigger::Body;
    use serde_json::json;

    use super::*;
    use crate::forms::tests::text_of;

    async fn run(params: Value, resumed: Option<Resumed>) -> Outcome {
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        ctx.resumed = resumed;
        let given = input(&params, vec![items(&json!([{"a": 1}]))]);
        NodeKind::of::<Form>().run(given, &ctx).await.unwrap()
    }

    fn node(params: Value) -> WorkflowNode {
        WorkflowNode { params: params.as_object().cloned().unwrap(), ..WorkflowNode::default() }
    }

    fn posted() -> Request {
        let fields = json!({"field-0": "Main Street"}).as_object().cloned().unwrap();
        Request { method: "POST".to_owned(), body: Body::Form(fields), ..Request::default() }
    }

    #[tokio::test]
    async fn a_page_rests_until_it_is_sent_and_gives_its_fields() {
        let page = json!({"formFields": {"values": [{"fieldLabel": "Street"}]}});
        assert!(matches!(run(page.clone(), None).await, Outcome::Park(Rest::Call { until: None })));
        let Outcome::Items(out) = run(page.clone(), Some(Resumed::Call(Box::new(posted())))).await else {
            panic!("no items")
        };
        let expected =
            json!({"Street": "Main Street", "submittedAt": "2026-03-04T05:06:07.890Z", "formMode": "test"});
        assert_eq!(json!(*out.ports[0][0].json), expected);
        let asked = accept(&node(page.clone()), &Request::default()).unwrap_err();
        assert!(text_of(asked.reply.as_deref().unwrap()).contains("Street"));
        let respond = accept(&node(page), &posted()).unwrap().respond;
        assert_eq!(respond, Respond::Pages { done: None });
    }

    #[tokio::test]
    async fn an_end_is_shown_once_and_passes_its_items_on() {
        let end = json!({"operation": "completion", "completionTitle": "Thanks", "completionMessage": "<b>"});
        let until = Some(NOW.plus(END_MS));
        let Outcome::Park(rest) = run(end.clone(), None).await else { panic!("it goes on") };
        assert_eq!(rest, Rest::Call { until });
        let Outcome::Items(out) = run(end.clone(), Some(Resumed::Time)).await else { panic!("no items") };
        assert_eq!(json!(*out.ports[0][0].json), json!({"a": 1}));
        let Respond::Immediately(reply) = accept(&node(end), &Request::default()).unwrap().respond else {
            panic!("it is not shown")
        };
        let shown = text_of(&reply);
        assert!(shown.contains("<h1>Thanks</h1>") && shown.contains("&lt;b&gt;"), "{shown}");
    }

    #[test]
    fn fields_may_be_given_as_json() {
        let page = json!({"defineForm": "json", "jsonOutput": "[{\"fieldLabel\": \"City\"}]"});
        let asked = accept(&node(page), &Request::default()).unwrap_err();
        assert!(text_of(asked.reply.as_deref().unwrap()).contains("City"));
        let wrong = accept(&node(json!({"defineForm": "json", "jsonOutput": "[{]"})), &Request::default());
        assert!(wrong.unwrap_err().message.starts_with("`jsonOutput`: must be a JSON list"));
    }
}
