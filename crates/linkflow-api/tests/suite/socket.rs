//! The socket: topics, numbers, coming back, being too slow, losing one's rights.

use futures_util::{SinkExt, StreamExt};
use linkflow_api::runtime::{NewFeedEvent, Runtime};
use linkflow_model::{ExecutionId, WorkspaceId};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::runtime::FEED_REMEMBERED;
use super::world::World;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(world: &World, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let url = format!("{}/ws", world.base.replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("the socket is open").unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Close(frame) => {
                return json!({"type": "close", "reason": frame.map(|f| f.reason.to_string())});
            }
            _ => {}
        }
    }
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::Text(message.to_string().into())).await.unwrap();
}

/// What was said before has been taken in when the answer is there.
async fn settled(socket: &mut Socket) {
    say(socket, json!({"type": "ping"})).await;
    assert_eq!(next(socket).await["type"], "pong");
}

fn tell(world: &World, workspace: WorkspaceId, kind: &'static str, execution: ExecutionId) {
    let event =
        NewFeedEvent { kind, workspace, execution: Some(execution), workflow: None, data: json!({"x": 1}) };
    world.runtime.tell(event);
}

fn some_execution() -> ExecutionId {
    ExecutionId(uuid::Uuid::now_v7())
}

#[tokio::test]
async fn watchers_see_what_they_asked_for_and_nothing_of_others() {
    let world = World::new().await;
    let key = world.key(&["read"]).await;
    let mut socket = open(&world, &[("authorization", &key)]).await.unwrap();
    let hello = next(&mut socket).await;
    assert_eq!((&hello["type"], &hello["seq"]), (&json!("hello"), &json!(100)));
    let (mine, other) = (some_execution(), some_execution());
    say(&mut socket, json!({"type": "subscribe", "topics": ["executions", format!("execution:{mine}")]}))
        .await;
    settled(&mut socket).await;
    tell(&world, WorkspaceId(uuid::Uuid::new_v4()), "execution.started", mine);
    tell(&world, world.workspace, "step.started", other);
    tell(&world, world.workspace, "execution.started", other);
    tell(&world, world.workspace, "step.started", mine);
    let first = next(&mut socket).await;
    assert_eq!((&first["seq"], &first["type"]), (&json!(103), &json!("execution.started")));
    assert_eq!(first["execution_id"], other.to_string());
    assert_eq!(first["data"], json!({"x": 1}));
    assert_eq!(next(&mut socket).await["seq"], 104);
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_or_is_told_to_read_anew() {
    let world = World::new().await;
    let key = world.key(&["read"]).await;
    for _ in 0..3 {
        tell(&world, world.workspace, "execution.finished", some_execution());
    }
    let mut socket = open(&world, &[("authorization", &key)]).await.unwrap();
    assert_eq!(next(&mut socket).await["seq"], 103);
    say(&mut socket, json!({"type": "subscribe", "topics": ["executions"], "since": 101})).await;
    assert_eq!(next(&mut socket).await["seq"], 102);
    assert_eq!(next(&mut socket).await["seq"], 103);
    say(&mut socket, json!({"type": "subscribe", "topics": ["executions"], "since": 7})).await;
    assert_eq!(next(&mut socket).await["type"], "resync");
    say(&mut socket, json!({"type": "subscribe", "topics": ["executions"], "since": 9_999})).await;
    assert_eq!(next(&mut socket).await["type"], "resync", "of another life of the server");
}

#[tokio::test]
async fn who_is_too_slow_is_told_to_read_anew() {
    let world = World::new().await;
    let key = world.key(&["read"]).await;
    let mut socket = open(&world, &[("authorization", &key)]).await.unwrap();
    next(&mut socket).await;
    say(&mut socket, json!({"type": "subscribe", "topics": ["executions"]})).await;
    settled(&mut socket).await;
    // More than fits, before the server's task can take any of it.
    for _ in 0..FEED_REMEMBERED * 4 {
        tell(&world, world.workspace, "execution.started", some_execution());
    }
    let mut last = next(&mut socket).await;
    while last["type"] != "resync" {
        last = next(&mut socket).await;
    }
    tell(&world, world.workspace, "execution.finished", some_execution());
    assert_eq!(next(&mut socket).await["type"], "execution.finished");
}

#[tokio::test]
async fn only_who_may_read_and_only_our_own_pages_open_a_socket() {
    let world = World::new().await;
    assert_eq!(open(&world, &[]).await.err(), Some(401));
    let writer = world.key(&["write"]).await;
    assert_eq!(open(&world, &[("authorization", &writer)]).await.err(), Some(403));
    let cookie = world.session(world.person("viewer").await).await;
    let evil = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_eq!(open(&world, &evil).await.err(), Some(403));
    let own = [("cookie", cookie.as_str()), ("origin", world.base.as_str())];
    assert!(open(&world, &own).await.is_ok());
    let plain = world.call("GET /setup", Value::Null).await;
    plain.is(200);
    let key = world.key(&["read"]).await;
    world.send("GET /ws", &[("authorization", &key)], "").await.is_problem(400, "WebSocket only");
}

#[tokio::test]
async fn a_socket_ends_with_the_session() {
    let world = World::with(|settings| settings.socket_silence_ms_max = 90).await;
    let user = world.person("viewer").await;
    let cookie = world.session(user).await;
    let mut socket = open(&world, &[("cookie", &cookie)]).await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "hello");
    world.person("owner").await;
    world.call(&format!("DELETE /users/{user}"), Value::Null).await.is(204);
    assert_eq!(next(&mut socket).await["reason"], "the session has ended");
}

#[tokio::test]
async fn strange_messages_are_answered_and_the_socket_stays() {
    let world = World::new().await;
    let key = world.key(&["read"]).await;
    let mut socket = open(&world, &[("authorization", &key)]).await.unwrap();
    next(&mut socket).await;
    let many: Vec<String> = (0..201).map(|_| "executions".to_owned()).collect();
    for strange in [
        json!("hello"),
        json!({"type": "dance"}),
        json!({"type": "subscribe", "topics": ["execution:x"]}),
        json!({"type": "subscribe", "topics": many}),
        json!({"type": "subscribe", "topics": 5}),
    ] {
        say(&mut socket, strange.clone()).await;
        assert_eq!(next(&mut socket).await["type"], "error", "{strange}");
    }
    socket.send(Message::Binary(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "error");
    settled(&mut socket).await;
    assert_eq!(world.runtime.n_watchers(), 1);
}
