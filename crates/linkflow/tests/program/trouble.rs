//! What the program says when what it needs is not there, and when what it is sent is bad.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Owner, Server};
use crate::webhook::greeting;

/// Runs `serve`, which is expected to end by itself.
fn serve(dir: &Path, more: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_linkflow"))
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(dir)
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("it can be asked").is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            panic!("the server started although it could not");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().expect("its words can be read")
}

fn check(dir: &Path, more: &[&str], parts: &[&str]) {
    let output = serve(dir, more);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} are not in {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_port_that_is_taken_and_an_address_of_elsewhere_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // The last word about an option counts.
    let output = Command::new(env!("CARGO_BIN_EXE_linkflow"))
        .args(["serve", "--port", &port, "--data-dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(&format!("127.0.0.1:{port}")) && said.contains("another port with --port"),
        "{said}"
    );
    check(dir.path(), &["--host", "192.0.2.1"], &["192.0.2.1", "--host"]);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_with_the_first_ones_number() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let pid = format!("process {}", server.pid());
    check(dir.path(), &[], &["in use by", &pid, "--data-dir"]);
}

#[test]
fn a_data_folder_that_is_a_file_or_lies_below_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    check(&file, &[], &["file"]);
    check(&file.join("below"), &[], &["file/below"]);
    // A folder in the place of the database cannot be written to by anybody, root included.
    std::fs::create_dir_all(dir.path().join("data/linkflow.db")).unwrap();
    check(&dir.path().join("data"), &[], &["linkflow.db"]);
    check(Path::new("/proc/linkflow-data"), &[], &["/proc/linkflow-data"]);
}

#[tokio::test]
async fn a_newer_or_damaged_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    Server::start(dir.path()).await.kill();
    let path = dir.path().join("linkflow.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute("INSERT INTO schema_version (version) VALUES (999)", []).unwrap();
    drop(database);
    check(dir.path(), &[], &["schema version 999", "newer linkflow"]);
    let database = rusqlite::Connection::open(&path).unwrap();
    let newest: i64 =
        database.query_row("SELECT MAX(version) FROM schema_version", [], |row| row.get(0)).unwrap();
    assert_eq!(newest, 999, "nothing was changed");
    drop(database);
    let _ = std::fs::remove_file(dir.path().join("linkflow.db-wal"));
    std::fs::write(&path, "this is certainly not a database, however long it is looked at").unwrap();
    check(dir.path(), &[], &["is damaged", "restore a backup"]);
}

#[test]
fn a_key_that_cannot_be_read_or_is_too_short_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.key");
    check(
        &dir.path().join("a"),
        &["--secret-key-file", missing.to_str().unwrap()],
        &["SECRET_KEY_FILE", "missing.key"],
    );
    assert!(!missing.exists(), "a key that was named is not made up");
    std::fs::create_dir_all(dir.path().join("b")).unwrap();
    std::fs::write(dir.path().join("b/secret.key"), "short").unwrap();
    check(&dir.path().join("b"), &[], &["secret.key", "64 hex digits"]);
}

/// A request that is expected to be refused; gives the problem.
async fn refused(request: reqwest::RequestBuilder, status: u16, part: &str) -> Value {
    let response = request.send().await.expect("the server answers");
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{response:?}");
    assert_eq!(response.status().as_u16(), status);
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    problem
}

#[tokio::test]
async fn bad_requests_are_refused_with_what_is_wrong_and_the_server_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let limits = "body_bytes_max = 4096\nwebhook_bytes_max = 8192\nwebhook_parsed_bytes_max = 4096\n";
    std::fs::write(dir.path().join("linkflow.toml"), limits).unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    owner.publish(&server, &greeting("lastNode")).await;
    let post = |path: &str, body: Vec<u8>| {
        let request = owner.http.post(format!("{}{path}", server.base)).body(body);
        owner.signed(request.header("content-type", "application/json"))
    };
    let (api, hook) = ("/api/v1/workflows", "/webhook/greet");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(5_000)).into_bytes();
    refused(post(api, large.clone()), 413, "4096").await;
    refused(post(hook, large), 413, "4096").await;
    let file = owner.http.post(format!("{}{hook}", server.base)).body(vec![7; 9_000]);
    refused(file.header("content-type", "application/octet-stream"), 413, "8192").await;
    let deep = [vec![b'['; 500], vec![b']'; 500]].concat();
    refused(post(api, deep.clone()), 400, "nested deeper").await;
    refused(post(hook, deep), 400, "nested deeper").await;
    refused(post(api, b"{\"name\": \"\xff\"}".to_vec()), 400, "not UTF-8").await;
    refused(post(hook, b"{\"name\": \"\xff\"}".to_vec()), 400, "UTF-8").await;
    refused(post(hook, b"{\"name\": ".to_vec()), 400, "JSON").await;
    refused(post("/webhook/nobody", Vec::new()), 404, "nobody").await;
    let wrong = owner.http.put(format!("{}/webhook/greet", server.base));
    refused(wrong, 405, "it takes POST").await;
    let wrong = owner.signed(owner.http.patch(format!("{}{api}", server.base)));
    refused(wrong, 405, "it knows GET, POST").await;
    let (status, answer) = owner.post(&server, hook, &json!({"name": "Ada"})).await;
    assert_eq!((status, answer), (200, json!({"hello": "Ada"})));
}

