//! Limits count controls, not rows.

use super::*;
use crate::report::Severity;

const LIMITS: &str = "gate/os-cis-threshold";

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Pass),
        Just(fail()),
        Just(silent()),
        Just(Outcome::Manual { look_at: "banner".into() }),
        Just(Outcome::NotApplicable { reason: "no such service".into() }),
    ]
}

fn rows(scanner: &'static str) -> impl Strategy<Value = Vec<CheckResult>> {
    let severity = prop::option::of(prop::sample::select(Severity::ALL.to_vec()));
    let one = (prop::sample::select(vec!["1.1", "1.2", "1.3", "1.4"]), severity, outcome());
    prop::collection::vec(one, 0..8).prop_map(move |rows| {
        rows.into_iter().map(|(number, severity, outcome)| answer(number, scanner, severity, outcome)).collect()
    })
}

/// Limits of every kind, each met by some and missed by others of the reports here.
fn limits() -> impl Strategy<Value = Threshold> {
    let share = prop::sample::select(vec![None, Some("50%"), Some("70%"), Some("100%")]);
    let severities = prop::collection::btree_map(prop::sample::select(Severity::ALL.to_vec()), 0_usize..3, 0..3);
    (share, prop::option::of(0_usize..3), severities).prop_map(|(share, failures, severities)| Threshold {
        pass: share.map(|share| share.parse().unwrap()),
        failures,
        severities,
        ..threshold()
    })
}

proptest! {
    #[test]
    fn another_file_about_the_same_controls_never_turns_a_failed_gate_green(
        known in rows("inspector"),
        more in rows("openscap"),
        limits in limits(),
    ) {
        let mut known = known;
        // Another file says more about the controls that are there; a control that nobody judged yet is new evidence.
        let more: Vec<CheckResult> =
            more.into_iter().filter(|row| known.iter().any(|own| own.check == row.check)).collect();
        let mut before = report(known.clone());
        apply_listing(&mut before, std::slice::from_ref(&limits), None);
        known.extend(more);
        let mut after = report(known);
        apply_listing(&mut after, std::slice::from_ref(&limits), None);
        if gate(&before, LIMITS).starts_with("failed") {
            prop_assert!(gate(&after, LIMITS).starts_with("failed"), "{} became {}", gate(&before, LIMITS), gate(&after, LIMITS));
        }
    }
}

#[test]
fn a_control_that_several_scanners_judge_counts_once_and_by_its_worst_answer() {
    let limits = Threshold { pass: Some("60%".parse().unwrap()), ..threshold() };
    let own = || vec![answer("1.1", "inspector", None, Outcome::Pass), answer("1.2", "inspector", None, fail())];
    let with = |more: Vec<CheckResult>| own().into_iter().chain(more).collect::<Vec<_>>();
    let expected = "failed: 1 of 2 decided controls passed; the threshold requires at least 60%";
    for (results, wanted) in [
        (own(), expected),
        (
            with(vec![answer("1.1", "other", None, Outcome::Pass), answer("1.1", "third", None, Outcome::Pass)]),
            expected,
        ),
        (with(vec![answer("1.2", "other", None, Outcome::Pass)]), expected),
        (
            with(vec![answer("1.1", "other", None, fail())]),
            "failed: 0 of 2 decided controls passed; the threshold requires at least 60%",
        ),
        (
            with(vec![answer("1.1", "other", None, silent())]),
            "failed: 0 of 1 decided controls passed; the threshold requires at least 60%",
        ),
    ] {
        let mut report = report(results);
        apply_listing(&mut report, std::slice::from_ref(&limits), None);
        assert_eq!(gate(&report, LIMITS), wanted);
    }
}

#[test]
fn passes_of_another_benchmark_than_the_promised_one_fill_no_share() {
    let of = |benchmark: &str, number: &str, outcome: Outcome| CheckResult {
        control: Some(ControlId::new(&benchmark.parse().unwrap(), number).unwrap()),
        ..answer(number, "inspector", None, outcome)
    };
    let other = "cis-al2-3.0.0";
    let mut results = vec![of(BENCHMARK, "1.1", Outcome::Pass), of(BENCHMARK, "1.2", fail())];
    results.extend(["1.1", "1.2", "1.3", "1.4"].map(|number| of(other, number, Outcome::Pass)));
    let mut tally = Tally::of(&report(results.clone()), &subject(), "os-cis", Some(BENCHMARK));
    assert_eq!((tally.passed(), tally.failed()), (1, 1));
    results.push(of(other, "1.5", fail()));
    tally = Tally::of(&report(results), &subject(), "os-cis", Some(BENCHMARK));
    assert_eq!((tally.passed(), tally.failed()), (1, 2), "a failure is never left out");
}
