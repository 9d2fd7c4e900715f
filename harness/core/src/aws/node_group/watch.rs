//! Watches a node group come up: its status and health, its scaling activities, and its instances.

use std::time::Duration;

use amiproof_model::verdict::Evidence;
use aws_sdk_eks::types::{Nodegroup, NodegroupIssueCode, NodegroupStatus};
use tokio::time::Instant;

use super::cause::{self, Blame, Infrastructure};
use super::describe;
use crate::aws::autoscaling::{self, Activity};
use crate::aws::error::AwsError;
use crate::aws::instances::{self, Launched, OfRun};
use crate::aws::{Class, Clients, retry};
use crate::evidence::evidence;

/// The polling interval: that of EKS's own waiter (botocore, `NodegroupActive`).
const POLL: Duration = Duration::from_secs(30);
/// The first interval: no instance boots and joins faster.
const FIRST_POLL: Duration = Duration::from_secs(60);
/// How old the list of the run's instances may be, which all its node groups share.
const LIST: Duration = Duration::from_secs(15);
/// After how many failed launches in a row the watch ends if the reason is unknown and no instance was launched. Fewer failures are normal: IAM is eventually
/// consistent, and a new role may not be visible yet.
const HOPELESS: usize = 3;

/// The result of watching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is ACTIVE.
    Active,
    /// Instances were launched, but did not become nodes.
    NotJoined { message: String },
    /// AWS could not launch them.
    Infrastructure { class: Infrastructure, message: String },
}

/// A health issue of a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) code: NodegroupIssueCode,
    pub(crate) message: String,
    pub(crate) resources: Vec<String>,
}

impl std::fmt::Display for Issue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.code.as_str(), self.message)?;
        if self.resources.is_empty() { Ok(()) } else { write!(out, " ({})", self.resources.join(", ")) }
    }
}

/// The state of a node group as last read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observation {
    pub(crate) status: String,
    pub(crate) issues: Vec<Issue>,
    pub(crate) activities: Vec<Activity>,
    /// Every instance that was launched, whether it still runs or not.
    pub(crate) launched: Vec<Launched>,
}

impl Observation {
    /// The ids of the instances, those first that EKS says did not join, then those that run.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let is_named =
            |launched: &Launched| self.issues.iter().any(|issue| issue.resources.contains(&launched.instance.id));
        let mut order: Vec<&Launched> = self.launched.iter().collect();
        order.sort_by_key(|launched| (!is_named(launched), launched.ended.is_some()));
        order.into_iter().map(|launched| launched.instance.id.as_str()).collect()
    }
}

