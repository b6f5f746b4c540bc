//! MySQL, against a MariaDB of its own.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use linkflow_model::OnError;
use linkflow_node::http::{Guard, Http};
use linkflow_node::{Ctx, NodeError};
use serde_json::{Value, json};

use crate::served::{Served, run};

struct Server(Served);

impl Server {
    fn ctx(&self, more: &[(&str, &str)]) -> Ctx {
        let usual = [
            ("host", "127.0.0.1"),
            ("port", self.0.port("mariadb")),
            ("database", "shop"),
            ("user", "linkflow"),
            ("password", "secret"),
            ("connect_timeout", "60000"),
        ];
        self.0.ctx("mysql", &[&usual[..], more].concat())
    }

    async fn run(&self, params: Value, given: Value) -> Value {
        run(&self.ctx(&[]), "mysql", &params, &given).await.unwrap_or_else(|e| panic!("{params}: {e}"))
    }

    async fn ask(&self, query: &str) -> Value {
        self.run(json!({"operation": "executeQuery", "query": query}), json!([{}])).await
    }

    async fn fails(&self, ctx: &Ctx, params: Value, given: Value) -> NodeError {
        run(ctx, "mysql", &params, &given).await.unwrap_err()
    }
}

/// One story, because starting a server takes longer than all of it.
#[tokio::test]
async fn a_database_is_asked_and_changed() {
    let server = Server(Served::start("mariadb.sh"));
    rows_are_written_and_found(&server).await;
    values_come_back_as_what_they_are(&server).await;
    values_are_never_a_part_of_the_query(&server).await;
    what_belongs_together_is_done_together(&server).await;
    many_rows_go_in_few_statements(&server).await;
    a_connection_keeps_to_the_rules(&server).await;
}

async fn rows_are_written_and_found(server: &Server) {
    let success = json!([{"success": true}]);
    let made = server.ask("create table t (id int primary key, a varchar(40), doc json)").await;
    assert_eq!(made, success);
    let row = |id: i32, a: &str| json!({"id": id, "a": a, "doc": {"k": [1]}});
    let rows = json!([row(1, "one"), row(2, "two")]);
    assert_eq!(server.run(json!({"table": "t"}), rows.clone()).await, success);
    assert_eq!(server.ask("select * from t order by id").await, rows);
    let skipped = json!({"table": {"__rl": true, "value": "shop.t"}, "options": {"skipOnConflict": true,
        "priority": "LOW_PRIORITY", "outputCounts": true}});
    let counted = server.run(skipped, json!([row(1, "again")])).await;
    assert_eq!((&counted[0]["affectedRows"], &counted[0]["warningStatus"]), (&json!(0), &json!(1)));

    let upsert = json!({"operation": "upsert", "table": "t", "columnToMatchOn": "id"});
    server.run(upsert, json!([row(2, "zwei"), row(3, "drei")])).await;
    let update = json!({"operation": "update", "table": "t", "dataMode": "defineBelow", "columnToMatchOn": "id",
        "valueToMatchOn": "={{ $json.n }}", "valuesToSend": {"values": [{"column": "a", "value": "eins"}]},
        "options": {"detailedOutput": true}});
    let updated = server.run(update, json!([{"n": 1}])).await;
    assert_eq!(updated[0]["sql"], "UPDATE `t` SET `a` = ? WHERE `id` = ?");
    assert_eq!(updated[0]["data"]["changedRows"], 1);

    let select = json!({"operation": "select", "table": "t", "limit": 2, "options": {"outputColumns": "id"},
        "where": {"values": [{"column": "a", "condition": "LIKE", "value": "%ei%"},
            {"column": "id", "condition": ">", "value": "0"}, {"column": "doc", "condition": "IS NOT NULL"}]},
        "sort": {"values": [{"column": "id", "direction": "DESC"}]}});
    assert_eq!(server.run(select, json!([{}])).await, json!([{"id": 3}, {"id": 2}]));
    let delete = json!({"operation": "deleteTable", "table": "t", "deleteCommand": "delete",
        "where": {"values": [{"column": "id", "value": 3}]}});
    assert_eq!(server.run(delete, json!([{}])).await, success);
    assert_eq!(server.ask("select count(*) as n from t").await, json!([{"n": 2}]));
    server.run(json!({"operation": "deleteTable", "table": "t"}), json!([{}])).await;
    assert_eq!(server.ask("select * from t").await, json!([]));
}

