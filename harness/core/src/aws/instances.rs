//! The EC2 instances behind a node group.

use aws_sdk_ec2::types::Filter;
use jiff::Timestamp;

use super::Clients;
use super::error::{AwsError, Explain as _};

/// An instance of a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// The AMI that it really booted.
    pub ami_id: String,
    /// `pending`, `running`, `shutting-down` …
    pub state: String,
    /// When it was launched.
    pub launched: Option<Timestamp>,
    /// The name that the kubelet registers with by default: `ip-10-0-1-2.us-west-2.compute.internal`.
    pub private_dns_name: String,
    /// The address that it has in the subnet.
    pub private_ip: Option<String>,
}

/// The instances of a node group that are starting or running, oldest first; found by the tags that EKS puts on them.
///
/// # Errors
/// When EC2 does not answer.
pub async fn of_node_group(clients: &Clients, cluster: &str, node_group: &str) -> Result<Vec<Instance>, AwsError> {
    let filters = [
        ("tag:eks:cluster-name", vec![cluster]),
        ("tag:eks:nodegroup-name", vec![node_group]),
        ("instance-state-name", vec!["pending", "running"]),
    ];
    matching(clients, &filters, &format!("instances of node group {node_group}")).await
}

/// The instances of these ids that are starting or running, oldest first. One that is gone is left out.
///
/// # Errors
/// When EC2 does not answer.
pub async fn by_ids(clients: &Clients, ids: &[&str]) -> Result<Vec<Instance>, AwsError> {
    let mut found = Vec::new();
    // A filter, unlike the parameter InstanceIds, does not refuse the whole request for an id that is gone; it takes 200 values.
    for some in ids.chunks(200) {
        let filters = [("instance-id", some.to_vec()), ("instance-state-name", vec!["pending", "running"])];
        found.extend(matching(clients, &filters, "instances of the variant's nodes").await?);
    }
    Ok(found)
}

/// The instances that all filters match, oldest first.
pub(crate) async fn matching(
    clients: &Clients,
    filters: &[(&str, Vec<&str>)],
    what: &str,
) -> Result<Vec<Instance>, AwsError> {
    let filters: Vec<Filter> = filters
        .iter()
        .map(|(name, values)| {
            Filter::builder().name(*name).set_values(Some(values.iter().map(ToString::to_string).collect())).build()
        })
        .collect();
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = clients
            .patiently(|| async {
                let _place = clients.read_place().await;
                let request = clients.ec2.describe_instances().set_filters(Some(filters.clone()));
                request.set_next_token(token.clone()).send().await.explain("DescribeInstances", what)
            })
            .await?;
        let reservations = page.reservations.unwrap_or_default().into_iter();
        found
            .extend(reservations.flat_map(|reservation| reservation.instances.unwrap_or_default()).map(Instance::from));
        match page.next_token {
            Some(next) if !next.is_empty() && token.as_ref() != Some(&next) => token = Some(next),
            _ => break,
        }
    }
    found.sort_by(|a, b| (a.launched, &a.id).cmp(&(b.launched, &b.id)));
    Ok(found)
}

impl From<aws_sdk_ec2::types::Instance> for Instance {
    fn from(instance: aws_sdk_ec2::types::Instance) -> Self {
        let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str());
        Self {
            state: state.unwrap_or("unknown").to_owned(),
            launched: instance.launch_time().and_then(timestamp),
            id: instance.instance_id.unwrap_or_default(),
            ami_id: instance.image_id.unwrap_or_default(),
            private_dns_name: instance.private_dns_name.unwrap_or_default(),
            private_ip: instance.private_ip_address,
        }
    }
}

/// A time of the SDK; `None` for one that no calendar holds.
pub(crate) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).unwrap_or_default()).ok()
}
