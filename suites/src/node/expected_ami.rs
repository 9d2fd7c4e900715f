//! `node/expected-ami`: every node booted the variant's image.

use amiproof_core::aws::instances::Instance;
use amiproof_core::check::{CheckError, Decision};
use amiproof_core::cluster::NODE_IMAGE_LABEL;
use amiproof_core::context::{Context, NO_ACCOUNT};
use amiproof_model::matrix::AmiSource;
use amiproof_model::name::AmiId;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use kube::ResourceExt as _;

use super::{instances, now, placements, resource};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/expected-ami", "every node booted the variant's image", |context| run(context).boxed());

/// The image of one node.
struct Booted {
    node: NodeRecord,
    /// The current `ImageId` of the instance.
    by_ec2: Option<String>,
    /// The label that EKS puts on a managed node: the image of its launch template.
    by_eks: Option<String>,
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(instances) = instances(context).await? else {
        return Ok(Verdict::NotApplicable(NO_ACCOUNT.to_owned()).into());
    };
    let nodes = now(context).await?.into_iter().map(|(node, found)| {
        let is_of = |instance: &&Instance| node.instance_id.as_ref() == Some(&instance.id);
        let by_ec2 = instances.iter().find(is_of).map(|instance| instance.ami_id.clone());
        let by_eks = found.and_then(|found| found.labels().get(NODE_IMAGE_LABEL).cloned());
        Booted { node, by_ec2, by_eks }
    });
    let fixed = match context.variant.made().map(|made| &made.ami) {
        Some(AmiSource::Id(id)) => Some(id),
        _ => None,
    };
    let verdict = assess(&nodes.collect::<Vec<_>>(), fixed);
    Ok(Decision { placements: placements(&context.nodes), ..verdict.into() })
}

/// The image of an instance must be the one in EKS's label, and that of the matrix if it names one.
fn assess(nodes: &[Booted], fixed: Option<&AmiId>) -> Verdict {
    if nodes.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    for Booted { node, by_ec2, by_eks } in nodes {
        let Some(booted) = by_ec2 else {
            return Verdict::NotEvaluated(format!("EC2 does not know the instance of {}", resource(node)));
        };
        let recorded = node.ami_id.as_ref().map(AmiId::as_str);
        let wanted = [
            (fixed.map(AmiId::as_str), "the matrix asks for", ""),
            (by_eks.as_deref(), "its node group was made with", ""),
            (recorded, "had", " when the run began"),
        ];
        let differs = wanted.iter().find_map(|(wanted, before, after)| {
            wanted.filter(|wanted| wanted != booted).map(|wanted| format!("{before} {wanted}{after}"))
        });
        if let Some(differs) = differs {
            findings.push(Finding::new(resource(node), format!("booted {booted}, but {differs}")));
        }
    }
    if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    const OURS: &str = "ami-0123456789abcdef0";
    const OTHER: &str = "ami-0fedcba9876543210";

    #[test]
    fn an_image_must_be_that_of_matrix_node_group_and_run() {
        let fixed: AmiId = OURS.parse().unwrap();
        let cases = [
            (Some(OURS), Some(OURS), None, "pass"),
            (Some(OURS), None, Some(&fixed), "pass"),
            (
                Some(OTHER),
                Some(OTHER),
                Some(&fixed),
                "booted ami-0fedcba9876543210, but the matrix asks for ami-0123456789abcdef0",
            ),
            (
                Some(OURS),
                Some(OTHER),
                None,
                "booted ami-0123456789abcdef0, but its node group was made with ami-0fedcba9876543210",
            ),
            (Some(OTHER), None, None, "booted ami-0fedcba9876543210, but had ami-0123456789abcdef0 when the run began"),
            (None, Some(OURS), None, "EC2 does not know the instance of node 1"),
        ];
        for (by_ec2, by_eks, fixed, expected_text) in cases {
            let booted =
                Booted { node: record(1, ""), by_ec2: by_ec2.map(str::to_owned), by_eks: by_eks.map(str::to_owned) };
            let outcome = match assess(&[booted], fixed) {
                Verdict::Pass => "pass".to_owned(),
                Verdict::Fail(findings) => findings[0].summary.clone(),
                Verdict::NotEvaluated(reason) | Verdict::NotApplicable(reason) | Verdict::Manual(reason) => reason,
            };
            assert_eq!(outcome, expected_text);
        }
        assert!(matches!(assess(&[], None), Verdict::NotEvaluated(_)));
    }
}
