//! From facts to rows: one row for every control of the benchmark.

use amiproof_core::check::{CheckError, Decision, ScanAnswer, ScanRow};
use amiproof_model::name::{CheckId, Level};
use amiproof_model::report::{ScanRecord, Subject};
use amiproof_model::verdict::{Finding, Verdict};

use super::QUESTIONS;
use super::facts::{Facts, Unreadable};
use crate::benchmark::{Catalogue, Control, Judged};

/// The name of the scanner in rows and records.
pub(crate) const SCANNER: &str = "amiproof";

/// The result of every control of `catalogue`. `nodes_by` is the benchmark that kube-bench uses for nodes.
///
/// # Errors
/// If a control's id is not a valid part of a check id; a test ensures that all are.
pub(crate) fn answer(
    catalogue: &Catalogue,
    nodes_by: Option<&Catalogue>,
    facts: &Facts,
) -> Result<ScanAnswer, CheckError> {
    let rows = catalogue.controls.iter().map(|control| row(control, nodes_by, facts)).collect::<Result<Vec<_>, _>>()?;
    let record = ScanRecord {
        benchmark: Some(catalogue.benchmark.clone()),
        // All controls are evaluated, and level 2 includes level 1.
        level: Some(Level::Two),
        // kube-bench evaluates those of nodes; their rows here refer to it.
        expected: Some(catalogue.controls.len()),
        ..ScanRecord::new(Subject::Cluster, "eks-cis", SCANNER.to_owned())
    };
    Ok(ScanAnswer { scans: vec![record], rows })
}

fn row(control: &Control, nodes_by: Option<&Catalogue>, facts: &Facts) -> Result<ScanRow, CheckError> {
    let check = CheckId::try_from(format!("eks-cis/{}", control.id));
    Ok(ScanRow {
        check: check.map_err(|error| CheckError::Undecided(error.to_string()))?,
        title: control.title.clone(),
        control: Some(control.id.clone()),
        level: Some(control.level),
        severity: None,
        scanner: SCANNER.to_owned(),
        decision: decision(control, nodes_by, facts),
    })
}

/// Questions about what amiproof itself decides when it creates a cluster: settings of the control plane, add-ons, the role of nodes.
/// They say nothing about the tested images, and the cluster is deleted after the run.
const OWN: [&str; 12] = [
    "access-manager",
    "audit-logs",
    "audit-logs-managed",
    "cni-network-policy",
    "cni-version",
    "dedicated-service-accounts",
    "endpoint-private",
    "endpoint-restricted",
    "network-policy-enabled",
    "private-nodes",
    "registry-nodes",
    "secrets-encryption",
];

/// The result in a cluster that amiproof created: failures of its own settings, and of namespace `default` as every cluster has it, do
/// not count. Objects that were added later do.
fn of_own_cluster(question: &str, decision: Decision) -> Decision {
    let Verdict::Fail(findings) = &decision.verdict else { return decision };
    let of_fresh_namespace = |finding: &Finding| {
        finding.resource == "Namespace/default" || finding.resource.starts_with("default/ServiceAccount/default")
    };
    if !OWN.contains(&question) && !findings.iter().all(of_fresh_namespace) {
        return decision;
    }
    let first = findings.first().map_or("", |finding| finding.summary.as_str());
    let reason = format!("the test cluster was created by amiproof, which sets this itself: {first}");
    Decision { verdict: Verdict::NotApplicable(reason), ..decision }
}

fn decision(control: &Control, nodes_by: Option<&Catalogue>, facts: &Facts) -> Decision {
    if control.judged == Judged::KubeBench {
        let there = nodes_by.and_then(|catalogue| catalogue.asking(&control.question));
        let reason = match there {
            Some(same) => format!("a control of nodes: kube-bench evaluates it per variant, as kube-bench/{}", same.id),
            None => "a control of nodes: kube-bench evaluates it per variant".to_owned(),
        };
        return Verdict::NotApplicable(reason).into();
    }
    let Some(question) = QUESTIONS.iter().find(|question| question.id == control.question) else {
        return Verdict::NotEvaluated(format!("this build has no answer to '{}'", control.question)).into();
    };
    match (question.assess)(facts) {
        Ok(decision) if facts.made_by_us => of_own_cluster(question.id, decision),
        Ok(decision) => decision,
        Err(Unreadable::NoAccount) => {
            Verdict::NotApplicable("this needs an AWS account, and the run has none".to_owned()).into()
        }
        Err(Unreadable::Denied(permission)) => {
            Verdict::NotEvaluated(format!("the caller lacks {permission}; allow it and run again")).into()
        }
        Err(Unreadable::Unavailable(reason)) => Verdict::NotEvaluated(reason).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account, account_of, clean};
    use super::*;
    use crate::benchmark;

    /// The result of a control in a cluster that amiproof created, and in an existing one.
    fn both(number: &str, spoil: impl Fn(&mut Facts)) -> (String, String) {
        let catalogue = benchmark::find("cis-eks-1.8.0").unwrap().unwrap();
        let control = catalogue.controls.iter().find(|control| control.id.number() == number).unwrap();
        let word = |made_by_us: bool| {
            let mut facts = Facts { made_by_us, ..clean() };
            spoil(&mut facts);
            format!("{:?}", decision(control, None, &facts).verdict).split('(').next().unwrap_or_default().to_owned()
        };
        (word(true), word(false))
    }

    #[test]
    fn what_amiproof_decided_for_its_own_cluster_says_nothing_of_an_image() {
        let not_ours = ("NotApplicable".to_owned(), "Fail".to_owned());
        assert_eq!(both("2.1.1", |facts| account_of(facts).control_plane.as_mut().unwrap().logs.clear()), not_ours);
        assert_eq!(
            both("5.3.1", |facts| account_of(facts).control_plane.as_mut().unwrap().secrets_keys.clear()),
            not_ours
        );
        let fresh = |facts: &mut Facts| facts.service_accounts.as_mut().unwrap()[0].automount = None;
        assert_eq!(both("4.1.5", fresh), not_ours, "the namespace default of every cluster");
    }

    #[test]
    fn what_somebody_put_into_it_counts_there_too() {
        let of_web = |facts: &mut Facts| {
            facts.service_accounts.as_mut().unwrap().push(account("shop", "default", None));
        };
        assert_eq!(both("4.1.5", of_web), ("Fail".to_owned(), "Fail".to_owned()));
        assert_eq!(both("2.1.1", |_| {}), ("Pass".to_owned(), "Pass".to_owned()));
    }
}
