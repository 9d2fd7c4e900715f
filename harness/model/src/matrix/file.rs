//! The matrix file as it is written: the outermost of the three layers. JSON Schema and its descriptions come from here.
//!
//! Every field is optional to serde, so that the well-formed parts of a wrong file can be read; the schema says what is required.

mod image;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

pub(crate) use self::image::{AmiSection, BuildSection, FilterSection};
use super::history::HistorySection;
use super::spec::governance::ControlPlaneLog;
use super::spec::scans::ScannedNodes;
use super::spec::{Architecture, Capacity, Family};
use crate::form::List;

/// Which AMI variants to test, in which cluster, and with what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "amiproof matrix")]
pub(crate) struct MatrixFile {
    /// Version of the file format.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(crate) api_version: Option<ApiVersion>,
    /// Kind of the file.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(crate) kind: Option<MatrixKind>,
    /// Metadata of the matrix.
    #[schemars(required)]
    pub(crate) metadata: Option<Metadata>,
    /// The test cluster.
    #[schemars(required)]
    pub(crate) cluster: Option<ClusterSection>,
    /// Settings of every variant that has none of its own.
    pub(crate) defaults: Option<Defaults>,
    /// The AMI variants: the columns of the matrix.
    #[schemars(with = "Vec<VariantSection>", length(min = 1))]
    pub(crate) variants: Option<List<VariantSection>>,
    /// Which suites and checks run. Default: every suite that is not opt-in.
    pub(crate) suites: Option<SuitesSection>,
    /// Where sample apps come from: `builtin` for amiproof's own, or a folder of workload files. Default: `builtin`.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["builtin", "./our-apps"]]))]
    pub(crate) workloads: Option<List<String>>,
    /// Settings of the scanners.
    pub(crate) scans: Option<ScansSection>,
    /// Thresholds for scans and suites. Default: every failed control that is not waived fails the run.
    #[schemars(with = "Option<Vec<ThresholdSection>>")]
    pub(crate) thresholds: Option<List<ThresholdSection>>,
    /// The waiver file, relative to this file.
    #[schemars(example = &"waivers.yaml")]
    pub(crate) waivers: Option<String>,
    /// Where `amiproof nightly` keeps the reports of its runs, and finds the one to compare with.
    pub(crate) history: Option<HistorySection>,
}

/// The version of the file format.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum ApiVersion {
    /// The first version.
    #[serde(rename = "amiproof/v1")]
    V1,
}

/// What a matrix file is.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum MatrixKind {
    /// A matrix of AMI variants.
    Matrix,
}

