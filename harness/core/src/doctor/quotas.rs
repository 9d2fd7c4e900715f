//! Whether the service quotas of the account allow what the matrix would create.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::matrix::{Capacity, Matrix};
use aws_sdk_ec2::types::{Filter, InstanceLifecycleType, InstanceType};
use futures::future::join_all;

use super::Finding;
use crate::aws::error::{AwsError, Class, Explain as _};
use crate::aws::{Clients, pages, quotas};

const CHECK: &str = "quotas";

/// A quota, how much of it a run needs, and how much is in use.
#[derive(Clone, Debug, PartialEq)]
struct Need {
    /// The service's code in Service Quotas.
    service: &'static str,
    /// The quota's code there.
    code: &'static str,
    /// What it limits, in the plural.
    what: String,
    /// How much a run needs.
    needed: u64,
    /// How much is used already.
    used: u64,
    /// Whether the quota is per availability zone, while `used` is counted in the whole region.
    is_zonal: bool,
}

/// vCPU quotas: name, instance families, quota codes for On-Demand and Spot (EC2 user guide, "Amazon EC2 service quotas").
const VCPUS: [(&str, &[&str], &str, &str); 2] = [
    ("Standard", &["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"], "L-1216C47A", "L-34B43A08"),
    ("G and VT", &["g", "gr", "vt"], "L-DB2E81BA", "L-3819A6DF"),
];

/// Compares every quota that the matrix counts against. Empty if nothing is created. Values come from
/// [GetServiceQuota](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html), usage from the services;
/// all are reads and retried. What cannot be read is [`Status::Unknown`](super::Status::Unknown).
pub async fn examine(clients: &Clients, matrix: &Matrix) -> Vec<Finding> {
    let (needs, mut findings) = needs(clients, matrix).await;
    let values = join_all(needs.iter().map(|need| quotas::value(clients, need.service, need.code))).await;
    // A caller without permission for one quota has it for none, so this is reported once.
    let mut denied: Option<(AwsError, Vec<&str>)> = None;
    for (need, value) in needs.iter().zip(values) {
        match value {
            Err(error) if error.class == Class::AccessDenied => {
                denied.get_or_insert_with(|| (error, Vec::new())).1.push(&need.what);
            }
            value => findings.push(judge(need, value)),
        }
    }
    if let Some((error, whats)) = denied {
        let help = "attach the policy that `amiproof iam-policy --for doctor` prints";
        findings.push(Finding::unknown(
            CHECK,
            format!("cannot read the quotas of {}: {error}", whats.join(", ")),
            help,
        ));
    }
    findings
}

/// Compares the vCPU quota that one more On-Demand instance of this type counts against.
pub async fn of_instance(clients: &Clients, kind: &str) -> Vec<Finding> {
    let (needs, mut findings) = match cpus(clients, &[(kind, 1, Capacity::OnDemand)]).await {
        Ok(found) => found,
        Err(error) => return vec![uncounted(&error)],
    };
    for need in &needs {
        findings.push(judge(need, quotas::value(clients, need.service, need.code).await));
    }
    findings
}

fn judge(need: &Need, value: Result<Option<f64>, AwsError>) -> Finding {
    let Need { service, code, what, needed, used, is_zonal } = need;
    let value = match value {
        Ok(Some(value)) => value,
        Ok(None) => return Finding::unknown(CHECK, format!("Service Quotas has no value for the quota of {what}"), ""),
        Err(error) => {
            let help = "run `amiproof doctor` again";
            return Finding::unknown(CHECK, format!("cannot read the quota of {what}: {error}"), help);
        }
    };
    let wanted = needed + used;
    // Quotas are whole numbers, far below 2^53.
    #[expect(clippy::cast_precision_loss, reason = "counts of resources are exact in a double")]
    let is_enough = wanted as f64 <= value;
    let message = format!("{what}: {needed} needed, {used} in use, {value} allowed");
    let help = format!(
        "`aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} --desired-value {wanted}`"
    );
    match (is_enough, is_zonal) {
        (true, _) => Finding::ok(CHECK, message),
        (false, true) => Finding::warning(CHECK, format!("{message} per availability zone"), help),
        (false, false) => Finding::problem(CHECK, message, help),
    }
}

