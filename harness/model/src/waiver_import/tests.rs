use super::*;

fn defaults() -> Defaults {
    Defaults {
        benchmark: "cis-al2023-1.0.0".parse().unwrap(),
        owner: "platform".into(),
        expires: Some("2027-06-30".parse().unwrap()),
        reason: None,
        ticket: Some("SEC-7".into()),
        variants: vec!["al2023-l1".into()],
    }
}

fn short(waivers: &[Waiver]) -> Vec<String> {
    waivers.iter().map(|waiver| format!("{}: {} until {}", waiver.scope(), waiver.reason, waiver.expires)).collect()
}

fn printed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A document as image builders write it: prose, another table, and the table of exclusions, some rows without a reason.
const DOCUMENT: &str = "\
# An image

| Name | Version |
|------|---------|
| <a name=\"input_subnet_id\"></a> terraform | >= 1.3 |

## Exceptions

| CIS ID | CIS Description | Reason | Alternative control |
|---------|:---------------|---------|-------------------|
| 3.2.1 | forwarding is off | Pods are routed by the node | N/A |
| `3.4.2.7` | the firewall denies | kube-proxy owns the  rules | Network policies \\| security groups |
| 6.1.11 | no world-writable files | Folders of the runtime |
";

#[test]
fn a_table_of_exclusions_becomes_waivers_wherever_it_stands_in_a_document() {
    let waivers = table("README.md", DOCUMENT, &defaults()).unwrap();
    assert_eq!(
        short(&waivers),
        [
            "cis-al2023-1.0.0/3.2.1 on al2023-l1: Pods are routed by the node until 2027-06-30",
            "cis-al2023-1.0.0/3.4.2.7 on al2023-l1: kube-proxy owns the rules; instead: Network policies | security groups until 2027-06-30",
            "cis-al2023-1.0.0/6.1.11 on al2023-l1: Folders of the runtime until 2027-06-30",
        ]
    );
    assert!(waivers.iter().all(|waiver| waiver.owner == "platform" && waiver.ticket.as_deref() == Some("SEC-7")));
}

#[test]
fn a_row_with_several_numbers_is_a_waiver_for_each() {
    let text =
        format!("{DOCUMENT}| `3.4.2.4`, 3.4.2.5 and<br>3.4.4.3.3 | firewalls | Pods | |\n| 1.1, soon | x | y | |\n");
    let actual = printed(&table("README.md", &text, &defaults()).unwrap_err());
    assert!(actual.contains("README.md:15:1: '1.1, soon' is not a control's number"), "{actual}");
    let waivers = table("README.md", &text.replace("| 1.1, soon | x | y | |\n", ""), &defaults()).unwrap();
    let short = short(&waivers);
    assert_eq!(short.len(), 6, "{short:?}");
    assert!(short[4].starts_with("cis-al2023-1.0.0/3.4.2.5 on al2023-l1: Pods until"), "{short:?}");
}

#[test]
fn rows_without_a_reason_are_problems_unless_the_user_gives_one() {
    let text = format!(
        "{DOCUMENT}| 3.3.1 | source routing | Pending | Pending |\n| 1.4.1 | bootloader | | |\n| soon | x | y | |\n"
    );
    let problems = table("README.md", &text, &defaults()).unwrap_err();
    let actual = printed(&problems);
    assert_eq!(problems.len(), 3, "{actual}");
    assert!(actual.contains("README.md:14:1: control 3.3.1 has no reason") && actual.contains("--reason"), "{actual}");
    assert!(actual.contains("README.md:16:1: 'soon' is not") || actual.contains("control soon"), "{actual}");
    let lenient = Defaults { reason: Some("under review".into()), ..defaults() };
    let text = text.replace("| soon | x | y | |\n", "");
    assert_eq!(table("README.md", &text, &lenient).unwrap().len(), 5);
}

