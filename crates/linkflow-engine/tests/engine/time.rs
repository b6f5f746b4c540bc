//! Retries, waits, limits and cancelling.

use crate::story::check;

#[test]
fn a_failed_try_rests_and_is_tried_again() {
    check(
        "s -> a; a: tries 3 1000",
        &["start s [1]", "a fails", "at 999", "tick", "at 1000", "tick", "a done [1]"],
        "a; a rests until 1000; a attempt 2; end: success",
    );
}

#[test]
fn rests_grow_up_to_their_limit() {
    check(
        "s -> a; a: tries 5 1000 3 5000",
        &[
            "start s [1]",
            "a fails",
            "at 1000",
            "tick",
            "a fails",
            "at 4000",
            "tick",
            "a fails",
            "at 9000",
            "tick",
            "a fails",
            "at 14000",
            "tick",
            "a fails",
        ],
        "a; a rests until 1000; a attempt 2; a rests until 4000; a attempt 3; a rests until 9000; \
         a attempt 4; a rests until 14000; a attempt 5; a failed; end: error",
    );
}

#[test]
fn the_longer_wait_wins_when_a_service_asks_for_one() {
    check(
        "s -> a; a: tries 3 1000",
        &["start s [1]", "a fails, wait 90000", "at 90000", "tick", "a fails, wait 10"],
        "a; a rests until 90000; a attempt 2; a rests until 91000",
    );
}

#[test]
fn a_failure_that_no_try_can_mend_fails_at_once() {
    check("s -> a; a: tries 3 1000", &["start s [1]", "a fails for good"], "a; a failed; end: error");
}

#[test]
fn a_parked_step_holds_up_a_sequence_until_its_time_has_come() {
    check(
        "s -> a; s -> b",
        &["start s [1]", "a parks until 500", "at 499", "tick", "at 500", "tick", "all [1]"],
        "a; a parked until 500; a attempt 2, its time has come; b; end: success",
    );
}

#[test]
fn a_call_wakes_the_step_that_waits_for_it() {
    check(
        "s -> a",
        &["start s [1]", "a parks for a call until 500", "a wakes by call", "a done [1]"],
        "a; a parked; a attempt 2, called; end: success",
    );
}

#[test]
fn who_waits_for_a_call_goes_on_without_it_when_the_time_is_over() {
    check(
        "s -> a",
        &["start s [1]", "a parks for a call until 500", "at 600", "tick", "a done [1]"],
        "a; a parked; a attempt 2, its time has come; end: success",
    );
}

#[test]
fn a_step_is_woken_only_by_what_it_waits_for() {
    check(
        "s -> a",
        &[
            "start s [1]",
            "a parks for 2 children",
            "a wakes by call",
            "a wakes by time",
            "a wakes by children",
            "a wakes by children",
            "a done [1]",
        ],
        "a; a parked; a attempt 2, children ended; end: success",
    );
}

#[test]
fn a_step_that_was_woken_and_fails_is_still_told_why_it_was_woken() {
    check(
        "s -> a; a: tries 2 100",
        &["start s [1]", "a parks for a call", "a wakes by call", "a fails", "at 100", "tick", "a fails"],
        "a; a parked; a attempt 2, called; a rests until 100; a attempt 3, called; a failed; end: error",
    );
}

#[test]
fn the_limit_ends_the_execution_between_nodes() {
    check(
        "limit 1000; s -> a; a -> b",
        &["start s [1]", "at 1000", "a done [1]"],
        "a; timed out; end: timed out",
    );
}

#[test]
fn an_execution_that_ends_late_but_whole_has_succeeded() {
    check("limit 1000; s -> a", &["start s [1]", "at 5000", "a done [1]"], "a; end: success");
}

#[test]
fn the_limit_ends_a_node_that_hangs() {
    check(
        "limit 1000; s -> a",
        &["start s [1]", "a began", "at 999", "tick", "at 1000", "tick"],
        "a; timed out; end: timed out",
    );
}

#[test]
fn time_in_which_everything_is_parked_does_not_count() {
    check(
        "limit 1000; s -> a; a -> b",
        &[
            "start s [1]",
            "at 400",
            "a parks until 9000",
            "at 9000",
            "tick",
            "at 9599",
            "tick",
            "at 9600",
            "tick",
        ],
        "a; a parked until 9000; a attempt 2, its time has come; timed out; end: timed out",
    );
}

#[test]
fn time_counts_while_another_branch_is_at_work() {
    check(
        "parallel; limit 1000; s -> a; s -> b",
        &["start s [1]", "a parks for a call", "at 1000", "tick"],
        "a; b; a parked; timed out; end: timed out",
    );
}

#[test]
fn cancelling_ends_what_runs_and_what_waits() {
    check("s -> a; a -> b", &["start s [1]", "cancel", "a#0 again done [1]"], "a; canceled; end: canceled");
    check(
        "s -> a",
        &["start s [1]", "a parks for a call", "cancel", "a wakes by call"],
        "a; a parked; canceled; end: canceled",
    );
}

#[test]
fn what_was_canceled_before_it_began_never_begins() {
    check("s -> a", &["cancel", "start s [1]"], "canceled; end: canceled");
}
