//! Which node runs next in the orders v1 and v0.

use crate::story::check;

#[test]
fn a_chain_runs_from_its_trigger_to_its_end() {
    check("start -> a; a -> b", &["start start [1]", "all [1]"], "a; b; end: success");
}

#[test]
fn a_branch_not_taken_is_skipped_and_the_execution_still_ends() {
    check("if -0> yes; if -1> no", &["start if [1][0]", "yes done [0]"], "yes; end: success");
}

#[test]
fn v1_ends_a_whole_branch_before_the_next_begins() {
    check("s -> a; s -> b; a -> a2; b -> b2", &["start s [1]", "all [1]"], "a; a2; b; b2; end: success");
}

#[test]
fn v0_goes_breadth_first_in_the_order_of_the_connections() {
    check(
        "v0; s -> b; s -> a; a -> a2; b -> b2; a: at 0 0; b: at 0 900",
        &["start s [1]", "all [1]"],
        "b; a; b2; a2; end: success",
    );
}

#[test]
fn v1_begins_at_the_top_then_at_the_left() {
    check(
        "s -> low; s -> right; s -> left; low: at 0 500; left: at 100 0; right: at 200 0",
        &["start s [1]", "all [1]"],
        "left; right; low; end: success",
    );
}

#[test]
fn v1_looks_at_positions_across_outputs() {
    check(
        "s -0> low; s -1> high; low: at 0 500; high: at 0 100",
        &["start s [1][1]", "all [1]"],
        "high; low; end: success",
    );
}

#[test]
fn of_targets_in_one_place_v1_runs_the_one_connected_later_first() {
    check("s -> a; s -> b; a: at 0 0; b: at 0 0", &["start s [1]", "all [1]"], "b; a; end: success");
}

#[test]
fn a_node_runs_once_for_each_branch_that_reaches_it() {
    check("s -> a; s -> b; a -> c; b -> c", &["start s [1]", "all [1]"], "a; c; b; c#1; end: success");
}

#[test]
fn a_loop_visits_its_nodes_until_it_hands_out_nothing_more() {
    check(
        "s -> batch; batch -0> after; batch -1> body; body -> batch",
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
fn a_loop_whose_body_gives_nothing_ends_silently() {
    check(
        "s -> batch; batch -0> after; batch -1> body; body -> batch",
        &["start s [5]", "batch done [0][1]", "body done [0]"],
        "batch; body; end: success",
    );
}

#[test]
fn a_trigger_without_items_starts_nothing() {
    check("s -> a; a -> b", &["start s [0]"], "end: success");
}

#[test]
fn a_failure_ends_the_execution() {
    check("s -> a; s -> b", &["start s [1]", "a fails"], "a; a failed; end: error");
}

#[test]
fn a_node_that_goes_on_after_errors_hands_on_what_the_shell_prepared() {
    check(
        "s -> a; a -> b; a: continues",
        &["start s [1]", "a done [1] failed", "b done [1]"],
        "a; b; end: success",
    );
}

#[test]
fn an_execution_whose_last_node_failed_has_failed_although_the_node_goes_on() {
    check("s -> a; a: continues", &["start s [1]", "a done [1] failed"], "a; end: error");
}

#[test]
fn a_node_that_must_not_go_on_after_errors_does_not() {
    check("s -> a; a -> b", &["start s [1]", "a done [1] failed"], "a; a failed; end: error");
}

#[test]
fn an_endless_loop_ends_at_the_limit_of_steps() {
    check("steps 4; s -> a; a -> b; b -> a", &["start s [1]", "all [1]"], "a; b; a#1; end: error");
}

#[test]
fn repeated_late_and_impossible_answers_change_nothing() {
    check(
        "s -> a; a -> b",
        &[
            "start s [1]",
            "a done [1]",
            "a#0 again done [1]",
            "start s [1]",
            "b wakes by call",
            "b done [1]",
            "cancel",
            "tick",
        ],
        "a; b; end: success",
    );
}

#[test]
fn a_restart_at_any_place_goes_on_where_it_was() {
    check(
        "s -> a; s -> b; a -> m; b -> m.1; m -> end",
        &[
            "start s [1]",
            "restart",
            "a began",
            "restart",
            "a done [1]",
            "restart",
            "b done [1]",
            "restart",
            "m done [1]",
            "end done [1]",
        ],
        "a; b; m(a, b); end; end: success",
    );
}
