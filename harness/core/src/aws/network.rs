//! The CloudFormation stack with the test cluster's network and roles.

use std::time::Duration;

use amiproof_model::matrix::ClusterSpec;
use aws_sdk_cloudformation::types::{Stack, StackStatus};
use aws_sdk_ec2::types::Filter;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Clients;
use super::error::{AwsError, Class, Explain as _, found};
use super::names::RUN_TAG;
use super::{partition, retry};
use crate::ledger;

/// The template: a VPC with two public and two private subnets, one NAT gateway, and the roles of cluster and nodes. The stack is created
/// from it, with the additions of the matrix.
pub const TEMPLATE: &str = include_str!("../../templates/network.json");

/// The path of every IAM role of the stack.
pub const ROLE_PATH: &str = "/amiproof/";

const POLL: Duration = Duration::from_secs(20);
/// Zones in which EKS places no control plane (EKS user guide, "View Amazon EKS networking requirements").
const UNSUPPORTED_ZONES: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// The resources of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The stack's name.
    pub stack: String,
    /// The VPC.
    pub vpc_id: String,
    /// Subnets with a route to the internet gateway.
    pub public_subnet_ids: Vec<String>,
    /// Subnets behind the NAT gateway, for nodes.
    pub private_subnet_ids: Vec<String>,
    /// The role of the control plane.
    pub cluster_role_arn: String,
    /// The role of Linux nodes.
    pub node_role_arn: String,
    /// The role of Windows nodes.
    pub windows_node_role_arn: String,
    /// The value of [`RUN_TAG`].
    pub run_tag: Option<String>,
}

impl Network {
    /// Public and private subnets: those of the control plane.
    pub fn subnet_ids(&self) -> Vec<String> {
        self.private_subnet_ids.iter().chain(&self.public_subnet_ids).cloned().collect()
    }
}

/// Whether a cluster needs the stack: the matrix leaves its subnets or a role to it.
pub(crate) fn is_needed(spec: &ClusterSpec, with_windows: bool) -> bool {
    let says_all = !spec.subnet_ids.is_empty()
        && spec.role_arn.is_some()
        && spec.node_role_arn.is_some()
        && (!with_windows || spec.windows_node_role_arn.is_some());
    !says_all
}

/// Why the network is not available.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS returned an error.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The region has too few zones for a cluster.
    #[error("region {0} has fewer than two availability zones that EKS supports: choose another region")]
    Zones(String),
    /// A stack of that name can only be deleted, and another run created it.
    #[error(
        "stack {name} is {status} and {owner}: delete it first (`amiproof destroy --only network`, or `amiproof destroy --run` with that run)"
    )]
    Foreign {
        /// Its name.
        name: String,
        /// Its status.
        status: String,
        /// Its owner, as a predicate: `is owned by run r-2`.
        owner: String,
    },
    /// What an earlier attempt of the run left can only be deleted, and was not.
    #[error("stack {name} is {status} and could not be deleted and recreated: {reason}")]
    Kept {
        /// Its name.
        name: String,
        /// Its status before.
        status: String,
        /// What keeps it.
        reason: String,
    },
    /// The stack failed, or was not complete in time.
    #[error("stack {name} is {status} after {}s, not {wanted}:\n{events}", after.as_secs())]
    Stuck {
        /// Its name.
        name: String,
        /// Its status.
        status: String,
        /// The expected status.
        wanted: &'static str,
        /// How long the run waited for it.
        after: Duration,
        /// The events of failed resources, oldest first.
        events: String,
    },
}

/// Waits until a stack is complete. One that was just created may not be found at first.
///
/// # Errors
/// If a resource fails (with the events of the stack), or if it is not complete within `deadline`.
pub(crate) async fn wait_complete(clients: &Clients, name: &str, deadline: Duration) -> Result<Network, Error> {
    let started = Instant::now();
    loop {
        let Some(stack) = describe_stack(clients, name).await? else {
            if started.elapsed() < retry::VISIBLE_WITHIN {
                clients.pause(POLL).await;
                continue;
            }
            return Err(stuck(clients, name, "gone", "complete", started).await);
        };
        match condition(&status(&stack)) {
            Condition::Usable => return Ok(network_of(&stack)),
            Condition::InProgress if started.elapsed() < deadline => clients.pause(POLL).await,
            _ => return Err(stuck(clients, name, status(&stack).as_str(), "CREATE_COMPLETE", started).await),
        }
    }
}

