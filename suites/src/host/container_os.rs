//! `host/container-os`: Bottlerocket, or an image of or from EKS (guide: "Use an OS optimized for running containers").

use amiproof_core::aws::ami::{self, Standing};
use amiproof_core::check::{CheckError, Decision, Scope, linux_only};
use amiproof_core::context::Context;
use amiproof_model::matrix::Family;
use amiproof_model::report::Phase;
use amiproof_model::verdict::Verdict;
use futures::FutureExt as _;

use super::{decision, no_account};
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "host/container-os",
    title: "every host runs an operating system that was made for containers",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: None,
    applies: linux_only,
    work: Work::Question(|context| run(context).boxed()),
};

/// How the names of EKS-optimised images begin.
const EKS: [&str; 2] = ["amazon-eks-node-", "bottlerocket-aws-k8s-"];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    if context.variant.family == Family::Bottlerocket {
        return Ok(decision(context, Verdict::Pass));
    }
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let Some(id) = context.nodes.first().and_then(|node| node.ami_id.as_ref()) else {
        return Ok(Verdict::NotEvaluated("it is not known which image the nodes booted".to_owned()).into());
    };
    let reading = |error| CheckError::api(format!("reading the image {id}"), error);
    let image = ami::standing(clients, id).await.map_err(reading)?;
    let base = match image.base.as_deref().and_then(|base| base.parse().ok()) {
        // The base may have been deleted or never shared; then it says nothing.
        Some(base) => ami::standing(clients, &base).await.ok(),
        None => None,
    };
    Ok(decision(context, assess(&image, base.as_ref())))
}

fn assess(image: &Standing, base: Option<&Standing>) -> Verdict {
    let is_eks = |image: &Standing| EKS.iter().any(|prefix| image.name.starts_with(prefix));
    if is_eks(image) || base.is_some_and(is_eks) {
        return Verdict::Pass;
    }
    Verdict::Manual(format!(
        "EC2 does not know that image '{}' was made from an EKS-optimised one: see that it has nothing beyond what nodes need, or build \
         it from an image of EKS",
        image.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_or_from_eks_passes_and_another_is_for_a_human() {
        let image = |name: &str| Standing { name: name.to_owned(), ..Standing::default() };
        let eks = image("amazon-eks-node-al2023-x86_64-standard-1.36-v20261101");
        let cis = image("CIS Amazon Linux 2023 Benchmark - Level 1");
        assert_eq!(assess(&eks, None), Verdict::Pass);
        assert_eq!(assess(&cis, Some(&eks)), Verdict::Pass);
        assert!(matches!(assess(&cis, None), Verdict::Manual(_)));
        assert!(matches!(assess(&cis, Some(&cis)), Verdict::Manual(_)));
    }
}
