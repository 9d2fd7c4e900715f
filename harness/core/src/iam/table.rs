//! The actions, service by service: the only list of them. A test compares it with what the lab is asked for by each command.
//!
//! What AWS asks of a caller beyond the call itself is from the Service Authorization Reference ("dependent actions") and from the
//! permissions that the schemas of CloudFormation's resource types list for their handlers, which make the same calls.

use super::action::Action;
use super::action::Goal::{self, Apply, Destroy, Doctor, Scan, Sweep, Test};
use super::scope::{self, EVERYTHING};

/// Commands that run checks.
const CHECKS: &[Goal] = &[Apply, Test, Scan];
/// Commands that run workloads.
const WORKLOADS: &[Goal] = &[Apply, Test];
/// Commands that delete.
const REMOVES: &[Goal] = &[Destroy, Sweep];

/// Why `destroy` and `sweep` of the lab do not reach what is in a cluster that stays.
const WITH_CLUSTER: &str = "it goes with the cluster, which the run created";
/// Why `sweep` of the lab does not reach what is in other clusters.
const NO_OTHER_CLUSTER: &str = "every cluster of the lab has expired";
/// Why `apply` of the lab does not reach what checks of hosts ask.
const OF_HOSTS: &str =
    "hosts that the run created are not asked about what it set itself; `test` asks those that existed";
/// Why not every command of the lab reaches what follows a lost answer.
const LOST: &str = "in the lab an answer is lost while `apply` runs";

/// Every action that amiproof needs.
pub static ACTIONS: &[&[Action]] =
    &[CALLER, EKS, EC2, BEHIND_EC2, CLOUDFORMATION, IAM, SSM, INSPECTOR, AUDITS, LOGS_AND_QUOTAS];

/// Every action, one after the other.
pub fn actions() -> impl Iterator<Item = &'static Action> {
    ACTIONS.iter().copied().flatten()
}

const CALLER: &[Action] = &[Action::call("sts:GetCallerIdentity", Goal::ALL, &EVERYTHING, "who is calling")];

