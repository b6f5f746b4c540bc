//! Servers that scripts start for the tests of kinds. Each ends with its story.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::{Ctx, NodeError, Outcome};
use serde_json::{Value, json};

/// A process of a script in `scripts/`, which is called with `serve DIR` and prints names and ports,
/// and then `ready`.
pub struct Served {
    child: Child,
    pub dir: PathBuf,
    ports: BTreeMap<String, String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Served {
    pub fn start(script: &str) -> Served {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(script);
        let dir = std::env::temp_dir().join(format!("linkflow-{script}-{}", std::process::id()));
        let mut child = Command::new("bash")
            .args([&path, Path::new("serve"), &dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let mut ports = BTreeMap::new();
        for line in lines {
            match line.split_once(' ') {
                Some((name, port)) => drop(ports.insert(name.to_owned(), port.to_owned())),
                None if line == "ready" => return Served { child, dir, ports },
                None => {}
            }
        }
        panic!("scripts/{script} could not start a server");
    }

    pub fn port(&self, name: &str) -> &str {
        &self.ports[name]
    }

    /// A context whose host has one credential.
    pub fn ctx(&self, slot: &str, fields: &[(&str, &str)]) -> Ctx {
        let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let credentials = BTreeMap::from([(slot.to_owned(), fields)]);
        ctx(&self.dir.join("nodes"), Arc::new(TestHost { credentials, ..TestHost::default() }))
    }
}

/// Runs a kind, and gives the `json` of the items on its first output.
pub async fn run(ctx: &Ctx, kind: &str, params: &Value, given: &Value) -> Result<Value, NodeError> {
    let kind = linkflow_nodes::find(kind).unwrap();
    kind.check(params.as_object().unwrap()).unwrap();
    match kind.run(input(params, vec![items(given)]), ctx).await? {
        Outcome::Items(out) => Ok(out.ports[0].iter().map(|item| json!(*item.json)).collect()),
        other => panic!("{other:?}"),
    }
}