/// Both forms in which rows come have to read the same.
async fn values_come_back_as_what_they_are(server: &Server) {
    server
        .ask(
            "create table v (a tinyint(1), b smallint unsigned, c mediumint, d int, e bigint, f bigint unsigned, \
             g decimal(20,4), h float, i double, j date, k datetime(3), l timestamp null, m time(2), n year, o bit(8), \
             p varchar(20), q blob, r json, s enum('x','y'), t text); \
             insert into v values (-1, 65535, -8388608, 2147483647, 9007199254740991, 18446744073709551615, \
             -12345678.0900, 0.1, 1e300, '2024-02-29', '2024-02-29 10:20:30.456', '2024-02-29 10:20:30', \
             '-100:20:30.5', 2024, 5, 'grün ☀', x'0102', '{\"a\": [1, null]}', 'y', null)",
        )
        .await;
    let expected = json!([{"a": -1, "b": 65535, "c": -8_388_608, "d": 2_147_483_647, "e": 9_007_199_254_740_991_i64,
        "f": "18446744073709551615", "g": "-12345678.0900", "h": 0.1, "i": 1e300, "j": "2024-02-29",
        "k": "2024-02-29 10:20:30.456", "l": "2024-02-29 10:20:30", "m": "-100:20:30.50", "n": 2024,
        "o": {"type": "Buffer", "data": [5]}, "p": "grün ☀", "q": {"type": "Buffer", "data": [1, 2]},
        "r": {"a": [1, null]}, "s": "y", "t": null}]);
    assert_eq!(server.ask("select * from v").await, expected, "as texts");
    let prepared = json!({"operation": "executeQuery", "query": "select * from v where p = $1 and d = $2",
        "options": {"queryReplacement": ["grün ☀", 2_147_483_647_i64]}});
    assert_eq!(server.run(prepared, json!([{}])).await, expected, "binary");
    let otherwise = json!({"operation": "executeQuery", "query": "select e, g from v",
        "options": {"largeNumbersOutput": "text", "decimalNumbers": true}});
    let found = server.run(otherwise, json!([{}])).await;
    assert_eq!(found, json!([{"e": "9007199254740991", "g": -12_345_678.09}]));
    // What came from a column of bytes goes into one.
    let copied = json!({"table": "v", "options": {"replaceEmptyStrings": true}});
    server
        .run(
            copied,
            json!([{"q": {"type": "Buffer", "data": [255, 0]}, "d": 1.0, "i": 1.5, "t": "", "a": true}]),
        )
        .await;
    let found = server.ask("select hex(q) q, i, t, a from v where d = 1").await;
    assert_eq!(found, json!([{"q": "FF00", "i": 1.5, "t": null, "a": 1}]));
}

async fn values_are_never_a_part_of_the_query(server: &Server) {
    let evil = "x'; drop table t; -- \\";
    let asked = json!({"operation": "executeQuery",
        "query": "insert into t (id, a) values ($2, $1); select concat($1, '$1') as text, $3:name from t where id in ($4)",
        "options": {"queryReplacement": ["={{ $json.evil }}", 7, "a", [7, 8]]}});
    let found = server.run(asked, json!([{"evil": evil}])).await;
    assert_eq!(found, json!([{"text": format!("{evil}$1"), "a": evil}]));
    let listed = json!({"operation": "executeQuery", "query": "select ? + ? as sum",
        "options": {"queryReplacement": "1, 2"}});
    assert_eq!(server.run(listed, json!([{}])).await, json!([{"sum": 3}]));
    let table = json!({"operation": "select", "table": "t`; drop table t; --"});
    let missing = server.fails(&server.ctx(&[]), table, json!([{}])).await.to_string();
    assert!(missing.contains("doesn't exist"), "{missing}");
    server.ask("create procedure p() begin select 1 as a; select 2 as b; end").await;
    assert_eq!(server.ask("call p()").await, json!([{"a": 1}, {"b": 2}]));
    let ctx = server.ctx(&[]);
    let local =
        json!({"operation": "executeQuery", "query": "load data local infile '/etc/passwd' into table t"});
    let file = server.fails(&ctx, local, json!([{}])).await;
    assert!(matches!(file, NodeError::Data { .. }), "no file of ours is sent");
}

async fn what_belongs_together_is_done_together(server: &Server) {
    let rows = json!([{"id": 20}, {"id": 7}, {"id": 21}]);
    let insert = |batching: &str| json!({"table": "t", "options": {"queryBatching": batching}});
    let going_on = Ctx { on_error: OnError::ContinueRegular, ..server.ctx(&[]) };
    let error = json!({"error": "Duplicate entry '7' for key 'PRIMARY'"});
    for (batching, item) in [("single", 0), ("transaction", 1)] {
        let stopped = server.fails(&server.ctx(&[]), insert(batching), rows.clone()).await;
        assert!(matches!(stopped, NodeError::Data { item: Some(at), .. } if at == item), "{stopped:?}");
        assert_eq!(run(&going_on, "mysql", &insert(batching), &rows).await.unwrap(), json!([error]));
        assert_eq!(server.ask("select id from t").await, json!([{"id": 7}]));
    }
    let each = run(&going_on, "mysql", &insert("independently"), &rows).await.unwrap();
    assert_eq!(each, json!([{"success": true}, error, {"success": true}]));
}

