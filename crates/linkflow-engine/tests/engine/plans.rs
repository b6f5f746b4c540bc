//! Which workflows are refused, and what the shell can ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linkflow_engine::{
    Cause, Command, Event, Input, Machine, NODES_MAX, Outcome, Plan, PlanError, PlanNode, Required,
    StepState, Tries, Wait,
};
use linkflow_model::{Millis, Order, Source};

use crate::story::plan;

#[track_caller]
fn check_refused(nodes: Vec<PlanNode>, expected: &str) {
    let refused = Plan::new(Order::V1, nodes, None, 100).expect_err("a fault");
    assert_eq!(refused.to_string(), expected);
}

fn node(name: &str) -> PlanNode {
    PlanNode { name: name.to_owned(), inputs: 1, ..PlanNode::default() }
}

#[test]
fn an_edge_to_nowhere_is_refused() {
    let expected = "output 1 of node \"a\" leads to a node or input that does not exist";
    check_refused(vec![PlanNode { outputs: vec![vec![], vec![(7, 0)]], ..node("a") }], expected);
    check_refused(vec![PlanNode { outputs: vec![vec![], vec![(0, 1)]], ..node("a") }], expected);
    check_refused(vec![PlanNode { outputs: vec![vec![], vec![(0, u32::MAX)]], ..node("a") }], expected);
}

#[test]
fn limits_of_zero_are_refused() {
    check_refused(
        vec![PlanNode { tries: Tries { max: 0, ..Tries::default() }, ..node("a") }],
        "node \"a\" may never be tried: `max_tries` is 0",
    );
    check_refused(
        vec![PlanNode { time_limit_ms: Some(0), ..node("a") }],
        "node \"a\" may never run: `time_limit_ms` is 0, leave it out for no limit",
    );
    assert_eq!(Plan::new(Order::V1, vec![], Some(0), 9).unwrap_err(), PlanError::NoTime { node: None });
    assert_eq!(Plan::new(Order::V1, vec![], None, 0).unwrap_err(), PlanError::NoSteps);
}

#[test]
fn required_inputs_have_to_exist() {
    check_refused(
        vec![PlanNode { required: Required::Inputs(vec![0, 2]), inputs: 2, ..node("a") }],
        "node \"a\" requires input 2, but its inputs are numbered below 2",
    );
}

#[test]
fn too_many_nodes_are_refused() {
    check_refused(
        vec![node("a"); NODES_MAX + 1],
        "the workflow has 5001 nodes, 5000 is the most: split it into sub-workflows",
    );
}

#[test]
fn the_shell_can_ask_how_an_execution_stands() {
    let plan = Arc::new(plan("s -> a; s -> b; a: tries 2 1000").unwrap());
    let mut machine = Machine::new(plan);
    machine.take(Millis(0), Input::Start { node: 0, outputs: vec![3] });
    assert_eq!(machine.inputs_of(1), [Some(Source { node: 0, run: 0, output: 0 })]);
    assert_eq!((machine.outputs_of(0), machine.runs_of(1), machine.run_of(1)), (&[3][..], &[1][..], Some(0)));
    assert!(machine.would_retry(1, true) && !machine.would_retry(1, false));

    machine.take(Millis(5), Input::Failed { step: 1, attempt: 1, retryable: true, retry_after_ms: None });
    assert!(machine.is_waiting());
    assert_eq!(machine.wake_at(), Some(Millis(1005)));
    assert_eq!(machine.outstanding(), [Command::Sleep { until: Some(Millis(1005)) }]);

    machine.take(Millis(1005), Input::Tick);
    assert!(!machine.is_waiting() && !machine.would_retry(1, true));
    machine.take(Millis(1006), Input::Failed { step: 1, attempt: 2, retryable: true, retry_after_ms: None });
    assert_eq!(machine.outcome(), Some(Outcome::Error));
    assert_eq!(machine.cause(), Some(Cause::Step(1)));
    assert_eq!((machine.last_finished_node(), machine.state_of(1)), (Some(1), Some(StepState::Failed)));
}

#[test]
fn entries_that_are_dropped_have_a_number_too() {
    let plan = Arc::new(plan("v0; s -0> m; s -1> m.1; s -0> b").unwrap());
    let mut machine = Machine::new(plan);
    machine.take(Millis(0), Input::Start { node: 0, outputs: vec![0, 1] });
    assert_eq!((machine.n_steps(), machine.node_of(1), machine.run_of(1)), (2, Some(1), None));
    assert_eq!((machine.state_of(1), machine.runs_of(1)), (Some(StepState::Dropped), &[][..]));
    assert_eq!(machine.outcome(), Some(Outcome::Success));
}

