//! The resources and conditions of an action, as narrow as the service supports: resource types and condition keys are those that the
//! [Service Authorization Reference](https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html) lists for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::place::Place;

/// Resources of the user, named in the matrix, that a scope includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Nothing.
    Nothing,
    /// The policies of the nodes' role, as further values of the first condition.
    NodePolicies,
    /// Roles that the matrix names, as further resources.
    Roles,
    /// Keys that the matrix names; without one the scope is empty.
    Keys,
    /// SSM parameters that the matrix names, as further resources.
    Parameters,
    /// SSM parameters that name images that were built, as further resources.
    Built,
    /// The bucket of the store that the matrix names; without one the scope is empty.
    StoreBucket,
    /// The objects below the prefix of that store; without one the scope is empty.
    StoreObjects,
    /// Existing nodes, which carry no tag of a run: with them, the conditions on tags are left out.
    Nodes,
}

/// A condition of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `StringEquals`.
    pub operator: &'static str,
    /// `iam:PassedToService`.
    pub key: &'static str,
    /// What it is compared with.
    pub values: &'static [&'static str],
}

/// What an action is allowed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The id of its statement: letters and digits. Scopes with the same id and conditions are merged into one statement. That allows
    /// nothing more, because each action applies to only one of the resource types.
    pub sid: &'static str,
    /// ARNs, with the fields of a [`Place`] as placeholders in braces, and `*` for parts that are not known in advance.
    pub resources: &'static [&'static str],
    /// The conditions under which it is allowed.
    pub conditions: &'static [Condition],
    /// Resources of the user that are added.
    pub own: Own,
    /// Whether a call needs the action on all of the resources, not just on one of them.
    pub needs_all: bool,
}

/// A condition key of the request, as SimulatePrincipalPolicy takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextKey {
    /// The name of the key.
    pub name: String,
    /// A value with which the statement holds.
    pub value: String,
    /// Whether the key has many values.
    pub is_list: bool,
}

impl Scope {
    const fn on(sid: &'static str, resources: &'static [&'static str], conditions: &'static [Condition]) -> Self {
        Self { sid, resources, conditions, own: Own::Nothing, needs_all: false }
    }

    const fn with(self, own: Own) -> Self {
        Self { own, ..self }
    }

    const fn on_each(self) -> Self {
        Self { needs_all: true, ..self }
    }

    /// The ARNs in a place; empty where there is nothing to allow.
    pub fn resources(&self, place: &Place) -> Vec<String> {
        let mut resources: Vec<String> = self.resources.iter().map(|arn| place.fill(arn)).collect();
        match self.own {
            Own::Nothing | Own::NodePolicies | Own::Nodes => {}
            Own::Roles => resources.extend(place.roles.iter().cloned()),
            Own::Keys => resources.extend(place.keys.iter().cloned()),
            Own::Parameters => resources.extend(place.parameters.iter().map(|name| parameter(place, name))),
            Own::Built => resources.extend(place.built.iter().map(|name| parameter(place, name))),
            Own::StoreBucket => resources.extend(place.store.iter().map(|store| place.fill(&store.bucket_arn()))),
            Own::StoreObjects => resources.extend(place.store.iter().map(|store| place.fill(&store.objects_arn()))),
        }
        resources
    }

    /// The conditions in a place, as a policy has them; `None` without any.
    pub fn condition(&self, place: &Place) -> Option<Value> {
        let mut operators: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (index, condition) in self.conditions_in(place).iter().enumerate() {
            let mut values: Vec<String> = condition.values.iter().map(|value| place.fill(value)).collect();
            if index == 0 && self.own == Own::NodePolicies {
                values.extend(place.node_policies.iter().cloned());
            }
            let value = match values.as_slice() {
                [one] => json!(one),
                many => json!(many),
            };
            operators.entry(condition.operator).or_default().insert(place.fill(condition.key), value);
        }
        (!operators.is_empty()).then(|| json!(operators))
    }

    fn conditions_in(&self, place: &Place) -> &'static [Condition] {
        if self.own == Own::Nodes && place.takes_nodes { &[] } else { self.conditions }
    }

    /// One resource of each kind, to ask about; empty for a scope that is not limited to resources.
    pub fn samples(&self, place: &Place) -> Vec<String> {
        let resources = self.resources(place).into_iter().filter(|arn| arn != "*");
        resources.map(|arn| arn.replace(":*:", "::").replace('*', "amiproof")).collect()
    }

