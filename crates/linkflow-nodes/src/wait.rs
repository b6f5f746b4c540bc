//! Wait: the execution rests until a time has come or its resume address is called.

use linkflow_model::{Item, Millis, Node as WorkflowNode};
use linkflow_node::trigger::{
    Accepted, Auth, Body, Intake, Refusal, Request, Route, Trigger, WebhookTrigger,
};
use linkflow_node::{
    Category, Ctx, Example, Input, Node, NodeError, Outcome, Resumed, Spec, Wait as Rest, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::form_trigger::Form;
use crate::{dates, forms, trigger_params, webhook};

pub struct Wait;

/// Lets the execution rest until a time has come or its resume address is called.
///
/// A resting execution holds no worker and survives restarts.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What ends the wait.
    #[serde(default)]
    resume: Resume,
    /// How long to wait, for `timeInterval`.
    #[serde(default = "five", deserialize_with = "lenient::number")]
    #[schemars(range(min = 0))]
    amount: f64,
    /// The unit of `amount`.
    #[serde(default)]
    unit: Unit,
    /// Until when to wait, for `specificTime`; without a zone it is the workflow's.
    #[serde(default, deserialize_with = "lenient::text")]
    date_time: String,
    /// Wait for a call no longer than the limit below, then go on with the items as they are.
    #[serde(default, deserialize_with = "lenient::flag")]
    limit_wait_time: bool,
    #[serde(flatten)]
    limit: Limit,
    /// The heading of the form.
    #[serde(default, deserialize_with = "lenient::text")]
    form_title: String,
    /// A text below the heading; it may have simple HTML.
    #[serde(default, deserialize_with = "lenient::text")]
    form_description: String,
    /// The fields of the form. Without any, whatever is posted is taken.
    #[serde(default)]
    form_fields: forms::Fields,
    #[serde(flatten)]
    call: webhook::Params,
}

/// The longest wait for somebody.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Limit {
    /// Whether the limit is a length or a time.
    #[serde(default)]
    limit_type: LimitType,
    /// The longest wait for a call.
    #[serde(default = "one", deserialize_with = "lenient::number")]
    resume_amount: f64,
    /// The unit of `resumeAmount`.
    #[serde(default = "hours")]
    resume_unit: Unit,
    /// The last time at which a call is waited for.
    #[serde(default, deserialize_with = "lenient::text")]
    max_date_and_time: String,
}

impl Limit {
    /// When the wait is over.
    pub(crate) fn at(&self, ctx: &Ctx) -> Result<Millis, NodeError> {
        match self.limit_type {
            LimitType::AfterTimeInterval => {
                after(ctx.now, "resumeAmount", self.resume_amount, self.resume_unit)
            }
            LimitType::AtSpecifiedTime => time("maxDateAndTime", &self.max_date_and_time, ctx),
        }
    }
}

/// What ends a wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Resume {
    /// Some time has passed.
    #[default]
    TimeInterval,
    /// A time has come.
    SpecificTime,
    /// The resume address is called; the item is the request, as Webhook gives it.
    Webhook,
    /// A form is filled in at the resume address; the item has its fields.
    Form,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
}

/// How the longest wait is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LimitType {
    /// As a length.
    #[default]
    AfterTimeInterval,
    /// As a time.
    AtSpecifiedTime,
}

const WAIT_MS_MAX: f64 = 100.0 * 366.0 * 86_400_000.0;

fn five() -> f64 {
    5.0
}

fn one() -> f64 {
    1.0
}

fn hours() -> Unit {
    Unit::Hours
}

