//! Preconditions of a workload: Jobs that run before everything else, because only a pod can find out what they check.

use std::time::Duration;

use amiproof_model::verdict::Verdict;
use amiproof_model::workload::{Need, PLACE_ANNOTATION, PLACE_PEER, Workload};
use serde_json::Value;

use crate::check::CheckError;
use crate::cluster::pod_template::pod_template;
use crate::wait::{Progress, Target};

/// Deadline of one precondition: pulling an image, and a few connections that time out.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

/// A Job that must succeed for the workload to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Precondition {
    pub(super) job: Target,
    otherwise: String,
}

impl Precondition {
    /// The preconditions of a workload, in the order of its file.
    ///
    /// # Errors
    /// When one does not name a Job; files that were read have been checked for it.
    pub(super) fn all(workload: &Workload) -> Result<Vec<Self>, CheckError> {
        let named = workload.needs.iter().filter_map(|need| match need {
            Need::Holds { job, otherwise } => Some((job, otherwise)),
            _ => None,
        });
        named
            .map(|(job, otherwise)| {
                let job = job
                    .parse()
                    .map_err(|reason| CheckError::Undecided(format!("workload {}: {reason}", workload.name)))?;
                Ok(Self { job, otherwise: otherwise.clone() })
            })
            .collect()
    }

    /// Whether an object is its Job.
    pub(super) fn is(&self, object: &Value) -> bool {
        object["kind"] == self.job.kind.manifest() && object["metadata"]["name"] == self.job.name.as_str()
    }

    /// The resulting verdict; `None` if the workload applies.
    pub(super) fn unmet(&self, progress: &Progress, image: NodeImage) -> Option<Verdict> {
        let otherwise = &self.otherwise;
        match (progress, image) {
            (Progress::Met, _) => None,
            (Progress::Failed(why), NodeImage::Stock) => {
                Some(Verdict::NotApplicable(format!("{otherwise}, according to a node that is not hardened: {why}")))
            }
            (Progress::Failed(why), NodeImage::Hardened) => Some(Verdict::NotEvaluated(format!(
                "either {otherwise}, or the hardening of the node is the cause; a variant with a reference would tell them apart: {why}"
            ))),
            (Progress::NotYet(why), _) => Some(Verdict::NotEvaluated(format!(
                "whether {otherwise} could not be determined within {}s: {why}",
                DEADLINE.as_secs()
            ))),
        }
    }
}

/// The image of the node on which a precondition ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeImage {
    /// Not hardened: a failure is about the cluster.
    Stock,
    /// Hardened: a failure may be caused by the node itself.
    Hardened,
}

impl NodeImage {
    /// Where a Job goes, when there are nodes of a reference or not, and the variant itself is hardened or not.
    pub(super) fn of(job: &Value, has_peer: bool, is_hardened: bool) -> Self {
        let template = pod_template(&mut job.clone()).map(|template| template["metadata"]["annotations"].clone());
        let wants_peer = template.is_some_and(|annotations| annotations[PLACE_ANNOTATION] == PLACE_PEER);
        if is_hardened && !(has_peer && wants_peer) { Self::Hardened } else { Self::Stock }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn precondition() -> Precondition {
        Precondition { job: "job/way-out".parse().unwrap(), otherwise: "the network has no way out".to_owned() }
    }

    #[test]
    fn a_premise_that_fails_on_stock_nodes_is_a_property_of_the_cluster() {
        let failed = Progress::Failed("exit code 1".to_owned());
        assert_eq!(precondition().unmet(&Progress::Met, NodeImage::Hardened), None);
        let Some(Verdict::NotApplicable(reason)) = precondition().unmet(&failed, NodeImage::Stock) else { panic!() };
        assert_eq!(reason, "the network has no way out, according to a node that is not hardened: exit code 1");
    }

    #[test]
    fn nothing_is_said_where_hardening_may_be_the_reason_or_nobody_answered() {
        let failed = Progress::Failed("exit code 1".to_owned());
        let waiting = Progress::NotYet("no pod".to_owned());
        assert!(matches!(precondition().unmet(&failed, NodeImage::Hardened), Some(Verdict::NotEvaluated(_))));
        assert!(matches!(precondition().unmet(&waiting, NodeImage::Stock), Some(Verdict::NotEvaluated(_))));
    }

    #[test]
    fn a_reference_answers_for_a_hardened_variant_only_where_the_job_goes_there() {
        let peer =
            json!({"kind": "Job", "spec": {"template": {"metadata": {"annotations": {"amiproof.dev/place": "peer"}}}}});
        let own = json!({"kind": "Job", "spec": {"template": {"metadata": {}}}});
        assert_eq!(NodeImage::of(&peer, true, true), NodeImage::Stock);
        assert_eq!(NodeImage::of(&peer, false, true), NodeImage::Hardened);
        assert_eq!(NodeImage::of(&own, true, true), NodeImage::Hardened);
        assert_eq!(NodeImage::of(&own, false, false), NodeImage::Stock);
    }
}