    /// What a request says with which the statement holds.
    pub fn context(&self, place: &Place) -> Vec<ContextKey> {
        let key = |condition: &Condition| ContextKey {
            name: place.fill(condition.key),
            value: match (condition.operator, condition.values.first()) {
                ("Null", _) | (_, None) => "amiproof".to_owned(),
                (_, Some(value)) => place.fill(value).replace('*', "amiproof"),
            },
            is_list: condition.operator.starts_with("For"),
        };
        self.conditions_in(place).iter().map(key).collect()
    }
}

/// The ARN of a parameter of the account.
fn parameter(place: &Place, name: &str) -> String {
    let name = name.trim_start_matches('/');
    place.fill(&format!("arn:{{partition}}:ssm:{{region}}:{{account}}:parameter/{name}"))
}

/// The tag of the run on what exists.
const OWNED: Condition = Condition { operator: "Null", key: "aws:ResourceTag/amiproof:run", values: &["false"] };
/// The tag of the run on what is to be made.
const TAGGED: Condition = Condition { operator: "Null", key: "aws:RequestTag/amiproof:run", values: &["false"] };
/// What CloudFormation calls.
const BY_CLOUDFORMATION: Condition =
    Condition { operator: "ForAnyValue:StringEquals", key: "aws:CalledVia", values: &["cloudformation.amazonaws.com"] };

/// Actions that know no resources, and lists over all of them.
pub static EVERYTHING: Scope = Scope::on("Read", &["*"], &[]);

/// Clusters are made by any name; the tag says whose they are.
pub static NEW_CLUSTER: Scope = Scope::on("CreateCluster", &["*"], &[TAGGED]);
/// The cluster of the matrix.
pub static CLUSTER: Scope = Scope::on("InCluster", &["arn:{partition}:eks:{region}:{account}:cluster/{cluster}"], &[]);
/// The cluster of the matrix, if a run made it.
pub static OWN_CLUSTER: Scope =
    Scope::on("OwnInEks", &["arn:{partition}:eks:{region}:{account}:cluster/{cluster}"], &[OWNED]);
/// Every cluster: what is left of a run is looked for in all of them.
pub static CLUSTERS: Scope = Scope::on("InClusters", &["arn:{partition}:eks:{region}:{account}:cluster/*"], &[]);
/// Node groups of the cluster of the matrix.
pub static NODE_GROUPS_OF_CLUSTER: Scope =
    Scope::on("InCluster", &["arn:{partition}:eks:{region}:{account}:nodegroup/{cluster}/*/*"], &[]);
/// Add-ons of the cluster of the matrix.
pub static ADDONS: Scope = Scope::on("InCluster", &["arn:{partition}:eks:{region}:{account}:addon/{cluster}/*/*"], &[]);
/// Access entries of the cluster of the matrix.
pub static ACCESS_ENTRIES: Scope =
    Scope::on("InCluster", &["arn:{partition}:eks:{region}:{account}:access-entry/{cluster}/*/*/*/*"], &[]);
/// Pod identity associations of the cluster of the matrix.
pub static POD_IDENTITIES: Scope =
    Scope::on("InCluster", &["arn:{partition}:eks:{region}:{account}:podidentityassociation/{cluster}/*"], &[]);
/// Fargate profiles of the cluster of the matrix.
pub static FARGATE_PROFILES: Scope =
    Scope::on("InCluster", &["arn:{partition}:eks:{region}:{account}:fargateprofile/{cluster}/*/*"], &[]);
/// The add-ons of every cluster.
pub static ALL_ADDONS: Scope = Scope::on("InClusters", &["arn:{partition}:eks:{region}:{account}:addon/*/*/*"], &[]);
/// The access entries of every cluster.
pub static ALL_ACCESS_ENTRIES: Scope =
    Scope::on("InClusters", &["arn:{partition}:eks:{region}:{account}:access-entry/*/*/*/*/*"], &[]);
/// The Pod Identity associations of every cluster.
pub static ALL_POD_IDENTITIES: Scope =
    Scope::on("InClusters", &["arn:{partition}:eks:{region}:{account}:podidentityassociation/*/*"], &[]);
/// The node groups of every cluster.
pub static NODE_GROUPS: Scope =
    Scope::on("InClusters", &["arn:{partition}:eks:{region}:{account}:nodegroup/*/*/*"], &[]);