async fn many_rows_go_in_few_statements(server: &Server) {
    server.ask("create table many (id int primary key, a varchar(20))").await;
    let rows: Value = (0..2_500).map(|id| json!({"id": id, "a": format!("number {id}")})).collect();
    let inserted = server.run(json!({"table": "many", "options": {"outputCounts": true}}), rows).await;
    let counts: Vec<u64> =
        inserted.as_array().unwrap().iter().map(|i| i["affectedRows"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1000, 1000, 500]);
    let found = server.ask("select count(*) n, sum(id) s from many where a = concat('number ', id)").await;
    assert_eq!(found, json!([{"n": 2500, "s": "3123750"}]));
    // Another list of columns is another statement.
    let mixed = json!([{"id": 9001}, {"id": 9002}, {"id": 9003, "a": "x"}]);
    let inserted = server.run(json!({"table": "many", "options": {"outputCounts": true}}), mixed).await;
    assert_eq!(inserted.as_array().unwrap().len(), 2);
}

async fn a_connection_keeps_to_the_rules(server: &Server) {
    let query = json!({"operation": "executeQuery", "query": "show status like 'Ssl_version'"});
    let ca = std::fs::read_to_string(server.0.dir.join("server.crt")).unwrap();
    let asked = async |more: &[(&str, &str)]| run(&server.ctx(more), "mysql", &query, &json!([{}])).await;
    assert_eq!(asked(&[]).await.unwrap()[0]["Value"], "");
    let unknown = asked(&[("ssl", "true")]).await.unwrap_err().to_string();
    assert!(unknown.contains("certificate"), "{unknown}");
    let known = [("ssl", "true"), ("ca_certificate", ca.as_str())];
    let by_address = asked(&known).await.unwrap_err().to_string();
    assert!(by_address.contains("certificate not valid for name"), "{by_address}");
    let by_name = asked(&[known[0], known[1], ("host", "localhost")]).await.unwrap();
    assert!(by_name[0]["Value"].as_str().unwrap().starts_with("TLS"), "{by_name}");
    for more in
        [[("user", "nobody")], [("password", "wrong")], [("database", "nowhere")], [("ssh_tunnel", "true")]]
    {
        let refused = asked(&more).await.unwrap_err();
        assert!(matches!(&refused, NodeError::Credential(_)), "{more:?}: {refused:?}");
    }

    let closed = Ctx { http: Http::new(Guard::public_only()), ..server.ctx(&[]) };
    let closed = server.fails(&closed, query.clone(), json!([{}])).await.to_string();
    assert!(closed.contains("is not allowed"), "{closed}");
    let mut few = server.ctx(&[]);
    few.limits.items_max = 10;
    let many = json!({"operation": "executeQuery", "query": "select * from many"});
    let many = server.fails(&few, many, json!([{}])).await;
    assert!(matches!(many, NodeError::Limit { .. }), "{many:?}");
    let mut small = server.ctx(&[]);
    small.limits.response_bytes_max = 1 << 20;
    let large = json!({"operation": "executeQuery", "query": "select repeat('x', 9000000)"});
    let large = server.fails(&small, large, json!([{}])).await;
    assert!(matches!(large, NodeError::Limit { .. }), "{large:?}");
    let slow = server.ctx(&[]);
    let cancel = slow.cancel.clone();
    let sleep = json!({"operation": "executeQuery", "query": "select sleep(600)"});
    let (ended, ()) = tokio::join!(server.fails(&slow, sleep, json!([{}])), async { cancel.cancel() });
    assert_eq!(ended, NodeError::Canceled);
}

