//! Watching a node group come up: its status and health, what Auto Scaling does for it, and its instances.

use std::time::Duration;

use amiproof_model::verdict::Evidence;
use aws_sdk_eks::types::{Nodegroup, NodegroupIssueCode, NodegroupStatus};
use tokio::time::Instant;

use super::describe;
use crate::aws::autoscaling::{self, Activity};
use crate::aws::error::AwsError;
use crate::aws::evidence::evidence;
use crate::aws::instances::{self, Instance};
use crate::aws::{Class, Clients};

/// EKS itself looks at a node group no more often.
const POLL: Duration = Duration::from_secs(15);
/// Scaling activities may fail a few times before one works; so many in a row with the same permanent cause do not.
const HOPELESS: usize = 3;

/// How watching ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is ACTIVE.
    Active,
    /// Instances were launched, but did not become nodes.
    NotJoined { message: String },
    /// AWS could not launch them.
    Infrastructure { message: String },
}

/// An issue that EKS reports of a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issue {
    pub(super) code: NodegroupIssueCode,
    pub(super) message: String,
    pub(super) resources: Vec<String>,
}

impl std::fmt::Display for Issue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.code.as_str(), self.message)?;
        if self.resources.is_empty() { Ok(()) } else { write!(out, " ({})", self.resources.join(", ")) }
    }
}

/// What has been seen of a node group.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) status: String,
    pub(super) issues: Vec<Issue>,
    pub(super) activities: Vec<Activity>,
    pub(super) instances: Vec<Instance>,
}

/// A node group under watch.
pub(super) struct Watch<'a> {
    clients: &'a Clients,
    cluster: &'a str,
    name: &'a str,
    pub(super) seen: Seen,
}

impl<'a> Watch<'a> {
    pub(super) fn new(clients: &'a Clients, cluster: &'a str, name: &'a str) -> Self {
        Self { clients, cluster, name, seen: Seen::default() }
    }

    /// Looks until the node group is ACTIVE, fails, or the deadline passes.
    pub(super) async fn until(&mut self, deadline: Instant) -> Result<End, AwsError> {
        let started = Instant::now();
        loop {
            self.look().await?;
            if let Some(end) = judge(self.name, &self.seen, started.elapsed(), Instant::now() >= deadline) {
                return Ok(end);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::time::sleep(self.clients.pace().of(POLL).min(left.max(Duration::from_millis(10)))).await;
        }
    }

    async fn look(&mut self) -> Result<(), AwsError> {
        let Some(group) = describe(self.clients, self.cluster, self.name).await? else {
            let message = "it is gone: somebody else deleted it while the run was waiting for it";
            let resource = format!("node group {}", self.name);
            return Err(AwsError::new(Class::NotFound, "DescribeNodegroup", resource, message));
        };
        self.seen.status = group.status().map_or("unknown", NodegroupStatus::as_str).to_owned();
        self.seen.issues = issues(&group);
        if self.seen.status == NodegroupStatus::Active.as_str() {
            return Ok(());
        }
        let groups: Vec<String> = group
            .resources()
            .map(|resources| resources.auto_scaling_groups())
            .unwrap_or_default()
            .iter()
            .filter_map(|group| group.name().map(str::to_owned))
            .collect();
        // Only for the message of a failure: no reason to stop watching when one of them does not answer.
        match autoscaling::activities(self.clients, &groups).await {
            Ok(activities) => self.seen.activities = activities,
            Err(error) => tracing::warn!(%error, "scaling activities are not known"),
        }
        match instances::of_node_group(self.clients, self.cluster, self.name).await {
            Ok(instances) => self.seen.instances = instances,
            Err(error) => tracing::warn!(%error, "instances are not known"),
        }
        Ok(())
    }

    /// What was seen last, as evidence.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let lines = |lines: Vec<String>| if lines.is_empty() { "none".to_owned() } else { lines.join("\n") };
        let Seen { status, issues, activities, instances } = &self.seen;
        let health = lines(issues.iter().map(ToString::to_string).collect());
        let launched = instances.iter().map(|instance| {
            let launched = instance.launched.map(|time| time.to_string()).unwrap_or_default();
            format!("{} {} {} {launched}", instance.id, instance.state, instance.ami_id)
        });
        vec![
            evidence("node group health", format!("status {status}\n{health}")),
            evidence("scaling activities", lines(activities.iter().map(ToString::to_string).collect())),
            evidence("instances", lines(launched.collect())),
        ]
    }
}

/// The issues that EKS reports.
pub(super) fn issues(group: &Nodegroup) -> Vec<Issue> {
    let issues = group.health().map(|health| health.issues()).unwrap_or_default();
    issues
        .iter()
        .map(|issue| Issue {
            code: issue.code().cloned().unwrap_or_else(|| "Unknown".into()),
            message: issue.message().unwrap_or_default().to_owned(),
            resources: issue.resource_ids().to_vec(),
        })
        .collect()
}

