//! Nodes with several inputs in the orders v1 and v0.

use crate::story::check;

#[test]
fn a_join_waits_for_all_its_inputs() {
    check("s -> a; s -> b; a -> m; b -> m.1", &["start s [1]", "all [1]"], "a; b; m(a, b); end: success");
}

#[test]
fn a_join_starts_with_what_it_has_when_nothing_else_can_run() {
    check(
        "s -> if; if -0> yes; if -1> no; yes -> m; no -> m.1; m -> end",
        &["start s [1]", "if done [1][0]", "all [1]"],
        "if; yes; m(yes, -); end; end: success",
    );
}

#[test]
fn a_join_that_requires_both_inputs_does_not_run_on_one() {
    check(
        "s -> if; if -0> m; if -1> m.1; m: requires 0 1",
        &["start s [1]", "if done [1][0]"],
        "if; end: success",
    );
}

#[test]
fn joins_get_their_turn_in_the_order_in_which_they_began_to_wait() {
    check(
        "s -> a; a -> late; a -> soon; never -> late.1; never -> soon.1; s -> b; late: at 0 10; soon: at 0 900",
        &["start s [1]", "all [1]"],
        "a; b; soon(a, -); late(a, -); end: success",
    );
}

#[test]
fn a_join_below_a_waiting_join_waits_for_it() {
    check(
        "s -> low; s -> high; never -> high.1; high -> mid; mid -> low.1; low: at 0 0; high: at 0 100",
        &["start s [1]", "all [1]"],
        "high(s, -); mid; low(s, mid); end: success",
    );
}

#[test]
fn a_join_below_one_that_waits_for_ever_never_runs() {
    check(
        "s -> high; never -> high.1; high -> low; s -> low.1; high: requires-all",
        &["start s [1]"],
        "end: success",
    );
}

#[test]
fn two_sources_on_one_input_make_a_join_run_again_for_the_leftover() {
    check(
        "s -> a; s -> b; s -> c; a -> m; b -> m; c -> m.1",
        &["start s [1]", "all [1]"],
        "a; b; c; m(a, c); m#1(b, -); end: success",
    );
}

#[test]
fn after_a_middle_row_ran_a_third_delivery_takes_the_place_of_the_second() {
    check(
        "s -> m.1; s -> a; a -> m.1; s -> b; b -> m; s -> c; c -> m.1",
        &["start s [1]", "all [1]"],
        "a; b; m(b, s); c; m#1(-, c); end: success",
    );
}

#[test]
fn a_disabled_join_runs_like_any_other() {
    check(
        "s -> a; s -> b; a -> m; b -> m.1; m: disabled",
        &["start s [1]", "all [1]"],
        "a; b; m(a, b); end: success",
    );
}

#[test]
fn v0_sends_empty_lists_to_the_inputs_above_the_first() {
    check(
        "v0; s -> if; if -0> m; if -1> m.1",
        &["start s [1]", "if done [1][0]", "all [1]"],
        "if; m(if, if.1); end: success",
    );
}

#[test]
fn v0_runs_a_branch_without_items_when_a_join_waits_behind_it() {
    check(
        "v0; s -> if; if -0> m; if -1> x; x -> m.1",
        &["start s [1]", "if done [1][0]", "all [1]"],
        "if; x; m(if, x); end: success",
    );
}

#[test]
fn v0_runs_a_longer_branch_without_items_from_its_beginning() {
    check(
        "v0; s -> if; if -0> a; a -> m; if -1> x; x -> y; y -> m.1",
        &["start s [1]", "if done [1][0]", "all [1]"],
        "if; a; x; y; m(a, y); end: success",
    );
}

#[test]
fn v0_leaves_a_longer_branch_right_behind_the_fork_alone() {
    check(
        "v0; s -> if; if -0> m; if -1> x; x -> y; y -> m.1",
        &["start s [1]", "if done [1][0]", "all [1]"],
        "if; m(if, -); end: success",
    );
}

#[test]
fn v0_runs_no_join_without_items_on_its_first_input() {
    check("v0; s -0> m; s -1> m.1", &["start s [0][1]"], "end: success");
}

#[test]
fn v0_runs_waiting_joins_without_what_they_require() {
    check(
        "v0; s -> m; s -> m; s -> m.1; m: requires 0 1",
        &["start s [1]", "all [1]"],
        "m(s, s); m#1(s, -); end: success",
    );
}

#[test]
fn always_output_makes_a_v0_join_run_without_items_on_its_first_input() {
    check("v0; s -0> m; s -1> m.1; m: always", &["start s [0][1]", "all [1]"], "m(-, s.1); end: success");
}
