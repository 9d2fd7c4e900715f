//! Features of the cluster that a workload requires.

mod node;

use amiproof_model::verdict::Verdict;
use amiproof_model::workload::{Need, Workload};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Container, Node};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::aws;
use crate::aws::oidc_provider::{self, AUDIENCE};
use crate::check::{CheckError, Doing as _};
use crate::cluster::{nodes, storage};
use crate::context::Context;

/// The verdict of a workload that does not apply here; `None` if all its requirements are met.
///
/// # Errors
/// If the API server does not answer.
pub(super) async fn unmet(context: &Context, workload: &Workload) -> Result<Option<Verdict>, CheckError> {
    let access = &context.cluster;
    for need in &workload.needs {
        let reason = match need {
            Need::CsiDriver(name) => {
                let there = storage::has_driver(access, name).await;
                let there = there.doing(format!("looking for the CSI driver {name}"))?;
                (!there).then(|| format!("the cluster has no CSI driver {name}"))
            }
            Need::StorageClassOf(driver) => {
                let class = storage::class_of(access, driver).await;
                let class = class.doing(format!("looking for a storage class of {driver}"))?;
                class.is_none().then(|| {
                    format!("the cluster has no storage class of {driver} that deletes volumes with their claims: create one to test this")
                })
            }
            Need::EcrRegistry => without_ecr(context.image_registry.as_deref(), context.pull_secret.is_some()),
            Need::NetworkPolicyEngine => {
                let api: Api<DaemonSet> = Api::all(access.client());
                let found = api.list(&ListParams::default()).await.doing("looking for a network policy engine")?;
                (!found.items.iter().any(enforces_policies))
                    .then(|| "nothing in the cluster enforces network policies".to_owned())
            }
            Need::Ec2Nodes => {
                let found =
                    nodes::list(access, context.selector.as_str()).await.doing("reading the variant's nodes")?;
                (!found.iter().all(is_ec2)).then(|| "the nodes are not EC2 instances".to_owned())
            }
            // Asked by a pod, once there is a namespace: see `precondition`.
            Need::Holds { .. } => None,
            Need::PodIdentity(_) => pod_identity(context).await?,
            Need::Irsa(_) => match irsa(context).await? {
                Some(verdict) => return Ok(Some(verdict)),
                None => None,
            },
            Need::NodeFeature(feature) => node::feature(context, *feature).await?,
            Need::NodeMetrics => match node::metrics(context).await? {
                node::Metrics::There => None,
                node::Metrics::NoApi => Some("the cluster has no metrics API; install metrics-server".to_owned()),
                node::Metrics::Missing(reason) => return Ok(Some(Verdict::NotEvaluated(reason))),
            },
        };
        if let Some(reason) = reason {
            return Ok(Some(Verdict::NotApplicable(reason)));
        }
    }
    Ok(None)
}

/// Why no image is pulled by the credential provider of the nodes; `None` if images are.
fn without_ecr(registry: Option<&str>, has_secret: bool) -> Option<String> {
    // ACCOUNT.dkr.ecr.REGION.amazonaws.com; the public gallery (public.ecr.aws) needs no login.
    let is_ecr =
        registry.is_some_and(|registry| registry.split('/').next().is_some_and(|host| host.contains(".dkr.ecr.")));
    match (is_ecr, has_secret) {
        (true, false) => None,
        (true, true) => {
            Some("images are pulled with the run's pull secret, and not by the nodes' credential provider".to_owned())
        }
        (false, _) => Some(
            "no image comes from a private registry of ECR: mirror them into one, and name it with --image-registry"
                .to_owned(),
        ),
    }
}

/// Why EKS Pod Identity is not available; `None` if it is.
async fn pod_identity(context: &Context) -> Result<Option<String>, CheckError> {
    if context.aws.is_none() {
        return Ok(Some("no AWS account".to_owned()));
    }
    let api: Api<DaemonSet> = Api::namespaced(context.cluster.client(), "kube-system");
    let agent = api.get_opt("eks-pod-identity-agent").await.doing("looking for the EKS Pod Identity Agent")?;
    Ok(agent.is_none().then(|| {
        "the cluster has no EKS Pod Identity Agent: list eks-pod-identity-agent below cluster.addons".to_owned()
    }))
}

/// Why IAM roles for service accounts are not available; `None` if they are.
async fn irsa(context: &Context) -> Result<Option<Verdict>, CheckError> {
    let clients = match context.account() {
        Ok(clients) => clients,
        Err(verdict) => return Ok(Some(verdict)),
    };
    let name = context.matrix.cluster.name.as_str();
    let doing = |error| CheckError::api("looking for the issuer of the cluster's tokens", error);
    let Some(cluster) = aws::cluster::described(clients, name).await.map_err(doing)? else {
        let reason =
            format!("{name} is not an EKS cluster in {}, so AWS knows no issuer of its tokens", clients.region());
        return Ok(Some(Verdict::NotApplicable(reason)));
    };
    let Some(issuer) = cluster.issuer else {
        return Ok(Some(Verdict::NotApplicable("the cluster has no OpenID Connect issuer".to_owned())));
    };
    let provider = oidc_provider::known(clients, oidc_provider::bare(&issuer)).await.map_err(doing)?;
    let unfit = provider.filter(|provider| !provider.audiences.iter().any(|audience| audience == AUDIENCE));
    Ok(unfit.map(|provider| {
        Verdict::NotEvaluated(format!(
            "{arn} does not accept tokens for {AUDIENCE}: `aws iam add-client-id-to-open-id-connect-provider --client-id {AUDIENCE} \
             --open-id-connect-provider-arn {arn}`",
            arn = provider.arn
        ))
    }))
}