/// Whether it is over, and how; `None` to go on watching.
fn judge(name: &str, seen: &Seen, elapsed: Duration, is_late: bool) -> Option<End> {
    let status = seen.status.as_str();
    if status == "ACTIVE" {
        return Some(End::Active);
    }
    let is_failed = matches!(status, "CREATE_FAILED" | "DEGRADED" | "DELETING" | "DELETE_FAILED");
    let failure = launch_failure(seen);
    let is_hopeless = seen.instances.is_empty() && failure.as_ref().is_some_and(|failure| failure.is_permanent);
    if !is_failed && !is_late && !is_hopeless {
        return None;
    }
    let after = elapsed.as_secs();
    let infrastructure = seen.issues.iter().find(|issue| is_infrastructure(&issue.code));
    // Instances that run prove that AWS did its part, unless EKS itself says otherwise.
    let cause = match (infrastructure, failure) {
        (Some(issue), _) => Some(issue.to_string()),
        (None, Some(failure)) if seen.instances.is_empty() => Some(failure.message),
        (None, None) if seen.instances.is_empty() && seen.issues.is_empty() => {
            Some("no instance was launched".to_owned())
        }
        _ => None,
    };
    Some(match cause {
        Some(cause) => End::Infrastructure {
            message: format!(
                "node group {name} is {status} after {after}s for reasons of AWS, not of the image: {cause}"
            ),
        },
        None => {
            let issues: Vec<String> = seen.issues.iter().map(ToString::to_string).collect();
            let issues = if issues.is_empty() { String::new() } else { format!(": {}", issues.join("; ")) };
            let running = seen.instances.len();
            End::NotJoined {
                message: format!(
                    "node group {name} is {status} after {after}s: {running} instance{} launched but did not join the cluster{issues}",
                    if running == 1 { " was" } else { "s were" }
                ),
            }
        }
    })
}

struct LaunchFailure {
    message: String,
    /// Waiting does not help: quota, permission, an instance type that the zone does not have.
    is_permanent: bool,
}

/// The failure that the latest activities agree upon.
fn launch_failure(seen: &Seen) -> Option<LaunchFailure> {
    let latest: Vec<&Activity> = seen.activities.iter().take_while(|activity| activity.is_failed()).collect();
    let newest = latest.first()?;
    let is_capacity = |activity: &&&Activity| {
        ["InsufficientInstanceCapacity", "do not have sufficient", "MaxSpotInstanceCountExceeded", "capacity"]
            .iter()
            .any(|sign| activity.message.contains(sign))
    };
    let is_permanent = latest.len() >= HOPELESS && !latest.iter().any(|activity| is_capacity(&activity));
    Some(LaunchFailure { message: newest.message.clone(), is_permanent })
}

/// Issues that say nothing about the image. `NodeCreationFailure` is the one that does, and so may be an image that does not exist.
fn is_infrastructure(code: &NodegroupIssueCode) -> bool {
    use NodegroupIssueCode as Code;
    matches!(
        code,
        Code::IamThrottling
            | Code::AsgInstanceLaunchFailures
            | Code::InstanceLimitExceeded
            | Code::InsufficientFreeAddresses
            | Code::InternalFailure
            | Code::ClusterUnreachable
            | Code::AutoScalingGroupRateLimitExceeded
            | Code::LimitExceeded
            | Code::IamLimitExceeded
            | Code::Ec2LaunchTemplateMaxLimitExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(480);

    fn seen(status: &str, issues: &[(NodegroupIssueCode, &str)], instances: usize) -> Seen {
        let issues = issues.iter().map(|(code, message)| Issue {
            code: code.clone(),
            message: (*message).to_owned(),
            resources: vec!["i-1".to_owned()],
        });
        let instance = Instance {
            id: "i-1".to_owned(),
            ami_id: "ami-0123456789abcdef0".to_owned(),
            state: "running".to_owned(),
            launched: None,
            private_dns_name: String::new(),
            private_ip: None,
        };
        Seen {
            status: status.to_owned(),
            issues: issues.collect(),
            activities: Vec::new(),
            instances: vec![instance; instances],
        }
    }

    fn failed(message: &str, count: usize) -> Vec<Activity> {
        let activity = Activity {
            status: "Failed".to_owned(),
            description: "Launching a new EC2 instance".to_owned(),
            message: message.to_owned(),
            start: "2026-11-21T07:42:20Z".to_owned(),
        };
        vec![activity; count]
    }

    #[test]
    fn a_node_group_is_watched_until_it_is_active_or_late() {
        assert_eq!(judge("g", &seen("CREATING", &[], 2), LATER, false), None);
        assert_eq!(judge("g", &seen("ACTIVE", &[], 2), LATER, true), Some(End::Active));
        let end = judge("g", &seen("CREATING", &[], 2), LATER, true);
        let message =
            "node group g is CREATING after 480s: 2 instances were launched but did not join the cluster".to_owned();
        assert_eq!(end, Some(End::NotJoined { message }));
    }

    #[test]
    fn nodes_that_did_not_join_are_charged_to_the_image_and_throttling_is_not() {
        let never = seen("CREATE_FAILED", &[(NodegroupIssueCode::NodeCreationFailure, "Instances failed to join")], 1);
        assert!(
            matches!(judge("g", &never, LATER, false), Some(End::NotJoined { message }) if message.contains("failed to join"))
        );
        let throttled = seen("CREATE_FAILED", &[(NodegroupIssueCode::IamThrottling, "Rate exceeded")], 0);
        assert!(
            matches!(judge("g", &throttled, LATER, false), Some(End::Infrastructure { message }) if message.contains("IamThrottling"))
        );
    }

    #[test]
    fn capacity_is_waited_for_and_a_quota_is_not() {
        let mut capacity = seen("CREATING", &[], 0);
        capacity.activities = failed("We currently do not have sufficient m6i.large capacity", 5);
        assert_eq!(judge("g", &capacity, LATER, false), None);
        assert!(matches!(judge("g", &capacity, LATER, true), Some(End::Infrastructure { .. })));
        let mut quota = seen("CREATING", &[], 0);
        quota.activities = failed("You have requested more vCPU than your current limit of 5", 2);
        assert_eq!(judge("g", &quota, LATER, false), None);
        quota.activities = failed("You have requested more vCPU than your current limit of 5", 3);
        assert!(
            matches!(judge("g", &quota, LATER, false), Some(End::Infrastructure { message }) if message.contains("vCPU"))
        );
    }
}
