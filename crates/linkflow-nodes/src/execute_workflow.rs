//! Execute Workflow: calls another workflow, once for all items or once for each.

use linkflow_model::{Item, Object, OnError, Pair, Paired, RunError};
use linkflow_node::http::Call;
use linkflow_node::{
    Category, ChildCall, ChildResult, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Outputs,
    Resumed, Spec, WorkflowRef, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub struct ExecuteWorkflow;

/// Calls another workflow, once for all items or once for each.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Where the workflow comes from.
    #[serde(default)]
    source: Source,
    /// The workflow's id, for `database`.
    #[serde(default)]
    workflow_id: Value,
    /// The workflow itself, for `parameter`.
    #[serde(default)]
    workflow_json: Value,
    /// Path of a file below the folder for files, for `localFile`.
    #[serde(default, deserialize_with = "lenient::text")]
    workflow_path: String,
    /// Address of a workflow file, for `url`.
    #[serde(default, deserialize_with = "lenient::text")]
    workflow_url: String,
    /// Whether it is called once with all items or once for each of them.
    #[serde(default)]
    mode: Mode,
    /// The fields that the workflow is given beside those of the items.
    #[serde(default)]
    workflow_inputs: Inputs,
    /// In mode `each`, put what failed for item `n` on output `n`, where only the first is
    /// connected as a rule. Files from n8n expect it.
    #[serde(default, deserialize_with = "lenient::flag")]
    failures_by_place: bool,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// Where a workflow comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// This server.
    #[default]
    Database,
    /// The parameter `workflowJson`.
    Parameter,
    /// A file.
    LocalFile,
    /// An address.
    Url,
}

/// How often a workflow is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Once with all items.
    #[default]
    Once,
    /// Once for each item.
    Each,
}

/// What the workflow is given.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Inputs {
    /// `autoMapInputData` for the items as they are, `defineBelow` for the fields in `value`.
    #[serde(deserialize_with = "lenient::text")]
    mapping_mode: String,
    /// The fields, by name.
    value: Option<Object>,
}

/// What is needed less often.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Wait for the end of the called workflow and go on with its items.
    #[serde(deserialize_with = "lenient::flag")]
    wait_for_sub_workflow: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { wait_for_sub_workflow: true }
    }
}

impl Node for ExecuteWorkflow {
    const KIND: &'static str = "execute_workflow";
    const SPEC: Spec = Spec {
        title: "Execute Workflow",
        summary: "Calls another workflow, once for all items or once for each.",
        category: Category::Flow,
        aliases: &["sub-workflow", "subworkflow", "call", "child"],
        effects: Effects::Outside,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Call a workflow of this server for each item",
            params: r#"{"workflowId": "0197a5b0-0000-7000-8000-000000000001", "mode": "each"}"#,
            input: r#"[{"order": 7}, {"order": 8}]"#,
            output: "null",
        },
        Example {
            title: "Start it and do not wait for its end",
            params: r#"{"workflowId": "0197a5b0-0000-7000-8000-000000000001",
                "options": {"waitForSubWorkflow": false}}"#,
            input: r#"[{"order": 7}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        match &ctx.resumed {
            Some(Resumed::Children(results)) => returned(&input, results, ctx),
            Some(_) => Ok(Outcome::items(unchanged(input.items()))),
            None => match call(&input, ctx).await {
                Err(error) if ctx.on_error != OnError::Stop => unmade(&input, &error, ctx),
                called => called,
            },
        }
    }
}

async fn call(input: &Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
    let first = input.params(0)?;
    let mut children = Vec::new();
    match first.mode {
        Mode::Once => {
            let items = (0..input.items().len()).map(|i| given(input, i)).collect::<Result<_, _>>()?;
            children.push(ChildCall { workflow: workflow(&first, ctx).await?, items });
        }
        Mode::Each => {
            for i in 0..input.items().len() {
                let workflow = workflow(&*input.params(i)?, ctx).await.map_err(|e| e.at_item(i))?;
                children.push(ChildCall { workflow, items: vec![given(input, i)?.paired_with(0)] });
            }
        }
    }
    if children.is_empty() {
        return Ok(Outcome::items(Vec::new()));
    }
    Ok(Outcome::Call { children, wait: first.options.wait_for_sub_workflow })
}

/// The item with which the workflow is called for item `index`.
fn given(input: &Input<Params>, index: usize) -> Result<Item, NodeError> {
    let item = input.items()[index].clone().paired_with(index);
    let params = input.params(index)?;
    if params.workflow_inputs.mapping_mode == "autoMapInputData" {
        return Ok(item);
    }
    Ok(match &params.workflow_inputs.value {
        Some(fields) if !fields.is_empty() => {
            let mut json = (*item.json).clone();
            json.extend(fields.clone());
            Item { json: json.into(), bare: None, ..item }
        }
        _ => item,
    })
}

