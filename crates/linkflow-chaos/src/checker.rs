//! Decides. It reads the clients' log, the effects outside and what is in the database, and names
//! each thing that must not be.

use std::collections::HashMap;

use serde::Serialize;
use uuid::Uuid;

use crate::effects::PLACES;
use crate::evidence::{Evidence, Row};
use crate::workflows::{self, CHILD_STEPS, TICK_STEPS, kind_of};

/// Most problems of one sort that are told in full.
const TOLD_MAX: usize = 20;

/// What went wrong, by sort, and how much was looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub accepted: usize,
    pub executions: usize,
    pub ticks: u64,
    pub effects: usize,
    /// Effects that happened more than once, always with the same key. They are allowed.
    pub effects_repeated: usize,
    pub lost: usize,
    pub stuck: usize,
    pub twice: usize,
    pub other: usize,
    pub problems: Vec<String>,
}

#[derive(Clone, Copy)]
enum Sort {
    Lost,
    Stuck,
    Twice,
    Other,
}

impl Verdict {
    fn say(&mut self, sort: Sort, what: String) {
        let n = match sort {
            Sort::Lost => &mut self.lost,
            Sort::Stuck => &mut self.stuck,
            Sort::Twice => &mut self.twice,
            Sort::Other => &mut self.other,
        };
        *n += 1;
        if *n <= TOLD_MAX {
            self.problems.push(what);
        }
    }

    pub fn is_good(&self) -> bool {
        self.lost + self.stuck + self.twice + self.other == 0
    }
}

pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict {
        accepted: evidence.accepted.len(),
        executions: evidence.rows.len(),
        ticks: evidence.ticks.iter().map(|t| t.fires).sum(),
        effects: evidence.effects.len(),
        ..Verdict::default()
    };
    for wrong in &evidence.wrong {
        verdict.say(Sort::Other, wrong.clone());
    }
    for violation in &evidence.violations {
        verdict.say(Sort::Twice, violation.clone());
    }
    check_orders(evidence, &mut verdict);
    check_executions(evidence, &mut verdict);
    check_effects(evidence, &mut verdict);
    check_families(evidence, &mut verdict);
    check_ticks(evidence, &mut verdict);
    verdict
}

/// Each accepted order has its execution, and no execution belongs to two.
fn check_orders(evidence: &Evidence, verdict: &mut Verdict) {
    let mut orders: HashMap<Uuid, u64> = HashMap::new();
    for (order, id) in &evidence.accepted {
        match evidence.rows.get(id) {
            None => verdict.say(Sort::Lost, format!("order {order}: {id} was accepted and is not there")),
            Some(row) if row.workflow != kind_of(*order).name => {
                verdict.say(Sort::Other, format!("order {order}: {id} is a {}", row.workflow));
            }
            Some(_) => {}
        }
        if let Some(other) = orders.insert(*id, *order) {
            verdict.say(Sort::Other, format!("orders {other} and {order} were both told {id}"));
        }
    }
    let is_ordered =
        |row: &&Row| row.parent.is_none() && workflows::KINDS.iter().any(|k| k.name == row.workflow);
    let n = evidence.rows.values().filter(is_ordered).count();
    // One that was never answered may have been accepted; with a key it was asked again.
    let most = evidence.accepted.len() + usize::try_from(evidence.unanswered).unwrap_or(usize::MAX);
    if n > most {
        verdict.say(Sort::Twice, format!("{n} executions of orders, at most {most} were accepted"));
    }
}

/// Each execution has ended well, and its journal has each step once.
fn check_executions(evidence: &Evidence, verdict: &mut Verdict) {
    for (id, row) in &evidence.rows {
        match row.status.as_str() {
            "success" => {}
            "ready" | "running" | "waiting" => {
                verdict.say(Sort::Stuck, format!("{id} ({}) is {}", row.workflow, row.status));
                continue;
            }
            status => {
                let what = format!("{id} ({}) ended as {status}: {}", row.workflow, row.error);
                verdict.say(Sort::Other, what);
                continue;
            }
        }
        let Some(journal) = evidence.journals.get(id) else {
            verdict.say(Sort::Lost, format!("{id} has no journal"));
            continue;
        };
        if let Some(step) = journal.twice {
            verdict.say(Sort::Twice, format!("{id} ({}): step {step} is recorded twice", row.workflow));
        }
        let steps = steps_of(&row.workflow);
        if journal.steps != steps {
            let what =
                format!("{id} ({}): {} steps are recorded, there are {steps}", row.workflow, journal.steps);
            verdict.say(Sort::Lost, what);
        }
        if journal.ends != 1 || !journal.is_closed {
            verdict
                .say(Sort::Twice, format!("{id} ({}): its journal has {} ends", row.workflow, journal.ends));
        }
    }
}

