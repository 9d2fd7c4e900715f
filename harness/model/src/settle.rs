//! The final evaluation of a run: traffic failures attributed to the faulty node, origins by comparison with the reference, dispositions
//! after waivers, informational rows, and the gates over scans. Pure and idempotent.

use std::collections::BTreeMap;

use crate::attribution::{TrafficPair, broken_nodes};
use crate::judge::{Disposition, judge, origin};
use crate::name::{CheckId, VariantName};
use crate::report::{CheckResult, Report, Subject, VariantRecord};
use crate::shard::{missing, unsettled};
use crate::verdict::Outcome;
use crate::waiver::{self, Circumstances, Waiver};
use crate::{candidate, facts, prediction, pull, second_opinion, threshold};
use jiff::Timestamp;

/// Settles every result of a report.
pub fn settle(report: &mut Report, waivers: &[Waiver], now: Timestamp) {
    unsettled::restore(report);
    let before = unsettled::Before::of(report);
    let culprits = attribute(&mut report.results);
    pull::attribute(report);
    prediction::yield_to_observations(report);
    set_origins(report);
    second_opinion::compare(report);
    let variants: BTreeMap<&VariantName, &VariantRecord> =
        report.variants.iter().map(|variant| (&variant.name, variant)).collect();
    for result in &mut report.results {
        let level = match &result.subject {
            Subject::Variant(name) => variants.get(name).and_then(|variant| variant.level),
            Subject::Cluster => None,
        };
        let circumstances = Circumstances::of(result, level);
        result.disposition = judge(&result.outcome, result.earlier_attempts.len(), waivers, &circumstances, now);
    }
    facts::attach(report);
    report.waivers = waiver::records(report, waivers, now);
    threshold::mark_disagreements(&mut report.results);
    block(report, &culprits);
    candidate::inform(report);
    let thresholds = report.thresholds.clone();
    threshold::apply(report, &thresholds, now);
    // The gates are rows like others: a scan of nodes that never came has no gap of its own, and a stock image no gate.
    block(report, &BTreeMap::new());
    candidate::inform(report);
    missing::require(report, now);
    before.note(report);
}

/// Compares every failure with the same check of the same scanner on the reference. Two scanners of one control are compared separately.
fn set_origins(report: &mut Report) {
    type Question<'a> = (&'a VariantName, &'a CheckId, Option<&'a str>);
    let variants: BTreeMap<&VariantName, &VariantRecord> =
        report.variants.iter().map(|variant| (&variant.name, variant)).collect();
    let answers: BTreeMap<Question<'_>, &Outcome> = report
        .results
        .iter()
        .filter_map(|result| match &result.subject {
            Subject::Variant(name) => Some(((name, &result.check, result.scanner.as_deref()), &result.outcome)),
            Subject::Cluster => None,
        })
        .collect();
    let origins: Vec<_> = report
        .results
        .iter()
        .map(|result| {
            let own = match &result.subject {
                Subject::Variant(name) => variants.get(name),
                Subject::Cluster => None,
            };
            let twin = own.and_then(|own| variants.get(own.reference.as_ref()?));
            let answer =
                twin.and_then(|twin| answers.get(&(&twin.name, &result.check, result.scanner.as_deref()))).copied();
            let same_family = own.zip(twin).is_some_and(|(own, twin)| own.family == twin.family);
            origin(&result.outcome, answer, result.scanner.is_some(), same_family)
        })
        .collect();
    for (result, origin) in report.results.iter_mut().zip(origins) {
        result.origin = origin;
    }
}

/// A result that is not evaluated because of another failure is blocked by that, and not a gap of its own.
fn block(report: &mut Report, culprits: &BTreeMap<usize, VariantName>) {
    let failed = |check: &CheckId, subject: Option<&Subject>| {
        let is_it = |row: &&CheckResult| {
            row.check == *check
                && subject.is_none_or(|subject| row.subject == *subject)
                && matches!(row.disposition, Disposition::Failed)
        };
        let row = report.results.iter().find(is_it)?;
        Some(Disposition::Blocked { check: row.check.clone(), subject: row.subject.clone() })
    };
    let mut blocked = Vec::new();
    for (at, result) in report.results.iter().enumerate() {
        if result.disposition != Disposition::NotEvaluated {
            continue;
        }
        let by_peer = culprits.get(&at).map(|name| Subject::Variant(name.clone()));
        let why = match (report.cause_of(result), by_peer) {
            (Some(check), _) if result.subject == Subject::Cluster => failed(check, None),
            (Some(check), _) => failed(check, Some(&result.subject)),
            (None, Some(peer)) => failed(&result.check, Some(&peer)),
            (None, None) => None,
        };
        blocked.extend(why.map(|why| (at, why)));
    }
    for (at, why) in blocked {
        if let Some(result) = report.results.get_mut(at) {
            result.disposition = why;
        }
    }
}

