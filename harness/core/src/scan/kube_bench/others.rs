//! Other runs of amiproof in the same cluster. kube-bench counts their pods, which look into hosts, among those of the cluster.

use std::collections::BTreeSet;

use amiproof_model::verdict::Verdict;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::check::{CheckError, Doing as _, ScanRow};
use crate::cluster::{RUN_LABEL, pages};
use crate::context::Context;

/// The ids of the other runs that have namespaces in the cluster.
///
/// # Errors
/// When the cluster does not answer.
pub(super) async fn present(context: &Context) -> Result<BTreeSet<String>, CheckError> {
    let namespaces = Api::<Namespace>::all(context.cluster.client());
    let labelled = ListParams::default().labels(RUN_LABEL);
    let run = |namespace: Namespace| namespace.labels().get(RUN_LABEL).cloned();
    let runs = pages::kept(&namespaces, &labelled, run).await.doing("looking for other runs in the cluster")?;
    Ok(runs.into_iter().filter(|run| *run != *context.run.as_str()).collect())
}

/// Leaves what kube-bench found undecided: it may be about the pods of these runs. What passes would pass without them, too.
pub(super) fn doubt(rows: &mut [ScanRow], runs: &BTreeSet<String>) {
    if runs.is_empty() {
        return;
    }
    let runs = runs.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    for row in rows {
        if let Verdict::Fail(findings) = &row.decision.verdict {
            let found = findings.first().map_or("a failure", |finding| finding.summary.as_str());
            row.decision.verdict = Verdict::NotEvaluated(format!(
                "kube-bench found: {found}; it counts the pods of other runs of amiproof, and these were in the cluster: {runs}; scan again without them"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use amiproof_model::verdict::Finding;

    use super::*;
    use crate::check::Decision;

    fn row(verdict: Verdict) -> ScanRow {
        ScanRow {
            check: "kube-bench/cis-eks-1.8.0/4.2.2".parse().unwrap(),
            title: "title".to_owned(),
            control: None,
            level: None,
            severity: None,
            scanner: "kube-bench".to_owned(),
            decision: Decision::from(verdict),
        }
    }

    #[test]
    fn only_failures_are_in_doubt_and_only_beside_other_runs() {
        let failed = Verdict::Fail(vec![Finding::new("cluster", "pods share the host's processes")]);
        let all = [failed.clone(), Verdict::Pass, Verdict::Manual("look".to_owned())];
        let doubted = |runs: &[&str]| {
            let mut rows = all.clone().map(row);
            doubt(&mut rows, &runs.iter().map(|run| (*run).to_owned()).collect());
            rows.map(|row| row.decision.verdict)
        };
        assert_eq!(doubted(&[]), all);
        let [first, rest @ ..] = doubted(&["r-b", "r-a"]);
        assert_eq!(rest, all[1..]);
        let Verdict::NotEvaluated(reason) = first else { panic!("{first:?}") };
        assert_eq!(
            reason,
            "kube-bench found: pods share the host's processes; it counts the pods of other runs of amiproof, and these were in the cluster: \
             r-a, r-b; scan again without them"
        );
    }
}