fn steps_of(workflow: &str) -> u32 {
    match workflows::KINDS.iter().find(|k| k.name == workflow) {
        Some(kind) => kind.steps,
        None if workflow == "child" => CHILD_STEPS,
        None => TICK_STEPS,
    }
}

/// What an accepted order does outside was done, and always under the same key.
fn check_effects(evidence: &Evidence, verdict: &mut Verdict) {
    for order in evidence.accepted.keys() {
        for place in kind_of(*order).places {
            let at = PLACES.iter().position(|p| p == place).unwrap_or_default() as u8;
            if !evidence.effects.contains_key(&(at, *order)) {
                verdict.say(Sort::Lost, format!("order {order}: {place} was never called"));
            }
        }
    }
    for ((place, order), calls) in &evidence.effects {
        verdict.effects_repeated += usize::from(calls.keys.iter().any(|(_, n)| *n > 1));
        let place = PLACES.get(usize::from(*place)).copied().unwrap_or_default();
        if calls.keys.iter().any(|(key, _)| key.is_empty()) {
            verdict.say(Sort::Other, format!("order {order}: {place} was called without a key"));
        }
        if calls.keys.len() > 1 {
            let what = format!("order {order}: {place} was called with {} keys", calls.keys.len());
            verdict.say(Sort::Twice, what);
        }
    }
}

/// Each call of a workflow gave one execution.
fn check_families(evidence: &Evidence, verdict: &mut Verdict) {
    let mut children: HashMap<Uuid, u32> = HashMap::new();
    for parent in evidence.rows.values().filter_map(|row| row.parent) {
        *children.entry(parent).or_default() += 1;
    }
    for (id, row) in &evidence.rows {
        let Some(kind) = workflows::KINDS.iter().find(|k| k.name == row.workflow) else { continue };
        let n = children.get(id).copied().unwrap_or_default();
        if row.status == "success" && n != kind.children {
            let sort = if n > kind.children { Sort::Twice } else { Sort::Lost };
            verdict
                .say(sort, format!("{id} ({}) has {n} children, expected {}", row.workflow, kind.children));
        }
    }
}

/// Each tick of each schedule came once.
fn check_ticks(evidence: &Evidence, verdict: &mut Verdict) {
    let mut executions: HashMap<&str, u64> = HashMap::new();
    for row in evidence.rows.values() {
        *executions.entry(&row.workflow).or_default() += 1;
    }
    for ticks in &evidence.ticks {
        let name = &ticks.workflow;
        let n = executions.get(name.as_str()).copied().unwrap_or_default();
        if ticks.fires < ticks.seconds {
            verdict.say(Sort::Lost, format!("{name}: {} ticks in {} s", ticks.fires, ticks.seconds));
        }
        if ticks.started != ticks.fires || ticks.fires > ticks.seconds {
            let what =
                format!("{name}: {} ticks in {} s started {}", ticks.fires, ticks.seconds, ticks.started);
            verdict.say(Sort::Other, what);
        }
        if n != ticks.started {
            let sort = if n > ticks.started { Sort::Twice } else { Sort::Lost };
            verdict.say(sort, format!("{name}: {n} executions for {} ticks", ticks.started));
        }
    }
    if evidence.ticks.len() != workflows::SCHEDULES {
        let what = format!("{} of {} schedules have ticked", evidence.ticks.len(), workflows::SCHEDULES);
        verdict.say(Sort::Lost, what);
    }
}

#[cfg(test)]
mod tests {
    use linkflow_engine::{Event, Outcome};
    use linkflow_model::Millis;

    use super::*;
    use crate::evidence::{Journal, Ticks, judge};

    /// Orders that went well, with the id of each execution: its order.
    fn good() -> Evidence {
        let mut evidence = Evidence::default();
        let keep = |evidence: &mut Evidence, id: u128, workflow: &str, parent: Option<Uuid>| {
            let id = Uuid::from_u128(id);
            let row = Row {
                workflow: workflow.to_owned(),
                status: "success".to_owned(),
                parent,
                error: String::new(),
            };
            evidence.rows.insert(id, row);
            let steps = steps_of(workflow);
            evidence.journals.insert(id, Journal { steps, twice: None, ends: 1, is_closed: true });
            id
        };
        for order in 0..40 {
            let kind = kind_of(order);
            let id = keep(&mut evidence, u128::from(order), kind.name, None);
            evidence.accepted.insert(order, id);
            for n in 0..kind.children {
                keep(&mut evidence, u128::from(order + 1_000 * u64::from(n + 1)), "child", Some(id));
            }
            for place in kind.places {
                let at = PLACES.iter().position(|p| p == place).unwrap() as u8;
                evidence.effects.entry((at, order)).or_default().keys.push((format!("{id}-{place}"), 2));
            }
        }
        for n in 0..workflows::SCHEDULES {
            let workflow = format!("tick-{n}");
            for tick in 0..3 {
                keep(&mut evidence, 1_000_000 + (n * 10 + tick) as u128, &workflow, None);
            }
            evidence.ticks.push(Ticks { workflow, fires: 3, started: 3, seconds: 3 });
        }
        evidence
    }

