//! Requirements of governed accounts for all created resources: tags, permissions boundaries, endpoints, logs, keys.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::file::{ClusterSection, EndpointSection};
use super::resolver::{Resolver, list};
use super::spec::ClusterSpec;
use super::spec::governance::{ControlPlaneLog, Endpoint, Governance};
use crate::form::List;

/// Most tags that a resource can have, less those that amiproof and EKS put on it (AWS general reference, "Tag naming limits": 50).
const MAX_TAGS: usize = 40;

/// Resolves these keys of the section `cluster`.
pub(super) fn resolve(resolver: &mut Resolver<'_>, raw: &mut ClusterSection, create: bool) -> Governance {
    let only_made = [
        ("endpoint", raw.endpoint.is_some()),
        ("logging", raw.logging.is_some()),
        ("secretsKey", raw.secrets_key.is_some()),
    ];
    for (key, _) in only_made.into_iter().filter(|(_, is_given)| *is_given && !create) {
        let message = format!("{key} is for a cluster that amiproof creates, and this one exists");
        resolver.warning(&format!("cluster.{key}"), message, "remove it, or set create: true");
    }
    let region = raw.region.clone();
    let has_subnets = raw.subnet_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    Governance {
        tags: tags(resolver, "cluster.tags", raw.tags.take()),
        permissions_boundary: policy(resolver, "cluster.permissionsBoundary", raw.permissions_boundary.take()),
        endpoint: raw.endpoint.take().map(|section| endpoint(resolver, section, has_subnets)).unwrap_or_default(),
        logging: raw.logging.take().map(|types| logging(resolver, types)),
        secrets_key: key(resolver, "cluster.secretsKey", raw.secrets_key.take(), region.as_deref()),
        node_policies: node_policies(resolver, raw.node_policies.take()),
    }
}

/// Tags, as AWS takes them (AWS general reference, "Tag naming limits and requirements").
pub(super) fn tags(
    resolver: &mut Resolver<'_>,
    at: &str,
    raw: Option<BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let raw = raw.unwrap_or_default();
    if raw.len() > MAX_TAGS {
        let message = format!("{} tags; besides amiproof's own a resource can have {MAX_TAGS}", raw.len());
        resolver.problem(at, message, "keep those that the account requires");
    }
    let is_legal = |text: &str, most: usize| {
        text.chars().count() <= most && text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
    };
    let mut tags = BTreeMap::new();
    for (key, value) in raw {
        let at = format!("{at}.{key}");
        let lower = key.to_ascii_lowercase();
        if lower.starts_with("aws:") || lower.starts_with("amiproof:") || key == "Name" {
            let whose = if lower.starts_with("aws:") { "AWS" } else { "amiproof" };
            resolver.problem(&at, format!("the tag {key} is reserved by {whose}"), "write tags of your own");
        } else if key.is_empty() || !is_legal(&key, 128) {
            let help = "write 1 to 128 letters, digits, blanks and _ . : / = + - @";
            resolver.problem(&at, format!("'{key}' is not a valid key of a tag"), help);
        } else if !is_legal(&value, 256) {
            let help = "write at most 256 letters, digits, blanks and _ . : / = + - @";
            resolver.problem(&at, format!("'{value}' is not a valid value of a tag"), help);
        } else {
            tags.insert(key, value);
        }
    }
    tags
}

fn policy(resolver: &mut Resolver<'_>, at: &str, arn: Option<String>) -> Option<String> {
    let rule = "the ARN of an IAM policy, like arn:aws:iam::111122223333:policy/name";
    resolver.text(at, arn?, "policy ARN", rule, is_policy_arn)
}

fn node_policies(resolver: &mut Resolver<'_>, raw: Option<List<String>>) -> Vec<String> {
    list(resolver, "cluster.nodePolicies", raw, |resolver, at, arn| policy(resolver, at, Some(arn)))
}

/// A KMS key, which must be in the cluster's region.
pub(super) fn key(resolver: &mut Resolver<'_>, at: &str, arn: Option<String>, region: Option<&str>) -> Option<String> {
    let rule = "the ARN of a KMS key or alias, like arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let arn = resolver.text(at, arn?, "KMS key ARN", rule, |text| key_region(text).is_some())?;
    if let (Some(own), Some(region)) = (key_region(&arn), region)
        && own != region
    {
        let message = format!("the KMS key is in {own}, but the resources are in {region}");
        resolver.problem(at, message, format!("name a key of {region}"));
        return None;
    }
    Some(arn)
}

/// The most security groups of a network interface, less the cluster's own (Amazon VPC quotas, "Security groups per network interface":
/// 5, which can be raised to 16).
const MAX_GROUPS: usize = 15;