/// Node groups of runs.
pub static OWN_NODE_GROUPS: Scope =
    Scope::on("OwnInEks", &["arn:{partition}:eks:{region}:{account}:nodegroup/{cluster}/*/*"], &[OWNED]);
/// Add-ons of runs.
pub static OWN_ADDONS: Scope =
    Scope::on("OwnInEks", &["arn:{partition}:eks:{region}:{account}:addon/{cluster}/*/*"], &[OWNED]);
/// Access entries of runs.
pub static OWN_ACCESS_ENTRIES: Scope =
    Scope::on("OwnInEks", &["arn:{partition}:eks:{region}:{account}:access-entry/{cluster}/*/*/*/*"], &[OWNED]);
/// Pod identity associations of runs.
pub static OWN_POD_IDENTITIES: Scope =
    Scope::on("OwnInEks", &["arn:{partition}:eks:{region}:{account}:podidentityassociation/{cluster}/*"], &[OWNED]);
/// Tags of what a run makes in EKS.
pub static NEW_IN_EKS: Scope = Scope::on(
    "TagInEks",
    &[
        "arn:{partition}:eks:{region}:{account}:cluster/{cluster}",
        "arn:{partition}:eks:{region}:{account}:nodegroup/{cluster}/*/*",
        "arn:{partition}:eks:{region}:{account}:addon/{cluster}/*/*",
        "arn:{partition}:eks:{region}:{account}:access-entry/{cluster}/*/*/*/*",
        "arn:{partition}:eks:{region}:{account}:podidentityassociation/{cluster}/*",
    ],
    &[TAGGED],
);

/// Launch templates of runs that are to be made.
pub static NEW_LAUNCH_TEMPLATE: Scope =
    Scope::on("CreateLaunchTemplate", &["arn:{partition}:ec2:{region}:{account}:launch-template/*"], &[TAGGED]);
/// Everything that an instance is launched from.
pub static LAUNCH: Scope = Scope::on(
    "Launch",
    &[
        "arn:{partition}:ec2:{region}::image/*",
        "arn:{partition}:ec2:{region}:{account}:instance/*",
        "arn:{partition}:ec2:{region}:{account}:launch-template/*",
        "arn:{partition}:ec2:{region}:{account}:network-interface/*",
        "arn:{partition}:ec2:{region}:{account}:security-group/*",
        "arn:{partition}:ec2:{region}:{account}:subnet/*",
        "arn:{partition}:ec2:{region}:{account}:volume/*",
    ],
    &[],
)
.on_each();
/// Tags of what is made in EC2, as it is made.
pub static TAGS_AT_CREATION: Scope = Scope::on(
    "TagAtCreation",
    &[
        "arn:{partition}:ec2:{region}:{account}:instance/*",
        "arn:{partition}:ec2:{region}:{account}:launch-template/*",
        "arn:{partition}:ec2:{region}:{account}:network-interface/*",
        "arn:{partition}:ec2:{region}:{account}:volume/*",
        "arn:{partition}:ec2:{region}:{account}:vpc/*",
    ],
    &[Condition {
        operator: "StringEquals",
        key: "ec2:CreateAction",
        values: &["CreateLaunchTemplate", "CreateVpc", "RunInstances"],
    }],
);
/// The VPC of a network stack.
pub static NEW_VPC: Scope = Scope::on("CreateVpc", &["arn:{partition}:ec2:{region}:{account}:vpc/*"], &[TAGGED]);
/// What CloudFormation makes and deletes in EC2 in the caller's name. It gives no tags to some of it (routes, associations), so that only
/// the caller of the call limits it.
pub static NETWORK: Scope = Scope::on(
    "Network",
    &[
        "arn:{partition}:ec2:{region}:{account}:elastic-ip/*",
        "arn:{partition}:ec2:{region}:{account}:internet-gateway/*",
        "arn:{partition}:ec2:{region}:{account}:natgateway/*",
        "arn:{partition}:ec2:{region}:{account}:route-table/*",
        "arn:{partition}:ec2:{region}:{account}:subnet/*",
        "arn:{partition}:ec2:{region}:{account}:vpc/*",
    ],
    &[BY_CLOUDFORMATION],
);
/// Launch templates of runs.
pub static OWN_LAUNCH_TEMPLATES: Scope =
    Scope::on("OwnInEc2", &["arn:{partition}:ec2:{region}:{account}:launch-template/*"], &[OWNED]);
