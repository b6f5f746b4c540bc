//! Git, against `git http-backend` behind a small server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_model::OnError;
use linkflow_node::http::{Guard, Http};
use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::{Ctx, NodeError, Outcome};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

/// Repositories below a folder, to read for everybody and to write for `me` with the password `secret`.
struct Server {
    folder: TempDir,
    address: String,
}

const ME: &str = "Basic bWU6c2VjcmV0";

async fn backend(State(root): State<PathBuf>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let path = head.uri.path().to_owned();
    let writes = query.contains("git-receive-pack") || path.ends_with("git-receive-pack");
    let knows_me = head.headers.get(header::AUTHORIZATION).is_some_and(|value| value == ME);
    if writes && !knows_me {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if let Some(rest) = path.strip_prefix("/moved/") {
        let to = format!("/{rest}?{query}");
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)]).into_response();
    }
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body: Bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", &path)
        .env("QUERY_STRING", &query)
        .env("REQUEST_METHOD", head.method.as_str())
        .env("CONTENT_TYPE", kind)
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_USER", "me")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git starts; install it");
    let mut stdin = child.stdin.take().unwrap();
    let writing = async move {
        // Who does not want it closes its end.
        let _ = stdin.write_all(&body).await;
    };
    let (_, out) = tokio::join!(writing, child.wait_with_output());
    let out = out.unwrap().stdout;
    let end = out.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let told = String::from_utf8_lossy(&out[..end]).into_owned();
    let field =
        |name: &str| told.lines().find_map(|line| line.strip_prefix(name).map(str::trim).map(str::to_owned));
    let status = field("Status:").and_then(|text| text[..3].parse().ok()).unwrap_or(200);
    let kind = field("Content-Type:").unwrap_or_default();
    (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, kind)], out[end + 4..].to_vec())
        .into_response()
}