/// Retracts failures of traffic checks that were caused by another variant's node: a variant without a faulty node is not evaluated,
/// because the other end spoilt its only evidence. Returns which variant caused which failure.
fn attribute(results: &mut [CheckResult]) -> BTreeMap<usize, VariantName> {
    let pairs: Vec<TrafficPair> = results.iter().flat_map(|result| result.traffic.iter().cloned()).collect();
    let broken = broken_nodes(&pairs);
    let mut culprits = BTreeMap::new();
    for (at, result) in results.iter_mut().enumerate() {
        let Subject::Variant(own) = &result.subject else { continue };
        let is_open = matches!(result.outcome, Outcome::Fail { .. } | Outcome::NotEvaluated { .. });
        if !is_open || result.traffic.iter().all(|pair| pair.ok) {
            continue;
        }
        let failing: Vec<&TrafficPair> = result.traffic.iter().filter(|pair| !pair.ok).collect();
        let ends = || failing.iter().flat_map(|pair| [&pair.from, &pair.to]);
        let own_is_broken = ends().any(|end| end.variant.as_ref() == Some(own) && broken.contains(end));
        let culprit = ends().find(|end| end.variant.as_ref() != Some(own) && broken.contains(end));
        if let (false, Some(culprit)) = (own_is_broken, culprit) {
            let name = culprit.variant.as_ref().map_or("no variant of this run", VariantName::as_str);
            let reason =
                format!("the remote end is faulty: every failing connection involves node {} of {name}", culprit.node);
            culprits.extend(culprit.variant.clone().map(|name| (at, name)));
            result.outcome = Outcome::NotEvaluated { reason };
        }
    }
    culprits
}

#[cfg(test)]
mod tests {
    use crate::attribution::Endpoint;
    use crate::exit::ExitCode;
    use crate::matrix::Family;
    use crate::name::Level;
    use crate::report::SCHEMA_VERSION;
    use crate::verdict::Finding;

    use super::*;

    fn end(node: &str) -> Endpoint {
        let variant = node.split_once('.').map_or(node, |(variant, _)| variant);
        Endpoint { variant: variant.parse().ok(), node: node.to_owned() }
    }

    fn traffic(variant: &str, pairs: &[(&str, &str, bool)]) -> CheckResult {
        let fails = pairs.iter().any(|(_, _, ok)| !ok);
        let outcome = if fails {
            Outcome::Fail { findings: vec![Finding::new("pod client", "no answer")] }
        } else {
            Outcome::Pass
        };
        let pairs = pairs.iter().map(|(from, to, ok)| TrafficPair { from: end(from), to: end(to), ok: *ok });
        CheckResult { traffic: pairs.collect(), ..row("workload/pod-to-pod", variant, None, outcome) }
    }

    fn row(check: &str, variant: &str, scanner: Option<&str>, outcome: Outcome) -> CheckResult {
        let subject = Subject::Variant(variant.parse().unwrap());
        CheckResult {
            scanner: scanner.map(str::to_owned),
            ..CheckResult::new(check.parse().unwrap(), subject, outcome)
        }
    }

    fn fail() -> Outcome {
        Outcome::Fail { findings: vec![Finding::new("node 1", "not met")] }
    }

