//! The matrix file as it is written: the outermost of the three layers. JSON Schema and its descriptions come from here.
//!
//! Every field is optional to serde, so that the well-formed parts of a wrong file can be read; the schema says what is required.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::spec::governance::ControlPlaneLog;
use super::spec::scans::ScannedNodes;
use super::spec::{Architecture, Capacity, Family};
use crate::form::List;

/// Which AMI variants to test, in which cluster, and with what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "amiproof matrix")]
pub(crate) struct MatrixFile {
    /// The form of this file.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(crate) api_version: Option<ApiVersion>,
    /// What this file is.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(crate) kind: Option<MatrixKind>,
    /// What the matrix is called.
    #[schemars(required)]
    pub(crate) metadata: Option<Metadata>,
    /// The test cluster.
    #[schemars(required)]
    pub(crate) cluster: Option<ClusterSection>,
    /// What holds for every variant that does not say otherwise.
    pub(crate) defaults: Option<Defaults>,
    /// The AMI variants: the columns of the matrix.
    #[schemars(with = "Vec<VariantSection>", length(min = 1))]
    pub(crate) variants: Option<List<VariantSection>>,
    /// Which suites and checks run. Default: every suite that is not opt-in.
    pub(crate) suites: Option<SuitesSection>,
    /// Where sample apps come from: `builtin` for amiproof's own, or a folder of workload files. Default: `builtin`.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["builtin", "./our-apps"]]))]
    pub(crate) workloads: Option<List<String>>,
    /// How scanners are run.
    pub(crate) scans: Option<ScansSection>,
    /// What scans must reach. Default: every failed control that is not waived fails the run.
    #[schemars(with = "Option<Vec<ThresholdSection>>")]
    pub(crate) thresholds: Option<List<ThresholdSection>>,
    /// The file of waivers, relative to this one.
    #[schemars(example = &"waivers.yaml")]
    pub(crate) waivers: Option<String>,
}

/// The form of a file.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum ApiVersion {
    /// The first form.
    #[serde(rename = "amiproof/v1")]
    V1,
}

/// What a matrix file is.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum MatrixKind {
    /// A matrix of AMI variants.
    Matrix,
}

/// What a document is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Metadata {
    /// The name: lower-case letters, digits and '-'.
    #[schemars(required, example = &"nightly", regex(pattern = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"))]
    pub(crate) name: Option<String>,
}

