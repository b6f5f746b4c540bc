//! Mail, against a server of its own: what Email Send sends, Email Trigger (IMAP) finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Item, Mode, OnError};
use linkflow_node::http::{Guard, Http};
use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::trigger::{Polled, Trigger};
use linkflow_node::{Ctx, NodeError, Outcome, Wait};
use serde_json::{Value, json};

use crate::served::{Served, run};

struct Server(Served);

impl Server {
    fn smtp(&self, more: &[(&str, &str)]) -> Ctx {
        let usual = [
            ("host", "127.0.0.1"),
            ("port", self.0.port("smtp")),
            ("user", "ada"),
            ("password", "secret"),
            ("secure", "false"),
            ("disable_start_tls", "true"),
        ];
        self.0.ctx("smtp", &[&usual[..], more].concat())
    }

    fn imap(&self, more: &[(&str, &str)]) -> Ctx {
        let usual = [
            ("host", "127.0.0.1"),
            ("port", self.0.port("imap")),
            ("user", "ada"),
            ("password", "secret"),
            ("secure", "false"),
        ];
        self.0.ctx("imap", &[&usual[..], more].concat())
    }

    /// Looks once, with what the last look left.
    async fn look(&self, params: &Value, state: Option<Value>) -> Polled {
        let ctx = Ctx { state, mode: Mode::Trigger, ..self.imap(&[]) };
        self.poll(&ctx, params).await.unwrap_or_else(|e| panic!("{params}: {e}"))
    }

    async fn poll(&self, ctx: &Ctx, params: &Value) -> Result<Polled, NodeError> {
        let kind = linkflow_nodes::find("email_trigger_imap").unwrap();
        kind.check(params.as_object().unwrap()).unwrap();
        let Some(Trigger::Poll(trigger)) = kind.trigger() else { panic!("it does not poll") };
        (trigger.poll)(input(params, Vec::new()), ctx).await
    }

    async fn send(&self, params: Value) -> Value {
        run(&self.smtp(&[]), "email_send", &params, &json!([{}]))
            .await
            .unwrap_or_else(|e| panic!("{params}: {e}"))
    }
}

fn subjects(polled: &Polled) -> Vec<&str> {
    polled.items.iter().map(|item| item.json["subject"].as_str().unwrap_or_default()).collect()
}

/// One story, because starting a server takes longer than all of it.
#[tokio::test]
async fn mail_is_sent_and_found() {
    let server = Server(Served::start("mail.sh"));
    a_mail_arrives_as_it_was_written(&server).await;
    each_mail_is_found_once(&server).await;
    other_looks_and_conditions(&server).await;
    what_is_refused_is_told_and_the_other_items_go_on(&server).await;
    connections_keep_to_the_rules(&server).await;
    a_mail_that_waits_links_to_a_page(&server).await;
}