/// Sends requests until one is refused, and gives how many were taken and the refusal.
async fn fill(owner: &Owner, server: &Server) -> (usize, u16, Value) {
    for n in 0..2_000 {
        let body = json!({"name": format!("{n} {}", "x".repeat(20_000))});
        let (status, answer) = owner.post(server, "/webhook/greet", &body).await;
        if status != 200 {
            return (n, status, answer);
        }
    }
    panic!("2000 requests were taken, and the disk should be full");
}

/// Waits until a request is taken again, then until all that were taken have ended.
async fn goes_on(owner: &Owner, server: &Server, accepted: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    while owner.post(server, "/webhook/greet", &json!({"name": "Ada"})).await.0 != 200 {
        assert!(Instant::now() < until, "there is space, and the server takes nothing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    loop {
        let mut n_ended = 0;
        let mut path = "/api/v1/executions?limit=200&status=success".to_owned();
        loop {
            let (_, page) = owner.get(server, &path).await;
            n_ended += page["items"].as_array().unwrap().len();
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/executions?limit=200&status=success&cursor={next}");
        }
        if n_ended == accepted + 1 {
            return;
        }
        assert!(n_ended <= accepted + 1, "{n_ended} ended of {accepted} that were taken, and one");
        assert!(Instant::now() < until, "{n_ended} ended of {accepted} that were taken, and one");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A file system in memory, gone when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may mount nothing.
    fn new(size: &str) -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(SmallDisk(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_lost_and_work_goes_on_once_there_is_space() {
    let Some(disk) = SmallDisk::new("6m") else {
        eprintln!("this user may not mount a small disk; the limit of a file's size is tried instead");
        return;
    };
    let filler = disk.0.path().join("filler");
    std::fs::write(&filler, vec![1; 3 << 20]).unwrap();
    let server = Server::start(&disk.0.path().join("data")).await;
    let owner = Owner::of(&server).await;
    owner.publish(&server, &greeting("onReceived")).await;
    let (accepted, status, problem) = fill(&owner, &server).await;
    assert_eq!(status, 507, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("no space is left"), "{problem}");
    assert!(accepted > 0, "it was full before anything was taken");
    assert_eq!(owner.get(&server, "/api/v1/executions").await.0, 200, "what is there can be read");
    std::fs::remove_file(&filler).unwrap();
    goes_on(&owner, &server, accepted).await;
}

#[tokio::test]
async fn at_the_limit_of_a_files_size_nothing_is_lost_and_work_goes_on_once_it_is_raised() {
    let dir = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap().port();
    let mut command = Command::new("sh");
    // In blocks of 512 bytes; the hard limit stays, so that it can be raised again.
    command.args(["-c", "ulimit -S -f 3000; exec \"$0\" serve --port \"$1\" --data-dir \"$2\""]);
    command.arg(env!("CARGO_BIN_EXE_linkflow")).arg(port.to_string()).arg(dir.path());
    let server = Server::launch(command, port).await;
    let owner = Owner::of(&server).await;
    owner.publish(&server, &greeting("onReceived")).await;
    let (accepted, status, problem) = fill(&owner, &server).await;
    assert!(status == 503 || status == 507, "{status} {problem}");
    assert!(problem["detail"].as_str().unwrap().contains("nothing of this request was kept"), "{problem}");
    let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the struct lives during the call, and the process is our own child.
    let raised =
        unsafe { libc::prlimit(server.pid() as i32, libc::RLIMIT_FSIZE, &unlimited, std::ptr::null_mut()) };
    assert_eq!(raised, 0, "{}", std::io::Error::last_os_error());
    goes_on(&owner, &server, accepted).await;
}
