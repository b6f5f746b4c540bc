//! Code: runs the author's own JavaScript or Python on the items. Also the common part of the
//! older kinds that do the same; what keeps the code in its bounds is behind `ctx.code`.

use linkflow_model::{Item, Object, OnError};
use linkflow_node::lenient;
use linkflow_node::{
    Category, CodeCall, CodeMode, CodeResult, Ctx, Example, Input, Language, Node, NodeError, Outcome,
    Outputs, Spec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::notes;

pub struct Code;

/// Runs the author's own code on the items.
///
/// `$getWorkflowStaticData` gives data that executions keep for later ones: it is read when the code
/// first asks, changed by the execution for itself, and kept when the execution ends, however that
/// is. Executions by hand keep nothing. Of two executions at once, the one that ends last has the last
/// word.
///
/// Python runs in the `python3` of the machine, with the modules of its standard library that need
/// no file, network or process. It sees `_items`, or `_item` and `_json` for each item, and
/// `_input`, `_("Node")`, `_workflow`, `_execution`, `_vars`, `_env`, `_now`, `_today`,
/// `_getWorkflowStaticData`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether the code runs once on all items, or once for each of them.
    #[serde(default)]
    mode: Mode,
    /// The language of the code.
    #[serde(default)]
    language: Lang,
    /// The code, for JavaScript. It sees `$input` and gives items with `return`.
    #[serde(default, deserialize_with = "lenient::text")]
    js_code: String,
    /// The code, for Python. It sees `_items` or `_item` and gives items with `return`.
    #[serde(default, deserialize_with = "lenient::text")]
    python_code: String,
}

/// How often the code runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Once; it sees all items.
    #[default]
    RunOnceForAllItems,
    /// Once for each item.
    RunOnceForEachItem,
}

/// The language of the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Lang {
    /// JavaScript.
    #[default]
    JavaScript,
    /// Python.
    #[serde(alias = "pythonNative")]
    Python,
}

impl Node for Code {
    const KIND: &'static str = "code";
    const SPEC: Spec = Spec {
        title: "Code",
        summary: "Runs your own JavaScript or Python on the items.",
        category: Category::Code,
        aliases: &["javascript", "js", "python", "script", "function", "custom"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Make one item of all items",
            params: r#"{"jsCode": "return [{json: {sum: $input.all().reduce((sum, item) => sum + item.json.n, 0)}}];"}"#,
            input: r#"[{"n": 1}, {"n": 2}]"#,
            output: "null",
        },
        Example {
            title: "Change each item",
            params: r#"{"mode": "runOnceForEachItem", "jsCode": "return {...$json, double: $json.n * 2};"}"#,
            input: r#"[{"n": 1}, {"n": 2}]"#,
            output: "null",
        },
        Example {
            title: "Count executions in static data",
            params: r#"{"jsCode": "const kept = $getWorkflowStaticData('global');\nkept.count = (kept.count ?? 0) + 1;\nreturn [{json: {count: kept.count}}];"}"#,
            input: r#"[{}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let (language, field, source) = match params.language {
            Lang::JavaScript => (Language::JavaScript, "jsCode", &params.js_code),
            Lang::Python => (Language::Python, "pythonCode", &params.python_code),
        };
        let mode = match params.mode {
            Mode::RunOnceForAllItems => CodeMode::AllItems,
            Mode::RunOnceForEachItem if ctx.on_error == OnError::Stop => CodeMode::EachItem,
            Mode::RunOnceForEachItem => CodeMode::EachItemGoingOn,
        };
        execute(&input, ctx, language, mode, (field, source)).await
    }
}

/// Runs the code that the parameter `field` holds, and keeps what it leaves behind: static data
/// and notes on the execution.
pub(crate) async fn execute<P: serde::de::DeserializeOwned>(
    input: &Input<P>,
    ctx: &Ctx,
    language: Language,
    mode: CodeMode,
    (field, source): (&str, &str),
) -> Result<Outcome, NodeError> {
    if source.trim().is_empty() {
        return Err(NodeError::param(field, "must not be empty: write code that returns items"));
    }
    let own = format!("node:{}", ctx.node);
    let goes_on = |error: &NodeError| match mode {
        _ if ctx.on_error == OnError::Stop => false,
        CodeMode::AllItems => !gave_no_items(error),
        mode => mode == CodeMode::Function,
    };
    let call = CodeCall {
        language,
        mode,
        source: source.to_owned(),
        input: input.whole().clone(),
        static_global: kept(ctx, GLOBAL).await?,
        static_node: kept(ctx, &own).await?,
        time_ms: ctx.limits.code_ms,
        memory_bytes: ctx.limits.code_memory_bytes,
    };
    let result = tokio::select! {
        biased;
        () = ctx.cancel.cancelled() => return Err(NodeError::Canceled),
        result = ctx.code.run(call) => result,
    };
    let result = match result {
        Err(error) if goes_on(&error) => return failed(&error, mode),
        result => result?,
    };
    let CodeResult { items, logs, static_global, static_node, custom_data, .. } = result;
    if items.len() > ctx.limits.items_max {
        let limit = ctx.limits.items_max.to_string();
        return Err(NodeError::Limit { what: "the items that code gives".to_owned(), limit });
    }
    for (key, data) in [(GLOBAL, static_global), (&own, static_node)] {
        if let Some(data) = data {
            ctx.host.keep(key, Value::Object(data)).await?;
        }
    }
    for (key, value) in custom_data.unwrap_or_default() {
        notes::write(&input.whole().env.custom_data, &key, &value)?;
    }
    Ok(Outcome::Items(Outputs { ports: vec![items], logs, ..Outputs::default() }))
}

