//! How the instances behind nodes can be reached, and what they may do: addresses, subnets and routes, security groups, metadata
//! options, volumes, roles. Everything is read; nothing is changed.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, SecurityGroupRule};

use super::Clients;
use super::error::{AwsError, Explain as _};

/// An instance as the network and the metadata service see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `i-…`.
    pub id: String,
    /// The key pair that its first user can log in with, where it has one.
    pub key_name: Option<String>,
    /// Public IPv4 and IPv6 addresses. An IPv6 address of a VPC is a public one.
    pub public_addresses: Vec<String>,
    /// The subnet.
    pub subnet: String,
    /// Security groups.
    pub groups: Vec<String>,
    /// Options of its metadata service.
    pub metadata: Metadata,
    /// The volume with its root file system.
    pub root_volume: Option<String>,
    /// The ARN of the instance profile, where it has one.
    pub profile: Option<String>,
}

/// Options of the instance metadata service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `enabled` or `disabled`.
    pub endpoint: String,
    /// `required` for IMDSv2 alone.
    pub tokens: String,
    /// Hop limit of responses; with 1, pods with their own network get none.
    pub hop_limit: Option<i32>,
}

/// The instances with these ids. The answer may be up to five minutes old: checks of one variant share it.
///
/// # Errors
/// [`AwsError`] of [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html), even if only one of them does not exist.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn describe(clients: &Clients, ids: &[String]) -> Result<Vec<Host>, AwsError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    clients.shared_answer(("hosts", &ids.join(" ")), || describe_now(clients, ids)).await
}

async fn describe_now(clients: &Clients, ids: &[String]) -> Result<Vec<Host>, AwsError> {
    let reservations = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.ec2.describe_instances().set_instance_ids(Some(ids.to_vec()));
            request.send().await.explain("DescribeInstances", ids.join(", "))
        })
        .await?
        .reservations
        .unwrap_or_default();
    Ok(reservations.into_iter().flat_map(|found| found.instances.unwrap_or_default()).map(Host::from).collect())
}

impl From<aws_sdk_ec2::types::Instance> for Host {
    fn from(instance: aws_sdk_ec2::types::Instance) -> Self {
        let options = instance.metadata_options();
        let word = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let metadata = Metadata {
            endpoint: word(options.and_then(|options| options.http_endpoint()).map(|state| state.as_str())),
            tokens: word(options.and_then(|options| options.http_tokens()).map(|state| state.as_str())),
            hop_limit: options.and_then(|options| options.http_put_response_hop_limit()),
        };
        let six = instance.network_interfaces().iter().flat_map(|interface| interface.ipv6_addresses());
        let public = instance
            .public_ip_address()
            .into_iter()
            .chain(six.filter_map(|address| address.ipv6_address()))
            .map(str::to_owned)
            .collect();
        let root = instance.block_device_mappings().iter().find(|mapping| {
            // The mapping of the root device; the only one where EC2 does not say which that is.
            instance.root_device_name().is_none() || mapping.device_name() == instance.root_device_name()
        });
        Self {
            id: word(instance.instance_id()),
            key_name: instance.key_name().filter(|name| !name.is_empty()).map(str::to_owned),
            public_addresses: public,
            subnet: word(instance.subnet_id()),
            groups: instance.security_groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect(),
            metadata,
            root_volume: root.and_then(|root| root.ebs()?.volume_id().map(str::to_owned)),
            profile: instance.iam_instance_profile().and_then(|profile| profile.arn().map(str::to_owned)),
        }
    }
}

/// A security group rule for incoming connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// The rule: `sgr-…`.
    pub id: String,
    /// The security group that has it.
    pub group: String,
    /// `tcp`, `udp`, a number, or `-1` for all protocols.
    pub protocol: String,
    /// First and last port; `None` for all.
    pub ports: Option<(i32, i32)>,
    /// The allowed source.
    pub peer: Peer,
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Addresses: a CIDR, or a prefix list.
    Addresses(String),
    /// Members of a security group.
    Group(String),
}

impl Peer {
    /// As a message names it.
    pub fn name(&self) -> &str {
        match self {
            Self::Addresses(name) | Self::Group(name) => name,
        }
    }
}

impl Ingress {
    /// Whether it allows TCP connections to a port.
    pub fn covers(&self, port: u16) -> bool {
        let port = i32::from(port);
        let is_tcp = matches!(self.protocol.as_str(), "tcp" | "6" | "-1");
        is_tcp && (self.protocol == "-1" || self.ports.is_none_or(|(from, to)| (from..=to).contains(&port)))
    }
}