/// The test cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClusterSection {
    /// Its name in EKS.
    #[schemars(required, example = &"ami-conformance", regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$"))]
    pub(crate) name: Option<String>,
    /// The AWS region. Not needed where every variant's nodes already exist.
    #[schemars(example = &"us-west-2")]
    pub(crate) region: Option<String>,
    /// The control plane's Kubernetes version, in quotes. Not needed where every variant's nodes already exist.
    #[schemars(example = &"1.35", regex(pattern = r"^1\.[0-9]{1,3}$"))]
    pub(crate) kubernetes_version: Option<String>,
    /// Whether amiproof creates the cluster, and deletes it afterwards. Default: false, and the cluster must exist.
    pub(crate) create: Option<bool>,
    /// Subnets for cluster and nodes. Without them: those of amiproof's network stack, or the existing cluster's own.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["subnet-0123456789abcdef0"]]))]
    pub(crate) subnet_ids: Option<List<String>>,
    /// The control plane's role. Default: the one of amiproof's network stack.
    #[schemars(example = &"arn:aws:iam::111122223333:role/eks-cluster")]
    pub(crate) role_arn: Option<String>,
    /// The role of Linux nodes. Default: the one of amiproof's network stack.
    #[schemars(example = &"arn:aws:iam::111122223333:role/eks-node")]
    pub(crate) node_role_arn: Option<String>,
    /// The role of Windows nodes, which EKS wants to be another than that of Linux nodes.
    #[schemars(example = &"arn:aws:iam::111122223333:role/eks-windows-node")]
    pub(crate) windows_node_role_arn: Option<String>,
    /// How many pods of a run are alive at a time, over all variants. Default: 30 for each variant.
    #[schemars(range(min = 1, max = 10000))]
    pub(crate) max_pods: Option<u32>,
    /// EKS add-ons to install when amiproof makes the cluster, each by its name or with a version behind '@'. Default:
    /// eks-pod-identity-agent, vpc-cni, kube-proxy, coredns, aws-ebs-csi-driver. With the agent each add-on that calls AWS gets a role of
    /// its own; without it the nodes' role has what the EBS driver needs.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["vpc-cni", "kube-proxy", "coredns@v1.13.1-eksbuild.1"]]))]
    pub(crate) addons: Option<List<String>>,
    /// Tags of everything that a run makes in the account, beside amiproof's own: network stack, roles, cluster, add-ons, node groups,
    /// launch templates, instances, volumes, scan configurations.
    #[schemars(extend("examples" = [{"CostCenter": "4711"}]))]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// The policy that limits every role that a run makes (IAM, permissions boundary).
    #[schemars(example = &"arn:aws:iam::111122223333:policy/boundary")]
    pub(crate) permissions_boundary: Option<String>,
    /// From where the API server of a cluster that amiproof creates is reached. Default: from anywhere, and from inside of the VPC.
    pub(crate) endpoint: Option<EndpointSection>,
    /// What the control plane of a cluster that amiproof creates logs to CloudWatch; `[]` for nothing. Default: audit, where amiproof may
    /// remove its log group again.
    #[schemars(with = "Option<Vec<ControlPlaneLog>>", extend("examples" = [["audit", "authenticator"]]))]
    pub(crate) logging: Option<List<ControlPlaneLog>>,
    /// The KMS key that Secrets of a cluster that amiproof creates are encrypted with. Default: EKS's own.
    #[schemars(example = &"arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")]
    pub(crate) secrets_key: Option<String>,
    /// Policies that the node roles of amiproof's network stack get beside what nodes need.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["arn:aws:iam::111122223333:policy/golden-image"]]))]
    pub(crate) node_policies: Option<List<String>>,
}

/// From where an API server is reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EndpointSection {
    /// Whether it is reached from the internet. Default: true. With `false` amiproof must run inside of the VPC of `subnetIds`.
    pub(crate) public: Option<bool>,
    /// From which addresses of the internet. Default: from all of them.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["203.0.113.0/24"]]))]
    pub(crate) public_access_cidrs: Option<List<String>>,
}

/// What holds for every variant that does not say otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Defaults {
    /// How many nodes per variant. Default: 2, so that traffic between two nodes of a variant can be tested.
    #[schemars(range(min = 1, max = 20))]
    pub(crate) nodes: Option<u32>,
    /// Instance types, first choice first. Default: m6i.large, or m6g.large for arm64.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["m6i.large", "m5.large"]]))]
    pub(crate) instance_types: Option<List<String>>,
    /// How instances are bought. Default: on-demand, because a spot instance can go away in the middle of a scan.
    pub(crate) capacity: Option<Capacity>,
    /// The hop limit of the instance metadata service. Default: 2. IMDSv2 is always required.
    #[schemars(range(min = 1, max = 64))]
    pub(crate) imds_hop_limit: Option<u32>,
    /// Size of the root volume, GiB. Default: 30, or 80 for Windows.
    #[schemars(range(min = 8, max = 16384))]
    pub(crate) volume_gib: Option<u32>,
    /// The KMS key of the nodes' volumes. Default: the account's own for EBS.
    #[schemars(example = &"arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")]
    pub(crate) kms_key: Option<String>,
    /// Security groups of nodes beside the cluster's own. They are groups of the VPC that nodes are in: that of `cluster.subnetIds`, or
    /// of a cluster that exists.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["sg-0123456789abcdef0"]]))]
    pub(crate) security_groups: Option<List<String>>,
    /// Tags of what is made for variants, beside `cluster.tags`: node group, launch template, instances, their volumes and interfaces.
    #[schemars(extend("examples" = [{"Team": "images"}]))]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Deadlines.
    pub(crate) timeouts: Option<TimeoutsSection>,
}

