//! `node/newest-ami`: an image of AWS is the newest of its kind according to the SSM public parameter (guide: "Protecting the
//! infrastructure", "Treat your infrastructure as immutable and automate the replacement of your worker nodes").

use amiproof_core::aws::ami;
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::matrix::AmiSource;
use amiproof_model::name::AmiId;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{placements, resource};
use crate::definition::Definition;
use crate::host::{no_account, verdict};

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/newest-ami", "every node runs the newest image that AWS recommends", |context| {
        run(context).boxed()
    });

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let Some(made) = context.variant.made().filter(|made| is_of_aws(&made.ami)) else {
        let reason = "the image is not one that AWS recommends; whether it is the newest of its owner is not known";
        return Ok(Verdict::NotApplicable(reason.to_owned()).into());
    };
    let newest = ami::recommended(clients, &context.variant, &made.kubernetes_version)
        .await
        .doing("asking which image AWS recommends")?;
    let verdict = assess(&context.nodes, &newest.id);
    Ok(Decision { placements: placements(&context.nodes), ..verdict.into() })
}

/// Only images from a public parameter can be compared with it.
fn is_of_aws(source: &AmiSource) -> bool {
    matches!(source, AmiSource::Recommended)
}

fn assess(nodes: &[NodeRecord], newest: &AmiId) -> Verdict {
    if nodes.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    for node in nodes {
        match &node.ami_id {
            None => return Verdict::NotEvaluated(format!("it is not known which image {} booted", resource(node))),
            Some(id) if id == newest => {}
            Some(id) => {
                let summary = format!("runs {id}, but AWS now recommends {newest}");
                findings.push(Finding::new(resource(node), summary).with_remediation("replace the node group"));
            }
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    #[test]
    fn an_older_image_is_a_finding() {
        let newest: AmiId = "ami-0123456789abcdef0".parse().unwrap();
        let newer: AmiId = "ami-0fedcba9876543210".parse().unwrap();
        assert_eq!(assess(&[record(1, "")], &newest), Verdict::Pass);
        assert!(matches!(assess(&[record(1, "")], &newer), Verdict::Fail(_)));
        assert!(matches!(assess(&[], &newest), Verdict::NotEvaluated(_)));
        assert!(is_of_aws(&AmiSource::Recommended) && !is_of_aws(&AmiSource::Id(newer)));
    }
}