/// Metadata of a document.
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
    /// Name of the cluster in EKS.
    #[schemars(required, example = &"ami-conformance", regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$"))]
    pub(crate) name: Option<String>,
    /// The AWS region. Not needed if the nodes of all variants already exist.
    #[schemars(example = &"us-west-2")]
    pub(crate) region: Option<String>,
    /// The control plane's Kubernetes version, in quotes. Not needed if the nodes of all variants already exist.
    #[schemars(example = &"1.35", regex(pattern = r"^1\.[0-9]{1,3}$"))]
    pub(crate) kubernetes_version: Option<String>,
    /// Whether amiproof creates the cluster, and deletes it afterwards. Default: false, and the cluster must exist.
    pub(crate) create: Option<bool>,
    /// Subnets for cluster and nodes. Default: those of amiproof's network stack, or of the existing cluster.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["subnet-0123456789abcdef0"]]))]
    pub(crate) subnet_ids: Option<List<String>>,
    /// The control plane's role. Default: the one of amiproof's network stack.
    #[schemars(example = &"arn:aws:iam::111122223333:role/eks-cluster")]
    pub(crate) role_arn: Option<String>,
    /// The role of Linux nodes. Default: the one of amiproof's network stack.
    #[schemars(example = &"arn:aws:iam::111122223333:role/eks-node")]
    pub(crate) node_role_arn: Option<String>,
    /// The role of Windows nodes; in EKS it must differ from that of Linux nodes.
    #[schemars(example = &"arn:aws:iam::111122223333:role/eks-windows-node")]
    pub(crate) windows_node_role_arn: Option<String>,
    /// Maximum number of pods of a run at a time, over all variants. Default: 30 per variant.
    #[schemars(range(min = 1, max = 10000))]
    pub(crate) max_pods: Option<u32>,
    /// EKS add-ons to install if amiproof creates the cluster: names, optionally with a version after '@'. Default:
    /// eks-pod-identity-agent, vpc-cni, kube-proxy, coredns, aws-ebs-csi-driver. With the agent each add-on that calls AWS gets its
    /// own role; without it the role of the nodes gets the permissions of the EBS driver.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["vpc-cni", "kube-proxy", "coredns@v1.13.1-eksbuild.1"]]))]
    pub(crate) addons: Option<List<String>>,
    /// Tags of everything that a run creates in the account, in addition to amiproof's own: network stack, roles, cluster, add-ons, node
    /// groups, launch templates, instances, volumes, scan configurations.
    #[schemars(extend("examples" = [{"CostCenter": "4711"}]))]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Permissions boundary (IAM policy) of every role that a run creates.
    #[schemars(example = &"arn:aws:iam::111122223333:policy/boundary")]
    pub(crate) permissions_boundary: Option<String>,
    /// Who can reach the API server of a cluster that amiproof creates. Default: everyone, and the VPC.
    pub(crate) endpoint: Option<EndpointSection>,
    /// Control plane logs (CloudWatch) of a cluster that amiproof creates; `[]` for none. Default: audit, if amiproof may delete its log
    /// group afterwards.
    #[schemars(with = "Option<Vec<ControlPlaneLog>>", extend("examples" = [["audit", "authenticator"]]))]
    pub(crate) logging: Option<List<ControlPlaneLog>>,
    /// The KMS key for the Secrets of a cluster that amiproof creates. Default: the one of EKS.
    #[schemars(example = &"arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")]
    pub(crate) secrets_key: Option<String>,
    /// Additional policies for the node roles of amiproof's network stack.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["arn:aws:iam::111122223333:policy/golden-image"]]))]
    pub(crate) node_policies: Option<List<String>>,
}

/// Who can reach an API server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EndpointSection {
    /// Whether it can be reached from the internet. Default: true. With `false` amiproof must run inside the VPC of `subnetIds`.
    pub(crate) public: Option<bool>,
    /// Public addresses that can reach it. Default: all.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["203.0.113.0/24"]]))]
    pub(crate) public_access_cidrs: Option<List<String>>,
}

/// Settings of every variant that has none of its own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Defaults {
    /// Number of nodes per variant. Default: 2, so that traffic between two nodes of a variant can be tested.
    #[schemars(range(min = 1, max = 20))]
    pub(crate) nodes: Option<u32>,
    /// Instance types, first choice first. Default: m6i.large, or m6g.large for arm64.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["m6i.large", "m5.large"]]))]
    pub(crate) instance_types: Option<List<String>>,
    /// Purchase option of the instances. Default: on-demand, because a spot instance can be interrupted during a scan.
    pub(crate) capacity: Option<Capacity>,
    /// The hop limit of the instance metadata service. Default: 2. IMDSv2 is always required.
    #[schemars(range(min = 1, max = 64))]
    pub(crate) imds_hop_limit: Option<u32>,
    /// Size of the root volume, GiB. Default: 30, or 80 for Windows.
    #[schemars(range(min = 8, max = 16384))]
    pub(crate) volume_gib: Option<u32>,
    /// The KMS key of the nodes' volumes. Default: the one of the account for EBS.
    #[schemars(example = &"arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")]
    pub(crate) kms_key: Option<String>,
    /// Additional security groups of the nodes. They must belong to the VPC of the nodes: that of `cluster.subnetIds`, or of the existing
    /// cluster.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["sg-0123456789abcdef0"]]))]
    pub(crate) security_groups: Option<List<String>>,
    /// Tags of what is created for variants, in addition to `cluster.tags`: node group, launch template, instances, their volumes and
    /// interfaces.
    #[schemars(extend("examples" = [{"Team": "images"}]))]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Deadlines.
    pub(crate) timeouts: Option<TimeoutsSection>,
}

