//! Forms, as people see them: pages, what they send, and what they are shown next.

use serde_json::{Value, json};

use crate::server::{Owner, Server};

fn node(name: &str, kind: &str, version: f64, x: usize, params: Value) -> Value {
    json!({"id": name, "name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version,
        "position": [x, 0], "webhookId": name, "parameters": params})
}

/// Nodes one after the other, in n8n's format.
fn flow(nodes: Vec<Value>) -> Value {
    let names: Vec<String> =
        nodes.iter().map(|n| n["name"].as_str().unwrap_or_default().to_owned()).collect();
    let links = names
        .windows(2)
        .map(|pair| (pair[0].clone(), json!({"main": [[{"node": pair[1], "type": "main", "index": 0}]]})));
    let links: serde_json::Map<String, Value> = links.collect();
    json!({"name": "Form", "nodes": nodes, "connections": links, "settings": {"executionOrder": "v1"}})
}

fn asks(mode: &str) -> Value {
    node(
        "Ask",
        "formTrigger",
        2.2,
        0,
        json!({"formTitle": "Contact", "responseMode": mode,
        "formFields": {"values": [{"fieldLabel": "Name", "requiredField": true}]}, "options": {"path": "contact"}}),
    )
}

/// A browser without scripts, which keeps nothing.
struct Browser(reqwest::Client);

impl Browser {
    fn new() -> Browser {
        Browser(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap())
    }

    async fn seen(answer: reqwest::Response) -> (u16, String, String) {
        let status = answer.status().as_u16();
        let header = |name: &str| {
            answer.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
        };
        let location = match header("location") {
            path if path.starts_with('/') => answer.url().join(&path).unwrap().to_string(),
            whole => whole,
        };
        if status == 200 {
            assert!(header("content-security-policy").contains("default-src 'none'"), "{answer:?}");
        }
        (status, location, answer.text().await.unwrap())
    }

    async fn get(&self, url: &str) -> (u16, String, String) {
        Browser::seen(self.0.get(url).send().await.unwrap()).await
    }

    async fn send(&self, url: &str, form: &[(&str, &str)]) -> (u16, String, String) {
        let text: Vec<String> = form.iter().map(|(k, v)| format!("{k}={}", v.replace(' ', "+"))).collect();
        let request = self.0.post(url).header("content-type", "application/x-www-form-urlencoded");
        Browser::seen(request.body(text.join("&")).send().await.unwrap()).await
    }

    /// Follows an address until something else than "one moment" is there.
    async fn follow(&self, url: &str) -> String {
        for _ in 0..60 {
            let (status, _, page) = self.get(url).await;
            assert_eq!(status, 200, "{page}");
            if !page.contains("One moment") {
                return page;
            }
        }
        panic!("{url} never went on")
    }
}

