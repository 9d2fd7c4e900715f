//! `host/container-os`: Bottlerocket, or an image of or from EKS (guide: "Use an OS optimized for running containers").

use amiproof_core::aws::ami::{self, ImageDetails};
use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::Verdict;
use futures::FutureExt as _;

use super::{decision, no_account};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/container-os",
    "every host runs an operating system that was made for containers",
    |context| run(context).boxed(),
)
.on(linux_only);

/// Prefixes of the names of EKS-optimised images.
const EKS: [&str; 2] = ["amazon-eks-node-", "bottlerocket-aws-k8s-"];

/// Operating systems made for containers, by prefixes of `nodeInfo.osImage`.
const MADE_FOR_CONTAINERS: [&str; 5] =
    ["Bottlerocket OS ", "Talos ", "Flatcar Container Linux ", "Fedora CoreOS ", "Red Hat Enterprise Linux CoreOS "];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    // Nodes report it themselves, so no account is needed.
    if are_made_for_containers(&context.nodes) {
        return Ok(decision(context, Verdict::Pass));
    }
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let Some(id) = context.nodes.first().and_then(|node| node.ami_id.as_ref()) else {
        return Ok(Verdict::NotEvaluated("it is not known which image the nodes booted".to_owned()).into());
    };
    let reading = |error| CheckError::api(format!("reading the image {id}"), error);
    let image = ami::standing(clients, id).await.map_err(reading)?;
    let base = match image.base.as_deref().and_then(|base| base.parse().ok()) {
        // The base may have been deleted or not been shared; then nothing is known about it.
        Some(base) => ami::standing(clients, &base).await.ok(),
        None => None,
    };
    Ok(decision(context, assess(&image, base.as_ref())))
}

fn are_made_for_containers(nodes: &[NodeRecord]) -> bool {
    let is_one = |node: &NodeRecord| MADE_FOR_CONTAINERS.iter().any(|name| node.os_image.starts_with(name));
    !nodes.is_empty() && nodes.iter().all(is_one)
}

fn assess(image: &ImageDetails, base: Option<&ImageDetails>) -> Verdict {
    let is_eks = |image: &ImageDetails| EKS.iter().any(|prefix| image.name.starts_with(prefix));
    if is_eks(image) || base.is_some_and(is_eks) {
        return Verdict::Pass;
    }
    // EC2 does not name the base of images from the Marketplace and from other accounts.
    Verdict::NotApplicable(format!(
        "EC2 does not name the base of image '{}'; whether it contains more than nodes need is what the benchmark of its operating system checks",
        image.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn nodes_say_themselves_when_their_system_runs_nothing_but_containers() {
        let node = |os: &str| NodeRecord { os_image: os.to_owned(), ..record(1, "") };
        let bottlerocket = || node("Bottlerocket OS 1.52.0 (aws-k8s-1.36)");
        assert!(are_made_for_containers(&[bottlerocket(), node("Talos (v1.11.5)")]));
        assert!(!are_made_for_containers(&[bottlerocket(), node("Amazon Linux 2023.9.20261103")]));
        assert!(!are_made_for_containers(&[]));
    }

    #[test]
    fn an_image_of_or_from_eks_passes_and_another_does_not_say() {
        let image = |name: &str| ImageDetails { name: name.to_owned(), ..ImageDetails::default() };
        let eks = image("amazon-eks-node-al2023-x86_64-standard-1.36-v20261101");
        let cis = image("CIS Amazon Linux 2023 Benchmark - Level 1");
        assert_eq!(assess(&eks, None), Verdict::Pass);
        assert_eq!(assess(&cis, Some(&eks)), Verdict::Pass);
        assert!(matches!(assess(&cis, None), Verdict::NotApplicable(_)));
        assert!(matches!(assess(&cis, Some(&cis)), Verdict::NotApplicable(_)));
    }
}
