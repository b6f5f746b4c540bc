//! The program is killed again and again; what it accepted ends, each once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Owner, Server};
use crate::webhook::greeting;

const ROUNDS: usize = 4;
const PER_ROUND: usize = 60;

#[tokio::test]
async fn what_was_accepted_before_a_kill_ends_once_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    owner.publish(&server, &greeting("onReceived")).await;
    let mut accepted = 0;
    for round in 0..ROUNDS {
        for n in 0..PER_ROUND {
            let name = format!("{round}-{n}");
            let (status, answer) = owner.post(&server, "/webhook/greet", &json!({"name": name})).await;
            assert_eq!(status, 200, "{answer}");
            accepted += 1;
        }
        let port = server.port();
        server.kill();
        server = Server::start_on(dir.path(), port).await;
    }
    let ended = wait_for_ends(&owner, &server, accepted).await;
    let names: HashSet<String> = ended.into_iter().collect();
    assert_eq!(names.len(), accepted, "each request has its execution");
}

/// The ids of all executions, once all have ended well.
async fn wait_for_ends(owner: &Owner, server: &Server, n: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let all = all_executions(owner, server).await;
        if all.len() >= n && all.iter().all(|e| e["status"] == "success") {
            assert_eq!(all.len(), n, "nothing ran that was not accepted");
            return all.iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
        }
        assert!(Instant::now() < until, "{} of {n} are there, or some did not end", all.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn all_executions(owner: &Owner, server: &Server) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/api/v1/executions?limit=100".to_owned();
    loop {
        let (status, page) = owner.get(server, &path).await;
        assert_eq!(status, 200, "{page}");
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/executions?limit=100&cursor={next}"),
            None => return all,
        }
    }
}