#[test]
fn a_list_of_a_build_kit_is_read_when_there_is_no_table() {
    let list = "# not hardened\n3.2.1 #Ensure IP forwarding is disabled\n6.1.12\n3.2.1 #twice\n";
    assert!(printed(&table("l", list, &defaults()).unwrap_err()).contains("has no reason"), "a title is no reason");
    let lenient = Defaults { reason: Some("EKS needs it".into()), ..defaults() };
    assert_eq!(short(&table("l", list, &lenient).unwrap()).len(), 2);
    assert!(printed(&table("l", "nothing here", &lenient).unwrap_err()).contains("holds no table"));
}

#[test]
fn inspec_waivers_keep_their_own_dates_and_reasons() {
    let text = "cis-al2023-3.2.1:\n  expiration_date: 2027-01-31\n  run: false\n  justification: routed by the node\n\
                3.3.1:\n  justification: |\n    two\n    lines\n";
    let waivers = inspec("w.yml", text.as_bytes(), &defaults()).unwrap();
    assert_eq!(
        short(&waivers),
        [
            "cis-al2023-1.0.0/3.2.1 on al2023-l1: routed by the node until 2027-01-31",
            "cis-al2023-1.0.0/3.3.1 on al2023-l1: two lines until 2027-06-30"
        ]
    );
    let bad = "xccdf_rule_abc:\n  justification: x\n3.3.2:\n  justification: ''\n3.3.3:\n  justification: x\n  expiration_date: soon\n3.3.4: 7\n";
    let actual = printed(&inspec("w.yml", bad.as_bytes(), &defaults()).unwrap_err());
    for part in
        ["w.yml:1:1: 'xccdf_rule_abc'", "control 3.3.2 has no reason", "'soon' is not a date", "'3.3.4' is not a map"]
    {
        assert!(actual.contains(part), "{part} in {actual}");
    }
    let dateless = Defaults { expires: None, ..defaults() };
    assert!(printed(&inspec("w", b"3.3.1: {justification: x}\n", &dateless).unwrap_err()).contains("has no last day"));
}

#[test]
fn a_list_to_skip_names_controls_and_a_group_stands_for_its_controls() {
    let defaults = Defaults {
        benchmark: "cis-eks-1.8.0".parse().unwrap(),
        reason: Some("by design".into()),
        variants: vec![],
        ..defaults()
    };
    let known: Vec<String> = ["3.1.1", "4.2.1", "4.2.2", "4.3.1"].map(str::to_owned).into();
    let waivers =
        kube_bench_skip("skip", "--skip \"3.1.1,4.2\" # agreed in SEC-9\n3.2.9\n", &defaults, &known).unwrap();
    assert_eq!(
        short(&waivers),
        [
            "cis-eks-1.8.0/3.1.1: agreed in SEC-9 until 2027-06-30",
            "cis-eks-1.8.0/4.2.1: agreed in SEC-9 until 2027-06-30",
            "cis-eks-1.8.0/4.2.2: agreed in SEC-9 until 2027-06-30",
            "cis-eks-1.8.0/3.2.9: by design until 2027-06-30",
        ]
    );
    assert!(printed(&kube_bench_skip("skip", "3.1.1,all", &defaults, &known).unwrap_err()).contains("'all'"));
    assert!(kube_bench_skip("skip", "# nothing\n", &defaults, &known).is_err());
}

