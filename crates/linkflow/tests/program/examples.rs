//! The workflows in `examples/`, imported, published and run on a server, give what their pages
//! in `docs/examples/` say. A server of the test stands in for `https://example.com`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Owner, Server};
use crate::stand_in::{Asked, StandIn};

/// Nothing of an example takes longer.
const WAIT_S: u64 = 60;

/// A server with someone at its keyboard, and what stands in for the services outside.
struct Desk {
    server: Server,
    owner: Owner,
    outside: StandIn,
    dir: tempfile::TempDir,
}

impl Desk {
    async fn new(answer: impl Fn(&Asked, usize) -> (u16, Value) + Send + Sync + 'static) -> Desk {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(dir.path()).await;
        let owner = Owner::of(&server).await;
        Desk { server, owner, outside: StandIn::start(answer).await, dir }
    }

    /// Of an example that asks nobody outside.
    async fn alone() -> Desk {
        Desk::new(|asked, _| panic!("nobody should have asked {}", asked.path)).await
    }

    /// Imports and publishes an example, its services' addresses put in; gives its id.
    async fn publish(&self, file: &str) -> String {
        self.owner.publish(&self.server, &self.example(file)).await
    }

    fn example(&self, file: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        serde_json::from_str(&text.replace("https://example.com", &self.outside.base)).expect("JSON")
    }

    /// Runs a workflow to its end, in manual mode or as a program starts it.
    async fn run(&self, id: &str, mode: &str) -> Value {
        let path = format!("/api/v1/workflows/{id}/execute?wait={WAIT_S}");
        let (status, ended) = self.owner.post(&self.server, &path, &json!({"mode": mode})).await;
        assert_eq!((status, &ended["status"]), (200, &json!("success")), "{ended}");
        ended
    }

    async fn call(&self, path: &str, body: &Value) -> (u16, Value) {
        self.owner.post(&self.server, path, body).await
    }