async fn workflow(params: &Params, ctx: &Ctx) -> Result<WorkflowRef, NodeError> {
    match params.source {
        Source::Database => {
            let id = lenient::as_text(params.workflow_id.get("value").unwrap_or(&params.workflow_id));
            if id.trim().is_empty() {
                return Err(NodeError::param("workflowId", "no workflow is chosen"));
            }
            Ok(WorkflowRef::Id(id.trim().to_owned()))
        }
        Source::Parameter => inline("workflowJson", &params.workflow_json),
        Source::LocalFile => Ok(WorkflowRef::File(params.workflow_path.clone())),
        Source::Url => fetched(&params.workflow_url, ctx).await,
    }
}

fn inline(param: &str, value: &Value) -> Result<WorkflowRef, NodeError> {
    let value = match value {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|e| NodeError::param(param, format!("holds no valid JSON: {e}")))?,
        value => value.clone(),
    };
    if !value.is_object() {
        return Err(NodeError::param(param, format!("must hold a workflow, got {}", lenient::show(&value))));
    }
    Ok(WorkflowRef::Inline(Box::new(value)))
}

async fn fetched(address: &str, ctx: &Ctx) -> Result<WorkflowRef, NodeError> {
    let url = address.parse().map_err(|e| NodeError::param("workflowUrl", format!("\"{address}\": {e}")))?;
    let mut call = Call::new(http::Method::GET, url);
    call.cancel = ctx.cancel.clone();
    call.body_bytes_max = ctx.limits.response_bytes_max;
    let answer = ctx.http.send(call).await?;
    if !answer.status.is_success() {
        let status = answer.status;
        return Err(NodeError::param("workflowUrl", format!("{address} answers with {status}")));
    }
    let bytes = answer.bytes().await?;
    inline("workflowUrl", &Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

/// What comes out where no workflow could be called.
fn unmade(input: &Input<Params>, error: &NodeError, ctx: &Ctx) -> Result<Outcome, NodeError> {
    let run_error = error.clone().to_run_error();
    let once = input.params(0).map_or(true, |params| params.mode == Mode::Once);
    let n = if once { 1 } else { input.items().len() };
    let result = ChildResult { execution: ctx.execution, items: Err(run_error), custom_data: Object::new() };
    returned(input, &vec![result; n], ctx)
}

/// The items of the called workflows, or what failed in them.
fn returned(input: &Input<Params>, results: &[ChildResult], ctx: &Ctx) -> Result<Outcome, NodeError> {
    let n = input.items().len();
    let params = input.whole().params.clone();
    let is = |key: &str, value: Value| params.get(key) == Some(&value);
    let once = !is("mode", json!("each"));
    let by_place = is("failuresByPlace", json!(true)) && !once;
    let mut ports = vec![Vec::new()];
    for (i, result) in results.iter().enumerate() {
        match &result.items {
            Ok(found) if once => {
                let alike = found.len() == n;
                ports[0].extend(found.iter().enumerate().map(|(k, item)| paired(item, k, n, alike)));
            }
            Ok(found) => ports[0].extend(found.iter().map(|item| item.clone().paired_with(i))),
            Err(why) => {
                let place = if by_place { i.min(ctx.limits.items_max) } else { 0 };
                ports.resize(ports.len().max(place + 1), Vec::new());
                let item = ctx.failed_item(data_error(why), i)?;
                ports[place].push(if once { item.with_paired(all_of(n)) } else { item });
            }
        }
    }
    Ok(Outcome::Items(Outputs { ports, ..Outputs::default() }))
}

fn data_error(why: &RunError) -> NodeError {
    NodeError::Data { message: why.message.clone(), description: why.description.clone(), item: None }
}

fn all_of(n: usize) -> Paired {
    Paired::Many((0..n as u32).map(|item| Pair { item, ..Pair::default() }).collect())
}

/// An item of a workflow that was called with all items: by its place where as many came back,
/// to the only item where there was one, else as its workflow left it, or to all of them.
fn paired(item: &Item, index: usize, n: usize, alike: bool) -> Item {
    let item = item.clone();
    match &item.paired {
        _ if n == 1 => item.paired_with(0),
        Paired::One(pair) if (pair.item as usize) < n && pair.source.is_none() => {
            let from = pair.item as usize;
            item.paired_with(from)
        }
        _ if alike => item.paired_with(index),
        _ => item.with_paired(all_of(n)),
    }
}

fn unchanged(items: &[Item]) -> Vec<Item> {
    items.iter().enumerate().map(|(i, item)| item.clone().paired_with(i)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_model::{ExecutionId, Millis};
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};

    use super::*;

    async fn run(params: Value, change: impl FnOnce(&mut Ctx)) -> Result<Outcome, NodeError> {
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        change(&mut ctx);
        let given = items(&json!([{"n": 1}, {"n": 2}]));
        NodeKind::of::<ExecuteWorkflow>().run(input(&params, vec![given]), &ctx).await
    }

    fn result(items_or_error: Result<Value, &str>) -> ChildResult {
        let error = |m: &str| RunError {
            message: m.to_owned(),
            description: None,
            param: None,
            item: None,
            http_code: None,
        };
        ChildResult {
            execution: ExecutionId::new(Millis(1), 1),
            items: items_or_error.map(|v| items(&v)).map_err(error),
            custom_data: Object::new(),
        }
    }

    fn shown(outcome: Outcome) -> Value {
        let Outcome::Items(outputs) = outcome else { panic!("no items: {outcome:?}") };
        json!(outputs.ports[0])
    }

    #[tokio::test]
    async fn it_calls_once_or_for_each_item() {
        for (mode, expected) in [("once", vec![2]), ("each", vec![1, 1])] {
            let Ok(Outcome::Call { children, wait }) =
                run(json!({"workflowId": {"__rl": true, "value": "w"}, "mode": mode}), |_| {}).await
            else {
                panic!("no call")
            };
            assert!(wait);
            assert_eq!(children.iter().map(|c| c.items.len()).collect::<Vec<_>>(), expected);
            assert!(children.iter().all(|c| c.workflow == WorkflowRef::Id("w".to_owned())));
        }
        let mapped = json!({"source": "parameter", "workflowJson": "{\"nodes\": []}",
            "workflowInputs": {"mappingMode": "defineBelow", "value": {"k": 5}}});
        let Ok(Outcome::Call { children, .. }) = run(mapped, |_| {}).await else { panic!("no call") };
        assert_eq!(*children[0].items[1].json, *json!({"n": 2, "k": 5}).as_object().unwrap());
        assert_eq!(children[0].workflow, WorkflowRef::Inline(Box::new(json!({"nodes": []}))));
    }

    #[tokio::test]
    async fn it_goes_on_with_the_items_of_the_called_workflows() {
        let each = json!({"workflowId": "w", "mode": "each"});
        let results = || vec![result(Ok(json!([{"a": 1}, {"a": 2}]))), result(Err("sold out"))];
        let outcome = run(each.clone(), |ctx| {
            ctx.resumed = Some(Resumed::Children(results()));
            ctx.on_error = OnError::ContinueRegular;
        });
        let expected = json!([
            {"json": {"a": 1}, "pairedItem": {"item": 0}},
            {"json": {"a": 2}, "pairedItem": {"item": 0}},
            {"json": {"error": "sold out"}, "pairedItem": {"item": 1}}
        ]);
        assert_eq!(shown(outcome.await.unwrap()), expected);
        let mut by_place = each.clone();
        by_place["failuresByPlace"] = json!(true);
        let outcome = run(by_place, |ctx| {
            ctx.resumed = Some(Resumed::Children(results()));
            ctx.on_error = OnError::ContinueRegular;
        });
        let Ok(Outcome::Items(outputs)) = outcome.await else { panic!("no items") };
        assert_eq!(outputs.ports.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        let error = run(each, |ctx| ctx.resumed = Some(Resumed::Children(results()))).await.unwrap_err();
        assert_eq!(error.to_run_error().message, "sold out");
        assert_eq!(error.to_run_error().item, Some(1));
    }

    #[tokio::test]
    async fn nobody_is_waited_for_when_the_author_says_so() {
        let params = json!({"workflowId": "w", "options": {"waitForSubWorkflow": false}});
        let Ok(Outcome::Call { wait, .. }) = run(params.clone(), |_| {}).await else { panic!("no call") };
        assert!(!wait);
        let started = run(params, |ctx| ctx.resumed = Some(Resumed::Started(vec![]))).await.unwrap();
        assert_eq!(shown(started)[1], json!({"json": {"n": 2}, "pairedItem": {"item": 1}}));
    }

    #[tokio::test]
    async fn it_goes_on_without_a_workflow_where_the_policy_says_so() {
        let params = json!({"source": "parameter", "workflowJson": "x"});
        let outcome = run(params, |ctx| ctx.on_error = OnError::ContinueRegular).await.unwrap();
        let found = shown(outcome);
        assert!(found[0]["json"]["error"].as_str().unwrap().contains("no valid JSON"), "{found}");
        assert_eq!(found[0]["pairedItem"], json!([{"item": 0}, {"item": 1}]));
    }

    #[tokio::test]
    async fn a_workflow_that_is_none_is_named() {
        for (params, part) in [
            (json!({}), "`workflowId`: no workflow is chosen"),
            (json!({"source": "parameter", "workflowJson": "x"}), "`workflowJson`: holds no valid JSON"),
            (json!({"source": "parameter", "workflowJson": "[]"}), "must hold a workflow, got []"),
            (json!({"source": "url", "workflowUrl": "x"}), "`workflowUrl`: \"x\""),
        ] {
            let error = run(params, |_| {}).await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
