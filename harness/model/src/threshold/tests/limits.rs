//! Failures within a limit are tolerated, and whatever the limit, nothing undecided becomes green.

use super::*;

#[test]
fn failures_within_a_threshold_are_tolerated_and_beyond_it_the_row_fails() {
    let pass = |text: &str| Threshold { pass: Some(text.parse().unwrap()), ..threshold() };
    let severity = |most| Threshold { severities: [(Severity::High, most)].into(), ..threshold() };
    let graded = || {
        let rows = mixed().into_iter();
        rows.map(|row| CheckResult { scanner: Some("openscap".to_owned()), ..row }).collect::<Vec<_>>()
    };
    for (threshold, sentence, control) in [
        (pass("66%"), "passed: ", "tolerated"),
        (pass("67%"), "failed: 2 of 3 decided controls passed; the threshold requires at least 67%", "failed"),
        (Threshold { failures: Some(1), ..threshold() }, "passed: ", "tolerated"),
        (
            Threshold { failures: Some(0), ..threshold() },
            "failed: 1 control failed; the threshold tolerates 0",
            "failed",
        ),
        (severity(0), "failed: 1 control of severity high failed; the threshold tolerates 0", "failed"),
        (severity(1), "passed: ", "tolerated"),
        (Threshold { severities: [(Severity::Critical, 0)].into(), ..threshold() }, "passed: ", "failed"),
        (Threshold { variants: vec!["other".parse().unwrap()], ..pass("66%") }, "no row", "failed"),
        (Threshold { level: Some(Level::Two), ..pass("66%") }, "no row", "failed"),
        (Threshold { suite: "kube-bench".into(), ..pass("66%") }, "no row", "failed"),
        (Threshold { coverage: Some("10%".parse().unwrap()), ..threshold() }, "no row", "failed"),
    ] {
        let mut report = report(graded());
        apply_listing(&mut report, &[threshold], Some(4));
        assert_eq!(gate(&report, "gate/os-cis-threshold"), sentence);
        assert_eq!(report.results[2].disposition.as_str(), control, "{sentence}");
    }
}

#[test]
fn severities_count_nothing_where_the_scanner_grades_nothing() {
    let critical = || Threshold { severities: [(Severity::Critical, 0)].into(), ..threshold() };
    let gated = |rows: Vec<CheckResult>, threshold: Threshold| {
        let mut report = report(rows);
        apply_listing(&mut report, &[threshold], Some(2));
        (gate(&report, "gate/os-cis-threshold"), words(&report).join(" "), code(&report))
    };
    let rows = |scanner: &str| vec![answer("1.1", scanner, None, Outcome::Pass), answer("1.2", scanner, None, fail())];
    let (sentence, words, code) = gated(rows("inspector"), critical());
    assert_eq!(sentence, "not evaluated: inspector gives no severity: limit failures or pass instead of severities");
    assert_eq!((words.as_str(), code), ("passed failed", 3));
    let (sentence, words, code) = gated(rows("openscap"), critical());
    assert_eq!(sentence, "not evaluated: failures of openscap have no severity, so no limit covers them");
    assert_eq!((words.as_str(), code), ("passed failed", 3));
    let clean = ["1.1", "1.2"].map(|number| answer(number, "trivy", None, Outcome::Pass)).to_vec();
    assert_eq!(gated(clean, critical()).0, "passed: ", "a scanner that grades and found nothing");
    let both = Threshold { failures: Some(1), ..critical() };
    assert_eq!(gated(rows("inspector"), both).2, 3, "every limit must be decided");
}

#[test]
fn nothing_decided_is_within_no_limit() {
    let limits = [
        Threshold { pass: Some("0%".parse().unwrap()), ..threshold() },
        Threshold { failures: Some(9), ..threshold() },
        Threshold { severities: [(Severity::High, 9)].into(), ..threshold() },
    ];
    for limit in limits {
        let mut report = report(vec![answer("1.1", "openscap", None, Outcome::Manual { look_at: "banner".into() })]);
        apply_listing(&mut report, std::slice::from_ref(&limit), Some(1));
        let sentence = "not evaluated: no control passed or failed, so there is nothing to count";
        assert_eq!(gate(&report, "gate/os-cis-threshold"), sentence, "{limit:?}");
    }
}

fn any_row() -> impl Strategy<Value = (Outcome, Option<Severity>)> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Pass),
        3 => Just(fail()),
        1 => Just(silent()),
        1 => Just(Outcome::Manual { look_at: "banner".into() }),
    ];
    let severity = prop_oneof![Just(None), prop::sample::select(Severity::ALL.to_vec()).prop_map(Some)];
    (outcome, severity)
}

fn any_threshold() -> impl Strategy<Value = Threshold> {
    let share = || prop::option::of((0_u16..=1000).prop_map(Share));
    let severities = prop::collection::btree_map(prop::sample::select(Severity::ALL.to_vec()), 0_usize..4, 0..3);
    (share(), prop::option::of(0_usize..6), severities, share()).prop_map(|(pass, failures, severities, coverage)| {
        Threshold { pass, failures, severities, coverage, ..threshold() }
    })
}

proptest! {
    #[test]
    fn a_threshold_makes_a_run_no_greener_than_the_rows_that_it_counted(
        rows in prop::collection::vec(any_row(), 1..6),
        declared in any_threshold(),
    ) {
        const NUMBERS: [&str; 5] = ["1.1", "1.2", "1.3", "1.4", "1.5"];
        let rows: Vec<CheckResult> = rows
            .into_iter()
            .zip(NUMBERS)
            .map(|((outcome, severity), number)| answer(number, "openscap", severity, outcome))
            .collect();
        let listed = rows.len();
        let mut without = report(rows.clone());
        apply_listing(&mut without, &[], Some(listed));
        let mut with = report(rows);
        apply_listing(&mut with, std::slice::from_ref(&declared), Some(listed));
        for row in with.results.iter().filter(|row| !row.is_gate()) {
            match &row.disposition {
                // A failure is tolerated only by a budget that it was taken from.
                Disposition::Tolerated => {
                    let named = row.severity.is_some_and(|severity| declared.severities.contains_key(&severity));
                    prop_assert!(declared.pass.is_some() || declared.failures.is_some() || named, "{declared:?}");
                }
                Disposition::Allowed | Disposition::Blocked { .. } => prop_assert!(declared.coverage.is_some()),
                other => prop_assert_eq!(other, &Disposition::of(&row.outcome)),
            }
        }
        let tolerated = with.results.iter().filter(|row| row.disposition == Disposition::Tolerated).count();
        prop_assert!(declared.failures.is_none_or(|most| tolerated <= most));
        for (severity, most) in &declared.severities {
            let of = |row: &&CheckResult| row.severity == Some(*severity) && row.disposition == Disposition::Tolerated;
            prop_assert!(with.results.iter().filter(of).count() <= *most);
        }
        // Where it counted nothing, the run is what it was, or worse.
        let conclusion = |report: &Report| Summary::of(report, Scope::Run, 0).conclusion;
        if tolerated == 0 && declared.coverage.is_none() {
            prop_assert!(conclusion(&with) >= conclusion(&without).min(Conclusion::Inconclusive));
        }
    }
}
