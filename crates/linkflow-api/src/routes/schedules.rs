//! Schedules of published workflows.

use axum::extract::State;
use linkflow_model::{Millis, ScheduleId};
use linkflow_node::schedule::{Rule, next_after};
use linkflow_store::{Misfire, Schedule};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path, Query};
use crate::problem::{Problem, Problems};
use crate::routes::List;

/// One rule of a schedule node of a published workflow.
#[derive(Serialize, ToSchema)]
pub struct ScheduleView {
    id: Uuid,
    workflow_id: Uuid,
    workflow_name: Option<String>,
    /// Name of the node; its id when the version is gone.
    node: String,
    #[schema(value_type = Object)]
    rule: Value,
    timezone: String,
    next_run_at: Option<i64>,
    last_run_at: Option<i64>,
    misfire: MisfireView,
    enabled: bool,
}

/// What happens with ticks that nobody could fire in time.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MisfireView {
    Skip,
    Once,
    All,
}

impl MisfireView {
    fn of(misfire: Misfire) -> MisfireView {
        match misfire {
            Misfire::Skip => MisfireView::Skip,
            Misfire::Once => MisfireView::Once,
            Misfire::All => MisfireView::All,
        }
    }

    fn to_store(self) -> Misfire {
        match self {
            MisfireView::Skip => Misfire::Skip,
            MisfireView::Once => Misfire::Once,
            MisfireView::All => Misfire::All,
        }
    }
}

/// What is changed about a schedule; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleChange {
    enabled: Option<bool>,
    misfire: Option<MisfireView>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NextQuery {
    /// How many times; 10 when it is left out.
    #[param(minimum = 1, maximum = 100)]
    n: Option<u32>,
}

/// Times in milliseconds since the epoch.
#[derive(Serialize, ToSchema)]
pub struct Times {
    items: Vec<i64>,
}

async fn view(api: &Api, who: &Who, schedule: Schedule) -> Result<ScheduleView, Problem> {
    let names = api.store.workflow_names(who.workspace, vec![schedule.workflow]).await?;
    let version = u32::try_from(schedule.version).unwrap_or_default();
    let document = api.store.workflow_version(who.workspace, schedule.workflow, version).await?;
    let node = document.and_then(|d| d.document.node(&schedule.node).map(|node| node.name.clone()));
    Ok(ScheduleView {
        id: schedule.id.0,
        workflow_id: schedule.workflow.0,
        workflow_name: names.get(&schedule.workflow).cloned(),
        node: node.unwrap_or(schedule.node),
        rule: schedule.rule,
        timezone: schedule.timezone,
        next_run_at: schedule.next_run_at.map(|t| t.0),
        last_run_at: schedule.last_run_at.map(|t| t.0),
        misfire: MisfireView::of(schedule.misfire),
        enabled: schedule.enabled,
    })
}

async fn find(api: &Api, who: &Who, id: Uuid) -> Result<Schedule, Problem> {
    let all = api.store.schedules(who.workspace, None).await?;
    all.into_iter().find(|s| s.id == ScheduleId(id)).ok_or_else(|| Problem::not_found("schedule", id))
}

/// The next time after `after`, by the schedule's rule.
fn next_time(schedule: &Schedule, after: Millis) -> Result<Option<Millis>, Problem> {
    let rule: Rule = serde_json::from_value(schedule.rule.clone())
        .map_err(|e| Problem::internal(&format!("a stored rule cannot be read: {e}")))?;
    next_after(&rule, &schedule.timezone, schedule.anchor, after).map_err(|e| Problem::invalid("rule", e))
}

/// List schedules
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules",
    responses((status = 200, body = List<ScheduleView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<ScheduleView>>, Problem> {
    let mut views = Vec::new();
    for schedule in api.store.schedules(who.workspace, None).await? {
        views.push(view(&api, &who, schedule).await?);
    }
    Ok(List::whole(views))
}

/// Pause a schedule, let it go on, or change what happens with missed ticks
#[utoipa::path(patch, path = "/api/v1/schedules/{id}", tag = "schedules", params(("id" = Uuid, Path)),
    request_body = ScheduleChange, responses((status = 200, body = ScheduleView), Problems))]
pub async fn change(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(change): Json<ScheduleChange>,
) -> Result<axum::Json<ScheduleView>, Problem> {
    let schedule = find(&api, &who, id).await?;
    if let Some(misfire) = change.misfire {
        api.store.set_schedule_misfire(who.workspace, schedule.id, misfire.to_store()).await?;
    }
    if let Some(enabled) = change.enabled.filter(|enabled| *enabled != schedule.enabled) {
        // What came due while it was paused is not made up for.
        let next = if enabled { next_time(&schedule, api.now())? } else { None };
        api.store.enable_schedule(who.workspace, schedule.id, enabled, next).await?;
    }
    let schedule = find(&api, &who, id).await?;
    Ok(axum::Json(view(&api, &who, schedule).await?))
}

/// Show when a schedule is due next
#[utoipa::path(get, path = "/api/v1/schedules/{id}/next", tag = "schedules",
    params(("id" = Uuid, Path), NextQuery), responses((status = 200, body = Times), Problems))]
pub async fn next(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(query): Query<NextQuery>,
) -> Result<axum::Json<Times>, Problem> {
    let n = match query.n.unwrap_or(10) {
        n @ 1..=100 => n,
        n => return Err(Problem::invalid("n", format!("must be from 1 to 100, got {n}"))),
    };
    let schedule = find(&api, &who, id).await?;
    let mut items = Vec::new();
    let mut after = api.now();
    while items.len() < n as usize {
        let Some(next) = next_time(&schedule, after)? else { break };
        items.push(next.0);
        after = next;
    }
    Ok(axum::Json(Times { items }))
}