/// Instances of runs.
pub static OWN_INSTANCES: Scope =
    Scope::on("OwnInEc2", &["arn:{partition}:ec2:{region}:{account}:instance/*"], &[OWNED]);
/// Volumes of runs.
pub static OWN_VOLUMES: Scope = Scope::on("OwnInEc2", &["arn:{partition}:ec2:{region}:{account}:volume/*"], &[OWNED]);
/// Volumes that the EBS CSI driver made for claims in namespaces of runs.
pub static CLAIMED_VOLUMES: Scope = Scope::on(
    "ClaimedVolumes",
    &["arn:{partition}:ec2:{region}:{account}:volume/*"],
    &[Condition {
        operator: "StringLike",
        key: "aws:ResourceTag/kubernetes.io/created-for/pvc/namespace",
        values: &["ap-*"],
    }],
);
/// Network interfaces of runs.
pub static OWN_INTERFACES: Scope =
    Scope::on("OwnInEc2", &["arn:{partition}:ec2:{region}:{account}:network-interface/*"], &[OWNED]);
/// Network interfaces of the VPC CNI.
pub static CNI_INTERFACES: Scope = Scope::on(
    "CniInterfaces",
    &["arn:{partition}:ec2:{region}:{account}:network-interface/*"],
    &[Condition { operator: "Null", key: "aws:ResourceTag/node.k8s.amazonaws.com/instance_id", values: &["false"] }],
);
/// Security groups of runs.
pub static OWN_SECURITY_GROUPS: Scope =
    Scope::on("OwnInEc2", &["arn:{partition}:ec2:{region}:{account}:security-group/*"], &[OWNED]);
const OF_GUARDDUTY: Condition =
    Condition { operator: "StringEquals", key: "aws:ResourceTag/GuardDutyManaged", values: &["true"] };
/// Security groups that GuardDuty makes in a VPC, in the way of deleting it.
pub static GUARDDUTY_SECURITY_GROUPS: Scope =
    Scope::on("OfGuardDuty", &["arn:{partition}:ec2:{region}:{account}:security-group/*"], &[OF_GUARDDUTY]);
/// Endpoints that GuardDuty makes in a VPC, in the way of deleting it.
pub static GUARDDUTY_ENDPOINTS: Scope =
    Scope::on("OfGuardDuty", &["arn:{partition}:ec2:{region}:{account}:vpc-endpoint/*"], &[OF_GUARDDUTY]);

/// Load balancers that the cloud provider in a control plane created for Services. Those of the AWS Load Balancer Controller, which amiproof
/// installs nowhere, carry other tags: the caller may delete them only where another policy allows it. A further statement here would take a
/// third managed policy.
pub static CLUSTERS_LOAD_BALANCERS: Scope = Scope::on(
    "LoadBalancers",
    &["arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/*"],
    &[Condition { operator: "Null", key: "aws:ResourceTag/kubernetes.io/service-name", values: &["false"] }],
);

/// The network stacks.
pub static STACKS: Scope =
    Scope::on("Stacks", &["arn:{partition}:cloudformation:{region}:{account}:stack/amiproof-*/*"], &[]);

/// The roles of runs.
pub static OWN_ROLES: Scope = Scope::on("OwnRoles", &["arn:{partition}:iam::{account}:role/amiproof/*"], &[]);
/// The roles of nodes, which may be the user's own.
pub static ROLES: Scope = Scope::on("Roles", &["arn:{partition}:iam::{account}:role/*"], &[]);
/// The roles that a run gives to services, and those that the matrix names.
pub static USED_ROLES: Scope =
    Scope::on("UsedRoles", &["arn:{partition}:iam::{account}:role/amiproof/*"], &[]).with(Own::Roles);
