//! A server of one test: its own port, its own folder, gone when the test is.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The program: the one that was built with the tests, or `LINKFLOW_BIN`, for long runs on an
/// optimised one.
fn program() -> String {
    std::env::var("LINKFLOW_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_linkflow").to_owned())
}

pub struct Server {
    child: Child,
    port: u16,
    pub base: String,
}

impl Server {
    /// Starts the program on `dir` and waits until it is ready.
    pub async fn start(dir: &Path) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        Server::start_on(dir, port).await
    }

    pub async fn start_on(dir: &Path, port: u16) -> Server {
        let mut command = Command::new(program());
        command.args(["serve", "--port", &port.to_string(), "--data-dir"]).arg(dir);
        Server::launch(command, port).await
    }

    /// Runs a command that serves at `port`, and waits until it is ready.
    pub async fn launch(mut command: Command, port: u16) -> Server {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        let server = Server { child, port, base: format!("http://127.0.0.1:{port}") };
        let until = Instant::now() + Duration::from_secs(30);
        while !server.is_ready().await {
            assert!(Instant::now() < until, "the server was not ready within 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    async fn is_ready(&self) -> bool {
        reqwest::get(format!("{}/health/ready", self.base)).await.is_ok_and(|r| r.status().is_success())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As `kill -9` does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Someone who has set up the server and calls its API with a key.
pub struct Owner {
    pub http: reqwest::Client,
    key: String,
}

impl Owner {
    pub async fn of(server: &Server) -> Owner {
        let http = reqwest::Client::new();
        let setup = json!({"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"});
        let made = http
            .post(format!("{}/api/v1/setup", server.base))
            .header("origin", &server.base)
            .body(setup.to_string())
            .header("content-type", "application/json")
            .send()
            .await
            .expect("the server answers");
        assert_eq!(made.status(), 201);
        let cookie = made.headers()["set-cookie"].to_str().expect("a cookie is text").to_owned();
        let cookie = cookie.split(';').next().expect("a cookie has a value").to_owned();
        let key = json!({"name": "tests", "scopes": ["read", "write", "execute", "admin"]});
        let made = http
            .post(format!("{}/api/v1/api-keys", server.base))
            .header("origin", &server.base)
            .header("cookie", cookie)
            .header("content-type", "application/json")
            .body(key.to_string())
            .send()
            .await
            .expect("the server answers");
        assert_eq!(made.status(), 201);
        let made: Value = serde_json::from_str(&made.text().await.expect("a body")).expect("JSON");
        Owner { http, key: made["key"].as_str().expect("a key").to_owned() }
    }

    pub async fn post(&self, server: &Server, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", server.base)).body(body.to_string());
        self.send(request.header("content-type", "application/json")).await
    }

    pub async fn get(&self, server: &Server, path: &str) -> (u16, Value) {
        self.send(self.http.get(format!("{}{path}", server.base))).await
    }

    /// The request, with the owner's key.
    pub fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.bearer_auth(&self.key)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = self.signed(request).send().await.expect("the server answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Imports and publishes a workflow, and gives its id.
    pub async fn publish(&self, server: &Server, workflow: &Value) -> String {
        let (status, answer) = self.post(server, "/api/v1/workflows/import?publish=true", workflow).await;
        assert_eq!(status, 200, "{answer}");
        answer["items"][0]["workflow_id"]
            .as_str()
            .unwrap_or_else(|| panic!("not imported: {answer}"))
            .to_owned()
    }
}
