//! Snapshots of what works on a variant's nodes, and what was lost between two of them. The comparison is pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amiproof_core::check::{Applies, CheckError};
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_core::{probe, workload};
use amiproof_model::matrix::Family;
use amiproof_model::name::CheckId;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use amiproof_model::workload::{Os, Workload};

use crate::definition::Work;
use crate::scans::SCANS;

/// The workloads that show whether pods still start, find each other and are found, on Linux. On Windows: all that there are.
const SMOKE: [&str; 3] = ["host-path", "pod-to-pod", "web-service"];

/// Host settings that pods depend on, and that agents and services often change.
const FACTS: &str = "for key in net.ipv4.ip_forward net.ipv4.conf.all.rp_filter kernel.panic vm.overcommit_memory \
user.max_user_namespaces; do echo \"$key = $(sysctl -n $key 2>/dev/null)\"; done; iptables -S 2>/dev/null | grep '^-P'; \
nft list ruleset 2>/dev/null | grep 'hook'; getenforce 2>/dev/null; findmnt -n -o TARGET,OPTIONS /var 2>/dev/null; true";

/// Deadline for reading the facts of one node.
const FACTS_DEADLINE: Duration = Duration::from_secs(60);

/// The scope of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The smoke workloads.
    Smoke,
    /// Those, and every control that a scanner evaluates.
    Scans,
}

/// What works at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// Verdicts by `workload/host-path` and `kube-bench/cis-eks-1.8.0/3.2.1`.
    seen: BTreeMap<String, Observed>,
    /// Facts by node index.
    facts: BTreeMap<u32, String>,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Observed {
    Passed,
    /// Why, with the proof.
    Failed(String, Vec<Evidence>),
    /// There was no result, and why.
    Unknown(String),
}

/// Takes a snapshot of the context's nodes.
///
/// # Errors
/// When the run is interrupted, or the catalogue lacks a workload of the smoke test.
pub(super) async fn take(context: &Context, depth: Depth) -> Result<Snapshot, CheckError> {
    let workloads = smoke(context.variant.family)?;
    let runs = workloads.iter().map(async |own| (format!("workload/{}", own.name), workload::run(own, context).await));
    let mut seen = BTreeMap::new();
    for (name, answer) in futures::future::join_all(runs).await {
        let answer = match answer {
            Err(CheckError::Cancelled) => return Err(CheckError::Cancelled),
            Err(error) => Observed::Unknown(error.to_string()),
            Ok(decision) => match Observed::of(&decision.verdict, &decision.evidence) {
                Some(seen) => seen,
                None => continue,
            },
        };
        seen.insert(name, answer);
    }
    if depth == Depth::Scans {
        controls(context, &mut seen).await?;
    }
    Ok(Snapshot { seen, facts: facts(context).await? })
}

/// Runs every scan that the variant has: kube-bench and those of its operating system, as far as the matrix selects them.
async fn controls(context: &Context, seen: &mut BTreeMap<String, Observed>) -> Result<(), CheckError> {
    let scans = SCANS.iter().filter_map(|definition| match definition.work {
        Work::Scan(scan) => Some((definition, scan)),
        _ => None,
    });
    let wanted = scans.filter(|(definition, _)| {
        let id: Option<CheckId> = definition.id.parse().ok();
        (definition.applies)(&context.variant) == Applies::Yes
            && id.is_some_and(|id| context.matrix.suites.selects(&id, false))
    });
    let answers = wanted.map(async |(definition, scan)| (definition.id, scan(context).await));
    for (id, answer) in futures::future::join_all(answers).await {
        match answer {
            Err(CheckError::Cancelled) => return Err(CheckError::Cancelled),
            // What passed before and was not asked again afterwards is not known, so it is not green.
            Err(error) => drop(seen.insert(id.to_owned(), Observed::Unknown(error.to_string()))),
            Ok(answer) => {
                let rows = answer.rows.into_iter();
                seen.extend(
                    rows.filter_map(|row| Some((row.check.to_string(), Observed::of(&row.decision.verdict, &[])?))),
                );
            }
        }
    }
    Ok(())
}

/// The settings of the hosts. They only explain: a node that cannot be read has the reason instead.
async fn facts(context: &Context) -> Result<BTreeMap<u32, String>, CheckError> {
    let mut facts = BTreeMap::new();
    if !context.variant.family.is_linux() {
        return Ok(facts);
    }
    for node in context.nodes.iter() {
        let text = match probe::read(context, node, FACTS, FACTS_DEADLINE).await {
            Ok(output) => output.stdout,
            Err(probe::Error::Cancelled) => return Err(CheckError::Cancelled),
            Err(error) => error.to_string(),
        };
        facts.insert(node.index, text);
    }
    Ok(facts)
}

fn smoke(family: Family) -> Result<Vec<Arc<Workload>>, CheckError> {
    let catalogue = amiproof_workloads::catalogue();
    let catalogue =
        catalogue.map_err(|error| CheckError::Undecided(format!("the catalogue cannot be read: {error}")))?;
    let wanted = |one: &&Workload| match family {
        Family::Windows => one.os == Os::Windows,
        Family::Al2023 | Family::Al2 | Family::Bottlerocket => SMOKE.contains(&one.name.as_str()),
    };
    Ok(catalogue.iter().filter(wanted).cloned().map(Arc::new).collect())
}

impl Observed {
    /// `None` for a check that does not apply here.
    fn of(verdict: &Verdict, evidence: &[Evidence]) -> Option<Self> {
        match verdict {
            Verdict::Pass => Some(Self::Passed),
            Verdict::Fail(findings) => {
                let why = findings.first().map_or_else(String::new, |finding| finding.summary.clone());
                Some(Self::Failed(why, evidence.to_vec()))
            }
            Verdict::NotEvaluated(why) => Some(Self::Unknown(why.clone())),
            Verdict::NotApplicable(_) | Verdict::Manual(_) => None,
        }
    }
}

