//! Local File Trigger: starts the workflow when files below the folder for files come, change or go.
//!
//! It looks where schedules are kept: in `linkflow serve` that is this machine. In a cluster it is the
//! scheduler that leads, so that a folder is only of use there when all of them share it.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Item, Mode, Node as WorkflowNode, Object};
use linkflow_node::files::Listed;
use linkflow_node::schedule::Rule;
use linkflow_node::trigger::{PollTrigger, Polled, Trigger};
use linkflow_node::{
    BoxFuture, Category, Ctx, Example, Input, Node, NodeError, Outcome, RunInput, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::schedule_trigger::{self, Rules};

pub struct LocalFileTrigger;

/// Starts the workflow when files come, change or go below the folder for files: once for all that
/// was found. In a cluster, all schedulers have to share that folder.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether one file is watched, or a folder.
    #[serde(default)]
    trigger_on: TriggerOn,
    /// The file or the folder, below the folder for files.
    #[serde(default, deserialize_with = "lenient::text")]
    path: String,
    /// What has to happen in the folder.
    #[serde(default = "all_events")]
    events: Vec<Event>,
    /// How often it is looked.
    #[serde(default = "often")]
    rule: Rules,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// What is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TriggerOn {
    /// One file: when it changes.
    File,
    /// A folder, with what is below it.
    #[default]
    Folder,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// A file came.
    Add,
    /// A file changed.
    Change,
    /// A file went.
    Unlink,
    /// A folder came.
    AddDir,
    /// A folder went.
    UnlinkDir,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Files and folders whose name matches this, as `*.tmp`, are passed over.
    #[serde(deserialize_with = "lenient::text")]
    ignored: String,
    /// How many folders deep it is looked; all of them without a number or with -1.
    #[serde(deserialize_with = "lenient::integer_or_none")]
    depth: Option<i64>,
}

fn all_events() -> Vec<Event> {
    vec![Event::Add, Event::Change, Event::Unlink, Event::AddDir, Event::UnlinkDir]
}

fn often() -> Rules {
    Rules::every_seconds(5)
}

/// The most files and folders that are watched.
const WATCHED_MAX: usize = 5_000;

impl Node for LocalFileTrigger {
    const KIND: &'static str = "local_file_trigger";
    const SPEC: Spec = Spec {
        title: "Local File Trigger",
        summary: "Starts the workflow when files come, change or go.",
        category: Category::Trigger,
        aliases: &["watch", "folder", "directory", "file system", "disk"],
        inputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Work on each file that comes into a folder",
            params: r#"{"path": "inbox", "events": ["add"]}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "Notice when a file changes",
            params: r#"{"triggerOn": "file", "path": "prices.csv"}"#,
            input: "[]",
            output: "null",
        },
    ];
    type Params = Params;

    /// By hand it gives an item as one that comes.
    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if ctx.mode != Mode::Manual {
            return Ok(Outcome::items(input.items().as_ref().clone()));
        }
        let params = input.params(0)?;
        let found = look(&params, ctx).await?;
        let first = found.into_iter().next();
        Ok(Outcome::items(first.map(|(path, _)| item(Event::Add, &path)).into_iter().collect()))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Poll(PollTrigger { rules, poll }))
    }
}

pub fn rules(node: &WorkflowNode) -> Result<Vec<Rule>, NodeError> {
    schedule_trigger::rules_or(node, often)
}

fn poll<'a>(input: Arc<RunInput>, ctx: &'a Ctx) -> BoxFuture<'a, Result<Polled, NodeError>> {
    Box::pin(async move {
        let value = input.compiled.resolve(&input.scope(0));
        let value = value.map_err(|e| NodeError::param(e.param, e.error.to_string()))?;
        let params: Params = linkflow_node::input::read_params(&value)?;
        let found = look(&params, ctx).await?;
        Ok(compared(&params, &found, ctx.state.as_ref()))
    })
}

/// What is there: paths, with a text that changes when the file does; folders have none.
async fn look(params: &Params, ctx: &Ctx) -> Result<BTreeMap<String, String>, NodeError> {
    if params.path.trim().is_empty() {
        return Err(NodeError::param("path", "must not be empty"));
    }
    let depth = params.options.depth.and_then(|depth| usize::try_from(depth).ok());
    let depth = if params.trigger_on == TriggerOn::File { Some(0) } else { depth };
    let listed = ctx.files.tree(&params.path, depth, WATCHED_MAX).await?;
    let is_wanted = |file: &&Listed| {
        params.options.ignored.is_empty() || !is_ignored(&file.path, &params.options.ignored)
    };
    let marked = listed.iter().filter(is_wanted).map(|file| {
        let mark = if file.is_folder { String::new() } else { format!("{} {}", file.bytes, file.changed_ns) };
        (file.path.clone(), mark)
    });
    Ok(marked.collect())
}

