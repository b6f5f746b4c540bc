//! FTP, against vsftpd.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use linkflow_model::{Item, OnError};
use linkflow_node::http::{Guard, Http};
use linkflow_node::testing::{TestHost, ctx, input};
use linkflow_node::{Ctx, NodeError, Outcome};
use serde_json::{Value, json};

/// A process of `scripts/file-servers.sh`; its servers end with the story.
struct Servers {
    child: Child,
    dir: PathBuf,
    ports: BTreeMap<String, String>,
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// How a server of files is spoken to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Ftp,
    Ftps,
    Implicit,
}

impl Servers {
    fn start() -> Servers {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/file-servers.sh");
        let dir = std::env::temp_dir().join(format!("linkflow-files-{}", std::process::id()));
        let mut child = Command::new("bash")
            .args([&script, Path::new("serve"), &dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let lines: Vec<String> = lines.take(4).collect();
        let ports = lines.iter().filter_map(|line| line.split_once(' '));
        let ports: BTreeMap<String, String> =
            ports.map(|(name, port)| (name.to_owned(), port.to_owned())).collect();
        assert_eq!(ports.len(), 3, "scripts/file-servers.sh could not start: {lines:?}");
        Servers { child, dir, ports }
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(name)).unwrap()
    }

    fn ctx(&self, credentials: &[(&str, &[(&str, &str)])]) -> Ctx {
        let of = |fields: &[(&str, &str)]| {
            fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let credentials = credentials.iter().map(|(slot, fields)| ((*slot).to_owned(), of(fields))).collect();
        ctx(&self.dir.join("nodes"), Arc::new(TestHost { credentials, ..TestHost::default() }))
    }

    fn files(&self, by: By) -> Ctx {
        let (name, secure) = match by {
            By::Ftp => ("ftp", ""),
            By::Ftps => ("ftps", "explicit"),
            By::Implicit => ("implicit", "implicit"),
        };
        let ca = self.text("server.crt");
        self.ctx(&[(
            "ftp",
            &[
                ("host", "localhost"),
                ("port", &self.ports[name]),
                ("username", "anonymous"),
                ("password", "x"),
                ("secure", secure),
                ("ca", &ca),
            ],
        )])
    }

    /// The path of a file, which is the same for all of them: guests are not locked in.
    fn path(&self, name: &str) -> String {
        format!("{}/files/{name}", self.dir.display())
    }
}

async fn given(ctx: &Ctx, bytes: &[u8]) -> Item {
    let file = ctx.blobs.store(bytes, "text/plain", Some("given.txt".to_owned())).await.unwrap();
    Item {
        binary: Some(Arc::new(BTreeMap::from([("data".to_owned(), file)]))),
        ..Item::from_value(json!({"n": 1}))
    }
}

async fn run(kind: &str, ctx: &Ctx, params: &Value, items: Vec<Item>) -> Result<Vec<Item>, NodeError> {
    let kind = linkflow_nodes::find(kind).unwrap();
    kind.check(params.as_object().unwrap()).unwrap();
    match kind.run(input(params, vec![items]), ctx).await? {
        Outcome::Items(mut out) => Ok(out.ports.remove(0)),
        other => panic!("{other:?}"),
    }
}

async fn json_of(kind: &str, ctx: &Ctx, params: Value) -> Value {
    let item = given(ctx, b"given").await;
    let out = run(kind, ctx, &params, vec![item]).await.unwrap_or_else(|e| panic!("{params}: {e}"));
    out.iter().map(|item| json!(*item.json)).collect()
}

/// One story, because starting the servers takes longer than all of it.
#[tokio::test]
async fn files_of_other_machines_are_read_and_written() {
    let servers = Servers::start();
    for by in [By::Ftp, By::Ftps, By::Implicit] {
        files_go_there_and_back(&servers, by).await;
        what_fails_is_told(&servers, by).await;
    }
}

async fn files_go_there_and_back(servers: &Servers, by: By) {
    let ctx = servers.files(by);
    let root = format!("{by:?} folder");
    let path = |name: &str| servers.path(&format!("{root}/{name}"));
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let upload = json!({"operation": "upload", "path": path("a/b/large.bin")});
    let item = given(&ctx, &large).await;
    let kept = run("ftp", &ctx, &upload, vec![item]).await.unwrap_or_else(|e| panic!("{by:?}: {e}"));
    assert_eq!(json!(*kept[0].json), json!({"n": 1}), "{by:?}");
    let text = json!({"operation": "upload", "path": path("a/note.txt"),
        "binaryData": false, "fileContent": "={{ $json.n }} \u{e4}"});
    json_of("ftp", &ctx, text).await;

    let download = json!({"path": path("a/b/large.bin"), "binaryPropertyName": "f"});
    let found = run("ftp", &ctx, &download, vec![given(&ctx, b"x").await]).await.unwrap();
    let file = &found[0].binary.as_ref().unwrap()["f"];
    assert_eq!(ctx.blobs.read(file).await.unwrap(), large, "{by:?}");
    assert_eq!(file.file_name.as_deref(), Some("large.bin"));

    let rename = json!({"operation": "rename", "oldPath": path("a/note.txt"),
        "newPath": path("c/d/note 2.txt"), "options": {"createDirectories": true}});
    assert_eq!(json_of("ftp", &ctx, rename).await, json!([{"success": true}]), "{by:?}");
    // Removing all must not follow it.
    std::os::unix::fs::symlink("/etc", servers.dir.join("files").join(&root).join("link")).unwrap();
    let list = json!({"operation": "list", "path": path(""), "recursive": true});
    let listed = json_of("ftp", &ctx, list).await;
    let mut shown: Vec<(String, String, u64)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            let size = if e["type"] == "-" { e["size"].as_u64().unwrap() } else { 0 };
            (e["path"].as_str().unwrap().replace(&path(""), ""), e["type"].as_str().unwrap().to_owned(), size)
        })
        .collect();
    shown.sort();
    let expected = [
        ("a", "d", 0),
        ("a/b", "d", 0),
        ("a/b/large.bin", "-", 3_000_000),
        ("c", "d", 0),
        ("c/d", "d", 0),
        ("c/d/note 2.txt", "-", 4),
        ("link", "l", 0),
    ];
    let expected = expected.map(|(path, kind, size)| (path.to_owned(), kind.to_owned(), size));
    assert_eq!(shown, expected, "{by:?}");
    let file = listed.as_array().unwrap().iter().find(|e| e["name"] == "large.bin").unwrap();
    assert!(file["rights"]["user"].as_str().unwrap().starts_with("rw"), "{file}");
    assert!(file["date"].as_str().unwrap().starts_with("20"), "{file}");

