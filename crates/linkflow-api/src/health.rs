//! Health: whether this process lives, whether it takes work, and how what it needs is doing.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::Api;
use crate::runtime::{Check, CheckStatus, Health};

/// A dependency that is silent for longer counts as down.
const CHECK_MS_MAX: u64 = 3_000;

/// `GET /health`: each dependency with its state and latency.
pub async fn show(State(api): State<Api>) -> Response {
    let (database, health) = check(&api).await;
    let worst = worst_of(&database, &health);
    let mut checks = serde_json::Map::new();
    checks.insert("database".to_owned(), json!(database));
    checks.extend(health.checks.iter().map(|(name, check)| (name.clone(), json!(check))));
    let status = if worst == CheckStatus::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body = json!({"status": worst, "version": api.settings.version, "checks": checks});
    (status, axum::Json(body)).into_response()
}

/// `GET /health/live`: this process answers.
pub async fn live() -> Response {
    axum::Json(json!({"status": "ok"})).into_response()
}

/// `GET /health/ready`: 503 while starting, draining, or without the database.
pub async fn ready(State(api): State<Api>) -> Response {
    let (database, health) = check(&api).await;
    if !api.is_leaving() && health.is_ready && worst_of(&database, &health) != CheckStatus::Down {
        return axum::Json(json!({"status": "ok"})).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({"status": "down"}))).into_response()
}

async fn check(api: &Api) -> (Check, Health) {
    let limit = Duration::from_millis(CHECK_MS_MAX);
    let silent = Health {
        is_ready: false,
        checks: vec![("runtime".to_owned(), down(CHECK_MS_MAX, "it does not answer"))],
    };
    let health = async { tokio::time::timeout(limit, api.runtime.health()).await.unwrap_or(silent) };
    tokio::join!(check_database(api, limit), health)
}

async fn check_database(api: &Api, limit: Duration) -> Check {
    let began = Instant::now();
    let asked = tokio::time::timeout(limit, api.store.needs_owner()).await;
    let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match asked {
        Ok(Ok(_)) => Check { status: CheckStatus::Ok, latency_ms, message: None },
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer as it should: {error}");
            down(latency_ms, "it refuses; the log has the cause")
        }
        Err(_) => down(latency_ms, "it does not answer"),
    }
}

fn down(latency_ms: u64, message: &str) -> Check {
    Check { status: CheckStatus::Down, latency_ms, message: Some(message.to_owned()) }
}

fn worst_of(database: &Check, health: &Health) -> CheckStatus {
    let others = health.checks.iter().map(|(_, check)| check.status).max();
    others.unwrap_or(CheckStatus::Ok).max(database.status)
}