    /// An order of a kind.
    fn an(kind: &str) -> u64 {
        (0..40).find(|o| kind_of(*o).name == kind).unwrap()
    }

    fn id_of(order: u64) -> Uuid {
        Uuid::from_u128(u128::from(order))
    }

    fn check_that(spoil: impl FnOnce(&mut Evidence), expected: &[&str]) {
        let mut evidence = good();
        spoil(&mut evidence);
        let mut problems = check(&evidence).problems;
        problems.sort();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for part in expected {
            assert!(problems.iter().any(|p| p.contains(part)), "{problems:?} do not say {part}");
        }
    }

    #[test]
    fn a_good_run_is_good() {
        check_that(|_| {}, &[]);
    }

    #[test]
    fn what_is_lost_or_stuck_is_named() {
        let plain = an("plain");
        check_that(|e| drop(e.rows.remove(&id_of(plain))), &["was accepted and is not there"]);
        check_that(|e| e.rows.get_mut(&id_of(plain)).unwrap().status = "ready".to_owned(), &["is ready"]);
        check_that(|e| e.rows.get_mut(&id_of(plain)).unwrap().status = "dead".to_owned(), &["ended as dead"]);
        check_that(|e| e.journals.get_mut(&id_of(plain)).unwrap().steps = 3, &["3 steps are recorded"]);
        check_that(|e| drop(e.effects.remove(&(0, plain))), &["plain was never called"]);
        check_that(|e| e.rows.retain(|_, r| r.parent != Some(id_of(an("family")))), &["has 0 children"]);
    }

    #[test]
    fn what_came_twice_is_named() {
        let plain = an("plain");
        check_that(
            |e| e.journals.get_mut(&id_of(plain)).unwrap().twice = Some(2),
            &["step 2 is recorded twice"],
        );
        check_that(|e| e.journals.get_mut(&id_of(plain)).unwrap().ends = 2, &["has 2 ends"]);
        check_that(
            |e| e.effects.get_mut(&(0, plain)).unwrap().keys.push(("another".to_owned(), 1)),
            &["plain was called with 2 keys"],
        );
        check_that(
            |e| e.violations.push("written by one who does not hold it".to_owned()),
            &["does not hold"],
        );
        let another = |e: &mut Evidence| {
            let row = e.rows[&id_of(plain)].clone();
            e.rows.insert(Uuid::from_u128(77_777), row);
            e.journals.insert(Uuid::from_u128(77_777), e.journals[&id_of(plain)].clone());
        };
        check_that(another, &["41 executions of orders, at most 40"]);
        check_that(
            |e| {
                another(e);
                e.unanswered = 1
            },
            &[],
        );
    }

    #[test]
    fn a_tick_that_is_missing_or_came_twice_is_named() {
        check_that(|e| e.ticks[0].seconds = 4, &["tick-0: 3 ticks in 4 s"]);
        check_that(
            |e| {
                e.ticks[1].fires = 2;
                e.ticks[1].started = 2;
                e.ticks[1].seconds = 2
            },
            &["tick-1: 3 executions for 2"],
        );
        check_that(|e| drop(e.ticks.pop()), &["3 of 4 schedules"]);
    }

    #[test]
    fn a_journal_is_judged_by_its_steps_and_its_end() {
        let at = Millis(1);
        let done = |step, attempt| Event::Done { at, step, attempt, outputs: vec![1], failed: false };
        let end = Event::Finished { at, outcome: Outcome::Success };
        let good = Journal { steps: 2, twice: None, ends: 1, is_closed: true };
        assert_eq!(judge(&[done(1, 1), done(2, 1), end.clone()]), good);
        assert_eq!(
            judge(&[done(1, 1), done(2, 1), done(2, 1), end.clone()]),
            Journal { twice: Some(2), ..good.clone() }
        );
        assert_eq!(
            judge(&[done(1, 1), done(2, 1), done(2, 2), end.clone()]),
            Journal { twice: Some(2), ..good.clone() }
        );
        let retried = Event::Failed { at, step: 2, attempt: 1, retry_at: Some(at) };
        assert_eq!(judge(&[done(1, 1), retried, done(2, 2), end.clone()]), good);
        assert_eq!(judge(&[end, done(1, 1), done(2, 1)]), Journal { is_closed: false, ..good });
    }
}