fn git(folder: &Path, args: &[&str]) -> String {
    let out = std::process::Command::new("git")
        .args(["-c", "user.name=A B", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git starts; install it");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

impl Server {
    /// A server with one repository, `project.git`, of two commits.
    async fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs");
        std::fs::create_dir_all(&theirs).unwrap();
        git(&theirs, &["init", "-q", "work"]);
        let work = theirs.join("work");
        std::fs::write(work.join("a.txt"), "a\n").unwrap();
        std::os::unix::fs::symlink("/etc", work.join("link")).unwrap();
        git(&work, &["add", "."]);
        git(&work, &["commit", "-qm", "first line\n\nmore of it"]);
        std::fs::write(work.join("b.txt"), "b\n").unwrap();
        git(&work, &["add", "."]);
        git(&work, &["commit", "-qm", "second"]);
        git(&work, &["tag", "v1"]);
        git(&theirs, &["clone", "-q", "--bare", "work", "project.git"]);
        let app = axum::Router::new().fallback(backend).with_state(theirs);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Server { folder, address }
    }

    fn ctx(&self) -> Ctx {
        let fields = [("username", "me"), ("password", "secret")];
        let fields = fields.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let credentials = BTreeMap::from([("git_password".to_owned(), BTreeMap::from(fields))]);
        ctx(self.folder.path(), Arc::new(TestHost { credentials, ..TestHost::default() }))
    }

    fn files(&self, path: &str) -> PathBuf {
        self.folder.path().join("files").join(path)
    }

    fn theirs(&self) -> PathBuf {
        self.folder.path().join("theirs/project.git")
    }

    async fn run(&self, operation: &str, path: &str, more: Value) -> Value {
        match self.tried(operation, path, more).await {
            Ok(found) => found,
            Err(error) => panic!("{operation}: {error}"),
        }
    }

    async fn tried(&self, operation: &str, path: &str, more: Value) -> Result<Value, NodeError> {
        run(&self.ctx(), operation, path, more).await
    }

    async fn clone_to(&self, path: &str) {
        let source = json!({"sourceRepository": format!("{}/project.git", self.address)});
        self.run("clone", path, source).await;
        let who = json!({"userName": "N N", "userEmail": "n@n.n"});
        assert_eq!(self.run("userSetup", path, who).await, json!([{"success": true}]));
    }
}

async fn run(ctx: &Ctx, operation: &str, path: &str, more: Value) -> Result<Value, NodeError> {
    let mut params = json!({"operation": operation, "repositoryPath": path});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let kind = linkflow_nodes::find("git").unwrap();
    kind.check(params.as_object().unwrap()).unwrap();
    match kind.run(input(&params, vec![items(&json!([{}]))]), ctx).await? {
        Outcome::Items(out) => Ok(out.ports[0].iter().map(|item| json!(*item.json)).collect()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_comes_here_changes_and_goes_back() {
    let server = Server::start().await;
    server.clone_to("one").await;
    let log = server.run("log", "one", json!({})).await;
    let shown: Vec<&Value> = log.as_array().unwrap().iter().map(|c| &c["message"]).collect();
    assert_eq!(shown, ["second", "first line"]);
    assert_eq!(log[1]["body"], "more of it\n");
    assert_eq!(log[0]["refs"], "HEAD -> main, tag: v1, origin/main, origin/HEAD");
    assert_eq!((&log[0]["author_name"], &log[0]["author_email"]), (&json!("A B"), &json!("a@b.c")));
    assert!(log[0]["date"].as_str().unwrap().contains('T'), "{log}");
    let link = server.files("one/link");
    assert!(link.symlink_metadata().unwrap().is_file(), "links are checked out as files");

    std::fs::write(server.files("one/a.txt"), "changed").unwrap();
    std::fs::remove_file(server.files("one/b.txt")).unwrap();
    std::fs::create_dir(server.files("one/new")).unwrap();
    std::fs::write(server.files("one/new/c.txt"), "c").unwrap();
    let file =
        |path: &str, index: &str, here: &str| json!({"path": path, "index": index, "working_dir": here});
    let status = server.run("status", "one", json!({})).await;
    assert_eq!(
        status[0]["files"],
        json!([file("a.txt", " ", "M"), file("b.txt", " ", "D"), file("new/c.txt", "?", "?")])
    );
    assert_eq!((&status[0]["modified"], &status[0]["deleted"]), (&json!(["a.txt"]), &json!(["b.txt"])));
    assert_eq!((&status[0]["not_added"], &status[0]["staged"]), (&json!(["new/c.txt"]), &json!([])));
    assert_eq!((&status[0]["current"], &status[0]["tracking"]), (&json!("main"), &json!("origin/main")));
    server.run("add", "one", json!({"pathsToAdd": "new, b.txt"})).await;
    let status = server.run("status", "one", json!({})).await;
    assert_eq!(
        (&status[0]["created"], &status[0]["staged"]),
        (&json!(["new/c.txt"]), &json!(["b.txt", "new/c.txt"]))
    );

    server.run("commit", "one", json!({"message": "third", "options": {"pathsToAdd": "a.txt"}})).await;
    let names = git(&server.files("one"), &["show", "--name-only", "--format=%s by %an", "HEAD"]);
    assert_eq!(names, "third by N N\n\na.txt", "only what was named");
    server.run("commit", "one", json!({"message": "fourth"})).await;
    server.run("commit", "one", json!({"message": "nothing has changed"})).await;
    server.run("tag", "one", json!({"name": "v2"})).await;
    let status = server.run("status", "one", json!({})).await;
    assert_eq!((&status[0]["ahead"], &status[0]["behind"]), (&json!(2), &json!(0)));
    let closed = server.tried("push", "one", json!({})).await.unwrap_err();
    assert!(matches!(&closed, NodeError::Credential(text) if text.contains("401")), "{closed:?}");
    let known = json!({"authentication": "gitPassword"});
    assert_eq!(server.run("push", "one", known.clone()).await, json!([{"success": true}]));
    server.run("pushTags", "one", known).await;
    assert_eq!(git(&server.theirs(), &["log", "-1", "--format=%s", "v2"]), "fourth");

    let of_file = server.run("log", "one", json!({"options": {"file": "a.txt"}, "limit": 1})).await;
    assert_eq!((of_file.as_array().unwrap().len(), &of_file[0]["message"]), (1, &json!("third")));
    let config = server.run("listConfig", "one", json!({})).await;
    assert_eq!(config[0]["user.email"], "n@n.n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_did_is_pulled_and_merged_or_left_alone() {
    let server = Server::start().await;
    server.clone_to("one").await;
    server.clone_to("two").await;
    let known = json!({"authentication": "gitPassword"});
    let commit = async |path: &str, file: &str, text: &str| {
        std::fs::write(server.files(path).join(file), text).unwrap();
        server.run("commit", path, json!({"message": text, "options": {"pathsToAdd": "."}})).await;
    };
    commit("one", "a.txt", "one").await;
    server.run("push", "one", known.clone()).await;
    server.run("fetch", "two", json!({})).await;
    assert_eq!(server.run("status", "two", json!({})).await[0]["behind"], 1);
    server.run("pull", "two", json!({})).await;
    assert_eq!(std::fs::read_to_string(server.files("two/a.txt")).unwrap(), "one");

    commit("one", "x.txt", "from one").await;
    server.run("push", "one", known.clone()).await;
    commit("two", "y.txt", "from two").await;
    let refused = server.tried("push", "two", known.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("commits that are not present locally"), "{refused}");
    server.run("pull", "two", json!({})).await;
    assert!(server.files("two/x.txt").exists() && server.files("two/y.txt").exists());
    server.run("push", "two", known.clone()).await;

    commit("one", "b.txt", "here").await;
    commit("two", "b.txt", "there").await;
    server.run("push", "two", known).await;
    let conflict = server.tried("pull", "one", json!({})).await.unwrap_err().to_string();
    assert!(conflict.contains("both sides have changed b.txt"), "{conflict}");
    assert_eq!(std::fs::read_to_string(server.files("one/b.txt")).unwrap(), "here");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_out_of_the_folder_for_files_or_to_closed_addresses() {
    let server = Server::start().await;
    server.clone_to("one").await;
    let outside = server.theirs().display().to_string();
    let source = |text: &str| json!({"sourceRepository": text});
    for (operation, path, more, expected) in [
        ("clone", "../x", source("one"), "is not below"),
        ("clone", "new", source(&outside), "is neither an address"),
        ("clone", "new", source(&format!("file://{outside}")), "is not spoken here"),
        ("clone", "new", source("ssh://example.com/a"), "is not spoken here"),
        ("clone", "one", source(&format!("{}/project.git", server.address)), "not empty"),
        ("log", "nowhere", json!({}), "must be the folder of a repository"),
        ("addConfig", "one", json!({"key": "core.worktree", "value": "/etc"}), "may be one of"),
        ("addConfig", "one", json!({"key": "remote.origin.url", "value": outside}), "is neither an address"),
        ("add", "one", json!({"pathsToAdd": "no.txt"}), "fits no file"),
    ] {
        let refused = server.tried(operation, path, more.clone()).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{operation} {more}: {refused}");
    }
    assert!(!server.files("new").exists(), "what failed leaves nothing behind");
    // What another program wrote into the settings is not believed either.
    let config = server.files("one/.git/config");
    let before = std::fs::read_to_string(&config).unwrap();
    for (more, operation, expected) in [
        ("[core]\n\tworktree = /etc\n".to_owned(), "status", "lead to other places"),
        ("[include]\n\tpath = /etc/hostname\n".to_owned(), "status", "lead to other places"),
        (format!("[remote \"origin\"]\n\tpushurl = {outside}\n"), "push", "is neither an address"),
        (
            format!("[url \"{outside}\"]\n\tinsteadOf = {}/project.git\n", server.address),
            "fetch",
            "is neither",
        ),
    ] {
        std::fs::write(&config, format!("{before}{more}")).unwrap();
        let refused = server.tried(operation, "one", json!({})).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{more}: {refused}");
    }
    std::fs::write(&config, before).unwrap();
    let guarded = Ctx { http: Http::new(Guard::public_only()), ..server.ctx() };
    let closed = run(&guarded, "fetch", "one", json!({})).await.unwrap_err().to_string();
    assert!(closed.contains("is not allowed"), "{closed}");
    let goes_on = Ctx { on_error: OnError::ContinueRegular, ..server.ctx() };
    let told = run(&goes_on, "log", "nowhere", json!({})).await.unwrap();
    assert!(told[0]["error"].as_str().unwrap().contains("repositoryPath"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_for_the_server_that_is_meant_and_is_not_written_down() {
    let server = Server::start().await;
    let with_password = server.address.replace("http://", "http://me:secret@");
    let source = json!({"sourceRepository": format!("{with_password}/moved/project.git")});
    server.run("clone", "moved", source).await;
    let config = std::fs::read_to_string(server.files("moved/.git/config")).unwrap();
    assert!(!config.contains("secret"), "{config}");
    assert!(server.files("moved/a.txt").exists());
}
