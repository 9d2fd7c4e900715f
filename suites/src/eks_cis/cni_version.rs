//! `cni-version`: whether the VPC CNI is at least the version that EKS installs by default for the cluster. Newer versions are
//! only evidence: otherwise most clusters that EKS has just created would fail.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::plugin;
use super::question::{Question, finding, not_applicable, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "cni-version", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let versions = seen(&facts.account()?.cni_versions)?;
    let Some(running) = plugin::vpc_cni_version(facts)? else {
        return Ok(not_applicable("the VPC CNI does not run as the DaemonSet kube-system/aws-node"));
    };
    let names: Vec<&str> = versions.iter().map(|version| version.name.as_str()).collect();
    let default = versions.iter().find(|version| version.is_default).map(|version| version.name.as_str());
    let (Some(name), Some(own)) = (default, numbers(&running)) else {
        return Err(Unreadable::Unavailable(format!(
            "the versions of the VPC CNI cannot be compared: {running} and {}",
            names.join(", ")
        )));
    };
    let Some(least) = numbers(name) else {
        return Err(Unreadable::Unavailable(format!(
            "EKS reports a default version of the VPC CNI that is not a version: {name}"
        )));
    };
    let findings = (own < least).then(|| {
        let text = format!("runs {running}; EKS installs {name} by default");
        let help = "update the add-on: aws eks update-addon --addon-name vpc-cni --addon-version";
        finding("kube-system/DaemonSet/aws-node", text, &format!("{help} {name}"))
    });
    Ok(with_evidence(verdict(findings.into_iter().collect()), "versions that EKS offers", &names))
}

/// `v1.20.4-eksbuild.1` as numbers. An image without a build number is the first build of its version.
fn numbers(version: &str) -> Option<[u32; 4]> {
    let (version, build) =
        version.trim_start_matches('v').split_once("-eksbuild.").unwrap_or((version.trim_start_matches('v'), "1"));
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??, build.parse().ok()?];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, offered, outcome_of};
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (running, answer) in [
            ("v1.21.1-eksbuild.1", "pass"),
            ("v1.21.2-eksbuild.1", "pass"),
            ("v1.21.1", "pass"),
            ("v1.20.4-eksbuild.1", "pass"),
            ("v1.20.3-eksbuild.9", "fail kube-system/DaemonSet/aws-node"),
            ("v1.9.3-eksbuild.1", "fail kube-system/DaemonSet/aws-node"),
            ("latest", "broken"),
        ] {
            let mut facts = clean();
            let workloads = facts.workloads.as_mut().unwrap();
            workloads[0].containers[0].image =
                format!("602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:{running}");
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{running}");
        }
        let mut facts = clean();
        account_of(&mut facts).cni_versions =
            Ok(vec![offered("v1.22.0-eksbuild.1", false), offered("v1.21.1-eksbuild.3", true)]);
        assert_eq!(
            outcome_of(&QUESTION, &facts),
            "fail kube-system/DaemonSet/aws-node",
            "a later build of the same version"
        );
        assert_eq!(outcome_of(&QUESTION, &Facts { workloads: Ok(Vec::new()), ..clean() }), "not applicable");
    }
}