    /// The executions of a workflow once there are `n` and all have ended.
    async fn ended(&self, workflow: &str, n: usize) -> Vec<Value> {
        let path = format!("/api/v1/executions?workflow={workflow}");
        let until = Instant::now() + Duration::from_secs(WAIT_S);
        loop {
            let (_, list) = self.owner.get(&self.server, &path).await;
            let all = list["items"].as_array().cloned().unwrap_or_default();
            if all.len() == n && all.iter().all(|e| e["status"] == "success" || e["status"] == "error") {
                return all;
            }
            assert!(Instant::now() < until, "{n} executions have not ended: {list}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The items of a node's first output in an execution.
    async fn items(&self, execution: &Value, node: &str) -> Value {
        let id = execution["id"].as_str().expect("an execution has an id");
        let (status, data) =
            self.owner.get(&self.server, &format!("/api/v1/executions/{id}/data?node={node}")).await;
        assert_eq!(status, 200, "{data}");
        plain(&data["items"])
    }
}

/// The plain objects of a list of items.
fn plain(items: &Value) -> Value {
    items.as_array().into_iter().flatten().map(|item| item["json"].clone()).collect()
}

/// What the latest run of a node gave through its first output.
fn output(ended: &Value, node: &str) -> Value {
    let runs = ended["nodes"][node].as_array().unwrap_or_else(|| panic!("{node} has not run: {ended}"));
    plain(&runs.last().expect("a run")["outputs"][0])
}

#[tokio::test]
async fn order_intake_accepts_sound_orders_and_says_what_is_wrong_with_others() {
    let desk = Desk::alone().await;
    desk.publish("order-intake.json").await;
    let sound = json!({"customer": "Ada", "total": 1200, "lines": [{"sku": "A-1"}]});
    let accepted = json!({"accepted": true, "customer": "Ada", "priority": "high"});
    assert_eq!(desk.call("/webhook/orders", &sound).await, (201, accepted));
    let problems = json!(["lines must hold at least one line", "total must be more than 0"]);
    let refused = json!({"accepted": false, "problems": problems});
    assert_eq!(desk.call("/webhook/orders", &json!({"customer": "Ada"})).await, (422, refused));
}

#[tokio::test]
async fn hourly_news_tells_of_each_post_once() {
    let post = |n: usize| json!({"id": n, "title": format!("Post {n}"), "url": format!("https://x/{n}")});
    let desk = Desk::new(move |asked, nth| match asked.path.as_str() {
        "/api/posts" => (200, json!((0..nth + 2).rev().map(post).collect::<Vec<_>>())),
        _ => (200, json!({})),
    })
    .await;
    let id = desk.publish("hourly-news.json").await;
    let (_, schedules) = desk.owner.get(&desk.server, "/api/v1/schedules").await;
    assert_eq!(schedules["items"][0]["workflow_id"], json!(id), "{schedules}");
    desk.run(&id, "api").await;
    let told = || desk.outside.asked("/chat").iter().map(|a| a.body["text"].clone()).collect::<Value>();
    assert_eq!(told(), json!(["Post 1 - https://x/1", "Post 0 - https://x/0"]));
    desk.run(&id, "api").await;
    assert_eq!(told(), json!(["Post 1 - https://x/1", "Post 0 - https://x/0", "Post 2 - https://x/2"]));
    assert!(desk.outside.asked("/api/posts").iter().all(|a| a.query == "limit=50"));
}

#[tokio::test]
async fn csv_totals_adds_up_by_customer_the_largest_first() {
    let desk = Desk::alone().await;
    let id = desk.publish("csv-totals.json").await;
    let sums = json!([
        {"customer": "Cleo", "sum_amount": 310, "count_month": 1},
        {"customer": "Ada", "sum_amount": 220, "count_month": 2},
        {"customer": "Bob", "sum_amount": 100, "count_month": 2}
    ]);
    assert_eq!(output(&desk.run(&id, "manual").await, "Largest first"), sums);
    assert_eq!(output(&desk.run(&id, "api").await, "Largest first"), sums);
}

#[tokio::test]
async fn paged_api_walks_through_all_pages_and_rests_between_batches() {
    let contacts: Vec<Value> = (0..12).map(|n| json!({"id": n})).collect();
    let desk = Desk::new(move |asked, nth| match asked.path.as_str() {
        "/api/contacts" => (200, json!(contacts.chunks(6).nth(nth).unwrap_or_default())),
        path => (200, json!({"id": path.trim_start_matches("/api/contacts/")})),
    })
    .await;
    let id = desk.publish("paged-api.json").await;
    let ended = desk.run(&id, "api").await;
    assert_eq!(output(&ended, "Count"), json!([{"count_id": 12}]));
    let pages = desk.outside.asked("/api/contacts");
    let asked: Vec<&str> = pages.iter().map(|a| a.query.as_str()).collect();
    assert_eq!(asked, ["page=1", "page=2", "page=3"]);
    assert!(pages.windows(2).all(|w| w[1].at - w[0].at >= Duration::from_millis(250)), "too soon");
    let updates = desk.outside.asked("/api/contacts/");
    assert_eq!(updates.len(), 12);
    let rest = updates[10].at - updates[9].at;
    assert!(rest >= Duration::from_secs(2), "the second batch came after {rest:?}");
    assert!(updates[9].at - updates[0].at < Duration::from_secs(2), "the first batch was not one");
}

#[tokio::test]
async fn sub_workflow_prices_each_order_and_the_alarm_comes_when_one_fails() {
    let desk = Desk::new(|_, _| (200, json!({}))).await;
    desk.publish("sub-workflow-alarm.json").await;
    let called = desk.publish("sub-workflow-price.json").await;
    let caller = desk.publish("sub-workflow.json").await;
    let orders = json!([{"id": 1, "net": 100, "country": "DE"}, {"id": 2, "net": 50, "country": "FR"}]);
    let priced = json!([
        {"id": 1, "net": 100, "country": "DE", "gross": 119},
        {"id": 2, "net": 50, "country": "FR", "gross": 60}
    ]);
    let (status, answer) = desk.call("/webhook/price-orders", &json!({"orders": orders})).await;
    assert_eq!((status, answer), (200, priced));
    let unknown = json!({"orders": [{"id": 3, "net": 1, "country": "XX"}]});
    let (status, answer) = desk.call("/webhook/price-orders", &unknown).await;
    assert_eq!(status, 500, "{answer}");
    assert_eq!(desk.ended(&caller, 2).await[0]["status"], "error");
    assert_eq!(desk.ended(&called, 3).await[0]["status"], "error");
    let alarm = desk.outside.wait_for("/chat", 1).await[0].body["text"].to_string();
    assert!(alarm.contains("Price the orders failed at Price"), "{alarm}");
    assert!(alarm.contains("no tax rate for XX"), "{alarm}");
}

#[tokio::test]
async fn approval_rests_through_a_restart_and_goes_on_by_its_links() {
    let mut desk = Desk::alone().await;
    let id = desk.publish("approval.json").await;
    let chairs = json!({"what": "new chairs", "cost": 900});
    let (status, first) = desk.call("/webhook/approvals", &chairs).await;
    assert_eq!(status, 202, "{first}");
    let (_, second) = desk.call("/webhook/approvals", &json!({"what": "a yacht"})).await;
    let port = desk.server.port();
    desk.server.kill();
    desk.server = Server::start_on(desk.dir.path(), port).await;
    let open = |link: &Value| desk.owner.http.get(link.as_str().expect("a link")).send();
    let forged = first["approve"].as_str().expect("a link").replace("signature=", "signature=x");
    let answer = desk.owner.http.get(&forged).send().await.expect("an answer");
    assert!(answer.status().is_client_error(), "{forged} was taken: {}", answer.status());
    let answer = open(&first["approve"]).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("a body"), "Thank you, your decision was noted.");
    assert_eq!(open(&second["refuse"]).await.expect("an answer").status(), 200);
    let ended = desk.ended(&id, 2).await;
    assert!(ended.iter().all(|e| e["status"] == "success"), "{ended:?}");
    let approved = json!([{"request": chairs, "decision": "approved"}]);
    assert_eq!(desk.items(&ended[1], "Approved").await, approved);
    let refused = json!([{"request": {"what": "a yacht"}, "decision": "refused"}]);
    assert_eq!(desk.items(&ended[0], "Refused").await, refused);
    let again = open(&first["approve"]).await.expect("an answer");
    assert!(again.status().is_client_error(), "a link works once, not {}", again.status());
}

#[tokio::test]
async fn join_gives_each_order_its_customer_pinned_or_asked_for() {
    let desk = Desk::new(|asked, _| match asked.path.as_str() {
        "/api/orders" => (200, json!([{"id": 1, "customerId": "c"}, {"id": 2, "customerId": "d"}])),
        _ => (200, json!([{"id": "d", "name": "Dora"}, {"id": "e", "name": "Eve"}])),
    })
    .await;
    let id = desk.publish("join.json").await;
    let lines = |ended: &Value| output(ended, "Line");
    assert_eq!(
        lines(&desk.run(&id, "manual").await),
        json!([{"line": "Order 71: Ada"}, {"line": "Order 72: Bob"}, {"line": "Order 73: unknown customer"}])
    );
    assert!(desk.outside.asked("/").is_empty(), "pinned items need no network");
    assert_eq!(
        lines(&desk.run(&id, "api").await),
        json!([{"line": "Order 2: Dora"}, {"line": "Order 1: unknown customer"}])
    );
}

#[tokio::test]
async fn fan_out_tells_those_that_answer_and_reports_who_stayed_away() {
    let desk = Desk::new(|asked, nth| match asked.path.as_str() {
        "/shipping" if nth < 2 => (503, json!({"message": "not yet"})),
        "/newsletter" => (500, json!({"message": "out of order"})),
        path => (200, json!({"told": path})),
    })
    .await;
    let id = desk.publish("fan-out.json").await;
    let customer = json!({"email": "ada@example.org"});
    let (status, answer) = desk.call("/webhook/customers", &customer).await;
    assert_eq!(status, 200, "{answer}");
    let ended = desk.ended(&id, 1).await.remove(0);
    assert_eq!(ended["status"], "success", "{ended}");
    let tries = |path: &str| {
        let asked = desk.outside.asked(path);
        assert!(asked.iter().all(|a| a.body == customer), "{path} got something else");
        let key = asked[0].idempotency_key.clone();
        assert!(key.is_some() && asked.iter().all(|a| a.idempotency_key == key), "{path}: {asked:?}");
        asked
    };
    assert_eq!(["/billing", "/shipping", "/newsletter"].map(|path| tries(path).len()), [1, 3, 5]);
    let newsletter = tries("/newsletter");
    let waits = newsletter.windows(2).map(|w| w[1].at - w[0].at);
    for (wait, wanted_ms) in waits.zip([500, 1000, 2000, 4000]) {
        assert!(wait >= Duration::from_millis(wanted_ms), "{wait:?} instead of {wanted_ms} ms");
    }
    let told = json!([{"told": "/billing"}, {"told": "/shipping"}]);
    assert_eq!(desk.items(&ended, "Told").await, told);
    let reports = desk.outside.asked("/alerts");
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].body["customer"], "ada@example.org");
    assert!(!reports[0].body["problem"].as_str().unwrap_or_default().is_empty(), "{reports:?}");
}