/// The rules of security groups for incoming connections.
///
/// # Errors
/// [`AwsError`] of [DescribeSecurityGroupRules](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn ingress(clients: &Clients, groups: &BTreeSet<String>) -> Result<Vec<Ingress>, AwsError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let what = groups.iter().cloned().collect::<Vec<_>>().join(", ");
    let filter = Filter::builder().name("group-id").set_values(Some(groups.iter().cloned().collect())).build();
    let rules: Vec<SecurityGroupRule> = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let pages = clients.ec2.describe_security_group_rules().filters(filter.clone()).into_paginator().items();
            let rules: Result<Vec<_>, _> = pages.send().collect().await;
            rules.explain("DescribeSecurityGroupRules", &what)
        })
        .await?;
    Ok(rules.into_iter().filter(|rule| rule.is_egress() != Some(true)).map(Ingress::from).collect())
}

impl From<SecurityGroupRule> for Ingress {
    fn from(rule: SecurityGroupRule) -> Self {
        let addresses = rule.cidr_ipv4().or_else(|| rule.cidr_ipv6()).or_else(|| rule.prefix_list_id());
        let group = rule.referenced_group_info().and_then(|group| group.group_id());
        let peer = match (addresses, group) {
            (None, Some(group)) => Peer::Group(group.to_owned()),
            (addresses, _) => Peer::Addresses(addresses.unwrap_or("an unknown source").to_owned()),
        };
        // -1 stands for all ports.
        let ports = rule.from_port().zip(rule.to_port()).filter(|(from, to)| *from >= 0 && *to >= 0);
        Self {
            id: rule.security_group_rule_id().unwrap_or_default().to_owned(),
            group: rule.group_id().unwrap_or_default().to_owned(),
            protocol: rule.ip_protocol().unwrap_or_default().to_owned(),
            ports,
            peer,
        }
    }
}

/// A subnet as seen from the internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// Whether instances get a public address when they start.
    pub maps_public_addresses: bool,
    /// The internet gateway that its route table routes to, if any.
    pub gateway: Option<String>,
}

/// Subnets with the routes of their route tables; the main table of the VPC applies to a subnet without its own.
///
/// # Errors
/// [`AwsError`] of [DescribeSubnets](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html) and [DescribeRouteTables](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn subnets(clients: &Clients, ids: &BTreeSet<String>) -> Result<Vec<Subnet>, AwsError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let what = ids.iter().cloned().collect::<Vec<_>>().join(", ");
    let found = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.ec2.describe_subnets().set_subnet_ids(Some(ids.iter().cloned().collect()));
            request.send().await.explain("DescribeSubnets", &what)
        })
        .await?
        .subnets
        .unwrap_or_default();
    let vpcs: BTreeSet<String> = found.iter().filter_map(|subnet| subnet.vpc_id().map(str::to_owned)).collect();
    let filter = Filter::builder().name("vpc-id").set_values(Some(vpcs.into_iter().collect())).build();
    let tables: Vec<aws_sdk_ec2::types::RouteTable> = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let pages = clients.ec2.describe_route_tables().filters(filter.clone()).into_paginator().items();
            let tables: Result<Vec<_>, _> = pages.send().collect().await;
            tables.explain("DescribeRouteTables", &what)
        })
        .await?;
    let subnet = |subnet: &aws_sdk_ec2::types::Subnet| {
        let (id, vpc) = (subnet.subnet_id().unwrap_or_default(), subnet.vpc_id());
        let own = tables.iter().find(|table| table.associations().iter().any(|one| one.subnet_id() == Some(id)));
        let main = || {
            let is_main = |one: &aws_sdk_ec2::types::RouteTableAssociation| one.main() == Some(true);
            tables.iter().find(|table| table.vpc_id() == vpc && table.associations().iter().any(is_main))
        };
        let routes = own.or_else(main).map_or(&[][..], |table| table.routes());
        let gateway = routes.iter().filter_map(|route| route.gateway_id()).find(|id| id.starts_with("igw-"));
        Subnet {
            id: id.to_owned(),
            maps_public_addresses: subnet.map_public_ip_on_launch() == Some(true),
            gateway: gateway.map(str::to_owned),
        }
    };
    Ok(found.iter().map(subnet).collect())
}