/// Deadlines: hours, minutes and seconds like 90s, 8m or 1h30m.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TimeoutsSection {
    /// From the creation of the node group until all its nodes are Ready. Default: 8m, or 20m for Windows.
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
    /// Name of the variant: a column of the matrix. At most 32 lower-case letters, digits and '-'.
    #[schemars(required, example = &"al2023-eks-l1", regex(pattern = r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"))]
    pub(crate) name: Option<String>,
    /// Family of the image, which decides how it boots.
    #[schemars(required)]
    pub(crate) family: Option<Family>,
    /// Name of the unhardened counterpart in this file: its results are compared, and traffic is exchanged with it.
    #[schemars(example = &"al2023-eks")]
    pub(crate) reference: Option<String>,
    /// Benchmark and level that the image is hardened to. Default: none, a stock image.
    pub(crate) hardening: Option<HardeningSection>,
    /// Source of the image. Not for nodes that already exist.
    pub(crate) ami: Option<AmiSection>,
    /// How `amiproof build` makes the image that `ami.packerManifest` names.
    pub(crate) build: Option<BuildSection>,
    /// The processor architecture of the image. Default: x86_64.
    pub(crate) architecture: Option<Architecture>,
    /// Your own user data.
    pub(crate) user_data: Option<UserDataSection>,
    /// How many nodes to create; or `{selector: ..}` for existing nodes.
    pub(crate) nodes: Option<NodesSection>,
    /// Instance types, first choice first.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["m6i.large"]]))]
    pub(crate) instance_types: Option<List<String>>,
    /// Purchase option of the instances.
    pub(crate) capacity: Option<Capacity>,
    /// The Kubernetes version of the image, in quotes: at most three minors behind the cluster's. Default: the cluster's.
    #[schemars(example = &"1.32", regex(pattern = r"^1\.[0-9]{1,3}$"))]
    pub(crate) kubernetes_version: Option<String>,
    /// The hop limit of the instance metadata service: that new nodes get, or that existing nodes have.
    #[schemars(range(min = 1, max = 64))]
    pub(crate) imds_hop_limit: Option<u32>,
    /// Size of the root volume, GiB.
    #[schemars(range(min = 8, max = 16384))]
    pub(crate) volume_gib: Option<u32>,
    /// The KMS key of its nodes' volumes.
    pub(crate) kms_key: Option<String>,
    /// Additional security groups of its nodes, instead of those of `defaults`.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["sg-0123456789abcdef0"]]))]
    pub(crate) security_groups: Option<List<String>>,
    /// Tags of what is created for it, in addition to those of `cluster` and `defaults`.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Deadlines.
    pub(crate) timeouts: Option<TimeoutsSection>,
}

/// The nodes of a variant: how many to create, or which existing ones to use.
#[derive(Debug)]
pub(crate) enum NodesSection {
    /// Number of nodes to create.
    Count(u32),
    /// Existing nodes.
    Selected(SelectorSection),
}

/// Nodes that already exist.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SelectorSection {
    /// Label selector, as for `kubectl get nodes -l`.
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

/// Benchmark and level that an image is hardened to.
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

/// Your own user data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UserDataSection {
    /// A file, relative to this one, that is merged into the user data that amiproof generates: a MIME part or NodeConfig
    /// (al2023), a shell script (al2), settings in TOML (bottlerocket), PowerShell (windows).
    #[schemars(required, example = &"userdata/bottlerocket-cis.toml")]
    pub(crate) merge: Option<String>,
}

/// A threshold for a suite. All given limits must hold; then the failures that they count are tolerated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ThresholdSection {
    /// The suite: one with scans, or any if only `coverage` is given.
    #[schemars(required, example = &"os-cis")]
    pub(crate) suite: Option<String>,
    /// Only these variants. Default: all of them, and the cluster.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["al2023-eks-l1"]]))]
    pub(crate) variants: Option<List<String>>,
    /// Only variants hardened to this level.
    #[schemars(range(min = 1, max = 2))]
    pub(crate) level: Option<u32>,
    /// Minimum share of passed controls among those that passed or failed.
    #[schemars(example = &"95%", regex(pattern = r"^[0-9]{1,3}(\.[0-9])?%$"))]
    pub(crate) pass: Option<String>,
    /// Maximum number of failed controls.
    pub(crate) failures: Option<u32>,
    /// Maximum number of failed controls by severity, if the scanner reports severities: Amazon Inspector, kube-bench and Bottlerocket do
    /// not. Failures of other severities still fail.
    pub(crate) severities: Option<SeveritiesSection>,
    /// Minimum share of the controls of the benchmark that must have a result. Default: all, and any gap gives
    /// exit code 3.
    #[schemars(example = &"90%", regex(pattern = r"^[0-9]{1,3}(\.[0-9])?%$"))]
    pub(crate) coverage: Option<String>,
}