#[test]
fn an_end_that_was_not_written_is_made_up_for() {
    let plan = Arc::new(plan("s -> a").unwrap());
    let journal = [
        Event::Started { at: Millis(0), node: 0, outputs: vec![1] },
        Event::Done { at: Millis(7), step: 1, attempt: 1, outputs: vec![1], failed: false },
    ];
    let mut machine = Machine::replay(plan, journal);
    assert_eq!(machine.outstanding(), [Command::Sleep { until: Some(Millis(7)) }]);
    let finished = Event::Finished { at: Millis(9), outcome: Outcome::Success };
    assert_eq!(machine.take(Millis(9), Input::Tick), [finished]);
}

#[test]
fn a_journal_of_another_workflow_does_no_harm() {
    let plan = Arc::new(plan("s -> a").unwrap());
    let journal = [
        Event::Done { at: Millis(0), step: 9, attempt: 1, outputs: vec![1], failed: false },
        Event::Started { at: Millis(0), node: 9, outputs: vec![1] },
        Event::Parked { at: Millis(0), step: 3, wait: Wait::Until(Millis(i64::MAX)) },
        Event::Started { at: Millis(i64::MIN), node: 0, outputs: vec![1, 2, 3, 4] },
        Event::Failed { at: Millis(i64::MAX), step: 1, attempt: 7, retry_at: None },
        Event::Began { at: Millis(0), step: 1, attempt: 1 },
    ];
    let machine = Machine::replay(plan, journal);
    assert!(matches!(machine.outstanding()[..], [Command::Run { step: 1, began: true, .. }]));
}

/// Goes a hundred thousand times round a loop, and replays it.
fn check_long_loop(graph: &str) {
    let begun = Instant::now();
    let plan = Arc::new(plan(graph).unwrap());
    let mut machine = Machine::new(plan.clone());
    let mut journal = machine.take(Millis(0), Input::Start { node: 0, outputs: vec![1] });
    for _ in 0..100_000 {
        let Command::Run { step, attempt, .. } = machine.outstanding()[0] else { panic!("stuck") };
        journal.extend(
            machine.take(Millis(0), Input::Done { step, attempt, outputs: vec![1, 1], failed: false }),
        );
    }
    let replayed = Machine::replay(plan, journal);
    assert_eq!(replayed.outstanding(), machine.outstanding());
    assert!(begun.elapsed() < Duration::from_secs(20), "took {:?}", begun.elapsed());
}

#[test]
fn long_loops_take_time_in_proportion() {
    check_long_loop("v1; s -> a; a -> b; b -> a");
    check_long_loop("v1; s -> a; a -> b; b -> a; b -> m; never -> m.1");
    check_long_loop("v0; s -> a; a -> b; b -> a");
    check_long_loop("parallel; s -> a; a -> b; b -> a; b -> m; never -> m.1");
}

/// Runs a large workflow to its end.
fn check_large(order: Order, nodes: Vec<PlanNode>, n_steps: u32) {
    let begun = Instant::now();
    let plan = Plan::new(order, nodes, None, 1_000_000).expect("a sound workflow");
    let mut machine = Machine::new(Arc::new(plan));
    machine.take(Millis(0), Input::Start { node: 0, outputs: vec![1] });
    loop {
        match machine.outstanding()[0] {
            Command::Run { step, attempt, .. } => {
                machine.take(Millis(0), Input::Done { step, attempt, outputs: vec![1], failed: false })
            }
            _ => break,
        };
    }
    assert_eq!((machine.outcome(), machine.n_steps()), (Some(Outcome::Success), n_steps));
    assert!(begun.elapsed() < Duration::from_secs(20), "{order:?} took {:?}", begun.elapsed());
}

#[test]
fn large_workflows_run_in_every_order() {
    let n = NODES_MAX as u32;
    let to = |targets: Vec<(u32, u32)>| PlanNode { outputs: vec![targets], ..node("") };
    let chain: Vec<PlanNode> =
        (0..n).map(|at| to((at + 1 < n).then_some((at + 1, 0)).into_iter().collect())).collect();
    let mut fan: Vec<PlanNode> = (0..1_000).map(|_| to(vec![(1_000, 0)])).collect();
    fan[0] = to((1..1_000).map(|at| (at, 0)).collect());
    fan.push(to(vec![]));
    for order in [Order::V0, Order::V1, Order::Parallel] {
        check_large(order, chain.clone(), n);
        check_large(order, fan.clone(), 1 + 999 + 999);
    }
}
