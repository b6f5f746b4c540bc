//! Schedules through clock changes, leap years and nonsense.

use jiff::{Timestamp, tz::TimeZone};
use linkflow_model::Millis;
use linkflow_node::schedule::{Rule, check as check_rule, next_after};
use proptest::prelude::*;

fn at(text: &str) -> Millis {
    Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

/// From `begin` (UTC), the ticks in local time, as many as are expected.
fn check(rule: &Rule, zone: &str, begin: &str, expected: &[&str]) {
    let anchor = at(begin);
    let mut last = anchor;
    let mut found = Vec::new();
    for _ in expected {
        let Some(next) = next_after(rule, zone, anchor, last).unwrap() else { break };
        let local = Timestamp::from_millisecond(next.0).unwrap().to_zoned(TimeZone::get(zone).unwrap());
        found.push(local.strftime("%a %Y-%m-%d %H:%M:%S%:z").to_string());
        last = next;
    }
    assert_eq!(found, expected, "{rule:?} in {zone}");
}

fn cron(expression: &str) -> Rule {
    Rule::Cron { expression: expression.to_owned() }
}

#[test]
fn a_pattern_with_five_or_six_fields_is_read() {
    check(
        &cron("30 9 * * 1-5"),
        "Europe/Berlin",
        "2026-03-06T00:00:00Z",
        &["Fri 2026-03-06 09:30:00+01:00", "Mon 2026-03-09 09:30:00+01:00"],
    );
    check(
        &cron("*/20 * * * * *"),
        "UTC",
        "2026-03-06T00:00:05Z",
        &["Fri 2026-03-06 00:00:20+00:00", "Fri 2026-03-06 00:00:40+00:00"],
    );
    check(
        &cron("0 0 29 2 *"),
        "UTC",
        "2026-01-01T00:00:00Z",
        &["Tue 2028-02-29 00:00:00+00:00", "Sun 2032-02-29 00:00:00+00:00"],
    );
    check(&cron("0 0 30 2 *"), "UTC", "2026-01-01T00:00:00Z", &[]);
}

#[test]
fn a_skipped_time_is_due_at_the_change() {
    check(
        &cron("30 2 * * *"),
        "Europe/Berlin",
        "2026-03-28T00:00:00Z",
        &["Sat 2026-03-28 02:30:00+01:00", "Sun 2026-03-29 03:00:00+02:00", "Mon 2026-03-30 02:30:00+02:00"],
    );
    check(
        &Rule::Days { every: 1, hour: 2, minute: 15 },
        "America/New_York",
        "2026-03-07T12:00:00Z",
        &["Sun 2026-03-08 03:00:00-04:00", "Mon 2026-03-09 02:15:00-04:00"],
    );
}

#[test]
fn a_doubled_time_is_due_the_first_time_only() {
    check(
        &cron("30 2 * * *"),
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &["Sun 2026-10-25 02:30:00+02:00", "Mon 2026-10-26 02:30:00+01:00"],
    );
    check(
        &cron("0,30 1 * * *"),
        "America/New_York",
        "2026-11-01T05:10:00Z",
        &["Sun 2026-11-01 01:30:00-04:00", "Mon 2026-11-02 01:00:00-05:00"],
    );
}

#[test]
fn what_runs_every_few_minutes_does_not_rest_for_an_hour() {
    check(
        &cron("*/30 * * * *"),
        "Europe/Berlin",
        "2026-10-25T00:10:00Z",
        &[
            "Sun 2026-10-25 02:30:00+02:00",
            "Sun 2026-10-25 02:00:00+01:00",
            "Sun 2026-10-25 02:30:00+01:00",
            "Sun 2026-10-25 03:00:00+01:00",
        ],
    );
    check(
        &Rule::Hours { every: 1, minute: 15 },
        "Europe/Berlin",
        "2026-03-29T00:00:00Z",
        &["Sun 2026-03-29 01:15:00+01:00", "Sun 2026-03-29 03:15:00+02:00"],
    );
}

#[test]
fn hours_that_divide_the_day_are_the_same_each_day() {
    check(
        &Rule::Hours { every: 6, minute: 5 },
        "UTC",
        "2026-03-06T07:00:00Z",
        &["Fri 2026-03-06 12:05:00+00:00", "Fri 2026-03-06 18:05:00+00:00", "Sat 2026-03-07 00:05:00+00:00"],
    );
    check(
        &Rule::Hours { every: 5, minute: 5 },
        "UTC",
        "2026-03-06T07:00:00Z",
        &[
            "Fri 2026-03-06 07:05:00+00:00",
            "Fri 2026-03-06 12:05:00+00:00",
            "Fri 2026-03-06 17:05:00+00:00",
            "Fri 2026-03-06 22:05:00+00:00",
            "Sat 2026-03-07 03:05:00+00:00",
        ],
    );
}

#[test]
fn days_weeks_and_months_are_counted_from_the_first_one() {
    check(
        &Rule::Days { every: 3, hour: 8, minute: 0 },
        "Europe/Berlin",
        "2026-02-27T08:00:00Z",
        &["Sat 2026-02-28 08:00:00+01:00", "Tue 2026-03-03 08:00:00+01:00"],
    );
    let weeks = Rule::Weeks { every: 2, weekdays: vec![1, 0], hour: 6, minute: 30 };
    check(
        &weeks,
        "UTC",
        "2026-03-03T00:00:00Z",
        &[
            "Sun 2026-03-08 06:30:00+00:00",
            "Mon 2026-03-16 06:30:00+00:00",
            "Sun 2026-03-22 06:30:00+00:00",
            "Mon 2026-03-30 06:30:00+00:00",
        ],
    );
    check(
        &Rule::Months { every: 1, day: 31, hour: 0, minute: 0 },
        "UTC",
        "2026-01-31T12:00:00Z",
        &["Tue 2026-03-31 00:00:00+00:00", "Sun 2026-05-31 00:00:00+00:00"],
    );
    check(
        &Rule::Months { every: 3, day: 1, hour: 0, minute: 0 },
        "UTC",
        "2026-02-01T12:00:00Z",
        &["Wed 2026-04-01 00:00:00+00:00", "Wed 2026-07-01 00:00:00+00:00"],
    );
    check(
        &Rule::Months { every: 12, day: 29, hour: 0, minute: 0 },
        "UTC",
        "2026-02-01T12:00:00Z",
        &["Fri 2027-01-29 00:00:00+00:00"],
    );
}

#[test]
fn an_interval_is_counted_from_the_begin_and_not_from_the_last_look() {
    let rule = Rule::Every { ms: 90_000 };
    let anchor = at("2026-03-06T00:00:00Z");
    let next = next_after(&rule, "UTC", anchor, at("2026-03-06T00:10:00Z")).unwrap();
    assert_eq!(next, Some(at("2026-03-06T00:10:30Z")));
}

#[test]
fn wrong_rules_say_what_is_wrong() {
    for (rule, part) in [
        (cron("61 * * * *"), "is no cron expression"),
        (cron("* * * *"), "got 4"),
        (cron(""), "got 0"),
        (Rule::Every { ms: 0 }, "must be from 1"),
        (Rule::Days { every: 0, hour: 0, minute: 0 }, "number of days"),
        (Rule::Days { every: 1, hour: 24, minute: 0 }, "got 24"),
        (Rule::Weeks { every: 1, weekdays: vec![], hour: 0, minute: 0 }, "no weekday"),
        (Rule::Weeks { every: 1, weekdays: vec![9], hour: 0, minute: 0 }, "got 9"),
        (Rule::Months { every: 1, day: 0, hour: 0, minute: 0 }, "got 0"),
    ] {
        let problem = check_rule(&rule).unwrap_err();
        assert!(problem.contains(part), "{rule:?}: {problem}");
    }
    assert!(next_after(&cron("* * * * *"), "Mars/Base", at("2026-01-01T00:00:00Z"), Millis::ZERO).is_err());
}

fn rules() -> impl Strategy<Value = Rule> {
    let field = "(\\*|[0-9]{1,2}|\\*/[1-9]|[0-9]-[0-9]{1,2}|L|[1-5]#[1-5]|1,5)";
    let pattern = prop::string::string_regex(&format!("{field}( {field}){{4,5}}")).unwrap();
    prop_oneof![
        pattern.prop_map(|expression| Rule::Cron { expression }),
        "[ -~]{0,30}".prop_map(|expression| Rule::Cron { expression }),
        any::<u64>().prop_map(|ms| Rule::Every { ms }),
        (0..60_u32, 0..62_u8).prop_map(|(every, minute)| Rule::Hours { every, minute }),
        (0..60_u32, 0..25_u8, 0..61_u8).prop_map(|(every, hour, minute)| Rule::Days { every, hour, minute }),
        (0..60_u32, prop::collection::vec(0..8_u8, 0..4), 0..25_u8, 0..61_u8)
            .prop_map(|(every, weekdays, hour, minute)| Rule::Weeks { every, weekdays, hour, minute }),
        (0..60_u32, 0..33_u8, 0..25_u8, 0..61_u8).prop_map(|(every, day, hour, minute)| Rule::Months {
            every,
            day,
            hour,
            minute
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]
    #[test]
    fn ticks_only_go_forward_and_looking_again_gives_the_same(
        rule in rules(),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
        begin in 1_500_000_000_000_i64..2_500_000_000_000,
        skip in 0..40_000_000_000_i64,
    ) {
        let anchor = Millis(begin);
        let mut last = Millis(begin + skip);
        for _ in 0..4 {
            let Ok(Some(next)) = next_after(&rule, zone, anchor, last) else { break };
            prop_assert!(next > last, "{next:?} is not after {last:?}");
            let between = Millis(last.0 + (next.0 - last.0) / 2);
            prop_assert_eq!(next_after(&rule, zone, anchor, between), Ok(Some(next)));
            last = next;
        }
    }

    #[test]
    fn any_times_are_taken(rule in rules(), anchor in any::<i64>(), after in any::<i64>()) {
        let _ = next_after(&rule, "Europe/Berlin", Millis(anchor), Millis(after));
    }
}
