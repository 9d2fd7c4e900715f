use super::*;

fn node(index: u32) -> NodeScan {
    let placement =
        Placement { pod: None, node: format!("ip-{index}"), instance_id: Some(format!("i-{index}")), ami_id: None };
    NodeScan { index, instance_id: format!("i-{index}"), placement, not_scanned: None }
}

fn target(status: Option<&str>, reason: Option<&str>) -> TargetState {
    TargetState {
        account: "111122223333".to_owned(),
        platform: "Amazon Linux 2023".to_owned(),
        status: status.map(str::to_owned),
        reason: reason.map(str::to_owned),
    }
}

fn targets(states: &[TargetState]) -> BTreeMap<String, TargetState> {
    (1..).zip(states).map(|(index, state)| (format!("i-{index}"), state.clone())).collect()
}

fn summary(status: &str, total_checks: i32) -> Summary {
    Summary { scan_arn: "arn:scan".to_owned(), status: status.to_owned(), total_checks, failed_checks: 0 }
}

fn detail(number: &str, status: &str, reason: &str) -> Detail {
    Detail {
        number: number.to_owned(),
        title: format!("Ensure {number}"),
        status: status.to_owned(),
        reason: reason.to_owned(),
        remediation: "fix it".to_owned(),
        level: "LEVEL_1".to_owned(),
    }
}

#[test]
fn a_scan_counts_only_when_it_evaluated_something() {
    let nodes = [node(1), node(2)];
    let completed = target(Some("COMPLETED"), None);
    let both = [completed.clone(), completed.clone()];
    let why = |status: &str, total, states: &[TargetState]| {
        assess_summary(&summary(status, total), &nodes, &targets(states)).err().unwrap_or_default()
    };
    assert_eq!(why("COMPLETED", 460, &both), "");
    assert_eq!(why("COMPLETED", 230, &[completed, target(Some("TIMED_OUT"), None)]), "", "one node is enough");
    let unsupported = target(Some("CANCELLED"), Some("UNSUPPORTED_OS"));
    let unmanaged = target(None, Some("SSM_UNMANAGED"));
    let late = target(Some("TIMED_OUT"), None);
    let reasons = [
        why("COMPLETED", 0, &both),
        why("FAILED", 0, &both),
        why("COMPLETED", 0, &[unsupported.clone(), unsupported]),
        why("COMPLETED", 0, &[unmanaged, late]),
        why("COMPLETED", 230, &[]),
    ];
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn in_progress_with_no_checks_is_not_the_end() {
    assert!(!summary("IN_PROGRESS", 0).is_terminal());
    assert!(!summary("SOMETHING_NEW", 0).is_terminal());
    assert!(summary("CANCELLED", 0).is_terminal());
}

#[test]
fn a_control_fails_when_any_node_fails_it_and_passes_when_all_pass() {
    let nodes = [node(1), node(2)];
    let details = BTreeMap::from([
        (
            1,
            vec![
                detail("1.1.1.1", "PASSED", ""),
                detail("3.2.1", "PASSED", ""),
                detail("3.3.1", "FAILED", "net.ipv4.ip_forward is 1\nin two files"),
                detail("4.1.1", "SKIPPED", "manual"),
                detail("5.1", "MAYBE", ""),
                detail("6.1", "PASSED", ""),
            ],
        ),
        (
            2,
            vec![
                detail("3.2.1", "FAILED", "on"),
                detail("3.3.1", "FAILED", ""),
                detail("4.1.1", "PASSED", ""),
                detail("1.1.1.1", "PASSED", ""),
                detail("5.1", "PASSED", ""),
            ],
        ),
    ]);
    let rows = assess_rows(&"cis-al2023-1.0.0".parse().unwrap(), &nodes, &details).unwrap();
    let lines: Vec<String> = rows.iter().map(|row| format!("{} {:?}", row.check, row.decision.verdict)).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(rows[0].level, Some(Level::One));
    assert_eq!(rows[2].control.as_ref().unwrap().as_str(), "cis-al2023-1.0.0/3.3.1");
    assert_eq!(rows[0].decision.placements.len(), 2);
}

#[test]
fn a_node_that_was_not_scanned_keeps_a_control_from_being_green_but_not_from_being_red() {
    let completed = target(Some("COMPLETED"), None);
    let offline = BTreeMap::from([("i-2".to_owned(), "its SSM agent is ConnectionLost".to_owned())]);
    let nodes = assess_nodes(&[node(1), node(2)], &offline, &targets(std::slice::from_ref(&completed)));
    assert_eq!(nodes[1].not_scanned.as_deref(), Some("its SSM agent is ConnectionLost"));
    let details = BTreeMap::from([(1, vec![detail("1.1", "PASSED", ""), detail("1.2", "FAILED", "no")])]);
    let rows = assess_rows(&"cis-al2023-1.0.0".parse().unwrap(), &nodes, &details).unwrap();
    let reason = "node 2 was not scanned: its SSM agent is ConnectionLost".to_owned();
    assert_eq!(rows[0].decision.verdict, Verdict::NotEvaluated(reason));
    assert!(matches!(rows[1].decision.verdict, Verdict::Fail(_)));
    // An agent that came back in time was scanned after all.
    let late = assess_nodes(&[node(1), node(2)], &offline, &targets(&[completed.clone(), completed]));
    assert_eq!(late[1].not_scanned, None);
}

#[test]
fn a_number_that_no_benchmark_has_is_an_error_and_not_a_row() {
    let details = BTreeMap::from([(1, vec![detail("1/../x y", "PASSED", "")])]);
    assert!(assess_rows(&"cis-al2023-1.0.0".parse().unwrap(), &[node(1)], &details).is_err());
}

#[test]
fn a_control_that_is_listed_twice_with_two_answers_has_none() {
    let details = BTreeMap::from([(
        1,
        vec![
            detail("1.1", "PASSED", ""),
            detail("1.1", "FAILED", "no"),
            detail("1.2", "PASSED", ""),
            detail("1.2", "PASSED", ""),
        ],
    )]);
    let rows = assess_rows(&"cis-al2023-1.0.0".parse().unwrap(), &[node(1)], &details).unwrap();
    let reason = "node 1: Inspector lists it twice, as PASSED and as FAILED".to_owned();
    assert_eq!(rows[0].decision.verdict, Verdict::NotEvaluated(reason));
    assert_eq!((rows.len(), &rows[1].decision.verdict), (2, &Verdict::Pass), "the same answer twice is one answer");
}

#[test]
fn the_scans_own_count_says_how_many_controls_a_node_has() {
    assert_eq!(expected(&summary("COMPLETED", 460), 2), Some(230));
    assert_eq!(expected(&summary("COMPLETED", 0), 2), None);
    assert_eq!(expected(&summary("COMPLETED", 460), 0), None);
}