impl Node for Wait {
    const KIND: &'static str = "wait";
    const SPEC: Spec = Spec {
        title: "Wait",
        summary: "Lets the execution rest until a time has come or its resume address is called.",
        category: Category::Flow,
        aliases: &["sleep", "delay", "pause", "approval", "resume"],
        credentials: &[webhook::BASIC, webhook::HEADER, webhook::JWT],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Go on at once when the time has passed already",
            params: r#"{"resume": "specificTime", "dateTime": "2020-01-01T00:00:00"}"#,
            input: r#"[{"order": 7}]"#,
            output: r#"[[{"order": 7}]]"#,
        },
        Example {
            title: "Wait for two days",
            params: r#"{"amount": 2, "unit": "days"}"#,
            input: r#"[{"order": 7}]"#,
            output: "null",
        },
        Example {
            title: "Wait for somebody to approve, at most a day",
            params: r#"{"resume": "webhook", "httpMethod": "POST", "limitWaitTime": true,
                "resumeAmount": 24, "resumeUnit": "hours"}"#,
            input: r#"[{"order": 7}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        match &ctx.resumed {
            Some(Resumed::Call(request)) => {
                let params = input.params(0)?;
                let item = params.item(request);
                let is_test = ctx.mode == linkflow_model::Mode::Manual;
                Ok(Outcome::items(vec![match params.resume {
                    Resume::Form => forms::stamped(item, ctx.now, &ctx.timezone, is_test),
                    _ => item,
                }]))
            }
            Some(_) => Ok(unchanged(&input)),
            None => {
                if input.items().is_empty() {
                    return Ok(unchanged(&input));
                }
                match input.params(0)?.rest(ctx)? {
                    Rest::Until(at) if at <= ctx.now => Ok(unchanged(&input)),
                    rest => Ok(Outcome::Park(rest)),
                }
            }
        }
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Webhook(WebhookTrigger { routes, auth, intake, accept, has_pages }))
    }
}

/// The calls that end the wait; the path lies behind the resume address.
pub fn routes(node: &WorkflowNode) -> Result<Vec<Route>, NodeError> {
    let params: Params = trigger_params::read(node, None)?;
    let path = params.call.path.trim_matches('/').to_owned();
    let methods = match params.resume {
        Resume::TimeInterval | Resume::SpecificTime => Vec::new(),
        Resume::Webhook => params.call.methods()?,
        Resume::Form => vec!["GET".to_owned(), "POST".to_owned()],
    };
    Ok(methods.into_iter().map(|method| Route { method, path: path.clone() }).collect())
}

/// Who may end the wait.
pub fn auth(node: &WorkflowNode) -> Result<Auth, NodeError> {
    trigger_params::read::<Params>(node, None).map(|params| params.call.authentication.auth())
}

/// How the call is read.
pub fn intake(node: &WorkflowNode) -> Result<Intake, NodeError> {
    trigger_params::read::<Params>(node, None).map(|params| params.call.options.intake())
}

/// What the call gives, and how it is answered.
pub fn accept(node: &WorkflowNode, request: &Request) -> Result<Accepted, Refusal> {
    let broken = |e: NodeError| Refusal::new(500, e.to_string());
    let params: Params = trigger_params::read(node, None).map_err(broken)?;
    params.call.options.admit(request)?;
    if params.resume == Resume::Form {
        let form: Form = trigger_params::read(node, None).map_err(broken)?;
        return match form.has_fields() || request.method != "POST" {
            true => Ok(Accepted { items: vec![form.filled(request)?], respond: form.respond() }),
            false => Ok(Accepted { items: vec![params.item(request)], respond: form.respond() }),
        };
    }
    Ok(Accepted { items: vec![params.item(request)], respond: params.call.respond() })
}

/// Whether people see a page of it.
pub fn has_pages(node: &WorkflowNode) -> bool {
    node.params.get("resume").and_then(Value::as_str) == Some("form")
}

impl Params {
    fn rest(&self, ctx: &Ctx) -> Result<Rest, NodeError> {
        let until = match self.resume {
            Resume::TimeInterval => {
                return Ok(Rest::Until(after(ctx.now, "amount", self.amount, self.unit)?));
            }
            Resume::SpecificTime => return Ok(Rest::Until(time("dateTime", &self.date_time, ctx)?)),
            Resume::Webhook | Resume::Form if !self.limit_wait_time => None,
            _ => Some(self.limit.at(ctx)?),
        };
        Ok(Rest::Call { until })
    }

    fn item(&self, request: &Request) -> Item {
        let whole = webhook::item(request, &self.call.options);
        if self.resume != Resume::Form {
            return whole;
        }
        if !self.form_fields.values.is_empty() {
            return forms::Given::read(&self.form_fields.values, request).item();
        }
        let fields = match &request.body {
            Body::Json(Value::Object(fields)) | Body::Form(fields) | Body::Multipart { fields, .. } => {
                fields.clone()
            }
            _ => Default::default(),
        };
        Item { json: fields.into(), bare: None, ..whole }
    }
}