/// A node group under watch.
pub(crate) struct Watch<'a> {
    clients: &'a Clients,
    group: OfRun<'a>,
    pub(crate) seen: Observation,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(clients: &'a Clients, group: OfRun<'a>) -> Self {
        Self { clients, group, seen: Observation::default() }
    }

    /// Polls until the node group is ACTIVE, fails, or the deadline passes. A node group that was just created (`is_new`) is first polled after a minute.
    /// `tell` receives what is waited for: after every poll, and for a new node group also before the first one.
    pub(crate) async fn until(
        &mut self,
        deadline: Instant,
        (wanted, is_new): (usize, bool),
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<End, AwsError> {
        let started = Instant::now();
        let pause = async |poll: Duration| {
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::time::sleep(amiproof_time::scaled(poll).min(left.max(Duration::from_millis(10)))).await;
        };
        if is_new {
            NodegroupStatus::Creating.as_str().clone_into(&mut self.seen.status);
            tell(self.waiting(wanted));
            pause(FIRST_POLL).await;
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.look(started, wanted, left).await?;
            tell(self.waiting(wanted));
            if let Some(end) = judge(self.group.name, &self.seen, started.elapsed(), Instant::now() >= deadline) {
                return Ok(end);
            }
            pause(POLL).await;
        }
    }

    async fn look(&mut self, started: Instant, wanted: usize, left: Duration) -> Result<(), AwsError> {
        let Some(group) = describe(self.clients, self.group.cluster, self.group.name).await? else {
            // It was created a moment ago.
            if started.elapsed() < retry::VISIBLE_WITHIN {
                return Ok(());
            }
            let message = "it no longer exists: someone else deleted it while the run was waiting for it";
            let resource = format!("node group {}", self.group.name);
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
        // If EC2 or Auto Scaling does not answer, what was read before counts, and watching continues.
        match instances::launched(self.clients, self.group, LIST).await {
            Ok(launched) => self.remember(launched),
            Err(error) => tracing::warn!(%error, "cannot list the instances"),
        }
        // Once all instances run, activities say nothing new. At the last poll they are read anyway, as evidence.
        let is_coming_up = self.seen.status == NodegroupStatus::Creating.as_str() && self.seen.issues.is_empty();
        if is_coming_up && self.running() >= wanted && left > amiproof_time::scaled(POLL) {
            return Ok(());
        }
        match autoscaling::activities(self.clients, &groups).await {
            Ok(activities) => self.seen.activities = activities,
            Err(error) => tracing::warn!(%error, "cannot read the scaling activities"),
        }
        Ok(())
    }

    /// EC2 stops listing an instance an hour after its termination; the watch does not.
    fn remember(&mut self, launched: Vec<Launched>) {
        let known = std::mem::take(&mut self.seen.launched);
        let forgotten = known.into_iter().filter(|old| launched.iter().all(|new| new.instance.id != old.instance.id));
        let mut all: Vec<Launched> = forgotten.collect();
        all.extend(launched);
        self.seen.launched = all;
    }

    /// How many instances start or run.
    fn running(&self) -> usize {
        self.seen.launched.iter().filter(|launched| launched.ended.is_none()).count()
    }

    /// What it waits for, in one line.
    fn waiting(&self, wanted: usize) -> String {
        let running = self.running();
        let issues = match self.seen.issues.first() {
            Some(issue) => format!("; {issue}"),
            None => String::new(),
        };
        format!("EKS reports {}, {running} of {wanted} instances are running{issues}", self.seen.status)
    }

    /// The last state, as evidence.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let lines = |lines: Vec<String>| if lines.is_empty() { "none".to_owned() } else { lines.join("\n") };
        let Observation { status, issues, activities, launched } = &self.seen;
        let health = lines(issues.iter().map(ToString::to_string).collect());
        vec![
            evidence("node group health", format!("status {status}\n{health}")),
            evidence("scaling activities", lines(activities.iter().map(ToString::to_string).collect())),
            evidence("instances", lines(launched.iter().map(ToString::to_string).collect())),
        ]
    }
}

