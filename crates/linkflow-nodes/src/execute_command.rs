//! Execute Command: runs a command of the machine that drives the execution. Only where whoever runs
//! it has allowed that.
//!
//! The command goes to a shell, as that is what it is for. It sees nothing of our own environment but
//! where programs are.

use std::process::Stdio;
use std::time::Duration;

use linkflow_model::{Item, Object};
use linkflow_node::{Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

pub struct ExecuteCommand;

/// Runs a command on the machine that drives the execution, and gives what it printed.
///
/// Off unless the setting `execute_command` allows it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Run once, whatever the number of items is.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    execute_once: bool,
    /// The command, for the shell `sh`.
    #[serde(default, deserialize_with = "lenient::text")]
    command: String,
}

fn yes() -> bool {
    true
}

/// How long a command may run, unless the node has a limit of its own.
const COMMAND_MAX: Duration = Duration::from_secs(3_600);
/// The most bytes that are kept of what a command prints.
const PRINTED_BYTES_MAX: u64 = 8 << 20;

impl Node for ExecuteCommand {
    const KIND: &'static str = "execute_command";
    const SPEC: Spec = Spec {
        title: "Execute Command",
        summary: "Runs a command on the machine that drives the execution.",
        category: Category::Code,
        aliases: &["shell", "bash", "sh", "terminal", "program", "cli"],
        effects: Effects::Outside,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "How full the disk is",
            params: r#"{"command": "df -h /"}"#,
            input: "[{}]",
            output: "null",
        },
        Example {
            title: "Once for each item",
            params: r#"{"executeOnce": false, "command": "ping -c 1 {{ $json.host }}"}"#,
            input: r#"[{"host": "example.com"}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if input.items().is_empty() {
            return Ok(Outcome::items(Vec::new()));
        }
        if !ctx.limits.commands {
            let message = "commands are not allowed here: whoever runs this server can allow them with the \
                           setting execute_command, and should know that workflows can then do what it can";
            return Err(NodeError::data(message));
        }
        let n = if input.params(0)?.execute_once { 1 } else { input.items().len() };
        let mut out = Vec::with_capacity(n);
        for index in 0..n {
            match run(&input, ctx, index).await {
                Ok(item) => out.push(item.paired_with(index)),
                Err(error) => out.push(ctx.failed_item(error, index)?),
            }
        }
        Ok(Outcome::items(out))
    }
}

async fn run(input: &Input<Params>, ctx: &Ctx, index: usize) -> Result<Item, NodeError> {
    let params = input.params(index)?;
    if params.command.trim().is_empty() {
        return Err(NodeError::param("command", "must not be empty"));
    }
    let mut child = command(&params.command)
        .spawn()
        .map_err(|e| NodeError::data(format!("the shell does not start: {e}")))?;
    let group = child.id();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(printed(stdout), printed(stderr), child.wait()) };
    let ended = tokio::select! {
        biased;
        () = ctx.cancel.cancelled() => Err(NodeError::Canceled),
        ended = tokio::time::timeout(COMMAND_MAX, all) => {
            ended.map_err(|_| NodeError::TimedOut { limit_ms: COMMAND_MAX.as_millis() as u64 })
        }
    };
    let (stdout, stderr, status) = match ended {
        Ok(ended) => ended,
        Err(error) => {
            end(group);
            return Err(error);
        }
    };
    let status = status.map_err(|e| NodeError::data(format!("the command was lost: {e}")))?;
    let (stdout, stderr) = (stdout?, stderr?);
    if !status.success() {
        let message = format!("Command failed: {}\n{stderr}", params.command);
        let description = Some(format!("it ended with {status}"));
        return Err(NodeError::Data { message: message.trim().to_owned(), description, item: None });
    }
    let json = json!({"exitCode": status.code().unwrap_or(0), "stderr": stderr, "stdout": stdout});
    Ok(Item::new(match json {
        Value::Object(json) => json,
        _ => Object::new(),
    }))
}

/// The shell with the command, in a group of its own so that all of it can be ended.
fn command(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(text).env_clear().process_group(0).kill_on_drop(true);
    for name in ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ends the command with all that it has started.
fn end(group: Option<u32>) {
    let Some(group) = group.and_then(|id| i32::try_from(id).ok()) else { return };
    // SAFETY: a call with two numbers; the group is that of a child of ours which has not been waited for.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
}

async fn printed(from: Option<impl tokio::io::AsyncRead + Unpin>) -> Result<String, NodeError> {
    let Some(from) = from else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    from.take(PRINTED_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|e| NodeError::data(format!("what the command printed cannot be read: {e}")))?;
    if bytes.len() as u64 > PRINTED_BYTES_MAX {
        let limit = format!("{} MB", PRINTED_BYTES_MAX >> 20);
        return Err(NodeError::Limit { what: "what a command prints".to_owned(), limit });
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};

    use super::*;

    async fn run(command: &str, allowed: bool) -> Result<Value, NodeError> {
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        ctx.limits.commands = allowed;
        let given = input(&json!({"command": command}), vec![items(&json!([{"n": 1}, {"n": 2}]))]);
        match NodeKind::of::<ExecuteCommand>().run(given, &ctx).await? {
            Outcome::Items(out) => Ok(out.ports[0].iter().map(|item| json!(*item.json)).collect()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_a_command_prints_is_given_once() {
        let found = run("echo hi; echo no >&2", true).await.unwrap();
        assert_eq!(found, json!([{"exitCode": 0, "stderr": "no", "stdout": "hi"}]));
        let failed = run("echo bad >&2; exit 3", true).await.unwrap_err().to_string();
        assert_eq!(failed, "Command failed: echo bad >&2; exit 3\nbad");
    }

    #[tokio::test]
    async fn nothing_runs_unless_it_is_allowed_and_nothing_secret_is_seen() {
        let refused = run("echo hi", false).await.unwrap_err().to_string();
        assert!(refused.starts_with("commands are not allowed here"), "{refused}");
        let seen = run("env | cut -d= -f1 | sort | tr '\\n' ' '", true).await.unwrap();
        let seen = seen[0]["stdout"].as_str().unwrap();
        assert!(!seen.contains("CARGO"), "{seen}");
    }

    #[tokio::test]
    async fn a_command_that_prints_without_end_is_ended() {
        let error = run("yes", true).await.unwrap_err();
        assert!(matches!(error, NodeError::Limit { .. }), "{error:?}");
    }
}