/// Security groups of nodes, which must be of a VPC that is there before the run.
pub(super) fn security_groups(
    resolver: &mut Resolver<'_>,
    at: &str,
    raw: Option<List<String>>,
    cluster: Option<&ClusterSpec>,
) -> Vec<String> {
    if raw.is_some() && cluster.is_some_and(|cluster| cluster.create && cluster.subnet_ids.is_empty()) {
        let message = "the VPC that amiproof creates contains none of your security groups";
        resolver.problem(at, message, "add cluster.subnetIds of the VPC that they are in, or remove the key");
        return Vec::new();
    }
    let groups = list(resolver, at, raw, |resolver, at, id| {
        resolver.text(at, id, "security group id", "an id like sg-0123456789abcdef0", is_group_id)
    });
    if groups.len() > MAX_GROUPS {
        let message =
            format!("{} groups; besides the cluster security group a node can have {MAX_GROUPS}", groups.len());
        resolver.problem(at, message, "keep those that the account requires");
    }
    groups
}

/// Ids have eight or seventeen hexadecimal digits.
fn is_group_id(text: &str) -> bool {
    text.strip_prefix("sg-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn logging(resolver: &mut Resolver<'_>, raw: List<ControlPlaneLog>) -> Vec<ControlPlaneLog> {
    let mut types: Vec<ControlPlaneLog> = Vec::new();
    for (index, kind) in raw.into_iter().enumerate().filter_map(|(index, kind)| Some((index, kind?))) {
        if types.contains(&kind) {
            let at = format!("cluster.logging[{index}]");
            resolver.warning(&at, format!("{} is listed already", kind.as_str()), "remove one of the two");
        } else {
            types.push(kind);
        }
    }
    types
}

fn endpoint(resolver: &mut Resolver<'_>, raw: EndpointSection, has_subnets: bool) -> Endpoint {
    let public = raw.public.unwrap_or(true);
    let at = "cluster.endpoint.publicAccessCidrs";
    if raw.public_access_cidrs.as_ref().is_some_and(Vec::is_empty) {
        resolver.problem(at, "nobody could reach the API server", "list addresses, or set public: false");
    }
    if !public && raw.public_access_cidrs.is_some() {
        resolver.problem(at, "a private endpoint cannot be reached from the internet", "remove it");
    }
    if !public && !has_subnets {
        let message = "nobody can reach a private endpoint in the VPC that amiproof creates, not even amiproof";
        let help = "add cluster.subnetIds of a VPC that amiproof runs in, or list addresses in publicAccessCidrs";
        resolver.problem("cluster.endpoint.public", message, help);
    }
    let public_access_cidrs = list(resolver, at, raw.public_access_cidrs, |resolver, at, text| {
        let rule = "a public address with a prefix length, like 203.0.113.0/24";
        resolver.text(at, text, "CIDR", rule, is_public_cidr)
    });
    Endpoint { public, public_access_cidrs }
}

fn is_policy_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws") && (*account == "aws" || is_account(account))
            && resource.strip_prefix("policy/").is_some_and(|name| !name.is_empty()))
}

fn key_region(text: &str) -> Option<&str> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "kms", region, account, resource]
            if partition.starts_with("aws")
                && !region.is_empty()
                && is_account(account)
                && ["key/", "alias/"]
                    .iter()
                    .any(|kind| resource.strip_prefix(kind).is_some_and(|id| !id.is_empty())) =>
        {
            Some(region)
        }
        _ => None,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

/// EKS refuses private and reserved blocks (EKS API, `VpcConfigRequest.publicAccessCidrs`).
fn is_public_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u8>()) else { return false };
    match address {
        IpAddr::V4(address) => {
            let is_whole = address.is_unspecified() && length == 0;
            let bits = u32::from(address);
            let host = if length == 0 { u32::MAX } else { u32::MAX >> length.min(31) >> u8::from(length == 32) };
            length <= 32
                && (is_whole
                    || !(address.is_private()
                        || address.is_loopback()
                        || address.is_link_local()
                        || address.is_unspecified()))
                && bits & host == 0
        }
        IpAddr::V6(address) => length <= 128 && !address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_cidr_is_a_block_of_the_internet() {
        for text in ["203.0.113.0/24", "203.0.113.7/32", "0.0.0.0/0", "2001:db8::/32"] {
            assert!(is_public_cidr(text), "{text}");
        }
        for text in
            ["203.0.113.7", "203.0.113.7/24", "10.0.0.0/8", "192.168.1.0/24", "203.0.113.0/33", "x/24", "127.0.0.1/32"]
        {
            assert!(!is_public_cidr(text), "{text}");
        }
    }

    #[test]
    fn arns_of_policies_and_keys_are_told_from_others() {
        assert!(is_policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess"));
        assert!(is_policy_arn("arn:aws-us-gov:iam::111122223333:policy/team/boundary"));
        assert!(!is_policy_arn("arn:aws:iam::111122223333:role/x") && !is_policy_arn("boundary"));
        assert_eq!(key_region("arn:aws:kms:us-west-2:111122223333:key/1234abcd"), Some("us-west-2"));
        assert_eq!(key_region("arn:aws-cn:kms:cn-north-1:111122223333:alias/eks"), Some("cn-north-1"));
        assert_eq!(key_region("1234abcd-12ab-34cd-56ef-1234567890ab"), None);
    }
}