/// Policies of AWS for clusters, nodes and add-ons, and those that the matrix names. No others: who may attach any policy to a role that
/// pods can assume may do everything.
pub static ROLE_POLICIES: Scope = Scope::on(
    "RolePolicies",
    &["arn:{partition}:iam::{account}:role/amiproof/*"],
    &[Condition {
        operator: "ArnLike",
        key: "iam:PolicyARN",
        values: &[
            "arn:{partition}:iam::aws:policy/AmazonEKS*",
            "arn:{partition}:iam::aws:policy/AmazonEC2ContainerRegistry*",
            "arn:{partition}:iam::aws:policy/AmazonInspector2ManagedCisPolicy",
            "arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore",
            "arn:{partition}:iam::aws:policy/AWSXrayWriteOnlyAccess",
            "arn:{partition}:iam::aws:policy/CloudWatchAgentServerPolicy",
            "arn:{partition}:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy*",
            "arn:{partition}:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy",
        ],
    }],
)
.with(Own::NodePolicies);
/// Roles, given to the services that take them.
pub static PASSED_ROLES: Scope = Scope::on(
    "PassRoles",
    &["arn:{partition}:iam::{account}:role/amiproof/*"],
    &[Condition {
        operator: "StringEquals",
        key: "iam:PassedToService",
        values: &["eks.amazonaws.com", "ec2.amazonaws.com", "pods.eks.amazonaws.com"],
    }],
)
.with(Own::Roles);
/// The roles of services themselves, which the first cluster and node group of an account need.
pub static SERVICE_LINKED_ROLES: Scope = Scope::on(
    "ServiceLinkedRoles",
    &["arn:{partition}:iam::{account}:role/aws-service-role/*"],
    &[Condition {
        operator: "StringEquals",
        key: "iam:AWSServiceName",
        values: &[
            "eks.amazonaws.com",
            "eks-nodegroup.amazonaws.com",
            "autoscaling.amazonaws.com",
            "spot.amazonaws.com",
        ],
    }],
);
/// The instance profiles of nodes. EKS makes those of managed node groups, `eks-…`; others are the user's own.
pub static INSTANCE_PROFILES: Scope =
    Scope::on("InstanceProfiles", &["arn:{partition}:iam::{account}:instance-profile/*"], &[]);
/// The instance profiles that EKS makes.
pub static EKS_INSTANCE_PROFILES: Scope =
    Scope::on("EksInstanceProfiles", &["arn:{partition}:iam::{account}:instance-profile/eks-*"], &[]);
/// The OpenID Connect providers of EKS clusters.
pub static OIDC_PROVIDERS: Scope =
    Scope::on("OidcProviders", &["arn:{partition}:iam::{account}:oidc-provider/oidc.eks.*"], &[]);
/// OpenID Connect providers that a run creates.
pub static NEW_OIDC_PROVIDER: Scope =
    Scope::on("CreateOidcProvider", &["arn:{partition}:iam::{account}:oidc-provider/oidc.eks.*"], &[TAGGED]);
/// OpenID Connect providers that a run created.
pub static OWN_OIDC_PROVIDERS: Scope =
    Scope::on("OwnOidcProviders", &["arn:{partition}:iam::{account}:oidc-provider/oidc.eks.*"], &[OWNED]);
/// Who is calling.
pub static CALLERS: Scope =
    Scope::on("Callers", &["arn:{partition}:iam::{account}:role/*", "arn:{partition}:iam::{account}:user/*"], &[]);

/// The parameters in which AWS publishes image ids, and those that the matrix names. Those of AWS have no account in their ARN, and nobody
/// else's names begin with `aws`.
pub static PARAMETERS: Scope = Scope::on(
    "Parameters",
    &[
        "arn:{partition}:ssm:{region}:*:parameter/aws/service/ami-windows-latest/*",
        "arn:{partition}:ssm:{region}:*:parameter/aws/service/bottlerocket/*",
        "arn:{partition}:ssm:{region}:*:parameter/aws/service/eks/optimized-ami/*",
    ],
    &[],
)
.with(Own::Parameters);
/// The account's own findings, which come from no product of a partner.
pub static FINDINGS: Scope =
    Scope::on("Findings", &["arn:{partition}:securityhub:{region}:{account}:product/{account}/default"], &[]);

/// The parameters that name promoted images, and those of the matrix that name built ones. One that `promote --parameter` names needs a
/// statement of its own.
pub static NAMES_OF_IMAGES: Scope =
    Scope::on("NamesOfImages", &["arn:{partition}:ssm:{region}:{account}:parameter/amiproof/*"], &[]).with(Own::Built);