const EKS: &[Action] = &[
    Action::call("eks:CreateCluster", &[Apply], &scope::NEW_CLUSTER, "the test cluster"),
    Action::behind("eks:TagResource", WORKLOADS, &scope::NEW_IN_EKS, "tags of what is created in EKS"),
    Action::call("eks:CreateNodegroup", &[Apply], &scope::CLUSTER, "one node group per variant"),
    Action::call("eks:CreateAddon", &[Apply], &scope::CLUSTER, "the add-ons of the matrix"),
    Action::call("eks:CreateAccessEntry", &[Apply], &scope::CLUSTER, "admits Windows nodes"),
    Action::call("eks:CreatePodIdentityAssociation", WORKLOADS, &scope::CLUSTER, "roles of add-ons and workloads"),
    Action::call("eks:DescribeCluster", CHECKS, &scope::CLUSTER, "endpoint and settings of the cluster"),
    Action::call("eks:DescribeCluster", REMOVES, &scope::CLUSTERS, "whose a cluster is, and whether it is gone"),
    Action::call("eks:DescribeNodegroup", CHECKS, &scope::NODE_GROUPS_OF_CLUSTER, "state and health of node groups"),
    Action::call(
        "eks:DescribeNodegroup",
        REMOVES,
        &scope::NODE_GROUPS,
        "whose a node group is, and whether it is gone",
    ),
    Action::call("eks:DescribeAddon", WORKLOADS, &scope::ADDONS, "state of add-ons"),
    Action::call("eks:DescribeAddon", REMOVES, &scope::ALL_ADDONS, "whose an add-on is")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:DescribeAddonConfiguration", &[Apply], &EVERYTHING, "how an add-on is configured"),
    Action::call("eks:DescribeAddonVersions", &[Apply, Scan], &EVERYTHING, "the version of an add-on"),
    Action::call("eks:DescribeAccessEntry", &[Apply], &scope::ACCESS_ENTRIES, "whose an access entry is"),
    Action::call("eks:DescribeAccessEntry", REMOVES, &scope::ALL_ACCESS_ENTRIES, "whose an access entry is")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:DescribePodIdentityAssociation", WORKLOADS, &scope::POD_IDENTITIES, "whose an association is"),
    Action::call("eks:DescribePodIdentityAssociation", REMOVES, &scope::ALL_POD_IDENTITIES, "whose an association is")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:DescribeFargateProfile", &[Scan], &scope::FARGATE_PROFILES, "eks-cis: workloads on Fargate")
        .unreached(&[Scan], "the lab starts without Fargate profiles"),
    Action::call("eks:DescribeClusterVersions", &[Doctor], &EVERYTHING, "supported Kubernetes versions"),
    Action::call("eks:ListClusters", &[Destroy, Sweep, Doctor], &EVERYTHING, "clusters of runs, and the quota"),
    Action::call("eks:ListNodegroups", &[Scan, Doctor], &scope::CLUSTER, "eks-cis, and the quota")
        .unreached(&[Doctor], "the cluster does not exist yet"),
    Action::call("eks:ListNodegroups", REMOVES, &scope::CLUSTERS, "node groups of runs"),
    Action::call("eks:ListAddons", WORKLOADS, &scope::CLUSTER, "add-ons that exist"),
    Action::call("eks:ListAddons", REMOVES, &scope::CLUSTERS, "add-ons of runs in clusters that stay")
        .unreached(&[Sweep], NO_OTHER_CLUSTER),
    Action::call("eks:ListAccessEntries", REMOVES, &scope::CLUSTERS, "access entries of runs in clusters that stay")
        .unreached(&[Sweep], NO_OTHER_CLUSTER),
    Action::call("eks:ListAccessEntries", &[Scan], &scope::CLUSTER, "eks-cis: who may use the cluster"),
    Action::call("eks:ListAssociatedAccessPolicies", &[Scan], &scope::ACCESS_ENTRIES, "eks-cis: who may do what"),
    Action::call("eks:ListFargateProfiles", &[Scan], &scope::CLUSTER, "eks-cis: workloads on Fargate"),
    Action::call("eks:ListIdentityProviderConfigs", &[Scan], &scope::CLUSTER, "eks-cis: who may sign in"),
    Action::call("eks:ListPodIdentityAssociations", WORKLOADS, &scope::CLUSTER, "associations that exist"),
    Action::call(
        "eks:ListPodIdentityAssociations",
        REMOVES,
        &scope::CLUSTERS,
        "associations of runs in clusters that stay",
    )
    .unreached(&[Sweep], NO_OTHER_CLUSTER),
    Action::call("eks:DeletePodIdentityAssociation", WORKLOADS, &scope::OWN_POD_IDENTITIES, "after each workload"),
    Action::call("eks:DeletePodIdentityAssociation", REMOVES, &scope::OWN_POD_IDENTITIES, "what is left of a run")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:DeleteAccessEntry", REMOVES, &scope::OWN_ACCESS_ENTRIES, "in a cluster that stays")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:DeleteAddon", REMOVES, &scope::OWN_ADDONS, "in a cluster that stays")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:DeleteNodegroup", REMOVES, &scope::OWN_NODE_GROUPS, "the node groups of a run"),
    Action::call("eks:DeleteCluster", REMOVES, &scope::OWN_CLUSTER, "the cluster of a run"),
];