/// Repositories of agents that enforce network policies wherever they run, by the end of their path.
const ENGINES: [&str; 8] = [
    "calico/node",
    "cilium/cilium",
    "antrea/antrea-agent-ubuntu",
    "antrea/antrea-agent-ubi",
    "cloudnativelabs/kube-router",
    "networking/kube-network-policies",
    "kubeovn/kube-ovn",
    "weaveworks/weave-npc",
];

/// Whether a DaemonSet enforces network policies. The VPC CNI always contains its agent, but enforces nothing until it is
/// enabled (EKS user guide, "Limit pod traffic with Kubernetes network policies").
fn enforces_policies(set: &DaemonSet) -> bool {
    let containers = set.spec.template.spec.iter().flat_map(|spec| &spec.containers);
    containers.into_iter().any(|container| {
        let repository = repository(container.image.as_deref().unwrap_or_default());
        let known = |engine: &str| repository == engine || repository.ends_with(&format!("/{engine}"));
        ENGINES.into_iter().any(known)
            || repository.ends_with("aws-network-policy-agent") && has_flag(container, "--enable-network-policy=true")
    })
}

fn has_flag(container: &Container, flag: &str) -> bool {
    container.args.iter().chain(&container.command).flatten().any(|argument| argument == flag)
}

/// An image reference without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => image,
    }
}

/// Whether a node is an EC2 instance: its provider id names one, and its firmware says so too. The system UUID of an instance
/// begins with `ec2`, or has these digits where a little-endian UUID puts them (EC2 user guide, "Detect whether a host is an EC2
/// instance").
fn is_ec2(node: &Node) -> bool {
    let provider = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref()).unwrap_or_default();
    let instance = provider.strip_prefix("aws://").and_then(|path| path.rsplit('/').next());
    let uuid = node.status.as_ref().and_then(|status| status.node_info.as_ref()).map(|info| &info.system_uuid);
    let uuid = uuid.map(|uuid| uuid.to_ascii_lowercase()).unwrap_or_default();
    let little_endian = uuid.get(6..8) == Some("ec") && uuid.get(4..5) == Some("2");
    let named = instance.is_some_and(|id| id.starts_with("i-"));
    if !named {
        tracing::debug!(node = node.name_any(), provider, "no EC2 instance");
    }
    named && (uuid.starts_with("ec2") || little_endian)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(image: &str, arguments: &[&str]) -> DaemonSet {
        serde_json::from_value(json!({"metadata": {"name": "agent"}, "spec": {"selector": {}, "template": {
            "spec": {"containers": [{"name": "main", "image": "registry.example.com/proxy:1"},
                                    {"name": "agent", "image": image, "args": arguments}]}}}}))
        .unwrap()
    }

    #[test]
    fn only_a_private_registry_of_ecr_needs_the_nodes_credentials() {
        let ecr = Some("111122223333.dkr.ecr.us-west-2.amazonaws.com/mirror");
        assert_eq!(without_ecr(ecr, false), None);
        assert!(without_ecr(ecr, true).is_some_and(|why| why.contains("pull secret")));
        for registry in [None, Some("public.ecr.aws/mirror"), Some("registry.example.com/a.dkr.ecr.b")] {
            assert!(without_ecr(registry, false).is_some_and(|why| why.contains("--image-registry")), "{registry:?}");
        }
    }

    #[test]
    fn the_vpc_cnis_agent_counts_only_when_it_is_turned_on() {
        let image = "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon/aws-network-policy-agent:v1.2.7-eksbuild.1";
        assert!(enforces_policies(&set(image, &["--enable-ipv6=false", "--enable-network-policy=true"])));
        assert!(!enforces_policies(&set(image, &["--enable-network-policy=false"])));
        assert!(!enforces_policies(&set(image, &[])));
    }

    #[test]
    fn other_engines_are_known_by_their_images_in_whatever_registry() {
        for image in ["docker.io/calico/node:v3.30.2", "quay.io/cilium/cilium:v1.18.1@sha256:0a", "calico/node"] {
            assert!(enforces_policies(&set(image, &[])), "{image}");
        }
        for image in ["quay.io/cilium/cilium-envoy:v1.34", "ghcr.io/flannel-io/flannel:v0.27.1", "notcalico/node:1"] {
            assert!(!enforces_policies(&set(image, &[])), "{image}");
        }
    }

    #[test]
    fn a_node_is_an_instance_when_its_provider_and_its_firmware_say_so() {
        let node = |provider: &str, uuid: &str| -> Node {
            serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": {"providerID": provider},
                "status": {"nodeInfo": {"architecture": "", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                    "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "",
                    "systemUUID": uuid}}}))
            .unwrap()
        };
        assert!(is_ec2(&node("aws:///us-west-2a/i-0123456789abcdef0", "ec2ae145-d1dc-13b2-94ed-01234abcdef0")));
        assert!(is_ec2(&node("aws:///us-west-2a/i-0123456789abcdef0", "45E12AEC-DCD1-B213-94ED-01234ABCDEF0")));
        assert!(!is_ec2(&node("aws:///us-west-2a/i-0123456789abcdef0", "b4b0c2c5-9f0e-4d6d-8c3c-2f6d1d6d1c11")));
        assert!(!is_ec2(&node("kind://docker/kind/kind-worker", "ec2ae145-d1dc-13b2-94ed-01234abcdef0")));
    }
}