/// What was lost between two snapshots; `after` names the event: `the reboot`.
pub(super) fn lost(before: &Snapshot, now: &Snapshot, after: &str) -> (Verdict, Vec<Evidence>) {
    let worked: Vec<&String> =
        before.seen.iter().filter(|(_, seen)| **seen == Observed::Passed).map(|(name, _)| name).collect();
    let (mut findings, mut unknown, mut proof) = (Vec::new(), Vec::new(), Vec::new());
    for name in &worked {
        match now.seen.get(*name) {
            Some(Observed::Passed) => {}
            Some(Observed::Failed(why, evidence)) => {
                findings.push(Finding::new(
                    name.as_str(),
                    format!("{name} passed before {after} and fails after it: {why}"),
                ));
                proof.extend(
                    evidence.iter().map(|one| Evidence { name: format!("{name}: {}", one.name), ..one.clone() }),
                );
            }
            Some(Observed::Unknown(why)) => unknown.push(format!("{name}: {why}")),
            None => unknown.push(format!("{name}: it was not run again")),
        }
    }
    let changes = changes(&before.facts, &now.facts);
    if !changes.is_empty() {
        findings = findings.into_iter().map(|finding| finding.with_detail(changes.clone())).collect();
        proof.push(evidence(format!("what {after} changed on the hosts"), &changes));
    }
    let works: Vec<&str> = worked.iter().map(|name| name.as_str()).collect();
    proof.push(evidence(format!("what worked before {after}"), works.join("\n")));
    let verdict = if !findings.is_empty() {
        Verdict::Fail(findings)
    } else if works.iter().all(|name| !name.starts_with("workload/")) {
        let why = before
            .seen
            .iter()
            .map(|(name, seen)| format!("{name}: {}", seen.description()))
            .collect::<Vec<_>>()
            .join("; ");
        Verdict::NotEvaluated(format!("no smoke workload passed before {after}, so nothing could be lost: {why}"))
    } else if !unknown.is_empty() {
        Verdict::NotEvaluated(format!("not known after {after}: {}", unknown.join("; ")))
    } else {
        Verdict::Pass
    };
    (verdict, proof)
}

impl Observed {
    fn description(&self) -> &str {
        match self {
            Self::Passed => "passed",
            Self::Failed(why, _) | Self::Unknown(why) => why,
        }
    }
}

/// The facts that differ, as removed and added lines.
fn changes(before: &BTreeMap<u32, String>, now: &BTreeMap<u32, String>) -> String {
    let mut lines = Vec::new();
    for (node, old) in before {
        let Some(new) = now.get(node) else { continue };
        let gone = old.lines().filter(|line| new.lines().all(|other| other != *line));
        let come = new.lines().filter(|line| old.lines().all(|other| other != *line));
        lines.extend(gone.map(|line| format!("node {node}: - {}", line.trim())));
        lines.extend(come.map(|line| format!("node {node}: + {}", line.trim())));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(seen: &[(&str, Observed)], facts: &str) -> Snapshot {
        Snapshot {
            seen: seen.iter().map(|(name, seen)| ((*name).to_owned(), seen.clone())).collect(),
            facts: BTreeMap::from([(1, facts.to_owned())]),
        }
    }

    fn failed(why: &str) -> Observed {
        Observed::Failed(why.to_owned(), vec![evidence("events", "told")])
    }

    #[test]
    fn what_worked_before_and_fails_after_is_a_finding_with_what_changed_on_the_host() {
        let before = snapshot(
            &[("workload/host-path", Observed::Passed), ("workload/web", Observed::Passed)],
            "ip_forward = 1\nEnforcing",
        );
        let after = snapshot(
            &[("workload/host-path", Observed::Passed), ("workload/web", failed("no answer"))],
            "ip_forward = 0\nEnforcing",
        );
        let (verdict, proof) = lost(&before, &after, "the reboot");
        let Verdict::Fail(findings) = verdict else { panic!("{verdict:?}") };
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].resource, "workload/web");
        assert_eq!(findings[0].summary, "workload/web passed before the reboot and fails after it: no answer");
        assert_eq!(findings[0].detail, "node 1: - ip_forward = 1\nnode 1: + ip_forward = 0");
        let names: Vec<&str> = proof.iter().map(|one| one.name.as_str()).collect();
        let expected =
            ["workload/web: events", "what the reboot changed on the hosts", "what worked before the reboot"];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_failed_already_is_not_charged_to_the_event_and_nothing_to_lose_is_never_green() {
        let seen = [("workload/host-path", Observed::Passed), ("workload/web", failed("no answer"))];
        let half = snapshot(&seen, "");
        assert_eq!(lost(&half, &half, "the reboot").0, Verdict::Pass);
        let nothing = snapshot(&[("workload/web", failed("no answer")), ("kube-bench/x/1", Observed::Passed)], "");
        let (verdict, _) = lost(&nothing, &nothing, "the reboot");
        assert!(matches!(verdict, Verdict::NotEvaluated(why) if why.contains("no answer")));
        let unknown = snapshot(&[("workload/host-path", Observed::Unknown("the registry refuses".into()))], "");
        let (verdict, _) = lost(&half, &unknown, "the reboot");
        assert!(matches!(verdict, Verdict::NotEvaluated(why) if why.contains("the registry refuses")));
        let silent = snapshot(&[], "");
        assert!(matches!(lost(&half, &silent, "the reboot").0, Verdict::NotEvaluated(_)));
    }
}