const EC2: &[Action] = &[
    Action::call("ec2:CreateLaunchTemplate", &[Apply], &scope::NEW_LAUNCH_TEMPLATE, "one per variant")
        .asked_by(&[Doctor]),
    Action::call("ec2:RunInstances", &[Apply], &scope::LAUNCH, "EKS launches nodes only if the caller may")
        .asked_by(&[Doctor]),
    Action::call("ec2:CreateVpc", &[Apply], &scope::NEW_VPC, "the VPC of the network stack").asked_by(&[Doctor]),
    Action::call("ec2:DescribeAvailabilityZones", &[Apply], &EVERYTHING, "where subnets go"),
    Action::call("ec2:DescribeImages", &[Apply, Test, Scan, Doctor], &EVERYTHING, "the images under test"),
    Action::call("ec2:DescribeInstances", Goal::ALL, &EVERYTHING, "the instances of nodes, and the quota"),
    Action::call("ec2:DescribeInstanceStatus", &[Apply], &EVERYTHING, "why nodes do not join"),
    Action::call("ec2:DescribeInstanceTypes", &[Doctor], &EVERYTHING, "vCPUs, for the quota"),
    Action::call("ec2:DescribeSecurityGroupRules", WORKLOADS, &EVERYTHING, "host: open ports"),
    Action::call("ec2:DescribeSubnets", CHECKS, &EVERYTHING, "host, eks-cis: public subnets")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("ec2:DescribeRouteTables", WORKLOADS, &EVERYTHING, "host: private subnets")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("ec2:DescribeVolumes", &[Apply, Test, Destroy, Sweep], &EVERYTHING, "host: encryption; what is left")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("ec2:DescribeAddresses", &[Doctor], &EVERYTHING, "the quota"),
    Action::call("ec2:DescribeNatGateways", &[Doctor], &EVERYTHING, "the quota"),
    Action::call("ec2:DescribeVpcs", &[Doctor], &EVERYTHING, "the quota"),
    Action::call("ec2:DescribeLaunchTemplates", &[Apply, Destroy, Sweep], &EVERYTHING, "launch templates of runs")
        .unreached(&[Apply], "a run that is resumed looks for its templates"),
    Action::call("ec2:DescribeNetworkInterfaces", REMOVES, &EVERYTHING, "interfaces that are left"),
    Action::call("ec2:DescribeSecurityGroups", REMOVES, &EVERYTHING, "security groups that are left"),
    Action::call("ec2:DescribeVpcEndpoints", REMOVES, &EVERYTHING, "GuardDuty's endpoints in the VPC of a run"),
    Action::call("ec2:GetConsoleOutput", &[Apply], &scope::OWN_INSTANCES, "why nodes do not join"),
    Action::call("ec2:TerminateInstances", &[Test, Destroy, Sweep], &scope::OWN_INSTANCES, "disruptive; what is left")
        .unreached(
            &[Test, Destroy, Sweep],
            "suite disruptive has a test of its own; instances end with their node groups",
        ),
    Action::call("ec2:DeleteLaunchTemplate", REMOVES, &scope::OWN_LAUNCH_TEMPLATES, "launch templates of runs"),
    Action::call("ec2:DeleteNetworkInterface", REMOVES, &scope::OWN_INTERFACES, "interfaces of ended nodes"),
    Action::call("ec2:DeleteNetworkInterface", REMOVES, &scope::CNI_INTERFACES, "interfaces of ended pods"),
    Action::call("ec2:DeleteSecurityGroup", REMOVES, &scope::OWN_SECURITY_GROUPS, "security groups of runs"),
    Action::call("ec2:DeleteSecurityGroup", REMOVES, &scope::GUARDDUTY_SECURITY_GROUPS, "in the way of deleting a VPC"),
    Action::call("ec2:DeleteVpcEndpoints", REMOVES, &scope::GUARDDUTY_ENDPOINTS, "in the way of deleting a VPC"),
    Action::call("ec2:DeleteVolume", REMOVES, &scope::OWN_VOLUMES, "volumes of ended nodes"),
    Action::call("ec2:DeleteVolume", REMOVES, &scope::CLAIMED_VOLUMES, "volumes of claims"),
];