/// Whether the code did not throw, but gave what is no list of items: that fails the node itself.
fn gave_no_items(error: &NodeError) -> bool {
    let message = error.to_string();
    let ours = ["the code must return", "the `json` of an item", "an item "];
    ours.iter().any(|start| message.starts_with(start)) && !message.contains("[line ")
}

/// Code that sees all items and fails gives one item with its error, which nobody can pair. The
/// older node tells no place in the code.
fn failed(error: &NodeError, mode: CodeMode) -> Result<Outcome, NodeError> {
    let mut text = error.to_string();
    if mode == CodeMode::Function
        && text.ends_with(']')
        && let Some(at) = text.rfind(" [line ")
    {
        text.truncate(at);
    }
    Ok(Outcome::items(vec![Item::new(Object::from_iter([("error".to_owned(), Value::String(text))]))]))
}

/// The key of the static data that all nodes of a workflow share.
const GLOBAL: &str = "global";

async fn kept(ctx: &Ctx, key: &str) -> Result<Object, NodeError> {
    match ctx.host.kept(key).await? {
        Some(Value::Object(data)) => Ok(data),
        _ => Ok(Object::new()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use linkflow_node::testing::{TestHost, ctx, input, items};
    use linkflow_node::{BoxFuture, CodeRunner, NodeKind};
    use serde_json::json;

    use super::*;

    /// Notes what it is asked and gives what it was made with.
    #[derive(Default)]
    pub(crate) struct Runner {
        pub gives: CodeResult,
        pub asked: Mutex<Vec<(Language, CodeMode, String, Object, Object)>>,
    }

    impl CodeRunner for Runner {
        fn run<'a>(&'a self, call: CodeCall) -> BoxFuture<'a, Result<CodeResult, NodeError>> {
            let asked = (call.language, call.mode, call.source, call.static_global, call.static_node);
            self.asked.lock().unwrap().push(asked);
            Box::pin(async { Ok(self.gives.clone()) })
        }
    }

    /// How `kind` with `params` asks for its code to be run.
    pub(crate) async fn asked(
        kind: NodeKind,
        params: &Value,
        on_error: OnError,
    ) -> Result<(Language, CodeMode, String), NodeError> {
        let dir = tempfile::tempdir().unwrap();
        let runner = Arc::new(Runner::default());
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        ctx.code = runner.clone();
        ctx.on_error = on_error;
        kind.run(input(params, vec![items(&json!([{"n": 1}]))]), &ctx).await?;
        let (language, mode, source, ..) = runner.asked.lock().unwrap().remove(0);
        Ok((language, mode, source))
    }

    #[tokio::test]
    async fn the_code_runs_in_the_language_and_as_often_as_chosen() {
        let code = NodeKind::of::<Code>();
        for (params, on_error, expected) in [
            (json!({"jsCode": "a"}), OnError::Stop, (Language::JavaScript, CodeMode::AllItems, "a")),
            (
                json!({"jsCode": "a", "pythonCode": "b", "language": "python"}),
                OnError::ContinueRegular,
                (Language::Python, CodeMode::AllItems, "b"),
            ),
            (
                json!({"pythonCode": "b", "language": "pythonNative", "mode": "runOnceForEachItem"}),
                OnError::Stop,
                (Language::Python, CodeMode::EachItem, "b"),
            ),
            (
                json!({"jsCode": "a", "mode": "runOnceForEachItem"}),
                OnError::ContinueErrorOutput,
                (Language::JavaScript, CodeMode::EachItemGoingOn, "a"),
            ),
        ] {
            let (language, mode, source) = asked(code, &params, on_error).await.unwrap();
            assert_eq!((language, mode, source.as_str()), expected, "{params}");
        }
        let error = asked(code, &json!({"jsCode": " "}), OnError::Stop).await.unwrap_err();
        assert!(error.to_string().starts_with("`jsCode`: must not be empty"), "{error}");
    }

    #[tokio::test]
    async fn what_the_code_leaves_behind_is_kept() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let host = Arc::new(TestHost::default());
        host.kept.lock().unwrap().insert("global".to_owned(), json!({"g": 1}));
        host.kept.lock().unwrap().insert("node:Node".to_owned(), json!({"n": 1}));
        let gives = CodeResult {
            items: items(&json!([{"a": 1}])),
            logs: vec!["line".to_owned()],
            static_node: Some(object(json!({"n": 2}))),
            custom_data: Some(object(json!({"k": "v"}))),
            ..CodeResult::default()
        };
        let runner = Arc::new(Runner { gives, ..Runner::default() });
        let mut ctx = ctx(dir.path(), host.clone());
        ctx.code = runner.clone();
        let given = input(&json!({"jsCode": "a"}), vec![items(&json!([{}]))]);

        let outcome = NodeKind::of::<Code>().run(given.clone(), &ctx).await.unwrap();

        let Outcome::Items(outputs) = outcome else { panic!("{outcome:?}") };
        assert_eq!(outputs.ports, vec![items(&json!([{"a": 1}]))]);
        assert_eq!(outputs.logs, ["line"]);
        let (.., global, node) = runner.asked.lock().unwrap().remove(0);
        assert_eq!((json!(global), json!(node)), (json!({"g": 1}), json!({"n": 1})));
        let kept = host.kept.lock().unwrap();
        assert_eq!((&kept["global"], &kept["node:Node"]), (&json!({"g": 1}), &json!({"n": 2})));
        assert_eq!(json!(*given.env.custom_data.lock().unwrap()), json!({"k": "v"}));
    }
}