/// Whether each volume is encrypted.
///
/// # Errors
/// [`AwsError`] of [DescribeVolumes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html), even if only one of them does not exist.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn encryption(clients: &Clients, volumes: &[String]) -> Result<BTreeMap<String, bool>, AwsError> {
    if volumes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.ec2.describe_volumes().set_volume_ids(Some(volumes.to_vec()));
            request.send().await.explain("DescribeVolumes", volumes.join(", "))
        })
        .await?;
    let pair = |volume: &aws_sdk_ec2::types::Volume| {
        (volume.volume_id().unwrap_or_default().to_owned(), volume.encrypted() == Some(true))
    };
    Ok(answer.volumes().iter().map(pair).collect())
}

/// A role and its policies, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Managed policies, by name.
    pub managed: Vec<String>,
    /// Inline policies, by name.
    pub inline: Vec<String>,
}

/// The roles behind instance profiles.
///
/// # Errors
/// [`AwsError`] of [GetInstanceProfile](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn roles(clients: &Clients, profile_arns: &BTreeSet<String>) -> Result<Vec<Role>, AwsError> {
    let mut roles = Vec::new();
    for arn in profile_arns {
        let profile = arn.rsplit('/').next().unwrap_or(arn);
        let answer = clients
            .read(|| async {
                let request = clients.iam.get_instance_profile().instance_profile_name(profile);
                request.send().await.explain("GetInstanceProfile", profile)
            })
            .await?;
        for role in answer.instance_profile().map_or(&[][..], |profile| profile.roles()) {
            roles.push(policies(clients, role.role_name(), role.arn()).await?);
        }
    }
    Ok(roles)
}

async fn policies(clients: &Clients, role: &str, arn: &str) -> Result<Role, AwsError> {
    let attached = clients
        .read(|| async {
            let pages = clients.iam.list_attached_role_policies().role_name(role).into_paginator().items();
            let found: Result<Vec<_>, _> = pages.send().collect().await;
            found.explain("ListAttachedRolePolicies", role)
        })
        .await?;
    let inline = clients
        .read(|| async {
            let pages = clients.iam.list_role_policies().role_name(role).into_paginator().items();
            let found: Result<Vec<String>, _> = pages.send().collect().await;
            found.explain("ListRolePolicies", role)
        })
        .await?;
    let managed = attached.iter().filter_map(|policy| policy.policy_name().map(str::to_owned)).collect();
    Ok(Role { name: role.to_owned(), arn: arn.to_owned(), managed, inline })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_covers_a_port_by_protocol_and_range() {
        let rule = |protocol: &str, ports: Option<(i32, i32)>| Ingress {
            id: String::new(),
            group: String::new(),
            protocol: protocol.to_owned(),
            ports,
            peer: Peer::Addresses("0.0.0.0/0".to_owned()),
        };
        for (protocol, ports, covers) in [
            ("tcp", Some((22, 22)), true),
            ("tcp", Some((0, 65535)), true),
            ("6", Some((20, 23)), true),
            ("tcp", Some((23, 443)), false),
            ("udp", Some((22, 22)), false),
            ("-1", None, true),
            ("icmp", Some((-1, -1)), false),
        ] {
            assert_eq!(rule(protocol, ports).covers(22), covers, "{protocol} {ports:?}");
        }
    }

    #[test]
    fn an_instance_shows_its_addresses_and_its_root_volume() {
        use aws_sdk_ec2::types::{
            EbsInstanceBlockDevice, Instance, InstanceBlockDeviceMapping, InstanceIpv6Address, InstanceNetworkInterface,
        };
        let disk = |device: &str, volume: &str| {
            let ebs = EbsInstanceBlockDevice::builder().volume_id(volume).build();
            InstanceBlockDeviceMapping::builder().device_name(device).ebs(ebs).build()
        };
        let six = InstanceIpv6Address::builder().ipv6_address("2600::1").build();
        let host = Host::from(
            Instance::builder()
                .instance_id("i-1")
                .public_ip_address("3.0.0.1")
                .key_name("")
                .root_device_name("/dev/xvda")
                .block_device_mappings(disk("/dev/xvdb", "vol-2"))
                .block_device_mappings(disk("/dev/xvda", "vol-1"))
                .network_interfaces(InstanceNetworkInterface::builder().ipv6_addresses(six).build())
                .build(),
        );
        assert_eq!((host.root_volume.as_deref(), host.key_name), (Some("vol-1"), None));
        assert_eq!(host.public_addresses, ["3.0.0.1", "2600::1"]);
    }
}
