//! Reports of any size, as runs write them: a few smoke tests and many controls of a scan on variants with two nodes each, a tenth of them
//! failed.

use amiproof_model::judge::{Disposition, Origin};
use amiproof_model::matrix::Family;
use amiproof_model::name::{AmiId, Level, VariantName};
use amiproof_model::report::{
    AmiRecord, CheckResult, ClusterRecord, NodeRecord, Report, RunRecord, ScanRecord, Subject, VariantRecord,
};
use amiproof_model::verdict::{Evidence, Finding, Outcome, Placement};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::row::Failure;

/// How many facts a node has.
const FACTS: usize = 1000;
/// One check in this many is a smoke test.
const SMOKE: usize = 8;

/// A report with this many variants and checks. `night` names the run, and decides what fails.
pub(crate) fn report(variants: usize, checks: usize, night: usize) -> Result<Report, Failure> {
    let started: Timestamp = "2026-11-21T03:00:00Z".parse()?;
    let run = RunRecord::new(format!("r-{night}").parse()?, "nightly", started);
    let mut report = Report::new("0", run, ClusterRecord::new("nightly"));
    report.run.seconds = 1312.5;
    report.cleanup.ran = true;
    let stock = name(0)?;
    for number in 0..variants {
        let name = name(number)?;
        let hardened = number > 0;
        report.variants.push(VariantRecord {
            reference: hardened.then(|| stock.clone()),
            benchmark: if hardened { Some("cis-al2023-1.0.0".parse()?) } else { None },
            level: hardened.then_some(Level::One),
            ami: Some(image(number)?),
            nodes: vec![node(number, 1)?, node(number, 2)?],
            ..VariantRecord::new(name, Family::Al2023)
        });
    }
    for (number, variant) in report.variants.iter().enumerate() {
        let subject = Subject::Variant(variant.name.clone());
        for check in 0..checks {
            let fails = (check * 7 + number * 3 + night).is_multiple_of(10);
            report.results.push(result(variant, check, fails, number > 0, started)?);
        }
        report.scans.push(ScanRecord {
            benchmark: Some("cis-al2023-1.0.0".parse()?),
            level: Some(Level::One),
            expected: Some(checks - checks / SMOKE),
            ..ScanRecord::new(subject, "os-cis", "inspector")
        });
    }
    Ok(report)
}

fn name(number: usize) -> Result<VariantName, Failure> {
    Ok(format!("al2023-variant-{number:02}").parse()?)
}

fn image(number: usize) -> Result<AmiRecord, Failure> {
    let id: AmiId = format!("ami-{:017x}", 0xabc_0000 + number).parse()?;
    Ok(serde_json::from_value(json!({"id": id, "name": format!("al2023-{number}-1.36"), "source": "id"}))?)
}

fn node(number: usize, index: usize) -> Result<NodeRecord, Failure> {
    // A hardened image differs in a few of its settings.
    let value = |fact: usize| if fact < number { "9".to_owned() } else { (fact % 3).to_string() };
    let facts: serde_json::Map<String, Value> =
        (0..FACTS).map(|fact| (format!("sysctl.net.ipv4.conf.x{fact}"), json!(value(fact)))).collect();
    Ok(serde_json::from_value(json!({
        "index": index, "name": format!("ip-10-{number}-0-{index}.us-west-2.compute.internal"),
        "instanceId": format!("i-{:017x}", number * 16 + index), "amiId": image(number)?.id,
        "osImage": "Amazon Linux 2023.9.20251110", "kernel": "6.12.55-74.119.amzn2023.x86_64",
        "kubelet": "v1.36.2-eks-3abbec1", "runtime": "containerd://2.1.9", "bootToReadySeconds": 38.0, "facts": facts,
    }))?)
}

fn result(
    variant: &VariantRecord,
    check: usize,
    fails: bool,
    hardened: bool,
    started: Timestamp,
) -> Result<CheckResult, Failure> {
    let is_smoke = check.is_multiple_of(SMOKE);
    let findings = || {
        let finding = |index: usize| {
            Finding::new(format!("node {index}"), format!("setting {check} is 1 and is to be 0"))
                .with_detail(format!(
                    "sysctl -n net.ipv4.conf.all.setting{check}\n1\nexpected: 0\nno file in /etc/sysctl.d has it"
                ))
                .with_remediation(format!(
                    "set net.ipv4.conf.all.setting{check} = 0 in /etc/sysctl.d/60-cis.conf and reboot"
                ))
        };
        vec![finding(1), finding(2)]
    };
    let outcome = if fails { Outcome::Fail { findings: findings() } } else { Outcome::Pass };
    let disposition = match (fails, hardened || is_smoke) {
        (false, _) => Disposition::Passed,
        (true, true) => Disposition::Failed,
        (true, false) => Disposition::Informational,
    };
    let placements: Vec<Placement> = variant
        .nodes
        .iter()
        .map(|node| Placement {
            pod: None,
            node: node.name.clone(),
            instance_id: node.instance_id.clone(),
            ami_id: node.ami_id.as_ref().map(ToString::to_string),
        })
        .collect();
    let subject = Subject::Variant(variant.name.clone());
    if is_smoke {
        let evidence = Evidence {
            name: "termination message of job/client".to_owned(),
            text: format!(
                "exit code 1\nconnect: no route to host from {}",
                variant.nodes.first().map_or("", |node| &node.name)
            ),
            file: Some(format!("evidence/{}/app-{check}.txt", variant.name)),
        };
        return Ok(CheckResult {
            title: format!("app {check} answers through its Service by name").into(),
            disposition,
            origin: fails.then_some(Origin::Hardening),
            started: started + SignedDuration::from_secs(i64::try_from(check % 600)?),
            seconds: 2.5,
            exercises: vec!["pod-network".to_owned(), "cluster-dns".to_owned()],
            evidence: if fails { vec![evidence] } else { Vec::new() },
            placements: placements.into(),
            ..CheckResult::new(format!("workload/app-{check}").parse()?, subject, outcome)
        });
    }
    let number = format!("{}.{}.{}", check / 100 + 1, check / 10 % 10 + 1, check % 10 + 1);
    Ok(CheckResult {
        title: format!("setting {check} of the operating system is as the benchmark asks for it").into(),
        control: Some(format!("cis-al2023-1.0.0/{number}").parse()?),
        level: Some(if check.is_multiple_of(2) { Level::One } else { Level::Two }),
        scanner: Some("inspector".to_owned()),
        disposition,
        origin: fails.then_some(Origin::NotApplied),
        started,
        seconds: 9.5,
        placements: placements.into(),
        ..CheckResult::new(format!("os-cis/cis-al2023-1.0.0/{number}").parse()?, subject, outcome)
    })
}