/// The quotas that the matrix needs, and findings for what could not be counted.
async fn needs(clients: &Clients, matrix: &Matrix) -> (Vec<Need>, Vec<Finding>) {
    let (mut needs, mut findings) = (Vec::new(), Vec::new());
    let made = matrix.variants.iter().filter(|variant| variant.made().is_some()).count() as u64;
    if made == 0 && !matrix.cluster.create {
        return (needs, findings);
    }
    let instances = matrix.variants.iter().filter_map(|variant| {
        let made = variant.made()?;
        Some((made.instance_types.first()?.as_str(), u64::from(made.count), made.capacity))
    });
    let instances: Vec<_> = instances.collect();
    let (cluster, cpus) = tokio::join!(of_cluster(clients, matrix, made), cpus(clients, &instances));
    match cluster {
        Ok(of_cluster) => needs.extend(of_cluster),
        Err(error) => findings.push(uncounted(&error)),
    }
    match cpus {
        Ok((of_cpus, others)) => {
            needs.extend(of_cpus);
            findings.extend(others);
        }
        Err(error) => findings.push(uncounted(&error)),
    }
    (needs, findings)
}

fn uncounted(error: &AwsError) -> Finding {
    let help = "attach the policy that `amiproof iam-policy --for doctor` prints, or run `amiproof doctor` again";
    Finding::unknown(CHECK, format!("cannot count what is in use: {error}"), help)
}