/// Deadlines: hours, minutes and seconds like 90s, 8m or 1h30m.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TimeoutsSection {
    /// From the node group's creation until all its nodes are Ready. Default: 8m, or 20m for Windows.
    #[schemars(example = &"8m", regex(pattern = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub(crate) nodes_ready: Option<String>,
    /// One attempt of a check that has no deadline of its own. Default: 5m.
    #[schemars(example = &"5m", regex(pattern = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub(crate) check: Option<String>,
    /// The scan of the operating system. Default: 45m.
    #[schemars(example = &"45m", regex(pattern = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub(crate) os_scan: Option<String>,
}

/// One AMI variant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VariantSection {
    /// Its name: a column of the matrix. At most 32 lower-case letters, digits and '-'.
    #[schemars(required, example = &"al2023-eks-l1", regex(pattern = r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"))]
    pub(crate) name: Option<String>,
    /// How it boots.
    #[schemars(required)]
    pub(crate) family: Option<Family>,
    /// The name of its unhardened twin in this file, to compare with and to send traffic to and from.
    #[schemars(example = &"al2023-eks")]
    pub(crate) reference: Option<String>,
    /// What it is hardened to. Default: none, a stock image.
    pub(crate) hardening: Option<HardeningSection>,
    /// Where its image comes from. Not for nodes that already exist.
    pub(crate) ami: Option<AmiSection>,
    /// The processor architecture of the image. Default: x86_64.
    pub(crate) architecture: Option<Architecture>,
    /// User data of your own.
    pub(crate) user_data: Option<UserDataSection>,
    /// How many nodes to create; or `{selector: ..}` for existing nodes.
    pub(crate) nodes: Option<NodesSection>,
    /// Instance types, first choice first.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["m6i.large"]]))]
    pub(crate) instance_types: Option<List<String>>,
    /// How instances are bought.
    pub(crate) capacity: Option<Capacity>,
    /// The Kubernetes version of the image, in quotes: at most three minors behind the cluster's. Default: the cluster's.
    #[schemars(example = &"1.32", regex(pattern = r"^1\.[0-9]{1,3}$"))]
    pub(crate) kubernetes_version: Option<String>,
    /// The hop limit of the instance metadata service: what nodes get, or what nodes that are there have.
    #[schemars(range(min = 1, max = 64))]
    pub(crate) imds_hop_limit: Option<u32>,
    /// Size of the root volume, GiB.
    #[schemars(range(min = 8, max = 16384))]
    pub(crate) volume_gib: Option<u32>,
    /// The KMS key of its nodes' volumes.
    pub(crate) kms_key: Option<String>,
    /// Security groups of its nodes beside the cluster's own, in place of those of `defaults`.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["sg-0123456789abcdef0"]]))]
    pub(crate) security_groups: Option<List<String>>,
    /// Tags of what is made for it, beside those of `cluster` and `defaults`.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Deadlines.
    pub(crate) timeouts: Option<TimeoutsSection>,
}

/// The nodes of a variant: how many to make, or which of those that are there.
#[derive(Debug)]
pub(crate) enum NodesSection {
    /// So many are made.
    Count(u32),
    /// These are there.
    Selected(SelectorSection),
}

/// Nodes that already exist.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SelectorSection {
    /// Their labels, as `kubectl get nodes -l` takes them.
    #[schemars(required, example = &"eks.amazonaws.com/nodegroup=ng-l1")]
    pub(crate) selector: Option<String>,
}