/// Reads a complete stack; `None` if there is none of that name, or it is not complete.
///
/// # Errors
/// [`AwsError`] of [DescribeStacks](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn describe(clients: &Clients, name: &str) -> Result<Option<Network>, AwsError> {
    let stack = describe_stack(clients, name).await?;
    Ok(stack.filter(|stack| condition(&status(stack)) == Condition::Usable).map(|stack| network_of(&stack)))
}

/// Deletes a stack and waits until it is gone; one that does not exist is not an error.
///
/// # Errors
/// [`AwsError`] of [DeleteStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html); if a resource cannot be deleted
/// (with the events of the stack); or if it still exists after `deadline`.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn delete(clients: &Clients, name: &str, deadline: Duration) -> Result<(), Error> {
    let started = Instant::now();
    let mut is_asked = false;
    while let Some(stack) = describe_stack(clients, name).await? {
        if !is_asked {
            clients
                .until_free(|| async {
                    clients
                        .cloudformation
                        .delete_stack()
                        .stack_name(name)
                        .send()
                        .await
                        .explain("DeleteStack", format!("stack {name}"))
                })
                .await?;
            is_asked = true;
        } else if status(&stack) == StackStatus::DeleteFailed || started.elapsed() >= deadline {
            return Err(stuck(clients, name, status(&stack).as_str(), "gone", started).await);
        }
        clients.pause(POLL).await;
    }
    Ok(())
}

/// Waits while the stack of a name is being deleted or rolled back; its status afterwards, if there is one.
///
/// # Errors
/// If it still is after `deadline` (with the events of the stack); otherwise as [`describe`].
pub(crate) async fn wait_while_going(
    clients: &Clients,
    name: &str,
    deadline: Duration,
) -> Result<Option<StackStatus>, Error> {
    let started = Instant::now();
    while let Some(stack) = describe_stack(clients, name).await? {
        let status = status(&stack);
        if condition(&status) != Condition::Going {
            return Ok(Some(status));
        }
        if started.elapsed() >= deadline {
            return Err(stuck(clients, name, status.as_str(), "gone", started).await);
        }
        clients.pause(POLL).await;
    }
    Ok(None)
}

/// The value of [`RUN_TAG`] of a stack; the outer `None` if there is no such stack.
pub(crate) async fn run_tag(clients: &Clients, name: &str) -> Result<Option<Option<String>>, AwsError> {
    Ok(describe_stack(clients, name).await?.map(|stack| tag_of(&stack)))
}

/// The roles of nodes.
const NODE_ROLES: [&str; 2] = ["NodeRole", "WindowsNodeRole"];

/// The template with the additions of the matrix: the permissions boundary of every role, further policies for those of nodes, and the
/// permissions of the EBS driver for that of Linux nodes, unless the Pod Identity agent provides them.
///
/// # Errors
/// Never for the built-in template.
pub(crate) fn template(spec: &ClusterSpec, region: &str) -> Result<String, AwsError> {
    let broken =
        |error: serde_json::Error| AwsError::new(Class::Request, "CreateStack", "the template", error.to_string());
    let mut template: Value = serde_json::from_str(TEMPLATE).map_err(broken)?;
    let governance = &spec.governance;
    for resource in template["Resources"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        if resource["Type"] == "AWS::IAM::Role"
            && let Some(boundary) = &governance.permissions_boundary
        {
            resource["Properties"]["PermissionsBoundary"] = json!(boundary);
        }
    }
    let mut add = |role: &str, policy: &str| {
        if let Some(policies) = template["Resources"][role]["Properties"]["ManagedPolicyArns"].as_array_mut() {
            policies.push(json!(policy));
        }
    };
    if !spec.addons.iter().any(|addon| addon.name == "eks-pod-identity-agent") {
        add(NODE_ROLES[0], &partition::managed_policy(region, "service-role/AmazonEBSCSIDriverPolicy"));
    }
    for role in NODE_ROLES {
        governance.node_policies.iter().for_each(|policy| add(role, policy));
    }
    serde_json::to_string_pretty(&template).map_err(broken)
}

