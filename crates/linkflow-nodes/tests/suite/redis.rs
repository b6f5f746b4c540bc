//! Redis, against a server of its own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use linkflow_model::OnError;
use linkflow_node::http::{Guard, Http};
use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::{Ctx, NodeError, Outcome};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ears::{Listening, by_hand};

/// A server that ends with the story.
struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let args =
            ["--bind", "127.0.0.1", "--save", "", "--requirepass", "secret", "--port", &port.to_string()];
        let child = Command::new("redis-server")
            .args(args)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts; install it");
        let server = Server { child, port, folder };
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return server;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("redis-server does not answer on port {port}");
    }

    fn ctx(&self, password: &str) -> Ctx {
        let fields = [
            ("host", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("password", password.to_owned()),
            ("database", "2".to_owned()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let credentials = BTreeMap::from([("redis".to_owned(), BTreeMap::from(fields))]);
        ctx(self.folder.path(), Arc::new(TestHost { credentials, ..TestHost::default() }))
    }

    async fn run(&self, params: Value) -> Value {
        run(&self.ctx("secret"), params.clone()).await.unwrap_or_else(|e| panic!("{params}: {e}"))
    }
}

async fn run(ctx: &Ctx, params: Value) -> Result<Value, NodeError> {
    static GIVEN: OnceLock<Value> = OnceLock::new();
    let given = GIVEN.get_or_init(|| json!([{"n": 1}, {"n": 2}]));
    let kind = linkflow_nodes::find("redis").unwrap();
    match kind.run(input(&params, vec![items(given)]), ctx).await? {
        Outcome::Items(out) => Ok(out.ports[0].iter().map(|item| json!(*item.json)).collect()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_set_is_found_again_as_what_it_was() {
    let server = Server::start().await;
    for value in [json!("a text"), json!({"a": "1", "b": "2"}), json!(["x", "y"])] {
        let set = server.run(json!({"operation": "set", "key": "=k{{ $json.n }}", "value": value})).await;
        assert_eq!(set, json!([{"n": 1}, {"n": 2}]));
        let get = json!({"operation": "get", "key": "=k{{ $json.n }}", "propertyName": "a.b"});
        assert_eq!(server.run(get).await, json!([{"a": {"b": value}}, {"a": {"b": value}}]));
        server.run(json!({"operation": "delete", "key": "=k{{ $json.n }}"})).await;
        let get = json!({"operation": "get", "key": "k1", "options": {"dotNotation": false}});
        assert_eq!(server.run(get).await[0], json!({"propertyName": null}));
    }
}

#[tokio::test]
async fn lists_numbers_and_keys_do_what_they_are_for() {
    let server = Server::start().await;
    let push = |tail: bool| {
        json!({"operation": "push", "list": "l", "messageData": "={\"n\": {{ $json.n }}}",
        "tail": tail})
    };
    server.run(push(true)).await;
    assert_eq!(server.run(json!({"operation": "llen", "list": "l"})).await[0], json!({"l": 2}));
    let pop = server.run(json!({"operation": "pop", "list": "l", "propertyName": "got"})).await;
    assert_eq!(pop, json!([{"got": {"n": 1}}, {"got": {"n": 2}}]));
    let incr = json!({"operation": "incr", "key": "i", "expire": true, "ttl": 100});
    assert_eq!(server.run(incr).await, json!([{"i": 1}, {"i": 2}]));
    let keys = json!({"operation": "keys", "keyPattern": "i*"});
    assert_eq!(server.run(keys).await[0], json!({"i": "2"}));
    let keys = json!({"operation": "keys", "keyPattern": "*", "getValues": false});
    assert_eq!(server.run(keys).await[0], json!({"keys": ["i"]}));
    let info = server.run(json!({"operation": "info"})).await;
    assert_eq!((&info[0]["tcp_port"], info.as_array().unwrap().len()), (&json!(server.port), 1));
    assert_eq!(info[0]["db2"]["keys"], json!(1));
}

#[tokio::test]
async fn what_fails_is_told_and_the_other_items_go_on() {
    let server = Server::start().await;
    server.run(json!({"operation": "push", "list": "l1", "messageData": "x"})).await;
    let incr = json!({"operation": "incr", "key": "=l{{ $json.n }}"});
    let stopped = run(&server.ctx("secret"), incr.clone()).await.unwrap_err().to_string();
    assert!(stopped.starts_with("WRONGTYPE"), "{stopped}");
    let went_on =
        run(&Ctx { on_error: OnError::ContinueRegular, ..server.ctx("secret") }, incr).await.unwrap();
    assert_eq!((&went_on[0]["error"], &went_on[1]), (&json!(stopped), &json!({"l2": 1})));

    let wrong = run(&server.ctx("wrong"), json!({})).await.unwrap_err();
    assert!(matches!(&wrong, NodeError::Credential(text) if text.contains("WRONGPASS")), "{wrong:?}");
    let guarded = Ctx { http: Http::new(Guard::public_only()), ..server.ctx("secret") };
    let closed = run(&guarded, json!({})).await.unwrap_err().to_string();
    assert!(closed.contains("is not allowed"), "{closed}");
}

#[tokio::test]
async fn a_server_that_promises_too_much_is_not_believed() {
    for (said, expected) in [
        ("$999999999999\r\n", "the limit of 64 MB for an answer of Redis is exceeded"),
        ("*999999999\r\n", "the limit of 1000000 for the entries of an answer of Redis is exceeded"),
        ("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "lists in lists in lists"),
        ("HTTP/1.1 400\r\n", "answers what is not of its protocol"),
        ("$5\r\nab", "the connection ended in the middle of an answer"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 64];
            tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, said.as_bytes()).await.unwrap();
        });
        let fields = [("host", "127.0.0.1"), ("port", &port)].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let credentials = BTreeMap::from([("redis".to_owned(), BTreeMap::from(fields))]);
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), Arc::new(TestHost { credentials, ..TestHost::default() }));
        let error = run(&ctx, json!({})).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{said:?}: {error}");
    }
}

#[tokio::test]
async fn what_is_said_on_channels_is_heard_with_its_channel() {
    let server = Server::start().await;
    let params = json!({"channels": "orders, customer:*", "options": {"jsonParseBody": true}});
    let mut heard = Listening::begin("redis_trigger", server.ctx("secret"), &params).await.unwrap();
    let only = json!({"channels": "orders", "options": {"onlyMessage": true}});
    let mut only = Listening::begin("redis_trigger", server.ctx("secret"), &only).await.unwrap();
    let say = async |channel: &str, message: &str| {
        server.run(json!({"operation": "publish", "channel": channel, "messageData": message})).await;
    };
    say("nobody", "x").await;
    say("customer:7", r#"{"n": 1}"#).await;
    let expected = json!({"channel": "customer:7", "message": {"n": 1}});
    // The node says it for each of its two items.
    assert_eq!([heard.next_json().await, heard.next_json().await], [expected.clone(), expected]);
    say("orders", "no {JSON").await;
    assert_eq!(heard.next_json().await, json!({"channel": "orders", "message": "no {JSON"}));
    assert_eq!(only.next_json().await, json!({"message": "no {JSON"}));
    let any = json!({"channels": "o*"});
    let once = by_hand("redis_trigger", server.ctx("secret"), &any, async || say("orders", "by hand").await);
    assert_eq!(once.await, json!([{"channel": "orders", "message": "by hand"}]));

    drop(server);
    let ended = heard.ended().await.to_string();
    assert!(ended.contains("Redis at 127.0.0.1") && ended.contains("the connection ended"), "{ended}");
}

#[tokio::test]
async fn a_trigger_without_channels_or_with_a_wrong_password_says_so() {
    let server = Server::start().await;
    let begin = async |password: &str, params: Value| {
        let begun = Listening::begin("redis_trigger", server.ctx(password), &params).await;
        begun.err().unwrap().to_string()
    };
    assert_eq!(begin("secret", json!({"channels": " , "})).await, "`channels`: must name a channel or more");
    let wrong = begin("wrong", json!({"channels": "a"})).await;
    assert!(wrong.contains("WRONGPASS"), "{wrong}");
}