/// Images, of which only the tags of amiproof may be changed. ARNs of images name no account.
pub static IMAGES: Scope = Scope::on(
    "TagsOfImages",
    &["arn:{partition}:ec2:{region}::image/*"],
    &[
        Condition { operator: "ForAllValues:StringLike", key: "aws:TagKeys", values: &["amiproof:*"] },
        // Without any tag in the request the condition above holds as well, and DeleteTags deletes all.
        Condition { operator: "Null", key: "aws:TagKeys", values: &["false"] },
    ],
);
/// Keys whose public half is read.
pub static KEYS: Scope = Scope::on("Keys", &["arn:{partition}:kms:{region}:{account}:key/*"], &[]);
/// Keys that sign, by the one algorithm that promotions use.
pub static SIGNING_KEYS: Scope = Scope::on(
    "SigningKeys",
    &["arn:{partition}:kms:{region}:{account}:key/*"],
    &[Condition { operator: "StringEquals", key: "kms:SigningAlgorithm", values: &["ECDSA_SHA_256"] }],
);
/// The bucket of the history store, where the matrix names one.
pub static STORE_BUCKET: Scope = Scope::on("Nights", &[], &[]).with(Own::StoreBucket);
/// The nights in it.
pub static STORE_OBJECTS: Scope = Scope::on("Nights", &[], &[]).with(Own::StoreObjects);
/// The documents that run a command.
pub static COMMAND_DOCUMENTS: Scope = Scope::on(
    "CommandDocuments",
    &[
        "arn:{partition}:ssm:{region}:*:document/AWS-RunPowerShellScript",
        "arn:{partition}:ssm:{region}:*:document/AWS-RunShellScript",
    ],
    &[],
);
/// The nodes on which commands run: instances of runs, or those that the matrix takes as they are.
pub static COMMAND_TARGETS: Scope = Scope::on(
    "CommandTargets",
    &[
        "arn:{partition}:ec2:{region}:{account}:instance/*",
        "arn:{partition}:ssm:{region}:*:document/AWS-RunPowerShellScript",
        "arn:{partition}:ssm:{region}:*:document/AWS-RunShellScript",
    ],
    &[Condition { operator: "Null", key: "ssm:resourceTag/amiproof:run", values: &["false"] }],
)
.with(Own::Nodes);

/// CIS scans that are to be made.
pub static NEW_SCAN: Scope = Scope::on(
    "CreateScan",
    &["arn:{partition}:inspector2:{region}:{account}:owner/{account}/cis-configuration/*"],
    &[TAGGED],
);
/// CIS scans of runs.
pub static OWN_SCANS: Scope = Scope::on(
    "OwnScans",
    &["arn:{partition}:inspector2:{region}:{account}:owner/{account}/cis-configuration/*"],
    &[OWNED],
);
/// Repositories of ECR.
pub static REPOSITORIES: Scope = Scope::on("Audits", &["arn:{partition}:ecr:{region}:{account}:repository/*"], &[]);
/// GuardDuty's detector.
pub static DETECTORS: Scope = Scope::on("Audits", &["arn:{partition}:guardduty:{region}:{account}:detector/*"], &[]);
/// The log group of the cluster's control plane.
pub static LOG_GROUP: Scope =
    Scope::on("LogGroup", &["arn:{partition}:logs:{region}:{account}:log-group:/aws/eks/{cluster}/cluster*"], &[]);
/// The key of the cluster's Secrets, where the matrix names one.
pub static SECRETS_KEY: Scope = Scope::on("SecretsKey", &[], &[]).with(Own::Keys);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::names::RUN_TAG;

    #[test]
    fn conditions_name_the_tag_that_runs_put_on_what_they_make() {
        for condition in [OWNED, TAGGED] {
            assert_eq!(condition.key.split_once('/').unwrap().1, RUN_TAG);
        }
    }

    #[test]
    fn what_is_asked_about_names_resources_and_never_a_pattern() {
        let place = Place { cluster: "c".to_owned(), ..Place::default() }.in_region(Some("eu-west-1")).in_account("1");
        assert_eq!(ADDONS.samples(&place), ["arn:aws:eks:eu-west-1:1:addon/c/amiproof/amiproof"]);
        let passed = PASSED_ROLES.context(&place);
        assert_eq!((passed[0].name.as_str(), passed[0].value.as_str()), ("iam:PassedToService", "eks.amazonaws.com"));
        assert!(NETWORK.context(&place)[0].is_list);
        assert!(EVERYTHING.samples(&place).is_empty());
        assert!(SECRETS_KEY.resources(&place).is_empty());
    }
}