fn after(now: Millis, param: &str, amount: f64, unit: Unit) -> Result<Millis, NodeError> {
    let unit_ms = match unit {
        Unit::Seconds => 1_000.0,
        Unit::Minutes => 60_000.0,
        Unit::Hours => 3_600_000.0,
        Unit::Days => 86_400_000.0,
    };
    let ms = amount * unit_ms;
    if !(0.0..=WAIT_MS_MAX).contains(&ms) {
        return Err(NodeError::param(param, format!("must be from 0 to a hundred years, got {amount}")));
    }
    Ok(now.plus(ms as u64))
}

fn time(param: &str, text: &str, ctx: &Ctx) -> Result<Millis, NodeError> {
    let wrong = || NodeError::param(param, format!("must be a date and time, got \"{text}\""));
    dates::parse_ms(text, &dates::zone(&ctx.timezone)).map(Millis).ok_or_else(wrong)
}

fn unchanged(input: &Input<Params>) -> Outcome {
    let items = input.items().iter().enumerate();
    Outcome::items(items.map(|(i, item)| item.clone().paired_with(i)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_node::NodeKind;
    use linkflow_node::testing::{NOW, TestHost, ctx, input, items};
    use serde_json::json;

    use super::*;

    async fn run(params: Value, resumed: Option<Resumed>) -> Result<Outcome, NodeError> {
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        ctx.timezone = "Europe/Berlin".to_owned();
        ctx.resumed = resumed;
        let given = items(&json!([{"n": 1}, {"n": 2}]));
        NodeKind::of::<Wait>().run(input(&params, vec![given]), &ctx).await
    }

    async fn check_rest(params: Value, expected: Rest) {
        match run(params.clone(), None).await {
            Ok(Outcome::Park(rest)) => assert_eq!(rest, expected, "{params}"),
            other => panic!("{params}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn it_rests_until_the_time_or_the_call() {
        check_rest(json!({}), Rest::Until(NOW.plus(5_000))).await;
        check_rest(json!({"amount": "1.5", "unit": "hours"}), Rest::Until(NOW.plus(5_400_000))).await;
        let berlin = json!({"resume": "specificTime", "dateTime": "2026-06-01T12:00:00"});
        check_rest(berlin, Rest::Until(Millis(1_780_308_000_000))).await;
        check_rest(json!({"resume": "webhook"}), Rest::Call { until: None }).await;
        let limited = json!({"resume": "webhook", "limitWaitTime": true});
        check_rest(limited, Rest::Call { until: Some(NOW.plus(3_600_000)) }).await;
        let text = run(json!({"amount": -1}), None).await.unwrap_err().to_string();
        assert!(text.starts_with("`amount`: must be from 0"), "{text}");
        let text = run(json!({"resume": "specificTime", "dateTime": "soon"}), None).await.unwrap_err();
        assert!(text.to_string().contains("got \"soon\""), "{text}");
    }

    #[tokio::test]
    async fn afterwards_it_gives_its_items_or_the_call() {
        let shown = |outcome| match outcome {
            Outcome::Items(outputs) => outputs.ports[0].clone(),
            other => panic!("no items: {other:?}"),
        };
        let found = shown(run(json!({}), Some(Resumed::Time)).await.unwrap());
        assert_eq!(json!(found[1]), json!({"json": {"n": 2}, "pairedItem": {"item": 1}}));
        let request = Request { body: Body::Json(json!({"ok": true})), ..Request::default() };
        let call = || Some(Resumed::Call(Box::new(request.clone())));
        let found = shown(run(json!({"resume": "webhook"}), call()).await.unwrap());
        assert_eq!(found[0].json["body"], json!({"ok": true}));
        let found = shown(run(json!({"resume": "form"}), call()).await.unwrap());
        let stamp = json!({"ok": true, "submittedAt": "2026-03-04T06:06:07.890+01:00", "formMode": "test"});
        assert_eq!(json!(found[0].json), stamp);
    }

    #[test]
    fn only_waits_for_calls_have_an_address() {
        let routes = |params: Value| {
            routes(&WorkflowNode { params: params.as_object().cloned().unwrap(), ..WorkflowNode::default() })
                .unwrap()
        };
        assert!(routes(json!({})).is_empty());
        let route = |method: &str, path: &str| vec![Route { method: method.into(), path: path.into() }];
        assert_eq!(routes(json!({"resume": "webhook"})), route("GET", ""));
        let yes = json!({"resume": "webhook", "path": "yes", "httpMethod": "POST"});
        assert_eq!(routes(yes), route("POST", "yes"));
        assert_eq!(routes(json!({"resume": "form"})), [route("GET", ""), route("POST", "")].concat());
    }
}