/// Whether the name at the end of `path` matches that at the end of `pattern`.
fn is_ignored(path: &str, pattern: &str) -> bool {
    let last = |text: &str| text.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default().to_owned();
    linkflow_node::files::matches(&last(pattern), &last(path))
}

/// What has happened since `state`; nothing the first time.
fn compared(params: &Params, found: &BTreeMap<String, String>, state: Option<&Value>) -> Polled {
    let before = state.and_then(|state| state["files"].as_object());
    let mut items = Vec::new();
    let mut note = |event: Event, path: &str| {
        let is_wanted = match params.trigger_on {
            TriggerOn::File => event == Event::Change,
            TriggerOn::Folder => params.events.contains(&event),
        };
        if is_wanted {
            items.push(item(event, path));
        }
    };
    for (path, mark) in found.iter().filter(|_| before.is_some()) {
        match before.and_then(|before| before.get(path)).and_then(Value::as_str) {
            None if mark.is_empty() => note(Event::AddDir, path),
            None => note(Event::Add, path),
            Some(old) if old != mark => note(Event::Change, path),
            Some(_) => {}
        }
    }
    for (path, mark) in before.into_iter().flatten().filter(|(path, _)| !found.contains_key(*path)) {
        note(if mark == "" { Event::UnlinkDir } else { Event::Unlink }, path);
    }
    let files: Object = found.iter().map(|(path, mark)| (path.clone(), json!(mark))).collect();
    Polled { items, state: json!({"files": files}) }
}

fn item(event: Event, path: &str) -> Item {
    Item::from_value(json!({"event": event, "path": path})).paired_with(0)
}

#[cfg(test)]
mod tests {
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input};

    use super::*;

    /// Polls once, and gives what happened, as `add a.txt`.
    async fn polled(dir: &std::path::Path, params: &Value, state: &mut Option<Value>) -> Vec<String> {
        let mut ctx = ctx(dir, Arc::new(TestHost::default()));
        ctx.state = state.clone();
        let Some(Trigger::Poll(trigger)) = NodeKind::of::<LocalFileTrigger>().trigger() else {
            panic!("no poll")
        };
        let found = (trigger.poll)(input(params, vec![Vec::new()]), &ctx).await.unwrap();
        *state = Some(found.state);
        let told = |item: &Item| {
            let path = item.json["path"].as_str().unwrap().rsplit("/files/").next().unwrap().to_owned();
            format!("{} {path}", item.json["event"].as_str().unwrap())
        };
        found.items.iter().map(told).collect()
    }

    #[tokio::test]
    async fn what_comes_changes_and_goes_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = dir.path().join("files/inbox");
        std::fs::create_dir_all(&inbox).unwrap();
        std::fs::write(inbox.join("old"), "1").unwrap();
        let (params, mut state) = (json!({"path": "inbox"}), None);
        assert_eq!(polled(dir.path(), &params, &mut state).await, Vec::<String>::new());
        std::fs::write(inbox.join("old"), "22").unwrap();
        std::fs::create_dir(inbox.join("sub")).unwrap();
        std::fs::write(inbox.join("sub/new"), "1").unwrap();
        let seen = polled(dir.path(), &params, &mut state).await;
        assert_eq!(seen, ["change inbox/old", "addDir inbox/sub", "add inbox/sub/new"]);
        assert_eq!(polled(dir.path(), &params, &mut state).await, Vec::<String>::new());
        std::fs::remove_dir_all(inbox.join("sub")).unwrap();
        let seen = polled(dir.path(), &params, &mut state).await;
        assert_eq!(seen, ["unlinkDir inbox/sub", "unlink inbox/sub/new"]);
    }

    #[tokio::test]
    async fn only_what_is_asked_for_counts() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = dir.path().join("files/inbox");
        std::fs::create_dir_all(&inbox).unwrap();
        let params = json!({"path": "inbox", "events": ["add"], "options": {"ignored": "*.tmp"}});
        let mut state = None;
        polled(dir.path(), &params, &mut state).await;
        std::fs::write(inbox.join("a.tmp"), "1").unwrap();
        std::fs::write(inbox.join("a.txt"), "1").unwrap();
        assert_eq!(polled(dir.path(), &params, &mut state).await, ["add inbox/a.txt"]);
        std::fs::remove_file(inbox.join("a.txt")).unwrap();
        assert_eq!(polled(dir.path(), &params, &mut state).await, Vec::<String>::new());
        let (file, mut state) = (json!({"triggerOn": "file", "path": "inbox/a.tmp"}), None);
        polled(dir.path(), &file, &mut state).await;
        std::fs::write(inbox.join("a.tmp"), "longer").unwrap();
        assert_eq!(polled(dir.path(), &file, &mut state).await, ["change inbox/a.tmp"]);
    }
}