async fn a_mail_arrives_as_it_was_written(server: &Server) {
    let ctx = server.smtp(&[]);
    let file =
        ctx.blobs.store(b"\x00\x01two\r\n.\r\n", "image/png", Some("größe.png".to_owned())).await.unwrap();
    let mut item: Vec<Item> = items(&json!([{"n": 7}]));
    item[0].binary = Some(Arc::new(BTreeMap::from([("logo".to_owned(), file)])));
    let params = json!({"fromEmail": "Grün & Co <shop@example.com>", "toEmail": ["Ada <ada@example.com>", "bob@example.com"],
        "subject": "=Nummer {{ $json.n }} für Sie ☀", "emailFormat": "both", "text": "Hallo\n.\nEnde",
        "html": "<img src=\"cid:logo\"> grün",
        "options": {"attachments": "logo", "ccEmail": "cc@example.com", "bccEmail": "secret@example.com",
            "replyTo": "Reply <re@example.com>", "headers": {"values": [{"name": "X-Order", "value": "7"}]}}});
    let kind = linkflow_nodes::find("email_send").unwrap();
    let Outcome::Items(out) = kind.run(input(&params, vec![item]), &ctx).await.unwrap() else {
        panic!("no items")
    };
    let sent = &out.ports[0][0].json;
    let all = json!(["ada@example.com", "bob@example.com", "cc@example.com", "secret@example.com"]);
    assert_eq!((&sent["accepted"], &sent["rejected"]), (&all, &json!([])));
    assert_eq!(sent["envelope"], json!({"from": "shop@example.com", "to": all}));

    let asked = json!({"format": "resolved", "postProcessAction": "nothing"});
    let found = server.look(&asked, None).await;
    let [mail] = found.items.as_slice() else { panic!("one mail was sent: {found:?}") };
    let json = &mail.json;
    assert_eq!(json["subject"], "Nummer 7 für Sie ☀");
    assert_eq!(json["from"]["value"], json!([{"address": "shop@example.com", "name": "Grün & Co"}]));
    assert_eq!(json["to"]["value"][1]["address"], "bob@example.com");
    assert_eq!(json["cc"]["value"][0]["address"], "cc@example.com");
    assert_eq!(json["replyTo"]["text"], "Reply <re@example.com>");
    assert_eq!(json["text"].as_str().unwrap().replace("\r\n", "\n").trim_end(), "Hallo\n.\nEnde");
    assert_eq!(json["html"].as_str().unwrap().trim_end(), "<img src=\"cid:logo\"> grün");
    assert_eq!(json["messageId"], sent["messageId"]);
    assert_eq!(json["date"], "2026-03-04T05:06:07.000Z");
    assert_eq!(json["headers"]["x-order"], "X-Order: 7");
    assert!(!json["headers"].to_string().to_lowercase().contains("bcc:"), "{}", json["headers"]);
    let file = &mail.binary.as_ref().unwrap()["attachment_0"];
    assert_eq!((file.file_name.as_deref(), file.mime_type.as_str()), (Some("größe.png"), "image/png"));
    assert_eq!(&server.imap(&[]).blobs.read(file).await.unwrap()[..], b"\x00\x01two\r\n.\r\n");
}

async fn each_mail_is_found_once(server: &Server) {
    let params = json!({});
    let first = server.look(&params, None).await;
    assert_eq!(subjects(&first), ["Nummer 7 für Sie ☀"]);
    let item = &first.items[0];
    assert_eq!(item.json["from"], "\"Grün & Co\" <shop@example.com>");
    assert_eq!(item.json["metadata"]["x-order"], "7");
    assert!(item.json["textPlain"].as_str().unwrap().starts_with("Hallo") && item.binary.is_none());
    // Whoever lost what the first look left finds the same again: nothing was marked before.
    assert_eq!(server.look(&params, None).await, first);

    server
        .send(json!({"fromEmail": "a@example.com", "toEmail": "ada@example.com", "subject": "Second"}))
        .await;
    let second = server.look(&params, Some(first.state.clone())).await;
    assert_eq!(subjects(&second), ["Second"]);
    let third = server.look(&params, Some(second.state.clone())).await;
    assert_eq!(subjects(&third), Vec::<&str>::new());
    // Now both are marked, for whoever looks without knowing more.
    assert_eq!(subjects(&server.look(&params, None).await), Vec::<&str>::new());
    let foreign = json!({"mailbox": "INBOX", "validity": 1, "last": 4_000_000_000_u32, "to_mark": []});
    let all = json!({"options": {"customEmailConfig": "[\"ALL\"]"}, "postProcessAction": "nothing"});
    assert_eq!(
        server.look(&all, Some(foreign)).await.items.len(),
        2,
        "numbers of another mailbox mean nothing"
    );
}

async fn other_looks_and_conditions(server: &Server) {
    let with =
        |criteria: Value| json!({"options": {"customEmailConfig": criteria}, "postProcessAction": "nothing"});
    let found = async |criteria: Value| server.look(&with(criteria), None).await.items.len();
    assert_eq!(found(json!([["SUBJECT", "Second"]])).await, 1);
    assert_eq!(found(json!([["SUBJECT", "für"]])).await, 1, "beyond ASCII");
    assert_eq!(found(json!(["!SEEN"])).await, 0);
    assert_eq!(found(json!([["OR", ["SUBJECT", "Second"], ["HEADER", "X-Order", "7"]]])).await, 2);
    assert_eq!(found(json!([["SINCE", "2100-01-01"]])).await, 0);
    let raw = json!({"format": "raw", "options": {"customEmailConfig": "[[\"SUBJECT\", \"Second\"]]"}, "postProcessAction": "nothing"});
    let raw = server.look(&raw, None).await;
    assert!(raw.items[0].json["raw"].is_string() && raw.items[0].json.len() == 1);
    let files = json!({"downloadAttachments": true, "dataPropertyAttachmentsPrefixName": "file-",
        "options": {"customEmailConfig": "[[\"SUBJECT\", \"Nummer\"]]"}, "postProcessAction": "nothing"});
    let files = server.look(&files, None).await;
    assert_eq!(files.items[0].binary.as_ref().unwrap().keys().collect::<Vec<_>>(), ["file-0"]);
    // By hand it shows the newest and changes nothing.
    let all = json!({"options": {"customEmailConfig": "[\"ALL\"]"}});
    let shown = run(&server.imap(&[]), "email_trigger_imap", &all, &json!([])).await.unwrap();
    assert_eq!((shown[0]["subject"].as_str(), shown.as_array().unwrap().len()), (Some("Second"), 1));
}