/// The cluster, its network and its node groups.
async fn of_cluster(clients: &Clients, matrix: &Matrix, made: u64) -> Result<Vec<Need>, AwsError> {
    let cluster = &matrix.cluster;
    let clusters = pages::every(clients, async |token| {
        let answer = clients.eks.list_clusters().set_next_token(token).send().await;
        let answer = answer.explain("ListClusters", "clusters of this region")?;
        Ok((answer.clusters.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let exists = clusters.contains(&cluster.name);
    let need = |service, code, what: &str, needed, used: usize| Need {
        service,
        code,
        what: what.to_owned(),
        needed,
        used: used as u64,
        is_zonal: false,
    };
    let mut needs = Vec::new();
    if cluster.create && !exists {
        needs.push(need("eks", "L-1194D53C", "EKS clusters", 1, clusters.len()));
        if cluster.subnet_ids.is_empty() {
            let (vpcs, gateways, addresses) = tokio::try_join!(vpcs(clients), gateways(clients), addresses(clients))?;
            needs.push(need("vpc", "L-F678F1CE", "VPCs", 1, vpcs));
            needs.push(Need { is_zonal: true, ..need("vpc", "L-FE5A380F", "NAT gateways", 1, gateways) });
            needs.push(need("ec2", "L-0263D0A3", "Elastic IP addresses", 1, addresses));
        }
    }
    if made > 0 {
        let groups = if exists { node_groups(clients, &cluster.name).await? } else { 0 };
        needs.push(need("eks", "L-6D54EA21", "managed node groups per cluster", made, groups));
        let largest = matrix.variants.iter().filter_map(|variant| variant.made()).map(|made| made.count).max();
        needs.push(need("eks", "L-BD136A63", "nodes per node group", u64::from(largest.unwrap_or_default()), 0));
    }
    Ok(needs)
}

async fn node_groups(clients: &Clients, cluster: &str) -> Result<usize, AwsError> {
    let groups = pages::every(clients, async |token| {
        let answer = clients.eks.list_nodegroups().cluster_name(cluster).set_next_token(token).send().await;
        let answer = answer.explain("ListNodegroups", format!("cluster {cluster}"))?;
        Ok((answer.nodegroups.unwrap_or_default(), answer.next_token))
    });
    Ok(groups.await?.len())
}

async fn vpcs(clients: &Clients) -> Result<usize, AwsError> {
    let vpcs = pages::every(clients, async |token| {
        let answer = clients.ec2.describe_vpcs().set_next_token(token).send().await;
        let answer = answer.explain("DescribeVpcs", "VPCs of this region")?;
        Ok((answer.vpcs.unwrap_or_default(), answer.next_token))
    });
    Ok(vpcs.await?.len())
}

async fn gateways(clients: &Clients) -> Result<usize, AwsError> {
    // Deleted gateways stay in the list for an hour and do not count.
    let counted = Filter::builder().name("state").values("pending").values("available").values("deleting").build();
    let gateways = pages::every(clients, async |token| {
        let request = clients.ec2.describe_nat_gateways().filter(counted.clone()).set_next_token(token);
        let answer = request.send().await.explain("DescribeNatGateways", "NAT gateways of this region")?;
        Ok((answer.nat_gateways.unwrap_or_default(), answer.next_token))
    });
    Ok(gateways.await?.len())
}

async fn addresses(clients: &Clients) -> Result<usize, AwsError> {
    let ask = || async {
        clients
            .ec2
            .describe_addresses()
            .send()
            .await
            .explain("DescribeAddresses", "Elastic IP addresses of this region")
    };
    Ok(clients.read(ask).await?.addresses().len())
}

/// The class of an instance type in [`VCPUS`].
fn class(kind: &str) -> Option<usize> {
    let start: String = kind.chars().take_while(char::is_ascii_lowercase).collect();
    VCPUS.iter().position(|(_, starts, ..)| starts.contains(&start.as_str()))
}

/// vCPUs needed and in use, by class and purchase option; and findings for instance types without a known class. `instances` are types, how many
/// of each, and how they are bought.
async fn cpus(clients: &Clients, instances: &[(&str, u64, Capacity)]) -> Result<(Vec<Need>, Vec<Finding>), AwsError> {
    let mut wanted: BTreeMap<(usize, bool), Vec<(String, u64)>> = BTreeMap::new();
    let mut findings = Vec::new();
    for &(kind, count, capacity) in instances {
        match class(kind) {
            Some(class) => {
                let key = (class, capacity == Capacity::Spot);
                wanted.entry(key).or_default().push((kind.to_owned(), count));
            }
            None => findings.push(Finding::unknown(
                CHECK,
                format!("amiproof does not know the vCPU quota that {kind} counts against"),
                "look at the quotas of EC2 in the Service Quotas console",
            )),
        }
    }
    if wanted.is_empty() {
        return Ok((Vec::new(), findings));
    }
    let running = running(clients).await?;
    let kinds: BTreeSet<&String> =
        wanted.values().flatten().map(|(kind, _)| kind).chain(running.iter().map(|(kind, _)| kind)).collect();
    let sizes = sizes(clients, &kinds.into_iter().cloned().collect::<Vec<_>>()).await?;
    let of = |kind: &String, count: u64| sizes.get(kind).copied().unwrap_or_default() * count;
    let needs = wanted.iter().map(|((index, is_spot), kinds)| {
        let (name, _, on_demand, spot) = VCPUS[*index];
        let used = running.iter().filter(|(kind, spot)| class(kind) == Some(*index) && spot == is_spot);
        Need {
            service: "ec2",
            code: if *is_spot { spot } else { on_demand },
            what: format!("vCPUs of {} {name} instances", if *is_spot { "Spot" } else { "On-Demand" }),
            needed: kinds.iter().map(|(kind, count)| of(kind, *count)).sum(),
            used: used.map(|(kind, _)| of(kind, 1)).sum(),
            is_zonal: false,
        }
    });
    Ok((needs.collect(), findings))
}

/// Instances that count: type, and whether it is a Spot instance.
async fn running(clients: &Clients) -> Result<Vec<(String, bool)>, AwsError> {
    let alive = Filter::builder().name("instance-state-name").values("pending").values("running").build();
    pages::every(clients, async |token| {
        let request = clients.ec2.describe_instances().filters(alive.clone()).set_next_token(token);
        let answer = request.send().await.explain("DescribeInstances", "instances of this region")?;
        let instances = answer.reservations.unwrap_or_default().into_iter();
        let instances = instances.flat_map(|reservation| reservation.instances.unwrap_or_default());
        let of = |instance: aws_sdk_ec2::types::Instance| {
            let is_spot = instance.instance_lifecycle == Some(InstanceLifecycleType::Spot);
            Some((instance.instance_type?.as_str().to_owned(), is_spot))
        };
        Ok((instances.filter_map(of).collect(), answer.next_token))
    })
    .await
}

/// vCPUs by instance type.
async fn sizes(clients: &Clients, kinds: &[String]) -> Result<BTreeMap<String, u64>, AwsError> {
    let mut sizes = BTreeMap::new();
    // EC2 accepts at most 100 names.
    for kinds in kinds.chunks(100) {
        let wanted: Vec<InstanceType> = kinds.iter().map(|kind| InstanceType::from(kind.as_str())).collect();
        let found = pages::every(clients, async |token| {
            let request = clients.ec2.describe_instance_types().set_instance_types(Some(wanted.clone()));
            let answer =
                request.set_next_token(token).send().await.explain("DescribeInstanceTypes", kinds.join(", "))?;
            Ok((answer.instance_types.unwrap_or_default(), answer.next_token))
        })
        .await?;
        sizes.extend(found.into_iter().filter_map(|kind| {
            let cpus = kind.v_cpu_info().and_then(|cpus| cpus.default_v_cpus())?;
            Some((kind.instance_type()?.as_str().to_owned(), u64::try_from(cpus).ok()?))
        }));
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_types_have_the_class_that_their_quota_is_of() {
        for (kind, wanted) in [
            ("m6i.large", Some(0)),
            ("im4gn.large", Some(0)),
            ("t3.medium", Some(0)),
            ("g5.xlarge", Some(1)),
            ("vt1.3xlarge", Some(1)),
            ("p4d.24xlarge", None),
            ("mac2.metal", None),
            ("trn1.2xlarge", None),
            ("x2gd.medium", None),
        ] {
            assert_eq!(class(kind), wanted, "{kind}");
        }
    }

    #[test]
    fn a_quota_is_enough_when_need_and_use_fit_together() {
        let need = |needed, used, is_zonal| Need {
            service: "vpc",
            code: "L-F678F1CE",
            what: "VPCs".to_owned(),
            needed,
            used,
            is_zonal,
        };
        let broken = AwsError::new(Class::Infrastructure, "GetServiceQuota", "quota L-F678F1CE of vpc", "no");
        let message: Vec<String> = [
            judge(&need(1, 4, false), Ok(Some(5.0))),
            judge(&need(1, 5, false), Ok(Some(5.0))),
            judge(&need(1, 5, true), Ok(Some(5.0))),
            judge(&need(1, 5, false), Ok(None)),
            judge(&need(1, 5, false), Err(broken)),
        ]
        .iter()
        .map(|finding| {
            format!("{} {}\n  {}", finding.status.as_str(), finding.message, finding.help).trim_end().to_owned()
        })
        .collect();
        insta::assert_snapshot!(message.join("\n"), @r"
        ok VPCs: 1 needed, 4 in use, 5 allowed
        problem VPCs: 1 needed, 5 in use, 5 allowed
          `aws service-quotas request-service-quota-increase --service-code vpc --quota-code L-F678F1CE --desired-value 6`
        warning VPCs: 1 needed, 5 in use, 5 allowed per availability zone
          `aws service-quotas request-service-quota-increase --service-code vpc --quota-code L-F678F1CE --desired-value 6`
        unknown Service Quotas has no value for the quota of VPCs
        unknown cannot read the quota of VPCs: GetServiceQuota for quota L-F678F1CE of vpc: no (run again)
          run `amiproof doctor` again
        ");
    }
}