/// Two zones in which EKS places a control plane.
///
/// # Errors
/// If the region has fewer.
pub(crate) async fn zones(clients: &Clients) -> Result<[String; 2], Error> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let answer = clients
        .read(|| async {
            let request = clients.ec2.describe_availability_zones().filters(filter("state", "available"));
            let request = request.filters(filter("zone-type", "availability-zone"));
            request.send().await.explain("DescribeAvailabilityZones", clients.region())
        })
        .await?;
    let supported = answer
        .availability_zones()
        .iter()
        .filter(|zone| !zone.zone_id().is_some_and(|id| UNSUPPORTED_ZONES.contains(&id)));
    let mut names = supported.filter_map(|zone| zone.zone_name()).map(str::to_owned);
    match (names.next(), names.next()) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ => Err(Error::Zones(clients.region().to_owned())),
    }
}

async fn describe_stack(clients: &Clients, name: &str) -> Result<Option<Stack>, AwsError> {
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.cloudformation.describe_stacks().stack_name(name);
            request.send().await.explain("DescribeStacks", format!("stack {name}"))
        })
        .await;
    let stacks = found(answer)?.and_then(|answer| answer.stacks).unwrap_or_default();
    Ok(stacks.into_iter().find(|stack| status(stack) != StackStatus::DeleteComplete))
}

/// What can be done with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Its resources can be used.
    Usable,
    /// Its resources come, or change.
    InProgress,
    /// Its resources go.
    Going,
    /// Its creation or its deletion failed: it can only be deleted.
    Failed,
    /// A change by someone else failed, because amiproof changes no stack: it is theirs to repair.
    Changed,
}

/// What can be done with a stack of a status (CloudFormation user guide, "Stack status codes").
pub(crate) fn condition(status: &StackStatus) -> Condition {
    match status {
        StackStatus::CreateComplete
        | StackStatus::UpdateComplete
        | StackStatus::UpdateCompleteCleanupInProgress
        | StackStatus::UpdateRollbackComplete
        | StackStatus::UpdateRollbackCompleteCleanupInProgress
        | StackStatus::ImportComplete
        | StackStatus::ImportRollbackComplete => Condition::Usable,
        StackStatus::CreateInProgress
        | StackStatus::UpdateInProgress
        | StackStatus::UpdateRollbackInProgress
        | StackStatus::ImportInProgress
        | StackStatus::ImportRollbackInProgress => Condition::InProgress,
        StackStatus::DeleteInProgress | StackStatus::RollbackInProgress => Condition::Going,
        // One in review has a change set that nobody executed, and no resources.
        StackStatus::CreateFailed
        | StackStatus::DeleteFailed
        | StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::ReviewInProgress => Condition::Failed,
        // Also what this list does not know: nothing is deleted on a guess.
        _ => Condition::Changed,
    }
}

fn status(stack: &Stack) -> StackStatus {
    stack.stack_status().cloned().unwrap_or_else(|| StackStatus::from("unknown"))
}

fn tag_of(stack: &Stack) -> Option<String> {
    stack.tags().iter().find(|tag| tag.key() == Some(RUN_TAG))?.value().map(str::to_owned)
}

fn network_of(stack: &Stack) -> Network {
    let output = |name: &str| {
        let output = stack.outputs().iter().find(|output| output.output_key() == Some(name));
        output.and_then(|output| output.output_value()).unwrap_or_default().to_owned()
    };
    let list = |name: &str| output(name).split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    Network {
        stack: stack.stack_name().unwrap_or_default().to_owned(),
        vpc_id: output("VpcId"),
        public_subnet_ids: list("PublicSubnetIds"),
        private_subnet_ids: list("PrivateSubnetIds"),
        cluster_role_arn: output("ClusterRoleArn"),
        node_role_arn: output("NodeRoleArn"),
        windows_node_role_arn: output("WindowsNodeRoleArn"),
        run_tag: tag_of(stack),
    }
}

