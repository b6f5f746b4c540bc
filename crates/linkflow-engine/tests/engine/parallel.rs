//! The order of our own workflows: branches side by side.

use crate::story::check;

#[test]
fn branches_run_side_by_side() {
    check(
        "parallel; s -> a; s -> b; a -> a2; b -> b2",
        &["start s [1]", "b done [1]", "a done [1]", "all [0]"],
        "a; b; b2; a2; end: success",
    );
}

#[test]
fn a_join_waits_for_the_slower_branch() {
    check(
        "parallel; s -> a; s -> b; b -> c; a -> m; c -> m.1",
        &["start s [1]", "a done [1]", "b done [1]", "c done [1]", "m done [1]"],
        "a; b; c; m(a, c); end: success",
    );
}

#[test]
fn a_join_runs_as_soon_as_the_other_branch_can_bring_nothing() {
    check(
        "parallel; s -> a; s -> b; b -> c; a -> m; c -> m.1",
        &["start s [1]", "a done [1]", "b done [0]", "m done [1]"],
        "a; b; m(a, -); end: success",
    );
}

#[test]
fn a_join_that_lacks_what_it_requires_does_not_run_and_holds_nobody_up() {
    check(
        "parallel; s -> a; s -> b; a -> m; b -> m.1; m -> n; a -> n.1; m: requires-all",
        &["start s [1]", "a done [1]", "b done [0]", "n done [1]"],
        "a; b; n(-, a); end: success",
    );
}

#[test]
fn a_node_reached_by_several_branches_runs_once_for_each_when_all_are_over() {
    check(
        "parallel; s -> a; s -> b; a -> c; b -> c",
        &["start s [1]", "b done [1]", "a done [1]", "c done [1]", "c done [1]"],
        "a; b; c; c#1; end: success",
    );
}

#[test]
fn what_a_join_is_fed_does_not_depend_on_who_was_faster() {
    let graph = "parallel; s -> a; s -> b; s -> x; s -> y; a -> m; b -> m; x -> m.1; y -> m.1";
    let expected = "a; b; x; y; m(a, x); m#1(b, y); end: success";
    check(graph, &["start s [1]", "all [1]"], expected);
    let reversed = ["start s [1]", "y done [1]", "x done [1]", "b done [1]", "a done [1]", "all [1]"];
    check(graph, &reversed, expected);
}

#[test]
fn runs_of_one_node_follow_one_another() {
    check(
        "parallel; s -> a; a -> b; a -> b; b -> c",
        &["start s [1]", "a done [1]", "b done [1]", "c done [1]", "b done [1]", "c done [1]"],
        "a; b; b#1; c; c#1; end: success",
    );
}

#[test]
fn a_loop_goes_round_by_visits() {
    check(
        "parallel; s -> batch; batch -0> after; batch -1> body; body -> batch",
        &[
            "start s [5]",
            "batch done [0][1]",
            "body done [1]",
            "batch done [0][1]",
            "body done [1]",
            "batch done [2][0]",
            "after done [2]",
        ],
        "batch; body; batch#1; body#1; batch#2; after; end: success",
    );
}

#[test]
fn a_join_inside_a_loop_runs_before_the_next_round_begins() {
    check(
        "parallel; s -> head; head -> b; head -> c; b -> m; c -> m.1; m -> head; b -> head",
        &["start s [1]", "head done [1]", "b done [1]", "c done [1]", "m done [0]", "head done [0]"],
        "head; b; c; m(b, c); head#1; end: success",
    );
}

#[test]
fn of_two_joins_in_a_loop_the_one_below_waits_for_the_one_above() {
    check(
        "parallel; s -> h; h -> a; h -> b; a -> low; a -> high; b -> high.1; high -> low.1; low -> h",
        &["start s [1]", "h done [1]", "a done [1]", "b done [1]", "high done [1]", "low done [0]"],
        "h; a; b; high(a, b); low(a, high); end: success",
    );
}

#[test]
fn an_inner_loop_goes_round_before_the_outer_one() {
    check(
        "parallel; s -> outer; outer -> inner; inner -> body; body -0> inner; body -1> outer",
        &[
            "start s [1]",
            "outer done [1]",
            "inner done [1]",
            "body done [1][1]",
            "inner done [1]",
            "body done [0][0]",
            "outer done [0]",
        ],
        "outer; inner; body; inner#1; body#1; outer#1; end: success",
    );
}

#[test]
fn a_join_behind_a_loop_waits_until_the_loop_is_over() {
    check(
        "parallel; s -> head; head -1> body; body -> head; body -> m; head -0> m.1",
        &[
            "start s [1]",
            "head done [0][1]",
            "body done [1]",
            "head done [0][1]",
            "body done [1]",
            "head done [1][0]",
            "m done [0]",
            "m done [0]",
        ],
        "head; body; head#1; body#1; head#2; m(body, head#2); m#1(body#1, -); end: success",
    );
}

#[test]
fn after_a_failure_nothing_more_begins_and_what_runs_may_answer() {
    check(
        "parallel; s -> a; s -> b; s -> c; b -> d",
        &["start s [1]", "a began", "b began", "a fails", "b done [1]"],
        "a; b; c; a failed; end: error",
    );
}

#[test]
fn a_failing_execution_does_not_wait_for_what_is_parked_or_rests() {
    check(
        "parallel; s -> a; s -> b; s -> c; b: tries 3 1000",
        &["start s [1]", "a parks for a call", "b began", "b fails", "c fails"],
        "a; b; c; a parked; b rests until 1000; c failed; end: error",
    );
}

#[test]
fn what_runs_while_an_execution_fails_may_not_park_any_more() {
    check(
        "parallel; s -> a; s -> b",
        &["start s [1]", "b began", "a fails", "b parks for a call"],
        "a; b; a failed; b parked; end: error",
    );
}

#[test]
fn a_failing_execution_tries_nothing_again() {
    check(
        "parallel; s -> a; s -> b; b: tries 3 1000",
        &["start s [1]", "b began", "a fails", "b fails"],
        "a; b; a failed; b failed; end: error",
    );
}

#[test]
fn a_failing_execution_waits_no_longer_than_its_limit() {
    check(
        "parallel; limit 1000; s -> a; s -> b; s -> c",
        &["start s [1]", "a parks for a call", "b began", "c fails", "at 999", "tick", "at 1000", "tick"],
        "a; b; c; a parked; c failed; timed out; end: error",
    );
}

#[test]
fn a_failing_execution_still_waits_for_what_runs_after_a_restart() {
    check(
        "parallel; s -> a; s -> b",
        &["start s [1]", "a began", "b began", "a fails", "restart", "b fails"],
        "a; b; a failed; b failed; end: error",
    );
}

#[test]
fn other_branches_go_on_while_one_is_parked() {
    check(
        "parallel; s -> a; s -> b; b -> c; a -> m; c -> m.1",
        &[
            "start s [1]",
            "a parks for a call",
            "b done [1]",
            "c done [1]",
            "a wakes by call",
            "a done [1]",
            "m done [1]",
        ],
        "a; b; a parked; c; a attempt 2, called; m(a, c); end: success",
    );
}

#[test]
fn an_error_that_the_author_allowed_does_not_fail_the_execution() {
    check("parallel; s -> a; a: continues", &["start s [1]", "a done [1] failed"], "a; end: success");
}
