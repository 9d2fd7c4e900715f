//! Evaluates Inspector's answers. Pure: missing evidence is never green, and what was not evaluated is never blamed on the image.

use std::collections::BTreeMap;

use amiproof_model::name::{Benchmark, CheckId, ControlId, Level, NameError};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Placement, Verdict};

use crate::check::{Decision, ScanRow};

/// A scan as ListCisScans shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The scan's ARN.
    pub scan_arn: String,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`, `CANCELLED`, or something newer.
    pub status: String,
    /// Checks over all instances.
    pub total_checks: i32,
    /// How many of these checks failed.
    pub failed_checks: i32,
}

impl Summary {
    /// Whether it has ended.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "COMPLETED" | "FAILED" | "CANCELLED")
    }
}

/// The progress of a scan on one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetState {
    /// The account that the instance is in.
    pub account: String,
    /// What Inspector calls its operating system; empty if it does not say.
    pub platform: String,
    /// `COMPLETED`, `TIMED_OUT`, `CANCELLED`; may be absent.
    pub status: Option<String>,
    /// `SCAN_IN_PROGRESS`, `UNSUPPORTED_OS`, `SSM_UNMANAGED`; may be absent.
    pub reason: Option<String>,
}

/// One control on one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The control's number in the benchmark.
    pub number: String,
    /// Its title.
    pub title: String,
    /// `PASSED`, `FAILED`, `SKIPPED`, or something newer.
    pub status: String,
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub remediation: String,
    /// `LEVEL_1` or `LEVEL_2`.
    pub level: String,
}

/// A node under scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeScan {
    /// Its index within the variant.
    pub index: u32,
    /// Its EC2 instance.
    pub instance_id: String,
    /// The placement proof.
    pub placement: Placement,
    /// Why it was not scanned, if it was not.
    pub not_scanned: Option<String>,
}

impl NodeScan {
    /// A node that is to be scanned; `None` for one without an instance.
    pub fn of(node: &NodeRecord) -> Option<Self> {
        let instance_id = node.instance_id.clone()?;
        let placement = Placement {
            pod: None,
            node: node.name.clone(),
            instance_id: Some(instance_id.clone()),
            ami_id: node.ami_id.as_ref().map(ToString::to_string),
        };
        Some(Self { index: node.index, instance_id, placement, not_scanned: None })
    }
}

/// Whether a terminal scan evaluated anything on the nodes.
///
/// # Errors
/// The reason why it did not.
pub fn assess_summary(
    summary: &Summary,
    nodes: &[NodeScan],
    targets: &BTreeMap<String, TargetState>,
) -> Result<(), String> {
    if summary.status != "COMPLETED" {
        return Err(format!("the scan ended {}, so nothing was evaluated; run it again", summary.status));
    }
    let no_node: Vec<String> = nodes
        .iter()
        .filter_map(|node| why_not_scanned(targets.get(&node.instance_id)).map(|why| (node, why)))
        .map(|(node, why)| format!("node {}: {why}", node.index))
        .collect();
    if no_node.len() == nodes.len() {
        return Err(no_node.join("; "));
    }
    if summary.total_checks == 0 {
        return Err("the scan is COMPLETED with 0 checks, so nothing was evaluated: the node role may lack \
             AmazonInspector2ManagedCisPolicy, or another scan configuration may match the same instances"
            .to_owned());
    }
    Ok(())
}

/// Why nothing of an instance was evaluated; `None` if it was.
fn why_not_scanned(target: Option<&TargetState>) -> Option<String> {
    let Some(target) = target else {
        return Some("Inspector did not pick it up; does it carry the tag amiproof:variant-run?".to_owned());
    };
    match (target.status.as_deref(), target.reason.as_deref()) {
        (_, Some("UNSUPPORTED_OS")) => Some("Inspector has no CIS benchmark for its operating system".to_owned()),
        (_, Some("SSM_UNMANAGED")) => {
            Some("SSM does not manage it; does its agent run, and does the node role have AmazonSSMManagedInstanceCore?".to_owned())
        }
        (Some("COMPLETED") | None, None) => None,
        (Some("TIMED_OUT"), _) => Some(
            "its scan timed out; does the node role have AmazonInspector2ManagedCisPolicy, and do the nodes reach Inspector?".to_owned(),
        ),
        (status, reason) => Some(format!("its scan ended {} {}", status.unwrap_or("without a status"), reason.unwrap_or_default())),
    }
}

/// The nodes, each with the reason why it was not scanned where it was not. `offline` is what was missing on them before.
pub fn assess_nodes(
    nodes: &[NodeScan],
    offline: &BTreeMap<String, String>,
    targets: &BTreeMap<String, TargetState>,
) -> Vec<NodeScan> {
    let with_reason = |node: &NodeScan| {
        let is_offline = offline.get(&node.instance_id).cloned();
        // An agent that came late may still have been scanned, so what Inspector says counts more.
        let not_scanned = why_not_scanned(targets.get(&node.instance_id)).map(|why| is_offline.unwrap_or(why));
        NodeScan { not_scanned, ..node.clone() }
    };
    nodes.iter().map(with_reason).collect()
}

/// One row per control over all nodes, in the order in which Inspector lists them on the first node that has it.
///
/// A control fails when any node fails it, passes when every node passes it, and is not evaluated otherwise.
///
/// # Errors
/// When a number cannot be part of a check id.
pub fn assess_rows(
    benchmark: &Benchmark,
    nodes: &[NodeScan],
    details: &BTreeMap<u32, Vec<Detail>>,
) -> Result<Vec<ScanRow>, NameError> {
    let mut order: Vec<&Detail> = Vec::new();
    let mut by_number: BTreeMap<&str, BTreeMap<u32, Vec<&Detail>>> = BTreeMap::new();
    for (index, list) in details {
        for detail in list {
            let of_nodes = by_number.entry(&detail.number).or_default();
            if of_nodes.is_empty() {
                order.push(detail);
            }
            of_nodes.entry(*index).or_default().push(detail);
        }
    }
    order
        .into_iter()
        .map(|first| {
            let of_nodes = &by_number[first.number.as_str()];
            let control = ControlId::new(benchmark, &first.number)?;
            Ok(ScanRow {
                check: CheckId::try_from(format!("os-cis/{control}"))?,
                title: first.title.clone(),
                level: level(&first.level),
                severity: None,
                scanner: super::SCANNER.to_owned(),
                control: Some(control),
                decision: decide(nodes, of_nodes),
            })
        })
        .collect()
}

fn level(word: &str) -> Option<Level> {
    match word {
        "LEVEL_1" => Some(Level::One),
        "LEVEL_2" => Some(Level::Two),
        _ => None,
    }
}

fn decide(nodes: &[NodeScan], of_nodes: &BTreeMap<u32, Vec<&Detail>>) -> Decision {
    let mut findings = Vec::new();
    let (mut open, mut manual) = (Vec::new(), Vec::new());
    let mut lines = Vec::new();
    for node in nodes {
        let name = format!("node {}", node.index);
        let listed = of_nodes.get(&node.index).map(Vec::as_slice).unwrap_or_default();
        let detail = listed.first();
        if let Some(other) = listed.iter().find(|other| Some(&other.status) != detail.map(|detail| &detail.status)) {
            let first = detail.map_or("", |detail| detail.status.as_str());
            lines.push(format!("{name}: {first} and {}", other.status));
            open.push(format!("{name}: Inspector lists it twice, as {first} and as {}", other.status));
            continue;
        }
        let status = detail.map_or("no result", |detail| detail.status.as_str());
        let reason = detail.map_or("", |detail| detail.reason.as_str());
        lines.push(format!("{name}: {status}{}{reason}", if reason.is_empty() { "" } else { ": " }));
        match (detail, status) {
            (Some(detail), "FAILED") => findings.push(
                Finding::new(
                    &name,
                    if reason.is_empty() { "the control is not met" } else { reason.lines().next().unwrap_or(reason) },
                )
                .with_detail(reason)
                .with_remediation(&detail.remediation),
            ),
            (Some(_), "PASSED") => {}
            (Some(_), "SKIPPED") => manual.push(format!("{name}: manual, according to Inspector {reason}")),
            (Some(_), other) => open.push(format!("{name}: Inspector reports {other}, which this build does not know")),
            (None, _) => open.push(match &node.not_scanned {
                Some(why) => format!("{name} was not scanned: {why}"),
                None => format!("{name} has no result for it"),
            }),
        }
    }
    let verdict = if !findings.is_empty() {
        Verdict::Fail(findings)
    } else if open.is_empty() && manual.is_empty() {
        Verdict::Pass
    } else if open.is_empty() {
        Verdict::Manual(manual.join("; ").trim_end().to_owned())
    } else {
        Verdict::NotEvaluated(open.join("; ").trim_end().to_owned())
    };
    Decision {
        verdict,
        evidence: vec![Evidence { name: "Inspector".to_owned(), text: lines.join("\n"), file: None }],
        placements: nodes.iter().filter(|node| node.not_scanned.is_none()).map(|node| node.placement.clone()).collect(),
        traffic: Vec::new(),
    }
}

/// How many controls a node has by the scan's own count, which is over all nodes that it evaluated.
pub(super) fn expected(summary: &Summary, evaluated: usize) -> Option<usize> {
    let total = usize::try_from(summary.total_checks).ok()?;
    total.checked_div(evaluated).filter(|count| *count > 0)
}

/// The scan in a few lines.
pub(super) fn describe(summary: &Summary, targets: &BTreeMap<String, TargetState>) -> String {
    let mut lines = vec![
        format!("scan {}", summary.scan_arn),
        format!("status {}, {} checks, {} failed", summary.status, summary.total_checks, summary.failed_checks),
    ];
    lines.extend(targets.iter().map(|(id, target)| {
        let status = target.status.as_deref().unwrap_or("no status");
        format!("{id}: {status} {}", target.reason.as_deref().unwrap_or_default())
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests;
