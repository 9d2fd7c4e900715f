//! The section `cluster`.

use super::file::ClusterSection;
use super::governance;
use super::resolver::{Resolver, list};
use super::spec::{AddonSpec, ClusterSpec};
use crate::form::List;

/// The add-on that gives service accounts AWS permissions, so that nodes need none for them and a hop limit of 1 breaks no driver.
const AGENT: &str = "eks-pod-identity-agent";

/// The add-ons that the built-in workloads need: for pod addresses, Services, DNS, permissions and volumes.
const DEFAULT_ADDONS: [&str; 5] = [AGENT, "vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver"];

/// Resolves the section. `has_made` says whether any variant's nodes are made by amiproof, which needs to know where and for what
/// version.
pub(super) fn resolve(resolver: &mut Resolver<'_>, mut raw: ClusterSection, has_made: bool) -> Option<ClusterSpec> {
    let missing = |is_there: bool, resolver: &Resolver<'_>, path: &str| !is_there && !resolver.is_wrong(path);
    let no_region = missing(raw.region.is_some(), resolver, "cluster.region");
    let no_version = missing(raw.kubernetes_version.is_some(), resolver, "cluster.kubernetesVersion");
    let create = raw.create.unwrap_or(false);
    let governance = governance::resolve(resolver, &mut raw, create);
    let name = raw.name.and_then(|name| {
        let rule = "1 to 100 letters, digits, '-' and '_', starting with a letter or digit";
        resolver.text("cluster.name", name, "EKS cluster name", rule, is_cluster_name)
    });
    let region = raw.region.and_then(|region| {
        resolver.text("cluster.region", region, "AWS region", "a region code like us-west-2", is_region)
    });
    let version = raw.kubernetes_version.and_then(|text| resolver.name("cluster.kubernetesVersion", text.parse()));
    if (has_made || create) && no_region {
        resolver.missing("cluster", "region", "\"us-west-2\"");
    }
    if (has_made || create) && no_version {
        resolver.missing("cluster", "kubernetesVersion", "\"1.35\"");
    }
    let subnet_ids = subnets(resolver, raw.subnet_ids, create);
    let role_arn = role(resolver, "roleArn", raw.role_arn);
    let node_role_arn = role(resolver, "nodeRoleArn", raw.node_role_arn);
    let windows_node_role_arn = role(resolver, "windowsNodeRoleArn", raw.windows_node_role_arn);
    if node_role_arn.is_some() && node_role_arn == windows_node_role_arn {
        let message = "EKS gives a role access as a Linux node or as a Windows node, not as both";
        resolver.problem("cluster.windowsNodeRoleArn", message, "name another role for Windows nodes");
    }
    let addons = addons(resolver, raw.addons, create);
    Some(ClusterSpec {
        name: name?,
        region,
        kubernetes_version: version,
        create,
        subnet_ids,
        role_arn,
        node_role_arn,
        windows_node_role_arn,
        max_pods: raw.max_pods,
        addons,
        governance,
    })
}

fn subnets(resolver: &mut Resolver<'_>, raw: Option<List<String>>, create: bool) -> Vec<String> {
    let count = raw.as_ref().map_or(0, Vec::len);
    if create && count == 1 {
        let message = "EKS requires subnets in at least two availability zones";
        resolver.problem("cluster.subnetIds", message, "add a subnet of another zone, or remove the key");
    }
    list(resolver, "cluster.subnetIds", raw, |resolver, path, id| {
        let is_subnet = |text: &str| {
            text.strip_prefix("subnet-")
                .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit()))
        };
        resolver.text(path, id, "subnet id", "an id like subnet-0123456789abcdef0", is_subnet)
    })
}

fn role(resolver: &mut Resolver<'_>, key: &str, arn: Option<String>) -> Option<String> {
    let rule = "the ARN of an IAM role, like arn:aws:iam::111122223333:role/name";
    resolver.text(&format!("cluster.{key}"), arn?, "role ARN", rule, is_role_arn)
}

fn addons(resolver: &mut Resolver<'_>, raw: Option<List<String>>, create: bool) -> Vec<AddonSpec> {
    let Some(raw) = raw else {
        return if create { DEFAULT_ADDONS.map(AddonSpec::recommended).to_vec() } else { Vec::new() };
    };
    if !create && !raw.is_empty() {
        let message = "add-ons are installed only in a cluster that amiproof creates";
        resolver.warning("cluster.addons", message, "remove them, or set create: true");
    }
    let mut known: Vec<AddonSpec> = Vec::new();
    let addons = list(resolver, "cluster.addons", Some(raw), |resolver, path, text| {
        let addon = addon(resolver, path, text)?;
        if known.iter().any(|other| other.name == addon.name) {
            resolver.problem(path, format!("add-on {} is listed already", addon.name), "remove one of the two");
            return None;
        }
        known.push(addon.clone());
        Some(addon)
    });
    rights(resolver, &addons);
    addons
}

/// `name` or `name@version`.
fn addon(resolver: &mut Resolver<'_>, path: &str, text: String) -> Option<AddonSpec> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
        None => (text, None),
    };
    let rule = "the name of an EKS add-on, like vpc-cni, or a name with a version, like coredns@v1.13.1-eksbuild.1";
    let name = resolver.text(path, name, "add-on name", rule, |text| crate::name::is_label(text, 100))?;
    let version = match version {
        None => None,
        Some(version) => Some(resolver.text(path, version, "add-on version", rule, is_addon_version)?),
    };
    Some(AddonSpec { name, version })
}

/// Some add-ons need AWS permissions that nodes do not have; EKS provides them through the Pod Identity agent.
fn rights(resolver: &mut Resolver<'_>, addons: &[AddonSpec]) {
    const NEEDY: [&str; 2] = ["aws-efs-csi-driver", "amazon-cloudwatch-observability"];
    if addons.iter().any(|addon| addon.name == AGENT) {
        return;
    }
    for addon in addons.iter().filter(|addon| NEEDY.contains(&addon.name.as_str())) {
        let message = format!("{} needs AWS permissions that the nodes' role does not have", addon.name);
        resolver.warning("cluster.addons", message, format!("add {AGENT}, and amiproof creates a role for it"));
    }
}

fn is_addon_version(text: &str) -> bool {
    text.starts_with('v') && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
}

fn is_cluster_name(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let word = |part: &str| part.len() >= 2 && part.chars().all(|c| c.is_ascii_lowercase());
    let number = parts.next_back().is_some_and(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    number && words.len() >= 2 && words.into_iter().all(word)
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws") && account.len() == 12 && account.chars().all(|c| c.is_ascii_digit())
            && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}