/// Maximum number of failed controls of each severity.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SeveritiesSection {
    /// Critical.
    pub(crate) critical: Option<u32>,
    /// High.
    pub(crate) high: Option<u32>,
    /// Medium.
    pub(crate) medium: Option<u32>,
    /// Low.
    pub(crate) low: Option<u32>,
}

/// Which suites and checks run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SuitesSection {
    /// Only these suites (`node`) or checks (`node/ready`). Default: all suites that are not opt-in.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["node", "workload"]]))]
    pub(crate) include: Option<List<String>>,
    /// Opt-in suites or checks to run as well: `disruptive` reboots and drains nodes.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["disruptive"]]))]
    pub(crate) with: Option<List<String>>,
    /// Suites or checks to leave out.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["os-cis"]]))]
    pub(crate) exclude: Option<List<String>>,
}

/// Settings of the scanners.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ScansSection {
    /// Settings of kube-bench.
    pub(crate) kube_bench: Option<KubeBenchSection>,
    /// Settings of OpenSCAP, if it is installed on the nodes; the first matching entry of a variant is used. Default: the CIS
    /// profile of the SCAP Security Guide for the operating system, at the variant's level.
    #[schemars(with = "Option<Vec<OpenScapSection>>")]
    pub(crate) openscap: Option<List<OpenScapSection>>,
    /// Registries, or repositories in them, that custom images may come from. Default: none, and the control about approved
    /// registries is manual (CIS EKS).
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["111122223333.dkr.ecr.us-west-2.amazonaws.com"]]))]
    pub(crate) approved_registries: Option<List<String>>,
}

/// Settings of OpenSCAP for some variants.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OpenScapSection {
    /// Only these variants. Default: all.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["al2-l1"]]))]
    pub(crate) variants: Option<List<String>>,
    /// The SCAP content on the nodes: an XCCDF file or a data stream.
    #[schemars(example = &"/usr/share/xml/scap/ssg/content/ssg-al2023-ds.xml")]
    pub(crate) content: Option<String>,
    /// Id of the profile.
    #[schemars(example = &"xccdf_org.ssgproject.content_profile_cis_server_l1")]
    pub(crate) profile: Option<String>,
    /// Benchmark of the CIS numbers in the content, if it names none. Default: none, and such rules are rows of their own
    /// instead of controls.
    #[schemars(example = &"cis-al2023-1.0.0")]
    pub(crate) benchmark: Option<String>,
}

/// Settings of kube-bench.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KubeBenchSection {
    /// Nodes of each variant that it runs on. Default: one, because all nodes of a variant boot the same image.
    pub(crate) nodes: Option<ScannedNodes>,
    /// Benchmark, also for the `eks-cis` suite. Default: the newest for the Kubernetes version; kube-bench's own choice is
    /// never used.
    #[schemars(example = &"cis-eks-1.8.0")]
    pub(crate) benchmark: Option<String>,
    /// The image, with a tag or digest. Default: the one pinned by amiproof.
    #[schemars(example = &"docker.io/aquasec/kube-bench:v0.15.6")]
    pub(crate) image: Option<String>,
    /// Read the results of existing runs in the cluster, instead of running kube-bench.
    pub(crate) from: Option<RunsSection>,
}

/// Existing runs of kube-bench: exactly one of job and pod.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RunsSection {
    /// Namespace of the runs.
    #[schemars(required, example = &"kube-bench")]
    pub(crate) namespace: Option<String>,
    /// The Job; the results of a variant are those of the pods on its nodes.
    #[schemars(example = &"kube-bench")]
    pub(crate) job: Option<String>,
    /// The pod.
    pub(crate) pod: Option<String>,
}
