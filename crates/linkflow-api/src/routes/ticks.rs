//! Times of schedules: those that parameters would give, and those that are made up for.

use std::sync::Arc;

use axum::extract::State;
use linkflow_model::{Item, Millis, Mode, Node, Object, ScheduleId};
use linkflow_node::schedule::{Rule, next_after};
use linkflow_node::trigger::Trigger;
use linkflow_store::Schedule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path};
use crate::problem::{Problem, Problems};
use crate::routes::List;
use crate::runtime::StartRequest;

/// Executions that one call starts.
const BACKFILL_MAX: usize = 500;
const TIMES_MAX: usize = 20;

/// A trigger as somebody fills it in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimesQuestion {
    /// Kind of the node.
    kind: String,
    /// Its parameters.
    #[schema(value_type = Object)]
    params: Object,
    /// IANA name of the time zone; UTC when it is left out.
    timezone: Option<String>,
    /// How many times of each rule; 5 when it is left out.
    #[schema(minimum = 1, maximum = 20)]
    n: Option<u32>,
    /// The time after which they are asked for, in milliseconds since the epoch; now when it is left out.
    #[schema(minimum = 0)]
    after: Option<i64>,
}

/// When one rule is due.
#[derive(Serialize, ToSchema)]
pub struct RuleTimes {
    /// Times in milliseconds since the epoch.
    times: Vec<i64>,
    /// Why there are none.
    error: Option<String>,
}

/// The span of time in which a schedule's ticks are made up for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backfill {
    /// The first moment, in milliseconds since the epoch.
    #[schema(minimum = 0)]
    from: i64,
    /// The moment before which it ends.
    #[schema(minimum = 0)]
    until: i64,
    /// Only say which times those are.
    #[serde(default)]
    dry_run: bool,
}

/// What was made up for.
#[derive(Serialize, ToSchema)]
pub struct Backfilled {
    /// The ticks, in milliseconds since the epoch.
    times: Vec<i64>,
    /// Executions that were started; a tick that was made up for before starts none.
    execution_ids: Vec<Uuid>,
}

/// Show when a schedule with these parameters would be due
#[utoipa::path(post, path = "/api/v1/schedules/times", tag = "schedules", request_body = TimesQuestion,
    responses((status = 200, body = List<RuleTimes>), Problems))]
pub async fn times(
    State(api): State<Api>,
    Json(asked): Json<TimesQuestion>,
) -> Result<axum::Json<List<RuleTimes>>, Problem> {
    let n = asked.n.unwrap_or(5) as usize;
    if n == 0 || n > TIMES_MAX {
        return Err(Problem::invalid("n", format!("must be from 1 to {TIMES_MAX}, got {n}")));
    }
    let zone = asked.timezone.unwrap_or_else(|| "UTC".to_owned());
    let rules_of = match api.kind(&asked.kind).and_then(|kind| kind.trigger()) {
        Some(Trigger::Schedule(trigger)) => trigger.rules,
        Some(Trigger::Poll(trigger)) => trigger.rules,
        _ => return Err(Problem::invalid("kind", format!("must be one with times, got \"{}\"", asked.kind))),
    };
    let node = Node { kind: asked.kind, params: asked.params, ..Node::default() };
    let rules = rules_of(&node).map_err(|e| Problem::invalid("params", e))?;
    let after = asked.after.map_or_else(|| api.now(), Millis);
    if after.0 < 0 {
        return Err(Problem::invalid("after", format!("must not be before the year 1970, got {}", after.0)));
    }
    Ok(List::whole(rules.iter().map(|rule| of_rule(rule, &zone, after, n)).collect()))
}

fn of_rule(rule: &Rule, zone: &str, after: Millis, n: usize) -> RuleTimes {
    match ticks(rule, zone, after, after, |_, found| found < n) {
        Ok(times) => RuleTimes { times: times.into_iter().map(|at| at.0).collect(), error: None },
        Err(error) => RuleTimes { times: Vec::new(), error: Some(error) },
    }
}

/// The times after `after`, for as long as `wants` says so of the next one and the number so far.
fn ticks(
    rule: &Rule,
    zone: &str,
    anchor: Millis,
    after: Millis,
    wants: impl Fn(Millis, usize) -> bool,
) -> Result<Vec<Millis>, String> {
    let mut found = Vec::new();
    let mut at = after;
    while let Some(next) = next_after(rule, zone, anchor, at)?.filter(|next| wants(*next, found.len())) {
        found.push(next);
        at = next;
    }
    Ok(found)
}

