//! Postgres, against a server of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use linkflow_model::OnError;
use linkflow_node::http::{Guard, Http};
use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::{Ctx, NodeError, Outcome};
use serde_json::{Value, json};

use crate::ears::{Listening, by_hand, leave};

/// A process of `scripts/postgres.sh`; its server ends with the story.
struct Server {
    child: Child,
    dir: PathBuf,
    port: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Server {
    fn start() -> Server {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres.sh");
        let dir = std::env::temp_dir().join(format!("linkflow-nodes-{}", std::process::id()));
        let mut child = Command::new("bash")
            .args([&script, Path::new("serve"), &dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let lines: Vec<String> = lines.take(3).collect();
        let port = lines.iter().find_map(|line| line.strip_prefix("postgres "));
        let port =
            port.unwrap_or_else(|| panic!("scripts/postgres.sh could not start: {lines:?}")).to_owned();
        Server { child, dir, port }
    }

    fn ctx(&self, more: &[(&str, &str)]) -> Ctx {
        let usual =
            [("host", "127.0.0.1"), ("port", &self.port), ("database", "postgres"), ("user", "linkflow")];
        let fields = usual.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let credentials = BTreeMap::from([("postgres".to_owned(), fields)]);
        ctx(&self.dir.join("nodes"), Arc::new(TestHost { credentials, ..TestHost::default() }))
    }

    async fn run(&self, params: Value, given: Value) -> Value {
        run(&self.ctx(&[]), &params, &given).await.unwrap_or_else(|e| panic!("{params}: {e}"))
    }

    async fn ask(&self, query: &str) -> Value {
        self.run(json!({"operation": "executeQuery", "query": query}), json!([{}])).await
    }
}

async fn run(ctx: &Ctx, params: &Value, given: &Value) -> Result<Value, NodeError> {
    let kind = linkflow_nodes::find("postgres").unwrap();
    kind.check(params.as_object().unwrap()).unwrap();
    match kind.run(input(params, vec![items(given)]), ctx).await? {
        Outcome::Items(out) => Ok(out.ports[0].iter().map(|item| json!(*item.json)).collect()),
        other => panic!("{other:?}"),
    }
}

/// One story, because starting a server takes longer than all of it.
#[tokio::test]
async fn a_database_is_asked_and_changed() {
    let server = Server::start();
    rows_are_written_and_found(&server).await;
    values_come_back_as_what_they_are(&server).await;
    values_are_never_a_part_of_the_query(&server).await;
    what_belongs_together_is_done_together(&server).await;
    a_connection_keeps_to_the_rules(&server).await;
    changes_of_a_table_are_heard(&server).await;
    what_others_made_in_the_database_is_left_alone(&server).await;
}

async fn rows_are_written_and_found(server: &Server) {
    let made = server.ask("create table t (id int primary key, a text, tags text[], doc jsonb)").await;
    assert_eq!(made, json!([{"success": true}]));
    let columns = json!({"mappingMode": "autoMapInputData", "matchingColumns": ["id"]});
    let row = |id: i32, a: &str| json!({"id": id, "a": a, "tags": ["x", "y\"z"], "doc": {"k": [1]}});
    let rows = json!([row(1, "one"), row(2, "two")]);
    let insert = json!({"operation": "insert", "table": "t", "columns": columns});
    assert_eq!(server.run(insert.clone(), rows.clone()).await, rows);
    let skipped = json!({"table": {"__rl": true, "value": "t"}, "columns": columns, "options": {"skipOnConflict": true}});
    assert_eq!(server.run(skipped, json!([row(1, "again")])).await, json!([{"success": true}]));

    let upsert = json!({"operation": "upsert", "table": "t", "columns": columns});
    let upserted = json!([row(2, "zwei"), row(3, "drei")]);
    assert_eq!(server.run(upsert, upserted.clone()).await, upserted);
    let update = json!({"operation": "update", "table": "t", "options": {"outputColumns": ["id", "a"]},
        "columns": {"value": {"id": "={{ $json.n }}", "a": "eins"}, "matchingColumns": ["id"]}});
    assert_eq!(server.run(update, json!([{"n": 1}])).await, json!([{"id": 1, "a": "eins"}]));

    let select = json!({"operation": "select", "table": "t", "limit": 2, "options": {"outputColumns": "id"},
        "where": {"values": [{"column": "a", "condition": "LIKE", "value": "%ei%"},
            {"column": "id", "condition": ">", "value": 0}, {"column": "doc", "condition": "IS NOT NULL"}]},
        "sort": {"values": [{"column": "id", "direction": "DESC"}]}});
    assert_eq!(server.run(select, json!([{}])).await, json!([{"id": 3}, {"id": 2}]));
    let delete = json!({"operation": "deleteTable", "table": "t", "deleteCommand": "delete",
        "where": {"values": [{"column": "id", "value": 3}]}});
    assert_eq!(server.run(delete, json!([{}])).await, json!([{"success": true}]));
    assert_eq!(server.ask("select count(*)::int as n from t").await, json!([{"n": 2}]));
    server.run(json!({"operation": "deleteTable", "table": "t"}), json!([{}])).await;
    assert_eq!(server.ask("select * from t").await, json!([]));
}

async fn values_come_back_as_what_they_are(server: &Server) {
    let found = server
        .ask(
            "select 1::int2 a, 9007199254740993 b, -12345678.0900::numeric c, 0.00012::numeric d, 0.1::real e, \
             true f, '{\"a\": [1, null]}'::jsonb g, '2024-02-29'::date h, \
             '2024-02-29 10:20:30.456789+02'::timestamptz i, '10:20:30.5'::time j, \
             '1 year 2 days 03:04:05.006'::interval k, array[[1,2],[3,null]] l, '\\x0102'::bytea m, null n, \
             '00000000-0000-0000-0000-000000000001'::uuid o, '10.0.0.0/8'::cidr p, 10000::numeric q",
        )
        .await;
    let expected = json!([{"a": 1, "b": "9007199254740993", "c": "-12345678.0900", "d": "0.00012", "e": 0.1,
        "f": true, "g": {"a": [1, null]}, "h": "2024-02-29T00:00:00.000Z", "i": "2024-02-29T08:20:30.456Z",
        "j": "10:20:30.5",
        "k": {"years": 1, "days": 2, "hours": 3, "minutes": 4, "seconds": 5, "milliseconds": 6},
        "l": [[1, 2], [3, null]], "m": {"type": "Buffer", "data": [1, 2]}, "n": null,
        "o": "00000000-0000-0000-0000-000000000001", "p": "10.0.0.0/8", "q": "10000"}]);
    assert_eq!(found, expected);
    let numbers = json!({"operation": "executeQuery", "query": "select 7::bigint a, 1.5::numeric b",
        "options": {"largeNumbersOutput": "numbers"}});
    assert_eq!(server.run(numbers, json!([{}])).await, json!([{"a": 7, "b": 1.5}]));
    let vector = json!({"operation": "executeQuery", "query": "select to_tsvector('a') v"});
    let unread = run(&server.ctx(&[]), &vector, &json!([{}])).await.unwrap_err().to_string();
    assert!(unread.ends_with("is not read: ask for v::text"), "{unread}");
}

async fn values_are_never_a_part_of_the_query(server: &Server) {
    let evil = "x'; drop table t; --";
    let asked = json!({"operation": "executeQuery",
        "query": "insert into t (id, a) values ($2, $1); select $1 || '$1' as text, $3:name from t",
        "options": {"queryReplacement": ["={{ $json.evil }}", 7, "a"]}});
    let found = server.run(asked, json!([{"evil": evil}])).await;
    assert_eq!(found, json!([{"text": format!("{evil}$1"), "a": evil}]));
    let listed = json!({"operation": "executeQuery", "query": "select $1::int + $2::int as sum",
        "options": {"queryReplacement": "1, 2"}});
    assert_eq!(server.run(listed, json!([{}])).await, json!([{"sum": 3}]));
    let table = json!({"operation": "select", "table": "t\"; drop table t; --"});
    let missing = run(&server.ctx(&[]), &table, &json!([{}])).await.unwrap_err().to_string();
    assert!(missing.contains("does not exist"), "{missing}");
}

async fn what_belongs_together_is_done_together(server: &Server) {
    let rows = json!([{"id": 20}, {"id": 7}, {"id": 21}]);
    let insert = |batching: &str| {
        json!({"table": "t", "columns": {"mappingMode": "autoMapInputData"},
        "options": {"queryBatching": batching, "outputColumns": "id"}})
    };
    let going_on = Ctx { on_error: OnError::ContinueRegular, ..server.ctx(&[]) };
    let error = json!({"error": "duplicate key value violates unique constraint \"t_pkey\""});
    for batching in ["single", "transaction"] {
        let stopped = run(&server.ctx(&[]), &insert(batching), &rows).await.unwrap_err();
        assert!(matches!(stopped, NodeError::Data { item: Some(1), .. }), "{stopped:?}");
        assert_eq!(run(&going_on, &insert(batching), &rows).await.unwrap(), json!([error]));
        assert_eq!(server.ask("select id from t").await, json!([{"id": 7}]));
    }
    let each = run(&going_on, &insert("independently"), &rows).await.unwrap();
    assert_eq!(each, json!([{"id": 20}, error, {"id": 21}]));
}

async fn a_connection_keeps_to_the_rules(server: &Server) {
    let query = json!({"operation": "executeQuery",
        "query": "select ssl from pg_stat_ssl where pid = pg_backend_pid()"});
    let ca = std::fs::read_to_string(server.dir.join("server.crt")).unwrap();
    let asked = async |more: &[(&str, &str)]| run(&server.ctx(more), &query, &json!([{}])).await;
    assert_eq!(asked(&[]).await.unwrap(), json!([{"ssl": false}]));
    assert_eq!(asked(&[("allow_unauthorized_certs", "true")]).await.unwrap(), json!([{"ssl": true}]));
    let unknown = asked(&[("ssl", "require")]).await.unwrap_err().to_string();
    assert!(unknown.contains("certificate"), "{unknown}");
    let known = [("ssl", "require"), ("ca", ca.as_str())];
    let by_address = asked(&known).await.unwrap_err().to_string();
    assert!(by_address.contains("certificate not valid for name"), "{by_address}");
    let by_name = asked(&[known[0], known[1], ("host", "localhost")]).await;
    assert_eq!(by_name.unwrap(), json!([{"ssl": true}]));
    let nobody = asked(&[("user", "nobody")]).await.unwrap_err();
    assert!(matches!(&nobody, NodeError::Credential(text) if text.contains("nobody")), "{nobody:?}");

    let closed = Ctx { http: Http::new(Guard::public_only()), ..server.ctx(&[]) };
    let closed = run(&closed, &query, &json!([{}])).await.unwrap_err().to_string();
    assert!(closed.contains("is not allowed"), "{closed}");
    let mut few = server.ctx(&[]);
    few.limits.items_max = 10;
    let many = json!({"operation": "executeQuery", "query": "select generate_series(1, 1000)"});
    let many = run(&few, &many, &json!([{}])).await.unwrap_err();
    assert!(matches!(many, NodeError::Limit { .. }), "{many:?}");
    let slow = server.ctx(&[]);
    let cancel = slow.cancel.clone();
    let sleep = json!({"operation": "executeQuery", "query": "select pg_sleep(600)"});
    let given = json!([{}]);
    let (ended, ()) = tokio::join!(run(&slow, &sleep, &given), async { cancel.cancel() });
    assert_eq!(ended.unwrap_err(), NodeError::Canceled);
}

const TRIGGER: &str = "postgres_trigger";

/// Published, not by hand.
fn published(server: &Server) -> Ctx {
    Ctx { mode: linkflow_model::Mode::Trigger, ..server.ctx(&[]) }
}

async fn n_functions(server: &Server) -> Value {
    let query = "select count(*)::int as n from pg_proc where proname ~ '^linkflow_|^on_order$'";
    server.ask(query).await[0]["n"].clone()
}

async fn changes_of_a_table_are_heard(server: &Server) {
    server.ask("create table \"Orders\" (id int, note text)").await;
    let params = json!({"schema": "public", "tableName": {"__rl": true, "value": "Orders"}});
    let mut heard = Listening::begin(TRIGGER, published(server), &params).await.unwrap();
    server.ask("insert into \"Orders\" values (1, 'it''s \\ new')").await;
    let first = heard.next().await;
    assert_eq!(first["payload"], json!({"id": 1, "note": "it's \\ new"}));
    assert!(first["channel"].as_str().unwrap().starts_with("linkflow_"), "{first:?}");
    // A connection that is made anew finds its own function and takes its place.
    drop(heard);
    let mut heard = Listening::begin(TRIGGER, published(server), &params).await.unwrap();
    server.ask("insert into \"Orders\" values (2, repeat('x', 9000))").await;
    assert_eq!(heard.next().await["payload"], json!({"omitted": "the row has more than 7900 bytes"}));

    let removed = json!({"tableName": "Orders", "firesOn": "DELETE"});
    let by_hand = by_hand(TRIGGER, server.ctx(&[]), &removed, async || {
        server.ask("insert into \"Orders\" values (3, 'gone'); delete from \"Orders\" where id = 3").await;
    });
    assert_eq!(by_hand.await[0]["payload"], json!({"id": 3, "note": "gone"}));
    assert_eq!(n_functions(server).await, json!(1), "a run by hand leaves nothing behind");
    leave(TRIGGER, &published(server), &params).await;
    leave(TRIGGER, &published(server), &params).await;
    assert_eq!(n_functions(server).await, json!(0));

    let channel = json!({"triggerMode": "listenTrigger", "channelName": "Some Channel"});
    let mut heard = Listening::begin(TRIGGER, published(server), &channel).await.unwrap();
    server.ask("select pg_notify('Some Channel', 'a text')").await;
    let text = heard.next().await;
    assert_eq!((&text["payload"], &text["channel"]), (&json!("a text"), &json!("Some Channel")));
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%'";
    server.ask(end).await;
    let ended = heard.ended().await;
    assert!(matches!(ended, NodeError::Unavailable { .. }), "{ended:?}");
}

async fn what_others_made_in_the_database_is_left_alone(server: &Server) {
    let made = "create function on_order() returns trigger language plpgsql as 'begin return null; end'";
    server.ask(made).await;
    let named = |replaces: bool| {
        let names = json!({"functionName": "On_Order()", "replaceIfExists": replaces});
        json!({"tableName": "Orders", "additionalFields": names})
    };
    let refused =
        Listening::begin(TRIGGER, published(server), &named(false)).await.err().unwrap().to_string();
    assert!(refused.contains("there is a function \"on_order\" already"), "{refused}");
    leave(TRIGGER, &published(server), &named(false)).await;
    assert_eq!(n_functions(server).await, json!(1), "somebody else's function is not removed");
    let mut heard = Listening::begin(TRIGGER, published(server), &named(true)).await.unwrap();
    server.ask("insert into \"Orders\" values (4, 'x')").await;
    assert_eq!(heard.next().await["payload"]["id"], json!(4));
    leave(TRIGGER, &published(server), &named(true)).await;
    assert_eq!(n_functions(server).await, json!(0));
}
