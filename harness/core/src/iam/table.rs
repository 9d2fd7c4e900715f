//! Every action, once: those of each kind of resource, which its file lists ([`crate::resource`]), and the calls below, which are about no
//! resource of a run. A test compares them with what the lab is asked for by each command.
//!
//! What AWS asks of a caller beyond the call itself is from the Service Authorization Reference ("dependent actions") and from the
//! permissions that the schemas of CloudFormation's resource types list for their handlers, which make the same calls.

use super::action::Goal::{self, Apply, Doctor, Nightly, Promote, Report, Scan, Test};
use super::action::{Action, CHECKS, LOST, OF_HOSTS, WORKLOADS};
use super::scope::{self, EVERYTHING};
use crate::resource;

/// Every action that amiproof needs.
pub fn actions() -> impl Iterator<Item = &'static Action> {
    resource::ALL.iter().flat_map(|kind| kind.actions()).chain(OTHERS.iter().copied().flatten())
}

/// What is about no resource of a run, or about several kinds.
const OTHERS: &[&[Action]] =
    &[CALLER, SHARED, EKS, EC2, IAM, SSM, INSPECTOR, AUDITS, QUOTAS, RELEASE, NIGHTS, FINDINGS];

const CALLER: &[Action] = &[Action::call("sts:GetCallerIdentity", Goal::ALL, &EVERYTHING, "who is calling")];

/// What the creation of several kinds needs.
const SHARED: &[Action] = &[
    Action::behind("eks:TagResource", WORKLOADS, &scope::NEW_IN_EKS, "tags of what is created in EKS"),
    Action::behind("ec2:CreateTags", &[Apply], &scope::TAGS_AT_CREATION, "tags of what is created in EC2"),
    Action::behind("iam:CreateServiceLinkedRole", &[Apply], &scope::SERVICE_LINKED_ROLES, "once per account"),
];

const EKS: &[Action] = &[
    Action::call("eks:DescribeFargateProfile", &[Scan], &scope::FARGATE_PROFILES, "eks-cis: workloads on Fargate")
        .unreached(&[Scan], "the lab starts without Fargate profiles"),
    Action::call("eks:DescribeClusterVersions", &[Doctor], &EVERYTHING, "supported Kubernetes versions"),
    Action::call("eks:ListNodegroups", &[Scan, Doctor], &scope::CLUSTER, "eks-cis, and the quota")
        .unreached(&[Doctor], "the cluster does not exist yet"),
    Action::call("eks:ListAccessEntries", &[Scan], &scope::CLUSTER, "eks-cis: who may use the cluster"),
    Action::call("eks:ListAssociatedAccessPolicies", &[Scan], &scope::ACCESS_ENTRIES, "eks-cis: who may do what"),
    Action::call("eks:ListFargateProfiles", &[Scan], &scope::CLUSTER, "eks-cis: workloads on Fargate"),
    Action::call("eks:ListIdentityProviderConfigs", &[Scan], &scope::CLUSTER, "eks-cis: who may sign in"),
];

const EC2: &[Action] = &[
    Action::call("ec2:DescribeImages", &[Apply, Test, Scan, Doctor], &EVERYTHING, "the images under test"),
    Action::call("ec2:DescribeInstanceStatus", &[Apply], &EVERYTHING, "why nodes do not join"),
    Action::call("ec2:DescribeInstanceTypes", &[Doctor], &EVERYTHING, "vCPUs, for the quota"),
    Action::call("ec2:DescribeSecurityGroupRules", WORKLOADS, &EVERYTHING, "host: open ports"),
    Action::call("ec2:DescribeSubnets", CHECKS, &EVERYTHING, "host, eks-cis: public subnets")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("ec2:DescribeRouteTables", WORKLOADS, &EVERYTHING, "host: private subnets")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("ec2:DescribeAddresses", &[Doctor], &EVERYTHING, "the quota"),
    Action::call("ec2:DescribeNatGateways", &[Doctor], &EVERYTHING, "the quota"),
    Action::call("ec2:DescribeVpcs", &[Doctor], &EVERYTHING, "the quota"),
    Action::call("ec2:GetConsoleOutput", &[Apply], &scope::OWN_INSTANCES, "why nodes do not join"),
    Action::call("autoscaling:DescribeScalingActivities", &[Apply], &EVERYTHING, "why instances do not start"),
];