async fn what_is_refused_is_told_and_the_other_items_go_on(server: &Server) {
    let params = json!({"fromEmail": "a@example.com", "toEmail": "={{ $json.to }}", "subject": "x"});
    let given = json!([{"to": "nobody@example.com"}, {"to": "no address"}, {"to": "ada@example.com, nobody@example.com"}]);
    let stopped = run(&server.smtp(&[]), "email_send", &params, &given).await.unwrap_err();
    assert!(
        matches!(&stopped, NodeError::Data { item: Some(0), message, .. } if message.contains("nobody is here")),
        "{stopped:?}"
    );
    let going_on = Ctx { on_error: OnError::ContinueRegular, ..server.smtp(&[]) };
    let out = run(&going_on, "email_send", &params, &given).await.unwrap();
    assert_eq!(out[0]["error"], stopped.to_string());
    assert!(out[1]["error"].as_str().unwrap().starts_with("`toEmail`: must be addresses"), "{out}");
    assert_eq!(
        (&out[2]["accepted"], &out[2]["rejected"]),
        (&json!(["ada@example.com"]), &json!(["nobody@example.com"]))
    );
    let later = run(&server.smtp(&[]), "email_send", &params, &json!([{"to": "later@example.com"}]))
        .await
        .unwrap_err();
    assert!(later.is_retryable(), "{later:?}");
}

async fn connections_keep_to_the_rules(server: &Server) {
    let params = json!({"fromEmail": "a@example.com", "toEmail": "ada@example.com", "subject": "tls"});
    let send = async |ctx: &Ctx, params: &Value| run(ctx, "email_send", params, &json!([{}])).await;
    let any = json!({"fromEmail": "a@example.com", "toEmail": "ada@example.com", "subject": "tls",
        "options": {"allowUnauthorizedCerts": true}});
    let starts = server.smtp(&[("disable_start_tls", "false")]);
    let unknown = send(&starts, &params).await.unwrap_err().to_string();
    assert!(unknown.contains("certificate"), "{unknown}");
    send(&starts, &any).await.unwrap();
    send(&server.smtp(&[("secure", "true"), ("port", server.0.port("smtps"))]), &any).await.unwrap();
    let asked = json!({"options": {"customEmailConfig": "[[\"SUBJECT\", \"tls\"], [\"HEADER\", \"X-Secure\", \"yes\"]]"}});
    let secure = server.imap(&[
        ("secure", "true"),
        ("port", server.0.port("imaps")),
        ("allow_unauthorized_certs", "true"),
    ]);
    assert_eq!(server.poll(&secure, &asked).await.unwrap().items.len(), 2, "both came under TLS");
    let strict = server.imap(&[("secure", "true"), ("port", server.0.port("imaps"))]);
    let unknown = server.poll(&strict, &asked).await.unwrap_err().to_string();
    assert!(unknown.contains("certificate"), "{unknown}");

    let wrong = send(&server.smtp(&[("password", "wrong")]), &params).await.unwrap_err();
    assert!(matches!(wrong, NodeError::Credential(_)), "{wrong:?}");
    let wrong = server.poll(&server.imap(&[("password", "wrong")]), &asked).await.unwrap_err();
    assert!(matches!(wrong, NodeError::Credential(_)), "{wrong:?}");
    let nowhere = server.poll(&server.imap(&[]), &json!({"mailbox": "Nowhere"})).await.unwrap_err();
    assert!(nowhere.to_string().contains("Nowhere"), "{nowhere}");

    let closed = Ctx { http: Http::new(Guard::public_only()), ..server.smtp(&[]) };
    assert!(send(&closed, &params).await.unwrap_err().to_string().contains("is not allowed"));
    let closed = Ctx { http: Http::new(Guard::public_only()), ..server.imap(&[]) };
    assert!(server.poll(&closed, &asked).await.unwrap_err().to_string().contains("is not allowed"));
    // A mail that is too large is shown by its headers, and does not stand in the way of others.
    let mut small = server.imap(&[]);
    small.limits.response_bytes_max = 1_000;
    small.mode = Mode::Trigger;
    let one = json!({"options": {"customEmailConfig": "[[\"SUBJECT\", \"Nummer\"]]"}});
    let found = server.poll(&small, &one).await;
    let shown = found.map(|polled| polled.items.first().map(|item| item.json["tooLarge"].is_string()));
    assert!(matches!(shown, Ok(Some(true)) | Err(NodeError::Limit { .. })), "{shown:?}");
}