/// What CloudFormation and EKS ask of the caller in EC2.
const BEHIND_EC2: &[Action] = &[
    Action::behind("ec2:CreateTags", &[Apply], &scope::TAGS_AT_CREATION, "tags of what is created in EC2"),
    Action::behind("ec2:CreateTags", &[Apply], &scope::NETWORK, "tags of the network"),
    Action::behind("ec2:DescribeLaunchTemplateVersions", &[Apply], &EVERYTHING, "CreateNodegroup"),
    Action::behind("ec2:DescribeSecurityGroups", &[Apply], &EVERYTHING, "CreateNodegroup"),
    Action::behind("ec2:DescribeVpcs", &[Apply, Destroy, Sweep], &EVERYTHING, "CreateCluster, AWS::EC2::VPC"),
    Action::behind("ec2:DescribeVpcAttribute", &[Apply], &scope::NETWORK, "AWS::EC2::VPC"),
    Action::behind("ec2:ModifyVpcAttribute", &[Apply], &scope::NETWORK, "AWS::EC2::VPC"),
    Action::behind("ec2:DeleteVpc", REMOVES, &scope::NETWORK, "AWS::EC2::VPC"),
    Action::behind("ec2:CreateSubnet", &[Apply], &scope::NETWORK, "AWS::EC2::Subnet"),
    Action::behind("ec2:ModifySubnetAttribute", &[Apply], &scope::NETWORK, "AWS::EC2::Subnet"),
    Action::behind("ec2:DescribeSubnets", REMOVES, &EVERYTHING, "AWS::EC2::Subnet"),
    Action::behind("ec2:DeleteSubnet", REMOVES, &scope::NETWORK, "AWS::EC2::Subnet"),
    Action::behind("ec2:CreateInternetGateway", &[Apply], &scope::NETWORK, "AWS::EC2::InternetGateway"),
    Action::behind("ec2:AttachInternetGateway", &[Apply], &scope::NETWORK, "AWS::EC2::VPCGatewayAttachment"),
    Action::behind("ec2:DescribeInternetGateways", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::InternetGateway"),
    Action::behind("ec2:DetachInternetGateway", REMOVES, &scope::NETWORK, "AWS::EC2::VPCGatewayAttachment"),
    Action::behind("ec2:DeleteInternetGateway", REMOVES, &scope::NETWORK, "AWS::EC2::InternetGateway"),
    Action::behind("ec2:AllocateAddress", &[Apply], &scope::NETWORK, "AWS::EC2::EIP"),
    Action::behind("ec2:DescribeAddresses", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::EIP"),
    Action::behind("ec2:DisassociateAddress", REMOVES, &scope::NETWORK, "AWS::EC2::EIP"),
    Action::behind("ec2:ReleaseAddress", REMOVES, &scope::NETWORK, "AWS::EC2::EIP"),
    Action::behind("ec2:CreateNatGateway", &[Apply], &scope::NETWORK, "AWS::EC2::NatGateway"),
    Action::behind("ec2:DescribeNatGateways", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::NatGateway"),
    Action::behind("ec2:DeleteNatGateway", REMOVES, &scope::NETWORK, "AWS::EC2::NatGateway"),
    Action::behind("ec2:CreateRouteTable", &[Apply], &scope::NETWORK, "AWS::EC2::RouteTable"),
    Action::behind("ec2:DescribeRouteTables", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::RouteTable"),
    Action::behind("ec2:DeleteRouteTable", REMOVES, &scope::NETWORK, "AWS::EC2::RouteTable"),
    Action::behind("ec2:CreateRoute", &[Apply], &scope::NETWORK, "AWS::EC2::Route"),
    Action::behind("ec2:DeleteRoute", REMOVES, &scope::NETWORK, "AWS::EC2::Route"),
    Action::behind("ec2:AssociateRouteTable", &[Apply], &scope::NETWORK, "AWS::EC2::SubnetRouteTableAssociation"),
    Action::behind("ec2:DisassociateRouteTable", REMOVES, &scope::NETWORK, "AWS::EC2::SubnetRouteTableAssociation"),
];

const CLOUDFORMATION: &[Action] = &[
    Action::call("cloudformation:CreateStack", &[Apply], &scope::STACKS, "the network"),
    Action::behind("cloudformation:TagResource", &[Apply], &scope::STACKS, "tags of the stack"),
    Action::call("cloudformation:DescribeStacks", CHECKS, &scope::STACKS, "the state of the network"),
    Action::call("cloudformation:DescribeStacks", REMOVES, &EVERYTHING, "stacks of runs"),
    Action::behind("cloudformation:ListStacks", REMOVES, &EVERYTHING, "DescribeStacks of all stacks"),
    Action::call("cloudformation:DescribeStackEvents", &[Apply], &scope::STACKS, "why a stack fails")
        .unreached(&[Apply], "the network of the lab never fails"),
    Action::call("cloudformation:DescribeStackResources", REMOVES, &scope::STACKS, "what is in the way of a stack"),
    Action::call("cloudformation:DeleteStack", REMOVES, &scope::STACKS, "the network"),
    Action::call("autoscaling:DescribeScalingActivities", &[Apply], &EVERYTHING, "why instances do not start"),
];

const IAM: &[Action] = &[
    Action::call("iam:CreateRole", WORKLOADS, &scope::OWN_ROLES, "roles of cluster, nodes, add-ons and workloads"),
    Action::behind("iam:TagRole", WORKLOADS, &scope::OWN_ROLES, "tags of roles"),
    Action::call("iam:AttachRolePolicy", &[Apply], &scope::ROLE_POLICIES, "policies of cluster, nodes and add-ons"),
    Action::behind("iam:PassRole", WORKLOADS, &scope::PASSED_ROLES, "roles of cluster, nodes, add-ons and workloads"),
    Action::behind("iam:GetRole", &[Apply], &scope::USED_ROLES, "CreateCluster, CreateNodegroup, AWS::IAM::Role"),
    Action::call("iam:GetRole", &[Doctor], &scope::ROLES, "the role of an assumed role")
        .unreached(&[Doctor], "the caller of the lab is a user"),
    Action::call("iam:GetRole", WORKLOADS, &scope::OWN_ROLES, "a role whose creation was not confirmed")
        .unreached(&[Test], LOST),
    Action::behind("iam:GetRole", REMOVES, &scope::OWN_ROLES, "AWS::IAM::Role"),
    Action::behind("iam:CreateServiceLinkedRole", &[Apply], &scope::SERVICE_LINKED_ROLES, "once per account"),
    Action::behind("kms:DescribeKey", &[Apply], &scope::SECRETS_KEY, "cluster.secretsKey"),
    Action::behind("kms:CreateGrant", &[Apply], &scope::SECRETS_KEY, "cluster.secretsKey"),
    Action::call("iam:ListAttachedRolePolicies", CHECKS, &scope::ROLES, "host, eks-cis, scans: what nodes may do"),
    Action::call("iam:ListAttachedRolePolicies", REMOVES, &scope::OWN_ROLES, "detached before a role is deleted"),
    Action::call("iam:ListRolePolicies", CHECKS, &scope::ROLES, "host, eks-cis: what nodes may do")
        .unreached(&[Apply], OF_HOSTS),
    Action::behind("iam:ListRolePolicies", REMOVES, &scope::OWN_ROLES, "AWS::IAM::Role"),
    Action::call("iam:SimulatePrincipalPolicy", CHECKS, &scope::ROLES, "host, eks-cis, os-cis: what nodes may do")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("iam:SimulatePrincipalPolicy", &[Doctor], &scope::CALLERS, "what the caller may do"),
    Action::call("iam:GetInstanceProfile", CHECKS, &scope::INSTANCE_PROFILES, "host, os-cis: the role of a node")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("iam:ListOpenIDConnectProviders", &[Apply, Test, Destroy, Sweep], &EVERYTHING, "workload irsa"),
    Action::call(
        "iam:GetOpenIDConnectProvider",
        &[Apply, Test, Destroy, Sweep],
        &scope::OIDC_PROVIDERS,
        "whose a provider is",
    ),
    Action::call("iam:CreateOpenIDConnectProvider", WORKLOADS, &scope::NEW_OIDC_PROVIDER, "workload irsa")
        .unreached(&[Test], "apply has created it"),
    Action::behind("iam:TagOpenIDConnectProvider", WORKLOADS, &scope::NEW_OIDC_PROVIDER, "workload irsa"),
    Action::call("iam:DeleteOpenIDConnectProvider", REMOVES, &scope::OWN_OIDC_PROVIDERS, "workload irsa"),
    Action::call("iam:ListRoles", REMOVES, &EVERYTHING, "roles of runs"),
    Action::call("iam:ListRoleTags", &[Apply, Test, Destroy, Sweep], &scope::OWN_ROLES, "whose a role is"),
    Action::call(
        "iam:ListInstanceProfilesForRole",
        &[Apply, Test, Destroy, Sweep],
        &scope::OWN_ROLES,
        "profiles that hold a role",
    ),
    Action::call(
        "iam:RemoveRoleFromInstanceProfile",
        REMOVES,
        &scope::EKS_INSTANCE_PROFILES,
        "before a role is deleted",
    )
    .unreached(REMOVES, "EKS removes the profiles of the node groups that it deletes"),
    Action::call("iam:DetachRolePolicy", REMOVES, &scope::ROLE_POLICIES, "before a role is deleted"),
    Action::call("iam:DeleteRole", WORKLOADS, &scope::OWN_ROLES, "after each workload"),
    Action::call("iam:DeleteRole", REMOVES, &scope::OWN_ROLES, "roles of runs"),
];

const SSM: &[Action] = &[
    Action::call("ssm:GetParameter", &[Apply, Test, Scan, Doctor], &scope::PARAMETERS, "recommended images"),
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
    Action::call("inspector2:CreateCisScanConfiguration", &[Scan], &scope::NEW_SCAN, "os-cis"),
    Action::behind("inspector2:TagResource", &[Scan], &scope::NEW_SCAN, "tags of a scan"),
    Action::call("inspector2:DeleteCisScanConfiguration", &[Scan], &scope::OWN_SCANS, "os-cis"),
    Action::call("inspector2:DeleteCisScanConfiguration", REMOVES, &scope::OWN_SCANS, "what is left of a run")
        .unreached(REMOVES, "a scan deletes its own"),
    Action::call("inspector2:ListCisScanConfigurations", &[Scan, Destroy, Sweep], &EVERYTHING, "scans of runs"),
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
    Action::call("elasticloadbalancing:DescribeLoadBalancers", &[Scan], &EVERYTHING, "eks-cis: TLS"),
    Action::call("elasticloadbalancing:DescribeListeners", &[Scan], &EVERYTHING, "eks-cis: TLS")
        .unreached(&[Scan], "the lab has no load balancers"),
    Action::call("elasticloadbalancing:DescribeTags", &[Scan], &EVERYTHING, "eks-cis: TLS")
        .unreached(&[Scan], "the lab has no load balancers"),
    Action::call("guardduty:ListDetectors", WORKLOADS, &EVERYTHING, "suite windows"),
    Action::call("guardduty:GetDetector", WORKLOADS, &scope::DETECTORS, "suite windows"),
    Action::call("guardduty:ListFindings", WORKLOADS, &EVERYTHING, "suite windows"),
    Action::call("guardduty:GetFindings", WORKLOADS, &EVERYTHING, "suite windows")
        .unreached(WORKLOADS, "GuardDuty finds nothing in the lab"),
];

const LOGS_AND_QUOTAS: &[Action] = &[
    Action::call("logs:DescribeLogGroups", &[Apply], &EVERYTHING, "the log group of the control plane"),
    Action::call("logs:DeleteLogGroup", REMOVES, &scope::LOG_GROUP, "the log group of the control plane"),
    Action::call("servicequotas:GetServiceQuota", &[Doctor], &EVERYTHING, "quotas"),
    Action::call("servicequotas:GetAWSDefaultServiceQuota", &[Doctor], &EVERYTHING, "quotas"),
];