/// Make up for the ticks of a span of time
///
/// Each tick starts one execution of the published version, once: asked again, nothing more is started.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/backfill", tag = "schedules", params(("id" = Uuid, Path)),
    request_body = Backfill, responses((status = 200, body = Backfilled), Problems))]
pub async fn backfill(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(asked): Json<Backfill>,
) -> Result<axum::Json<Backfilled>, Problem> {
    let all = api.store.schedules(who.workspace, None).await?;
    let schedule = all.into_iter().find(|s| s.id == ScheduleId(id));
    let schedule = schedule.ok_or_else(|| Problem::not_found("schedule", id))?;
    let times = missed(&schedule, &asked, api.now())?;
    let mut execution_ids = Vec::new();
    if !asked.dry_run {
        let starter = Starter::of(&api, &who, &schedule).await?;
        for at in &times {
            execution_ids.extend(starter.start(*at).await?);
        }
    }
    Ok(axum::Json(Backfilled { times: times.into_iter().map(|at| at.0).collect(), execution_ids }))
}

fn missed(schedule: &Schedule, asked: &Backfill, now: Millis) -> Result<Vec<Millis>, Problem> {
    if asked.from < 0 {
        return Err(Problem::invalid(
            "from",
            format!("must not be before the year 1970, got {}", asked.from),
        ));
    }
    if asked.from >= asked.until {
        return Err(Problem::invalid("until", format!("must be after `from`, got {}", asked.until)));
    }
    if asked.until > now.0 {
        return Err(Problem::invalid("until", format!("must not be in the future, got {}", asked.until)));
    }
    let rule: Rule = serde_json::from_value(schedule.rule.clone())
        .map_err(|e| Problem::internal(&format!("a stored rule cannot be read: {e}")))?;
    let (from, until) = (Millis(asked.from.saturating_sub(1)), Millis(asked.until));
    // The schedule may be younger than the time that is made up for; rules that count from their
    // beginning then count from the beginning of that time.
    let anchor = Millis(schedule.anchor.0.min(from.0));
    let wants = |next: Millis, found: usize| next < until && found <= BACKFILL_MAX;
    let times =
        ticks(&rule, &schedule.timezone, anchor, from, wants).map_err(|e| Problem::invalid("from", e))?;
    if times.len() > BACKFILL_MAX {
        let problem = format!("leaves more than {BACKFILL_MAX} ticks; choose a shorter time");
        return Err(Problem::invalid("until", problem));
    }
    Ok(times)
}

/// Starts executions as the schedule would have.
struct Starter<'a> {
    api: &'a Api,
    who: &'a Who,
    schedule: &'a Schedule,
    workflow: Arc<linkflow_model::Workflow>,
    node: usize,
    item: fn(&Node, Millis, &str) -> Item,
}

impl<'a> Starter<'a> {
    async fn of(api: &'a Api, who: &'a Who, schedule: &'a Schedule) -> Result<Starter<'a>, Problem> {
        let version = u32::try_from(schedule.version).unwrap_or_default();
        let found = api.store.workflow_version(who.workspace, schedule.workflow, version).await?;
        let gone = || Problem::conflict("the version that the schedule belongs to is gone");
        let workflow = Arc::new(found.ok_or_else(gone)?.document);
        let node = workflow.nodes.iter().position(|node| node.id == schedule.node).ok_or_else(gone)?;
        let kind = &workflow.nodes[node].kind;
        match api.kind(kind).and_then(|kind| kind.trigger()) {
            Some(Trigger::Schedule(trigger)) => {
                Ok(Starter { api, who, schedule, workflow, node, item: trigger.tick })
            }
            _ => Err(Problem::conflict("this trigger looks for what is new now; past times tell it nothing")),
        }
    }

    async fn start(&self, at: Millis) -> Result<Option<Uuid>, Problem> {
        let node = &self.workflow.nodes[self.node];
        let request = StartRequest {
            workspace: self.who.workspace,
            workflow_id: self.schedule.workflow,
            version: u32::try_from(self.schedule.version).unwrap_or_default(),
            workflow: self.workflow.clone(),
            trigger: node.name.clone(),
            items: vec![(self.item)(node, at, &self.schedule.timezone)],
            mode: Mode::Trigger,
            idempotency_key: Some(format!("backfill/{}/{}", self.schedule.id, at.0)),
            idempotency_fingerprint: String::new(),
            retry_of: None,
            parent: None,
            wants_reply: false,
            reuse: None,
            until: None,
        };
        let started = self.api.runtime.start(request, None).await?;
        Ok(started.is_new.then_some(started.execution.0))
    }
}