async fn a_mail_that_waits_links_to_a_page(server: &Server) {
    let params = json!({"operation": "sendAndWait", "fromEmail": "a@example.com", "toEmail": "ada@example.com",
        "subject": "Approve", "message": "Is <this> fine?",
        "options": {"limitWaitTime": {"values": {"resumeAmount": 2, "resumeUnit": "hours"}}}});
    let ctx = server.smtp(&[]);
    let mut given = (*input(&params, vec![items(&json!([{}]))])).clone();
    let mut env = (*given.env).clone();
    env.resume_url = "https://flow.example/waiting/1?a=b&c=d".to_owned();
    given.env = Arc::new(env);
    let kind = linkflow_nodes::find("email_send").unwrap();
    let outcome = kind.run(Arc::new(given), &ctx).await.unwrap();
    let until = ctx.now.plus(2 * 3_600_000);
    assert!(matches!(outcome, Outcome::Park(Wait::Call { until: Some(at) }) if at == until), "{outcome:?}");
    let asked = json!({"options": {"customEmailConfig": "[[\"SUBJECT\", \"Approve\"]]"}});
    let found = server.look(&asked, None).await;
    let json = &found.items[0].json;
    assert!(
        json["textPlain"].as_str().unwrap().contains("https://flow.example/waiting/1?a=b&c=d"),
        "{json:?}"
    );
    let html = json["textHtml"].as_str().unwrap();
    assert!(
        html.contains("Is &lt;this&gt; fine?")
            && html.contains("href=\"https://flow.example/waiting/1?a=b&amp;c=d\""),
        "{html}"
    );
}

/// What a server may send that means no good.
#[tokio::test]
async fn a_server_that_is_none_is_not_believed() {
    let long = format!("* OK {}", "x".repeat(2_000_000));
    for (kind, said, expected) in [
        ("smtp", "HTTP/1.1 400 Bad Request\r\n", "answers what is not SMTP"),
        ("smtp", "554 go away\r\n", "refuses: 554 go away"),
        ("smtp", "421 later\r\n", "did not answer: 421 later"),
        ("smtp", "220-", "the connection ended in the middle"),
        ("smtp", "220!\r\n", "answers what is not SMTP"),
        ("imap", "HTTP/1.1 400 Bad Request\r\n", "answers what is not IMAP"),
        ("imap", "* OK\r\n* CAPABILITY {99999999999}\r\n", "the limit of 64 MB for what a mail server sends"),
        ("imap", "* OK\r\n* BYE too busy\r\n", "did not answer: BYE too busy"),
        ("imap", "* OK\r\n* CAPABILITY LOGINDISABLED\r\na1 OK\r\n", "takes no password without TLS"),
        ("imap", long.as_str(), "answers what is not IMAP"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let text = said.to_owned();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
            let mut rest = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        });
        let fields =
            [("host", "127.0.0.1"), ("port", &port), ("user", "u"), ("password", "p"), ("secure", "false")];
        let fields = fields.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let credentials = BTreeMap::from([(kind.to_owned(), BTreeMap::from(fields))]);
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), Arc::new(TestHost { credentials, ..TestHost::default() }));
        let (kind, params, given) = match kind {
            "smtp" => {
                ("email_send", json!({"fromEmail": "a@b.example", "toEmail": "a@b.example"}), json!([{}]))
            }
            _ => ("email_trigger_imap", json!({}), json!([])),
        };
        let error = run(&ctx, kind, &params, &given).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{kind}, {:?}: {error}", said.chars().take(60).collect::<String>());
    }
}