impl<'de> Deserialize<'de> for NodesSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrMap;

        impl<'de> Visitor<'de> for NumberOrMap {
            type Value = NodesSection;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number of nodes, or a map with a selector")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<NodesSection, E> {
                u32::try_from(count).map(NodesSection::Count).map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<NodesSection, A::Error> {
                SelectorSection::deserialize(de::value::MapAccessDeserializer::new(map)).map(NodesSection::Selected)
            }
        }

        deserializer.deserialize_any(NumberOrMap)
    }
}

impl JsonSchema for NodesSection {
    fn schema_name() -> Cow<'static, str> {
        "NodesSection".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let selected = generator.subschema_for::<SelectorSection>();
        json_schema!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 20}, selected]})
    }
}

/// What an image is hardened to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HardeningSection {
    /// The benchmark with its version.
    #[schemars(required, example = &"cis-al2023-1.0.0")]
    pub(crate) benchmark: Option<String>,
    /// The profile level. Level 2 includes level 1.
    #[schemars(required, range(min = 1, max = 2), example = 1)]
    pub(crate) level: Option<u32>,
}

/// Where an image comes from: exactly one of id, ssm, filter and packerManifest.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("examples" = [{"ssm": "recommended"}]))]
pub(crate) struct AmiSection {
    /// A fixed AMI id.
    #[schemars(example = &"ami-0123456789abcdef0", regex(pattern = r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$"))]
    pub(crate) id: Option<String>,
    /// `recommended` for the newest image that AWS recommends for family, version and architecture, or the name of an SSM
    /// parameter that holds an AMI id.
    #[schemars(example = &"recommended")]
    pub(crate) ssm: Option<String>,
    /// The newest image whose name matches.
    pub(crate) filter: Option<FilterSection>,
    /// The manifest that a Packer build wrote, relative to this file; its newest artifact counts.
    #[schemars(example = &"build/manifest.json")]
    pub(crate) packer_manifest: Option<String>,
    /// A part of the build's name, to pick among the builds of the Packer manifest.
    #[schemars(example = &"Level_1")]
    pub(crate) select: Option<String>,
}

/// The newest image whose name matches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FilterSection {
    /// The image's name; `*` and `?` stand for any text and any character.
    #[schemars(required, example = &"al2023-cis-l1-eks-*")]
    pub(crate) name: Option<String>,
    /// Who owns the image: an account id in quotes, self, amazon or aws-marketplace.
    #[schemars(required, example = &"self")]
    pub(crate) owner: Option<String>,
}

/// User data of your own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UserDataSection {
    /// A file, relative to this one, that is merged into the user data that amiproof generates: a MIME part or NodeConfig
    /// (al2023), a shell script (al2), settings in TOML (bottlerocket), PowerShell (windows).
    #[schemars(required, example = &"userdata/bottlerocket-cis.toml")]
    pub(crate) merge: Option<String>,
}

/// What a suite must reach on some variants. Everything that is given must hold; then the failures that it counted fail nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ThresholdSection {
    /// The suite of scans; for `coverage` alone any suite.
    #[schemars(required, example = &"os-cis")]
    pub(crate) suite: Option<String>,
    /// Only these variants. Default: all of them, and the cluster.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["al2023-eks-l1"]]))]
    pub(crate) variants: Option<List<String>>,
    /// Only variants that are hardened to this level.
    #[schemars(range(min = 1, max = 2))]
    pub(crate) level: Option<u32>,
    /// The least share of passed controls among those that passed or failed.
    #[schemars(example = &"95%", regex(pattern = r"^[0-9]{1,3}(\.[0-9])?%$"))]
    pub(crate) pass: Option<String>,
    /// At most so many failed controls.
    pub(crate) failures: Option<u32>,
    /// At most so many failed controls of a severity, where the scanner grades them: Amazon Inspector, kube-bench and Bottlerocket do not.
    /// Failures of a severity that is not named stay failures.
    pub(crate) severities: Option<SeveritiesSection>,
    /// The least share of answered controls among those that the benchmark has. Without it any gap is exit
    /// code 3.
    #[schemars(example = &"90%", regex(pattern = r"^[0-9]{1,3}(\.[0-9])?%$"))]
    pub(crate) coverage: Option<String>,
}