/// What a server may send that means no good.
#[tokio::test]
async fn a_server_that_is_none_is_not_believed() {
    let greeting = {
        let mut packet = b"\x0a8.0.0\0\x01\0\0\0abcdefgh\0\xff\xff\x2d\x02\0\xff\xff\x15".to_vec();
        packet.extend_from_slice(&[0; 10]);
        packet.extend_from_slice(b"ijklmnopqrst\0mysql_native_password\0");
        framed(0, &packet)
    };
    let with = |answer: &[u8]| [&greeting[..], answer].concat();
    for (said, expected) in [
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "does not begin as MySQL does"),
        (framed(0, b"\xff\x10\x04Too many connections"), "did not answer: Too many connections"),
        (with(&framed(2, b"\xfedialog\0")), "a way of signing in that is not known here: dialog"),
        (
            with(&framed(2, b"\xfemysql_clear_password\0")),
            "wants the password, and the connection is not secret",
        ),
        (with(&[framed(2, b"\0\0\0\x02\0\0\0"), framed(1, b"\xfb/etc/passwd")].concat()), "asks for a file"),
        (with(&[framed(2, b"\0\0\0\x02\0\0\0"), framed(1, b"\x01"), framed(2, b"\x03def")].concat()), "no"),
        (with(&[framed(2, b"\0\0\0\x02\0\0\0"), vec![255, 255, 255, 1]].concat()), "did not answer"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let shown = String::from_utf8_lossy(&said).into_owned();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &said).await.unwrap();
            let mut rest = Vec::new();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        });
        let fields = [("host", "127.0.0.1"), ("port", &port), ("user", "u"), ("password", "p")];
        let fields = fields.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let credentials = [("mysql".to_owned(), fields.into())].into();
        let host = linkflow_node::testing::TestHost { credentials, ..Default::default() };
        let dir = tempfile::tempdir().unwrap();
        let ctx = linkflow_node::testing::ctx(dir.path(), std::sync::Arc::new(host));
        let query = json!({"operation": "executeQuery", "query": "select 1"});
        let error = run(&ctx, "mysql", &query, &json!([{}])).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{shown:?}: {error}");
    }
}

/// As MySQL 8 lets in somebody whom it has not seen since it started, without TLS: it gives a key, and only
/// who has its other half can read the password.
#[tokio::test]
async fn a_password_goes_to_a_server_without_tls_only_sealed() {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let key = OaepPrivateDecryptingKey::new(private).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let nonce = b"abcdefghijklmnopqrst";
        let mut greeting = b"\x0a8.4.0\0\x01\0\0\0abcdefgh\0\xff\xf7\x2d\x02\0\xff\xff\x15".to_vec();
        greeting.extend_from_slice(&[0; 10]);
        greeting.extend_from_slice(b"ijklmnopqrst\0caching_sha2_password\0");
        say(&mut stream, 0, &greeting).await;
        let hello = heard(&mut stream).await;
        assert!(!hello.windows(6).any(|part| part == b"secret"), "the password went over the line");
        say(&mut stream, 2, b"\x01\x04").await;
        assert_eq!(heard(&mut stream).await, b"\x02");
        say(&mut stream, 4, &[b"\x01", pem.as_bytes()].concat()).await;
        let sealed = heard(&mut stream).await;
        let mut out = vec![0; key.min_output_size()];
        let mixed = key.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut out, None).unwrap();
        let plain: Vec<u8> = mixed.iter().zip(nonce.iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert_eq!(plain, b"secret\0");
        say(&mut stream, 6, b"\0\0\0\x02\0\0\0").await;
        assert_eq!(heard(&mut stream).await, b"\x03do 1");
        say(&mut stream, 1, b"\0\x07\0\x02\0\0\0").await;
    });
    let fields = [("host", "127.0.0.1"), ("port", &port), ("user", "u"), ("password", "secret")];
    let fields = fields.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let credentials = [("mysql".to_owned(), fields.into())].into();
    let host = linkflow_node::testing::TestHost { credentials, ..Default::default() };
    let dir = tempfile::tempdir().unwrap();
    let ctx = linkflow_node::testing::ctx(dir.path(), std::sync::Arc::new(host));
    let query = json!({"operation": "executeQuery", "query": "do 1", "options": {"outputCounts": true}});
    let done = run(&ctx, "mysql", &query, &json!([{}])).await;
    server.await.unwrap();
    assert_eq!(done.unwrap()[0]["affectedRows"], 7);
}

async fn say(stream: &mut tokio::net::TcpStream, sequence: u8, payload: &[u8]) {
    let [a, b, ..] = (payload.len() as u32).to_le_bytes();
    let packet = [&[a, b, 0, sequence], payload].concat();
    tokio::io::AsyncWriteExt::write_all(stream, &packet).await.unwrap();
}

async fn heard(stream: &mut tokio::net::TcpStream) -> Vec<u8> {
    let mut head = [0; 4];
    tokio::io::AsyncReadExt::read_exact(stream, &mut head).await.unwrap();
    let mut packet = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
    tokio::io::AsyncReadExt::read_exact(stream, &mut packet).await.unwrap();
    packet
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    [&[payload.len() as u8, 0, 0, sequence], payload].concat()
}