#[test]
fn a_control_that_passes_or_does_not_apply_needs_no_waiver_and_a_heading_is_no_control() {
    let text = "\
| CIS ID | Recommendation | Status | Reason |
|---|---|---|---|
|2.1|Time synchronisation|||
|2.1.1|chrony is there|Fail|The hypervisor keeps the time|
|2.1.2|chrony runs as its own user|Pass||
|2.1.3|no graphical desktop|N/A||
|2.2|Services|Equivalent control|Another agent does it|
";
    assert_eq!(
        short(&table("t.md", text, &defaults()).unwrap()),
        [
            "cis-al2023-1.0.0/2.1.1 on al2023-l1: The hypervisor keeps the time until 2027-06-30",
            "cis-al2023-1.0.0/2.2 on al2023-l1: Another agent does it until 2027-06-30"
        ]
    );
    let lenient = Defaults { reason: Some("documented".into()), ..defaults() };
    assert_eq!(table("t.md", text, &lenient).unwrap().len(), 2, "a reason for all makes no waiver of a passing row");
    let passing = "| ID | Status | Reason |\n|---|---|---|\n| 2.1.2 | Pass | |\n| 2.1.3 | ✅ met | |\n";
    assert!(printed(&table("t.md", passing, &lenient).unwrap_err()).contains("none needs a waiver"));
}

#[test]
fn the_outer_pipes_of_a_table_may_be_missing() {
    let text = "Left out:\n\nCIS ID | Reason | Expires\n--- | :---: | ---\n4.1.2 | audit \\| log is shipped | 2026-12-31T00:00:00Z\nCIS 4.1.3 | same | -\n\nA line | of prose\n";
    assert_eq!(
        short(&table("t.md", text, &defaults()).unwrap()),
        [
            "cis-al2023-1.0.0/4.1.2 on al2023-l1: audit | log is shipped until 2026-12-31",
            "cis-al2023-1.0.0/4.1.3 on al2023-l1: same until 2027-06-30"
        ]
    );
}

#[test]
fn a_csv_of_exclusions_is_read_whatever_separates_its_columns() {
    for separator in [",", ";", "\t"] {
        let line = |cells: [&str; 4]| cells.map(|cell| format!("\"{cell}\"")).join(separator);
        let text = [
            "exported 2026-11-28".to_owned(),
            line(["Control ID", "Result", "Justification", "Expiration Date"]),
            line(["4.1.2", "FAILED", "shipped, see runbook", "2026-12-31 12:00:00 UTC"]),
            line(["4.1.3", "PASSED", "", ""]),
        ]
        .join("\n");
        let expected = ["cis-al2023-1.0.0/4.1.2 on al2023-l1: shipped, see runbook until 2026-12-31"];
        assert_eq!(short(&table("t.csv", &text, &defaults()).unwrap()), expected, "{separator}");
        assert_eq!(short(&inspec("t.csv", text.as_bytes(), &defaults()).unwrap()), expected, "{separator}");
    }
    let bad = "control_id,justification,expiration_date\n4.1.2,x,soon\n";
    assert!(
        printed(&inspec("t.csv", bad.as_bytes(), &defaults()).unwrap_err()).contains("t.csv:2:1: the last day 'soon'")
    );
}

#[test]
fn an_inspec_waiver_ends_on_the_day_of_its_date_whatever_time_stands_behind_it() {
    for (date, day) in [
        ("2027-01-31", Some("2027-01-31")),
        ("2027-01-31T00:00:00Z", Some("2027-01-31")),
        ("2027-01-31 23:59:59 +0200", Some("2027-01-31")),
        ("2027-01-31 08:00:00.000 UTC", Some("2027-01-31")),
        ("2027-01-31 or later", None),
        ("2027-02-31", None),
        ("31.01.2027", None),
    ] {
        let id = "xccdf_org.cisecurity.benchmarks_rule_4.1.2_Ensure_audit_logs_are_kept";
        let text = format!("{id}:\n  justification: x\n  expiration_date: {date}\n");
        match (inspec("w.yml", text.as_bytes(), &defaults()), day) {
            (Ok(waivers), Some(day)) => {
                assert_eq!(short(&waivers), [format!("cis-al2023-1.0.0/4.1.2 on al2023-l1: x until {day}")]);
            }
            (Err(problems), None) => assert!(printed(&problems).contains("is not a date"), "{date}"),
            (other, _) => panic!("{date}: {other:?}"),
        }
    }
}