async fn stuck(clients: &Clients, name: &str, status: &str, wanted: &'static str, started: Instant) -> Error {
    let request = clients.cloudformation.describe_stack_events().stack_name(name);
    let events = match request.send().await.explain("DescribeStackEvents", format!("stack {name}")) {
        Ok(answer) => {
            let failed = answer
                .stack_events()
                .iter()
                .rev()
                .filter(|event| event.resource_status().is_some_and(|status| status.as_str().ends_with("FAILED")));
            let lines = failed.map(|event| {
                format!(
                    "{} {} {}",
                    event.logical_resource_id().unwrap_or_default(),
                    event.resource_status().map_or("", |status| status.as_str()),
                    event.resource_status_reason().unwrap_or_default()
                )
            });
            // A deletion that is asked for again fails in the same words.
            let mut event_lines: Vec<String> = Vec::new();
            for line in lines {
                if !event_lines.contains(&line) {
                    event_lines.push(line);
                }
            }
            event_lines.join("\n")
        }
        Err(error) => format!("its events are not known: {error}"),
    };
    Error::Stuck { name: name.to_owned(), status: status.to_owned(), wanted, after: started.elapsed(), events }
}

#[cfg(test)]
mod tests {
    use amiproof_model::matrix::{AddonSpec, Governance};

    use super::*;
    use crate::fixture;

    #[test]
    fn every_status_of_a_stack_says_what_can_be_done_with_it() {
        let mut lines: Vec<String> = StackStatus::values()
            .iter()
            .map(|status| format!("{:?} {status}", condition(&StackStatus::from(*status))))
            .collect();
        lines.sort();
        insta::assert_snapshot!(lines.join("\n"), @r"
        Changed DELETE_COMPLETE
        Changed IMPORT_ROLLBACK_FAILED
        Changed UPDATE_FAILED
        Changed UPDATE_ROLLBACK_FAILED
        Failed CREATE_FAILED
        Failed DELETE_FAILED
        Failed REVIEW_IN_PROGRESS
        Failed ROLLBACK_COMPLETE
        Failed ROLLBACK_FAILED
        Going DELETE_IN_PROGRESS
        Going ROLLBACK_IN_PROGRESS
        InProgress CREATE_IN_PROGRESS
        InProgress IMPORT_IN_PROGRESS
        InProgress IMPORT_ROLLBACK_IN_PROGRESS
        InProgress UPDATE_IN_PROGRESS
        InProgress UPDATE_ROLLBACK_IN_PROGRESS
        Usable CREATE_COMPLETE
        Usable IMPORT_COMPLETE
        Usable IMPORT_ROLLBACK_COMPLETE
        Usable UPDATE_COMPLETE
        Usable UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
        Usable UPDATE_ROLLBACK_COMPLETE
        Usable UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
        ");
        assert_eq!(condition(&StackStatus::from("SOMETHING_NEW")), Condition::Changed);
    }

    fn of(addons: &[&str], governance: Governance) -> Value {
        let addons = addons.iter().map(|name| AddonSpec::recommended(name)).collect();
        let spec = ClusterSpec { addons, governance, ..fixture::matrix(Vec::new()).cluster };
        serde_json::from_str(&template(&spec, "cn-north-1").unwrap()).unwrap()
    }

    fn policies(template: &Value, role: &str) -> String {
        template["Resources"][role]["Properties"]["ManagedPolicyArns"].to_string()
    }

    #[test]
    fn nodes_have_the_rights_of_the_ebs_driver_only_where_no_agent_hands_them_out() {
        let with = of(&["eks-pod-identity-agent", "aws-ebs-csi-driver"], Governance::default());
        assert!(!policies(&with, "NodeRole").contains("EBS"), "{with}");
        let without = of(&["aws-ebs-csi-driver"], Governance::default());
        let policy = "arn:aws-cn:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy";
        assert!(policies(&without, "NodeRole").contains(policy), "{without}");
        assert!(!policies(&without, "WindowsNodeRole").contains("EBS"), "{without}");
    }

    #[test]
    fn what_the_account_demands_is_on_every_role() {
        let boundary = "arn:aws:iam::111122223333:policy/boundary";
        let further = "arn:aws:iam::111122223333:policy/golden-image";
        let governance = Governance {
            permissions_boundary: Some(boundary.to_owned()),
            node_policies: vec![further.to_owned()],
            ..Governance::default()
        };
        let template = of(&[], governance);
        for role in ["ClusterRole", "NodeRole", "WindowsNodeRole"] {
            assert_eq!(template["Resources"][role]["Properties"]["PermissionsBoundary"], boundary, "{role}");
            assert_eq!(policies(&template, role).contains(further), role != "ClusterRole", "{role}");
        }
        let plain = of(&[], Governance::default());
        assert!(!plain.to_string().contains("PermissionsBoundary"));
    }
}