/// The id of the only execution, once it has ended well.
async fn ended(owner: &Owner, server: &Server) -> String {
    let begin = std::time::Instant::now();
    loop {
        let (_, list) = owner.get(server, "/api/v1/executions").await;
        if list["items"][0]["status"] == "success" {
            return list["items"][0]["id"].as_str().unwrap().to_owned();
        }
        assert!(begin.elapsed().as_secs() < 60, "{list}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_form_is_filled_in_page_by_page_and_ends_with_thanks() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let page = json!({"formFields": {"values": [{"fieldLabel": "City"}]},
        "options": {"formTitle": "={{ $json.Name }}, where do you live?"}});
    let end = json!({"operation": "completion", "completionTitle": "Thanks",
        "completionMessage": "=You live in {{ $json.City }}, {{ $('Ask').item.json.Name }}."});
    let file = flow(vec![
        asks("onReceived"),
        node("Where", "form", 1.0, 200, page),
        node("End", "form", 1.0, 400, end),
    ]);
    owner.publish(&server, &file).await;
    let (browser, url) = (Browser::new(), format!("{}/form/contact", server.base));

    let (status, _, page) = browser.get(&format!("{url}?Name=Ada")).await;
    assert!(status == 200 && page.contains("value=\"Ada\""), "{page}");
    let (status, _, page) = browser.send(&url, &[("field-0", " ")]).await;
    assert!(status == 422 && page.contains("Fill this in."), "{page}");
    let (status, next, _) = browser.send(&url, &[("field-0", "Ada <L>")]).await;
    assert!(status == 303 && next.contains("/form-waiting/"), "{status} {next}");
    let page = browser.follow(&next).await;
    assert!(page.contains("<h1>Ada &lt;L&gt;, where do you live?</h1>"), "{page}");
    let (status, again, _) = browser.send(&next, &[("field-0", "Bonn")]).await;
    assert_eq!((status, again.as_str()), (303, next.as_str()));
    let page = browser.follow(&next).await;
    assert!(page.contains("You live in Bonn, Ada &lt;L&gt;."), "{page}");
    ended(&owner, &server).await;
    let (status, _, _) = browser.get(&next.replace("signature=", "signature=00")).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_form_answers_at_once_or_when_the_workflow_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let browser = Browser::new();
    let url = format!("{}/form/contact", server.base);
    let id = owner.publish(&server, &flow(vec![asks("onReceived")])).await;
    let (status, _, page) = browser.send(&url, &[("field-0", "Ada")]).await;
    assert!(status == 200 && page.contains("Your answers have arrived."), "{page}");
    let (status, _) = owner.post(&server, &format!("/api/v1/workflows/{id}/unpublish"), &json!({})).await;
    assert_eq!(status, 200);
    let fails = node("Stop", "stopAndError", 1.0, 200, json!({"errorMessage": "no"}));
    owner.publish(&server, &flow(vec![asks("lastNode"), fails])).await;
    let (status, next, _) = browser.send(&url, &[("field-0", "Ada")]).await;
    assert_eq!(status, 303);
    let page = browser.follow(&next).await;
    assert!(page.contains("Something went wrong"), "{page}");
}

#[tokio::test]
async fn a_wait_asks_people_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let wait = json!({"resume": "form", "formTitle": "Approve?", "formFields": {"values": [
        {"fieldLabel": "Yes", "fieldType": "radio", "fieldOptions": {"values": [{"option": "yes"}, {"option": "no"}]}}]}});
    let set = json!({"options": {}, "assignments": {"assignments": [
        {"id": "1", "name": "said", "value": "={{ $json.Yes }}", "type": "string"}]}});
    let file = flow(vec![
        asks("onReceived"),
        node("Wait", "wait", 1.1, 200, wait),
        node("Set", "set", 3.4, 400, set),
    ]);
    owner.publish(&server, &file).await;
    let browser = Browser::new();
    let (_, next, _) = browser.send(&format!("{}/form/contact", server.base), &[("field-0", "Ada")]).await;
    assert!(browser.follow(&next).await.contains("Approve?"));
    let (status, done, page) = browser.send(&next, &[("field-0", "no")]).await;
    assert!(status == 200 && page.contains("Your answers have arrived."), "{status} {done} {page}");
    let execution = ended(&owner, &server).await;
    let (_, data) = owner.get(&server, &format!("/api/v1/executions/{execution}/data?node=Set")).await;
    assert_eq!(data["items"][0]["json"], json!({"said": "no"}), "{data}");
}

#[tokio::test]
async fn a_chat_has_a_page_and_answers_each_message() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let mut chat =
        node("Chat", "chatTrigger", 1.1, 0, json!({"public": true, "options": {"title": "Ask us"}}));
    chat["type"] = json!("@n8n/n8n-nodes-langchain.chatTrigger");
    let set = json!({"options": {}, "assignments": {"assignments": [
        {"id": "1", "name": "output", "value": "=You said {{ $json.chatInput }}", "type": "string"}]}});
    owner.publish(&server, &flow(vec![chat, node("Say", "set", 3.4, 200, set)])).await;
    let (status, _, page) = Browser::new().get(&format!("{}/webhook/Chat/chat", server.base)).await;
    assert!(status == 200 && page.contains("<h1>Ask us</h1>"), "{page}");
    let message = json!({"action": "sendMessage", "sessionId": "s", "chatInput": "hi"});
    let answer = owner.post(&server, "/webhook/Chat/chat", &message).await;
    assert_eq!(answer, (200, json!({"output": "You said hi"})));
}