    let remove = |path: String, recursive: bool| {
        json!({"operation": "delete", "path": path,
            "options": {"folder": true, "recursive": recursive}})
    };
    let full = run("ftp", &ctx, &remove(path(""), false), vec![given(&ctx, b"x").await]).await;
    assert!(full.is_err(), "{by:?}: a folder that is not empty stays");
    let gone = remove(path("").trim_end_matches('/').to_owned(), true);
    assert_eq!(json_of("ftp", &ctx, gone).await, json!([{"success": true}]), "{by:?}");
    assert!(!servers.dir.join("files").join(&root).exists() && Path::new("/etc/passwd").exists());
}

async fn what_fails_is_told(servers: &Servers, by: By) {
    let ctx = Ctx { on_error: OnError::ContinueRegular, ..servers.files(by) };
    let params = json!({"path": "=/nothing {{ $json.n }}"});
    let out =
        run("ftp", &ctx, &params, vec![given(&ctx, b"x").await, given(&ctx, b"x").await]).await.unwrap();
    assert_eq!(out.len(), 2);
    let error = out[1].json["error"].as_str().unwrap();
    assert!(error.starts_with("\"/nothing 1\": "), "{by:?}: {error}");
    let mut small = servers.files(by);
    small.limits.file_bytes_max = 10;
    let large = servers.dir.join("files/large");
    std::fs::write(&large, [0; 100]).unwrap();
    let params = json!({"path": servers.path("large")});
    let refused = run("ftp", &small, &params, vec![given(&servers.files(by), b"x").await]).await.unwrap_err();
    assert!(matches!(refused, NodeError::Limit { .. }), "{by:?}: {refused:?}");
    let guarded = Ctx { http: Http::new(Guard::public_only()), ..servers.files(by) };
    let closed = run("ftp", &guarded, &params, vec![Item::default()]).await.unwrap_err().to_string();
    assert!(closed.contains("is not allowed"), "{by:?}: {closed}");
    if by == By::Ftps || by == By::Implicit {
        let ca = [("host", "localhost"), ("port", &servers.ports["ftps"]), ("secure", "explicit")];
        let unknown = servers.ctx(&[("ftp", &ca)]);
        let refused = run("ftp", &unknown, &params, vec![Item::default()]).await.unwrap_err().to_string();
        assert!(refused.contains("certificate"), "{refused}");
    }
}