    /// A stock image and two that are hardened with it as their reference, settled.
    fn settled(results: Vec<CheckResult>) -> Report {
        let variant = |name: &str, hardened: bool| VariantRecord {
            reference: hardened.then(|| "stock".parse().unwrap()),
            benchmark: hardened.then(|| "cis-al2023-1.0.0".parse().unwrap()),
            level: hardened.then_some(Level::One),
            ..VariantRecord::new(name.parse().unwrap(), Family::Al2023)
        };
        let mut report: Report = serde_json::from_value(serde_json::json!({
            "schemaVersion": SCHEMA_VERSION,
            "tool": {"name": "amiproof", "version": "0"},
            "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0,
                    "criticalPathSeconds": 1.0, "interrupted": false},
            "cluster": {"name": "c"},
            "variants": [],
            "results": [],
            "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
        }))
        .unwrap();
        report.variants = vec![variant("stock", false), variant("bad", true), variant("good", true)];
        report.results = results;
        settle(&mut report, &[], Timestamp::UNIX_EPOCH);
        report
    }

    fn words(report: &Report) -> Vec<&'static str> {
        report.results.iter().map(|result| result.disposition.as_str()).collect()
    }

    #[test]
    fn who_shares_no_broken_node_is_blocked_by_the_peer_that_failed() {
        let results = || {
            vec![
                traffic("bad", &[("bad.1", "stock.1", false), ("stock.1", "bad.1", false)]),
                traffic("stock", &[("stock.1", "stock.2", true), ("stock.1", "bad.1", false)]),
            ]
        };
        let mut report = settled(results());
        assert_eq!(words(&report), ["failed", "blocked"]);
        assert_eq!(ExitCode::of(&report), ExitCode::Failed, "the failure says what is wrong");
        settle(&mut report, &[], Timestamp::UNIX_EPOCH);
        assert_eq!(words(&report), ["failed", "blocked"], "the same again");
        let waived = Waiver {
            check: Some("workload/pod-to-pod".into()),
            reason: "known".into(),
            owner: "platform".into(),
            expires: "2099-01-31".parse().unwrap(),
            ..Waiver::default()
        };
        settle(&mut report, &[waived], Timestamp::UNIX_EPOCH);
        assert_eq!(words(&report), ["waived", "not evaluated"], "nobody signed for the peer");
        assert_eq!(ExitCode::of(&report), ExitCode::Error);
    }

    #[test]
    fn origins_are_asked_of_the_same_scanner_and_in_the_words_of_the_question() {
        const CONTROL: &str = "os-cis/cis-al2023-1.0.0/3.3.1";
        let silent = || Outcome::NotEvaluated { reason: "no agent".into() };
        let report = settled(vec![
            row(CONTROL, "stock", Some("inspector"), fail()),
            row(CONTROL, "stock", Some("openscap"), Outcome::Pass),
            row(CONTROL, "good", Some("inspector"), fail()),
            row(CONTROL, "good", Some("openscap"), fail()),
            row("host/selinux-denials", "stock", None, Outcome::NotApplicable { reason: "permissive".into() }),
            row("host/selinux-denials", "good", None, fail()),
            row("node/joined", "stock", None, Outcome::Pass),
            row("node/joined", "good", None, fail()),
            row("node/ready", "stock", None, silent()),
            row("node/ready", "good", None, fail()),
        ]);
        let origins: Vec<Option<&str>> =
            report.results.iter().filter(|row| !row.is_gate()).map(|row| Some(row.origin?.as_str())).collect();
        let expected = [
            Some("unknown"),
            None,
            Some("not applied"),
            Some("lost"),
            None,
            Some("hardening"),
            None,
            Some("hardening"),
            None,
            Some("unknown"),
        ];
        assert_eq!(origins, expected);
    }

    #[test]
    fn a_stock_image_is_shown_by_a_benchmark_and_failed_by_a_check() {
        const CONTROL: &str = "os-cis/cis-al2023-1.0.0/3.3.1";
        let silent = || Outcome::NotEvaluated { reason: "no agent".into() };
        let of_hardening = |variant: &str| CheckResult {
            control: Some("cis-al2023-1.0.0/9.1".parse().unwrap()),
            ..row("kube-bench/cis-al2023-1.0.0/9.1", variant, Some("kube-bench"), fail())
        };
        let report = settled(vec![
            row(CONTROL, "stock", Some("inspector"), fail()),
            row("os-cis/cis-al2023-1.0.0/3.3.2", "stock", Some("inspector"), silent()),
            row("os-cis/cis-al2023-1.0.0/3.3.3", "stock", Some("inspector"), Outcome::Pass),
            row("kube-bench/cis-eks-1.8.0/3.1.1", "stock", Some("kube-bench"), fail()),
            of_hardening("stock"),
            of_hardening("good"),
            row(CONTROL, "good", Some("inspector"), fail()),
        ]);
        let expected = ["informational", "informational", "passed", "failed", "informational", "failed", "failed"];
        assert_eq!(words(&report)[..7], expected);
        let gates = report.results.iter().filter(|row| row.is_gate() && row.subject.as_str() == "stock");
        assert!(gates.clone().all(|row| !matches!(row.disposition, Disposition::Failed | Disposition::NotEvaluated)));
    }

    #[test]
    fn a_broken_variant_does_not_paint_its_peers_red() {
        let mut results = vec![
            traffic("stock", &[("stock.1", "stock.2", true), ("stock.1", "bad.1", false)]),
            traffic("bad", &[("bad.1", "stock.1", false), ("stock.1", "bad.1", false)]),
        ];
        attribute(&mut results);
        assert!(matches!(results[0].outcome, Outcome::NotEvaluated { .. }), "{:?}", results[0].outcome);
        assert!(matches!(results[1].outcome, Outcome::Fail { .. }), "{:?}", results[1].outcome);
    }

    #[test]
    fn a_broken_reference_is_not_charged_to_the_hardened_variant() {
        let mut results = vec![
            traffic("stock", &[("stock.1", "stock.2", false)]),
            traffic("good", &[("good.1", "stock.1", false), ("good.1", "good.2", true)]),
        ];
        attribute(&mut results);
        assert!(matches!(results[0].outcome, Outcome::Fail { .. }));
        assert!(matches!(results[1].outcome, Outcome::NotEvaluated { .. }), "{:?}", results[1].outcome);
    }
}