/// The issues that EKS reports.
pub(crate) fn issues(group: &Nodegroup) -> Vec<Issue> {
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
fn judge(name: &str, seen: &Observation, elapsed: Duration, is_late: bool) -> Option<End> {
    let status = seen.status.as_str();
    if status == "ACTIVE" {
        return Some(End::Active);
    }
    if matches!(status, "DELETING" | "DELETE_FAILED") {
        // This says nothing about the image, and the node group is created again.
        let issues: Vec<String> = seen.issues.iter().map(ToString::to_string).collect();
        let why = if issues.is_empty() { String::new() } else { format!(" ({})", issues.join("; ")) };
        let deletes = if status == "DELETING" { "deletes it" } else { "failed to delete it" };
        let message =
            format!("node group {name} is {status}{why}: an earlier process of the run or someone else {deletes}");
        return Some(End::Infrastructure { class: Infrastructure::Unlisted, message });
    }
    let is_failed = matches!(status, "CREATE_FAILED" | "DEGRADED");
    let failure = launch_failure(seen);
    let is_hopeless = seen.launched.is_empty() && failure.as_ref().is_some_and(|failure| failure.is_hopeless);
    if !is_failed && !is_late && !is_hopeless {
        return None;
    }
    let after = elapsed.as_secs();
    Some(match infrastructure(seen, failure) {
        Some((class, cause)) => End::Infrastructure {
            class,
            message: format!(
                "node group {name} is {status} after {after}s because of AWS or the account, not the image: {cause} ({})",
                class.help()
            ),
        },
        None => End::NotJoined { message: not_joined(name, seen, after) },
    })
}

/// The cause, if AWS or the account is at fault. Launched instances prove that it is not, unless EKS or EC2 itself reports otherwise.
fn infrastructure(seen: &Observation, failure: Option<LaunchFailure>) -> Option<(Infrastructure, String)> {
    let blamed = seen.issues.iter().find_map(|issue| match cause::of_issue(&issue.code, &issue.message) {
        Blame::Infrastructure(class) => Some((class, issue.to_string())),
        Blame::Nodes => None,
    });
    if blamed.is_some() {
        return blamed;
    }
    if seen.launched.is_empty() {
        let names_instances = seen.issues.iter().any(|issue| issue.resources.iter().any(|id| id.starts_with("i-")));
        return match failure {
            Some(failure) => Some((failure.class, failure.message)),
            None if names_instances => None,
            None => Some((Infrastructure::Internal, "no instance was launched".to_owned())),
        };
    }
    // All of them ended, and EC2 says that it ended them: a spot instance that was taken back, a key that may not be used.
    let ends: Vec<_> = seen.launched.iter().map(|launched| launched.ended.as_ref()).collect();
    let by_aws = |end: &Option<&instances::Ended>| match end.map(|end| (cause::of_end(&end.code), end)) {
        Some((Blame::Infrastructure(class), end)) => Some((class, end.to_string())),
        Some((Blame::Nodes, _)) | None => None,
    };
    let causes: Option<Vec<_>> = ends.iter().map(by_aws).collect();
    causes.and_then(|causes| causes.into_iter().next())
}

fn not_joined(name: &str, seen: &Observation, after: u64) -> String {
    let count = seen.launched.len();
    let ended: Vec<&instances::Ended> = seen.launched.iter().filter_map(|launched| launched.ended.as_ref()).collect();
    let mut message = format!(
        "node group {name} is {} after {after}s: {count} instance{} launched but did not join the cluster",
        seen.status,
        if count == 1 { " was" } else { "s were" }
    );
    if let Some(end) = ended.first() {
        message.push_str(&format!(", and {} terminated by then ({end})", ended.len()));
    }
    let issues: Vec<String> = seen.issues.iter().map(ToString::to_string).collect();
    if !issues.is_empty() {
        message.push_str(&format!(": {}", issues.join("; ")));
    }
    message
}

struct LaunchFailure {
    class: Infrastructure,
    message: String,
    /// Waiting does not help.
    is_hopeless: bool,
}

/// The failure that the latest activities agree upon.
fn launch_failure(seen: &Observation) -> Option<LaunchFailure> {
    let latest: Vec<&Activity> = seen.activities.iter().take_while(|activity| activity.is_failed()).collect();
    let newest = latest.first()?;
    let class = cause::of_launch(&newest.message);
    let is_hopeless = match class {
        // Waiting does not help if the cause is permanent. A quota, for example, is used by another variant's nodes until they are deleted.
        Some(class) => class.is_permanent(),
        None => latest.len() >= HOPELESS,
    };
    Some(LaunchFailure {
        class: class.unwrap_or(Infrastructure::Unlisted),
        message: newest.message.clone(),
        is_hopeless,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(480);

    fn seen(status: &str, issues: &[(NodegroupIssueCode, &str)], instances: usize) -> Observation {
        let issues = issues.iter().map(|(code, message)| Issue {
            code: code.clone(),
            message: (*message).to_owned(),
            resources: vec!["i-1".to_owned()],
        });
        Observation {
            status: status.to_owned(),
            issues: issues.collect(),
            activities: Vec::new(),
            launched: vec![launched(None); instances],
        }
    }

    /// An instance that runs, or ended for a reason.
    fn launched(ended: Option<&str>) -> Launched {
        let instance = instances::Instance {
            id: "i-1".to_owned(),
            ami_id: "ami-0123456789abcdef0".to_owned(),
            state: if ended.is_some() { "terminated" } else { "running" }.to_owned(),
            launched: None,
            private_dns_name: String::new(),
            private_ip: None,
        };
        let ended = ended.map(|code| instances::Ended { code: code.to_owned(), message: String::new() });
        Launched { instance, ended }
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
        for status in ["DELETING", "DELETE_FAILED"] {
            let end = judge("g", &seen(status, &[], 2), LATER, true);
            assert!(
                matches!(end, Some(End::Infrastructure { class, .. }) if !class.is_permanent()),
                "{status}: not the image"
            );
        }
        let end = judge("g", &seen("CREATING", &[], 2), LATER, true);
        let message =
            "node group g is CREATING after 480s: 2 instances were launched but did not join the cluster".to_owned();
        assert_eq!(end, Some(End::NotJoined { message }));
    }

    /// Each status that EKS has, once without instances and once with the issue that instances did not join.
    #[test]
    fn every_status_of_a_node_group_is_awaited_or_ends_the_watch() {
        let mut lines = Vec::new();
        for status in NodegroupStatus::values() {
            let issue = [(NodegroupIssueCode::NodeCreationFailure, "Instances failed to join")];
            for (case, seen) in [("without instances", seen(status, &[], 0)), ("not joined", seen(status, &issue, 1))] {
                let end = match judge("g", &seen, LATER, false) {
                    None => "wait".to_owned(),
                    Some(End::Active) => "active".to_owned(),
                    Some(End::NotJoined { message }) => format!("nodes: {message}"),
                    Some(End::Infrastructure { class, message }) => format!("{class:?}: {message}"),
                };
                lines.push(format!("{status}, {case}: {end}"));
            }
        }
        insta::assert_snapshot!(lines.join("\n"), @r"
        ACTIVE, without instances: active
        ACTIVE, not joined: active
        CREATE_FAILED, without instances: Internal: node group g is CREATE_FAILED after 480s because of AWS or the account, not the image: no instance was launched (run again)
        CREATE_FAILED, not joined: nodes: node group g is CREATE_FAILED after 480s: 1 instance was launched but did not join the cluster: NodeCreationFailure: Instances failed to join (i-1)
        CREATING, without instances: wait
        CREATING, not joined: wait
        DEGRADED, without instances: Internal: node group g is DEGRADED after 480s because of AWS or the account, not the image: no instance was launched (run again)
        DEGRADED, not joined: nodes: node group g is DEGRADED after 480s: 1 instance was launched but did not join the cluster: NodeCreationFailure: Instances failed to join (i-1)
        DELETE_FAILED, without instances: Unlisted: node group g is DELETE_FAILED: an earlier process of the run or someone else failed to delete it
        DELETE_FAILED, not joined: Unlisted: node group g is DELETE_FAILED (NodeCreationFailure: Instances failed to join (i-1)): an earlier process of the run or someone else failed to delete it
        DELETING, without instances: Unlisted: node group g is DELETING: an earlier process of the run or someone else deletes it
        DELETING, not joined: Unlisted: node group g is DELETING (NodeCreationFailure: Instances failed to join (i-1)): an earlier process of the run or someone else deletes it
        UPDATING, without instances: wait
        UPDATING, not joined: wait
        ");
    }

    #[test]
    fn nodes_that_did_not_join_are_charged_to_the_image_and_throttling_is_not() {
        let never = seen("CREATE_FAILED", &[(NodegroupIssueCode::NodeCreationFailure, "Instances failed to join")], 1);
        assert!(
            matches!(judge("g", &never, LATER, false), Some(End::NotJoined { message }) if message.contains("failed to join"))
        );
        let throttled = seen("CREATE_FAILED", &[(NodegroupIssueCode::IamThrottling, "Rate exceeded")], 0);
        assert!(
            matches!(judge("g", &throttled, LATER, false), Some(End::Infrastructure { class: Infrastructure::Throttled, message }) if message.contains("IamThrottling"))
        );
    }

    #[test]
    fn capacity_is_waited_for_and_what_is_permanent_is_tried_once() {
        let mut capacity = seen("CREATING", &[], 0);
        capacity.activities = failed("We currently do not have sufficient m6i.large capacity", 5);
        assert_eq!(judge("g", &capacity, LATER, false), None);
        let class_of = |end: Option<End>| match end {
            Some(End::Infrastructure { class, .. }) => class,
            other => panic!("{other:?}"),
        };
        assert_eq!(class_of(judge("g", &capacity, LATER, true)), Infrastructure::Capacity);
        for (message, class) in [
            ("You have requested more vCPU capacity than your current vCPU limit of 5", Infrastructure::Quota),
            (
                "In order to use this AWS Marketplace product you need to accept terms and subscribe",
                Infrastructure::Subscription,
            ),
            ("You are not authorized to perform this operation", Infrastructure::Denied),
        ] {
            let mut group = seen("CREATING", &[], 0);
            group.activities = failed(message, 1);
            let end = judge("g", &group, LATER, false);
            assert!(
                matches!(&end, Some(End::Infrastructure { message: actual, .. }) if actual.contains(message)),
                "{end:?}"
            );
            assert!(class_of(end).is_permanent(), "{message}");
            assert_eq!(class_of(judge("g", &group, LATER, false)), class);
        }
        let mut unknown = seen("CREATING", &[], 0);
        unknown.activities = failed("Invalid IAM Instance Profile name", 2);
        assert_eq!(judge("g", &unknown, LATER, false), None);
        unknown.activities = failed("Invalid IAM Instance Profile name", 3);
        assert_eq!(class_of(judge("g", &unknown, LATER, false)), Infrastructure::Unlisted);
    }

    #[test]
    fn without_an_instance_no_image_is_blamed_whatever_the_code() {
        for code in NodegroupIssueCode::values().iter().chain(&["SomethingNew"]) {
            let issue = Issue { code: (*code).into(), message: "m".to_owned(), resources: vec!["asg-1".to_owned()] };
            let group = Observation { issues: vec![issue], ..seen("CREATE_FAILED", &[], 0) };
            assert!(matches!(judge("g", &group, LATER, false), Some(End::Infrastructure { .. })), "{code}");
        }
        let names_one =
            seen("CREATE_FAILED", &[(NodegroupIssueCode::NodeCreationFailure, "Instances failed to join")], 0);
        assert!(matches!(judge("g", &names_one, LATER, false), Some(End::NotJoined { .. })));
    }

    #[test]
    fn an_instance_that_ended_at_boot_is_charged_to_the_image_and_a_reclaimed_spot_instance_is_not() {
        let died = Observation {
            launched: vec![launched(Some("Client.InstanceInitiatedShutdown"))],
            ..seen("CREATING", &[], 0)
        };
        let end = judge("g", &died, LATER, true);
        let Some(End::NotJoined { message }) = end else { panic!("{end:?}") };
        assert!(
            message.contains("1 instance was launched") && message.contains("InstanceInitiatedShutdown"),
            "{message}"
        );
        let taken = Observation {
            launched: vec![launched(Some("Server.SpotInstanceTermination"))],
            ..seen("CREATING", &[], 0)
        };
        let end = judge("g", &taken, LATER, true);
        assert!(matches!(end, Some(End::Infrastructure { class: Infrastructure::Capacity, .. })), "{end:?}");
        let both = Observation {
            launched: vec![launched(Some("Server.SpotInstanceTermination")), launched(None)],
            ..seen("CREATING", &[], 0)
        };
        assert!(matches!(judge("g", &both, LATER, true), Some(End::NotJoined { .. })), "one of them had its chance");
    }
}