const IAM: &[Action] = &[
    Action::call("iam:GetRole", &[Doctor], &scope::ROLES, "the role of an assumed role")
        .unreached(&[Doctor], "the caller of the lab is a user"),
    Action::call("iam:ListAttachedRolePolicies", CHECKS, &scope::ROLES, "host, eks-cis, scans: what nodes may do")
        .unreached(&[Apply], "in the lab policies can be simulated, which tells more"),
    Action::call("iam:ListRolePolicies", CHECKS, &scope::ROLES, "host, eks-cis: what nodes may do")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("iam:SimulatePrincipalPolicy", CHECKS, &scope::ROLES, "host, eks-cis, os-cis: what nodes may do")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("iam:SimulatePrincipalPolicy", &[Doctor], &scope::CALLERS, "what the caller may do"),
    Action::call("iam:GetInstanceProfile", CHECKS, &scope::INSTANCE_PROFILES, "host, os-cis: the role of a node")
        .unreached(&[Apply], OF_HOSTS),
];

const SSM: &[Action] = &[
    Action::call("ssm:GetParameter", &[Apply, Test, Scan, Doctor], &scope::PARAMETERS, "recommended images")
        .unreached(&[Scan], "it goes on with the images that `apply` recorded"),
    Action::call(
        "ssm:DescribeInstanceInformation",
        &[Apply, Test, Scan, Doctor],
        &EVERYTHING,
        "whether the agent of a node answers",
    ),
    Action::call("ssm:SendCommand", CHECKS, &scope::COMMAND_DOCUMENTS, "commands on nodes"),
    Action::call("ssm:SendCommand", CHECKS, &scope::COMMAND_TARGETS, "commands on nodes"),
    Action::call("ssm:GetCommandInvocation", CHECKS, &EVERYTHING, "commands on nodes"),
    Action::call("ssm:ListCommands", CHECKS, &EVERYTHING, "a command whose sending was not confirmed")
        .unreached(&[Test, Scan], LOST),
];

const INSPECTOR: &[Action] = &[
    Action::call(
        "inspector2:BatchGetAccountStatus",
        &[Apply, Scan, Doctor],
        &EVERYTHING,
        "whether Inspector is enabled",
    ),
    Action::call("inspector2:ListCoverage", CHECKS, &EVERYTHING, "whether Inspector scans a node"),
    Action::call("inspector2:ListFindings", WORKLOADS, &EVERYTHING, "suite windows"),
    Action::call("inspector2:ListCisScans", &[Scan], &EVERYTHING, "os-cis"),
    Action::call("inspector2:ListCisScanResultsAggregatedByTargetResource", &[Scan], &EVERYTHING, "os-cis"),
    Action::call("inspector2:GetCisScanResultDetails", &[Scan], &EVERYTHING, "os-cis"),
    Action::call("inspector2:GetCisScanReport", &[Scan], &EVERYTHING, "os-cis"),
];

const AUDITS: &[Action] = &[
    Action::call("ecr:DescribeRepositories", &[Scan], &scope::REPOSITORIES, "eks-cis: image scanning"),
    Action::call("ecr:GetRepositoryPolicy", &[Scan], &scope::REPOSITORIES, "eks-cis: who may pull")
        .unreached(&[Scan], "the lab starts without repositories"),
    Action::call("ecr:GetRegistryScanningConfiguration", &[Scan], &EVERYTHING, "eks-cis: image scanning"),
    Action::call("elasticloadbalancing:DescribeListeners", &[Scan], &EVERYTHING, "eks-cis: TLS")
        .unreached(&[Scan], "the lab has no load balancers"),
    Action::call("guardduty:ListDetectors", WORKLOADS, &EVERYTHING, "suite windows"),
    Action::call("guardduty:GetDetector", WORKLOADS, &scope::DETECTORS, "suite windows"),
    Action::call("guardduty:ListFindings", WORKLOADS, &EVERYTHING, "suite windows"),
    Action::call("guardduty:GetFindings", WORKLOADS, &EVERYTHING, "suite windows")
        .unreached(WORKLOADS, "GuardDuty finds nothing in the lab"),
];