/// At most so many failed controls of each severity.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SeveritiesSection {
    /// Worth stopping now.
    pub(crate) critical: Option<u32>,
    /// Worth stopping a release.
    pub(crate) high: Option<u32>,
    /// Worth mending.
    pub(crate) medium: Option<u32>,
    /// Worth knowing.
    pub(crate) low: Option<u32>,
}

/// Which suites and checks run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SuitesSection {
    /// Only these suites (`node`) or checks (`node/ready`). Default: all suites that are not opt-in.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["node", "workload"]]))]
    pub(crate) include: Option<List<String>>,
    /// These suites or checks beside the others, though they are opt-in: `disruptive` reboots and drains nodes.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["disruptive"]]))]
    pub(crate) with: Option<List<String>>,
    /// Not these suites or checks.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["os-cis"]]))]
    pub(crate) exclude: Option<List<String>>,
}

/// How scanners are run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ScansSection {
    /// How kube-bench is run.
    pub(crate) kube_bench: Option<KubeBenchSection>,
    /// How OpenSCAP is run where it is installed on nodes; the first entry that is for a variant counts. Default: by the CIS
    /// profile of the SCAP Security Guide for the operating system, at the variant's level.
    #[schemars(with = "Option<Vec<OpenScapSection>>")]
    pub(crate) openscap: Option<List<OpenScapSection>>,
    /// Registries, or repositories below them, that people's own images may come from. Without it a human decides on what pods
    /// pull from (CIS EKS, "container registries are approved").
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["111122223333.dkr.ecr.us-west-2.amazonaws.com"]]))]
    pub(crate) approved_registries: Option<List<String>>,
}

/// How OpenSCAP is run on some variants.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OpenScapSection {
    /// The variants it is for. Default: all.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["al2-l1"]]))]
    pub(crate) variants: Option<List<String>>,
    /// The SCAP content on the nodes: an XCCDF file or a data stream.
    #[schemars(example = &"/usr/share/xml/scap/ssg/content/ssg-al2023-ds.xml")]
    pub(crate) content: Option<String>,
    /// The profile's id.
    #[schemars(example = &"xccdf_org.ssgproject.content_profile_cis_server_l1")]
    pub(crate) profile: Option<String>,
    /// The benchmark that the content's CIS numbers belong to, where it does not say so itself. Without it such rules are rows of
    /// their own, and no controls.
    #[schemars(example = &"cis-al2023-1.0.0")]
    pub(crate) benchmark: Option<String>,
}

/// How kube-bench is run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KubeBenchSection {
    /// On which nodes of each variant. Default: one, because all nodes of a variant boot the same image.
    pub(crate) nodes: Option<ScannedNodes>,
    /// By which benchmark, which `eks-cis` then answers too. Default: the newest that fits the Kubernetes version; kube-bench's own
    /// choice is never taken.
    #[schemars(example = &"cis-eks-1.8.0")]
    pub(crate) benchmark: Option<String>,
    /// The image, with a tag or digest. Default: the one that amiproof pins.
    #[schemars(example = &"docker.io/aquasec/kube-bench:v0.15.6")]
    pub(crate) image: Option<String>,
    /// Read the results of runs that are in the cluster already, instead of running kube-bench.
    pub(crate) from: Option<RunsSection>,
}

/// Runs of kube-bench in the cluster: exactly one of job and pod.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RunsSection {
    /// Their namespace.
    #[schemars(required, example = &"kube-bench")]
    pub(crate) namespace: Option<String>,
    /// The Job that made them; a variant's results are those of the pods on its nodes.
    #[schemars(example = &"kube-bench")]
    pub(crate) job: Option<String>,
    /// The pod.
    pub(crate) pod: Option<String>,
}