const QUOTAS: &[Action] = &[
    Action::call("servicequotas:GetServiceQuota", &[Doctor], &EVERYTHING, "quotas"),
    Action::call("servicequotas:GetAWSDefaultServiceQuota", &[Doctor], &EVERYTHING, "quotas"),
];

/// Why the lab is not asked for keys.
const NO_KMS: &str = "the lab has no KMS; moto signs";

const RELEASE: &[Action] = &[
    Action::call("ec2:DescribeImages", &[Promote], &EVERYTHING, "the image and its tags"),
    Action::call("ec2:CreateTags", &[Promote], &scope::IMAGES, "the status of an image"),
    Action::call("ec2:DeleteTags", &[Promote], &scope::IMAGES, "why an image was revoked, once it is promoted again"),
    Action::call("ssm:GetParameter", &[Promote], &scope::NAMES_OF_IMAGES, "the newest promoted image"),
    Action::call("ssm:GetParameterHistory", &[Promote], &scope::NAMES_OF_IMAGES, "the promoted image before that"),
    Action::call("ssm:ListTagsForResource", &[Promote], &scope::NAMES_OF_IMAGES, "who owns the parameter"),
    Action::behind("ssm:AddTagsToResource", &[Promote], &scope::NAMES_OF_IMAGES, "who owns the parameter"),
    Action::call("ssm:PutParameter", &[Promote], &scope::NAMES_OF_IMAGES, "the newest promoted image"),
    Action::call("ssm:DeleteParameter", &[Promote], &scope::NAMES_OF_IMAGES, "a revoked image without predecessor"),
    Action::call("kms:GetPublicKey", &[Promote], &scope::KEYS, "which key signs").unreached(&[Promote], NO_KMS),
    Action::call("kms:Sign", &[Promote], &scope::SIGNING_KEYS, "statements").unreached(&[Promote], NO_KMS),
];

/// Why the lab is not asked for the history store.
const NO_S3: &str = "the lab has no S3; tests use moto";

const NIGHTS: &[Action] = &[
    Action::call("s3:ListBucket", &[Nightly], &scope::STORE_BUCKET, "which nightly runs exist")
        .unreached(&[Nightly], NO_S3),
    Action::call("s3:GetObject", &[Nightly], &scope::STORE_OBJECTS, "the last good nightly run")
        .unreached(&[Nightly], NO_S3),
    Action::call("s3:PutObject", &[Nightly], &scope::STORE_OBJECTS, "a new nightly run").unreached(&[Nightly], NO_S3),
    Action::call("s3:DeleteObject", &[Nightly], &scope::STORE_OBJECTS, "nightly runs beyond `keep`")
        .unreached(&[Nightly], NO_S3),
];

const FINDINGS: &[Action] =
    &[Action::call("securityhub:BatchImportFindings", &[Report], &scope::FINDINGS, "the findings of a report")
        .unreached(&[Report], "the lab has no Security Hub; moto takes findings")];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::iam::Goal;

    /// A row that repeats another for the same goal and resources would hide which of the two is wrong.
    #[test]
    fn nothing_is_said_twice() {
        let mut known: BTreeMap<String, &str> = BTreeMap::new();
        for action in actions() {
            for goal in action.goals {
                let what = format!("{} for {} on {:?}", action.name, Goal::as_str(*goal), action.scope);
                let before = known.insert(format!("{what}, {:?}", action.by), action.why);
                assert_eq!(before, None, "{what}: {}", action.why);
            }
        }
    }

    #[test]
    fn a_kind_in_the_account_says_what_it_needs_and_one_in_the_cluster_needs_nothing() {
        for kind in resource::ALL {
            let is_inside = kind.home() == resource::Home::Kubernetes;
            assert_eq!(kind.actions().is_empty(), is_inside, "{}", kind.as_str());
        }
    }
}
