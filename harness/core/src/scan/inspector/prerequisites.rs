//! What Inspector needs before a CIS scan makes sense (Inspector user guide, "CIS scans for Amazon EC2 instances: prerequisites").
//!
//! A scan without them ends COMPLETED with zero checks and without a reason, so they are checked before it is started. What cannot be
//! checked, because the caller lacks a permission, is noted and does not stop the scan: Inspector itself decides.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use aws_sdk_inspector2::types::{
    CoverageFilterCriteria, CoverageStringComparison, CoverageStringFilter, ScanStatusCode, Status,
};

use super::api::Pages;
use super::assess::NodeScan;
use crate::aws::error::{AwsError, Class, Explain as _};
use crate::aws::{Clients, hosts, partition, ssm};

/// The managed policy that lets Inspector's plugin on the instance report.
const POLICY: &str = "AmazonInspector2ManagedCisPolicy";

/// What that policy allows: the calls of the plugin.
const ACTIONS: [&str; 4] = [
    "inspector2:StartCisSession",
    "inspector2:StopCisSession",
    "inspector2:SendCisSessionTelemetry",
    "inspector2:SendCisSessionHealth",
];

/// What is missing, with the fix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// For the account or the role: no node can be scanned.
    pub(super) whole: Vec<String>,
    /// By instance id: this node cannot be scanned.
    pub(super) nodes: BTreeMap<String, String>,
    /// What could not be checked.
    pub(super) unknown: Vec<String>,
}

impl Missing {
    /// Why no node can be scanned; `None` if one can.
    pub(super) fn reason(&self, nodes: &[NodeScan]) -> Option<String> {
        let mut reasons = self.whole.clone();
        if nodes.iter().all(|node| self.nodes.contains_key(&node.instance_id)) {
            let of = |node: &NodeScan| format!("node {}: {}", node.index, self.nodes[&node.instance_id]);
            reasons.extend(nodes.iter().map(of));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

/// What is missing for the whole account and for the role of the nodes.
pub(super) async fn of_account(clients: &Clients, nodes: &[NodeScan]) -> Result<Missing, AwsError> {
    let mut missing = Missing::default();
    missing.whole.extend(permitted(why_not_enabled(clients).await, &mut missing.unknown)?.flatten());
    missing.whole.extend(permitted(why_role_may_not(clients, nodes).await, &mut missing.unknown)?.unwrap_or_default());
    Ok(missing)
}

/// What is missing on each node now. `settled` says that waiting would change nothing.
pub(super) async fn of_nodes(clients: &Clients, nodes: &[NodeScan]) -> Result<(Missing, bool), AwsError> {
    let ids: Vec<String> = nodes.iter().map(|node| node.instance_id.clone()).collect();
    let online = ssm::recent_status(clients, &ids).await?;
    let mut missing = Missing::default();
    let coverage = permitted(coverage(clients, &ids).await, &mut missing.unknown)?;
    let mut settled = true;
    for id in &ids {
        let state = coverage.as_ref().map(|coverage| coverage.get(id).map_or(Coverage::Unseen, |state| state.clone()));
        match obstacle(online.get(id).map(String::as_str), state.as_ref()) {
            Obstacle::None => {}
            Obstacle::Soon => settled = false,
            Obstacle::NotYet(why) => {
                settled = false;
                missing.nodes.insert(id.clone(), why);
            }
            Obstacle::Permanent(why) => {
                missing.nodes.insert(id.clone(), why);
            }
        }
    }
    Ok((missing, settled))
}

/// The answer, or `None` and a note in `unknown` if the caller is not allowed to ask.
fn permitted<T>(answer: Result<T, AwsError>, unknown: &mut Vec<String>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::AccessDenied => {
            unknown.push(format!("not checked: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Why Inspector does not scan EC2 instances in this account and region; `None` if it does.
///
/// # Errors
/// [`AwsError`] of [BatchGetAccountStatus](https://docs.aws.amazon.com/inspector/v2/APIReference/API_BatchGetAccountStatus.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn why_not_enabled(clients: &Clients) -> Result<Option<String>, AwsError> {
    clients.shared_answer(("BatchGetAccountStatus", "this account"), || asked_whether_enabled(clients)).await
}

async fn asked_whether_enabled(clients: &Clients) -> Result<Option<String>, AwsError> {
    let answer = clients
        .read(|| async {
            clients.inspector.batch_get_account_status().send().await.explain("BatchGetAccountStatus", "this account")
        })
        .await?;
    let state = answer.accounts().first().and_then(|account| account.resource_state()).and_then(|state| state.ec2());
    Ok(match state.map(|state| state.status()) {
        Some(Status::Enabled) => None,
        other => Some(format!(
            "Inspector's EC2 scanning is {} in {}: enable it with `aws inspector2 enable --resource-types EC2`",
            other.map_or("not known", Status::as_str),
            clients.region()
        )),
    })
}

/// Why the roles of the nodes may not report CIS results, one reason per role.
async fn why_role_may_not(clients: &Clients, nodes: &[NodeScan]) -> Result<Vec<String>, AwsError> {
    let (profiles, bare) = instance_profiles(clients, nodes).await?;
    let mut reasons = Vec::new();
    if !bare.is_empty() {
        reasons.push(format!("no instance profile, and so no role for SSM and Inspector, on {}", bare.join(", ")));
    }
    for profile in profiles {
        let ask = || why_profile_may_not(clients, &profile);
        reasons.extend(clients.shared_answer(("GetInstanceProfile", &profile), ask).await?);
    }
    Ok(reasons)
}

/// As [`why_role_may_not`], for the roles of one instance profile.
async fn why_profile_may_not(clients: &Clients, profile: &str) -> Result<Vec<String>, AwsError> {
    let answer = clients
        .read(|| async {
            let request = clients.iam.get_instance_profile().instance_profile_name(profile);
            request.send().await.explain("GetInstanceProfile", profile)
        })
        .await?;
    let mut reasons = Vec::new();
    for role in answer.instance_profile().map(|profile| profile.roles()).unwrap_or_default() {
        let denied = denied_actions(clients, role.arn(), role.role_name()).await?;
        reasons.extend(role_reason(clients.region(), role.role_name(), &denied));
    }
    Ok(reasons)
}

fn role_reason(region: &str, role: &str, denied: &[String]) -> Option<String> {
    let what = match denied {
        [] => return None,
        denied if denied.len() == ACTIONS.len() => "report CIS results to Inspector".to_owned(),
        denied => format!("call {}", denied.join(", ")),
    };
    let policy = partition::managed_policy(region, POLICY);
    Some(format!(
        "the node role {role} is not allowed to {what}: `aws iam attach-role-policy --role-name {role} --policy-arn {policy}`"
    ))
}

/// The names of the instance profiles that the nodes act with, and the instances that have none.
async fn instance_profiles(clients: &Clients, nodes: &[NodeScan]) -> Result<(BTreeSet<String>, Vec<String>), AwsError> {
    let ids: Vec<String> = nodes.iter().map(|node| node.instance_id.clone()).collect();
    let (mut profiles, mut bare) = (BTreeSet::new(), Vec::new());
    for host in hosts::describe(clients, &ids).await? {
        match host.profile.as_deref().and_then(|arn| arn.rsplit('/').next()) {
            Some(name) => drop(profiles.insert(name.to_owned())),
            None => bare.push(host.id),
        }
    }
    Ok((profiles, bare))
}

/// The [`ACTIONS`] that a role is not allowed to call. If the caller may not simulate policies, only the managed policy is looked for.
async fn denied_actions(clients: &Clients, arn: &str, role: &str) -> Result<Vec<String>, AwsError> {
    // Each node group has an instance profile of its own, but all node groups of a run have the same role.
    clients.shared_answer(("SimulatePrincipalPolicy", arn), || asked_what_is_denied(clients, arn, role)).await
}

async fn asked_what_is_denied(clients: &Clients, arn: &str, role: &str) -> Result<Vec<String>, AwsError> {
    let simulated = clients
        .read(|| async {
            let request = clients.iam.simulate_principal_policy().policy_source_arn(arn);
            let request = request.set_action_names(Some(ACTIONS.map(str::to_owned).to_vec()));
            request.send().await.explain("SimulatePrincipalPolicy", role)
        })
        .await;
    match simulated {
        Ok(answer) => {
            let allowed = |action: &str| {
                let mut results = answer.evaluation_results().iter();
                results.any(|result| {
                    result.eval_action_name() == action
                        && *result.eval_decision() == PolicyEvaluationDecisionType::Allowed
                })
            };
            Ok(ACTIONS.into_iter().filter(|action| !allowed(action)).map(str::to_owned).collect())
        }
        Err(denied) if denied.class == Class::AccessDenied => {
            // An inline policy may allow the same, so the absence of the managed one proves nothing.
            if has_managed_policy(clients, role).await? { Ok(Vec::new()) } else { Err(denied) }
        }
        Err(error) => Err(error),
    }
}

async fn has_managed_policy(clients: &Clients, role: &str) -> Result<bool, AwsError> {
    let answer = clients
        .read(|| async {
            let request = clients.iam.list_attached_role_policies().role_name(role).max_items(100);
            request.send().await.explain("ListAttachedRolePolicies", role)
        })
        .await?;
    Ok(answer.attached_policies().iter().any(|policy| policy.policy_name() == Some(POLICY)))
}

/// How Inspector sees an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Inspector does not list it yet.
    Unseen,
    /// Inspector scans it.
    Active,
    /// Inspector does not scan it, for this reason, as Inspector words it.
    Inactive(String),
}

/// What prevents the scan of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    None,
    /// Appears without intervention, and its absence does not prevent a scan.
    Soon,
    /// May still appear, and no scan works without it.
    NotYet(String),
    /// Does not change without intervention.
    Permanent(String),
}

fn obstacle(ping: Option<&str>, coverage: Option<&Coverage>) -> Obstacle {
    let inactive = match coverage {
        Some(Coverage::Inactive(reason)) => reason.as_str(),
        _ => "",
    };
    match (ping, inactive) {
        (_, "UNSUPPORTED_OS") => Obstacle::Permanent("Inspector does not support its operating system".to_owned()),
        (_, "EXCLUDED_BY_TAG") => Obstacle::Permanent(
            "its tag InspectorEc2Exclusion keeps Inspector from scanning it: remove the tag from the launch template"
                .to_owned(),
        ),
        (_, "EC2_INSTANCE_STOPPED") => Obstacle::Permanent("its instance is stopped".to_owned()),
        (Some("Online"), "UNMANAGED_EC2_INSTANCE") => {
            Obstacle::NotYet("Inspector does not see yet that SSM manages it".to_owned())
        }
        (Some("Online"), _) if matches!(coverage, None | Some(Coverage::Active)) => Obstacle::None,
        (Some("Online"), _) => Obstacle::Soon,
        (other, _) => Obstacle::NotYet(format!(
            "its SSM agent is {}; Inspector scans through SSM, so the node role needs AmazonSSMManagedInstanceCore, and the node must \
             reach the endpoints ssm, ssmmessages and ec2messages",
            other.unwrap_or("not managed by SSM")
        )),
    }
}

/// The coverage of instances by Inspector, by instance id; one that it does not list is not covered
/// ([ListCoverage](https://docs.aws.amazon.com/inspector/v2/APIReference/API_ListCoverage.html)).
///
/// # Errors
/// [`AwsError`] of that call.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn coverage(clients: &Clients, ids: &[String]) -> Result<BTreeMap<String, Coverage>, AwsError> {
    let about = ("ListCoverage", ids.join(" "));
    let all = clients.shared_answer((about.0, &about.1), || coverage_now(clients, ids)).await?;
    if ids.iter().any(|id| all.get(id) != Some(&Coverage::Active)) {
        // It may be active the next time.
        clients.forget_answer((about.0, &about.1));
    }
    Ok(all)
}

async fn coverage_now(clients: &Clients, ids: &[String]) -> Result<BTreeMap<String, Coverage>, AwsError> {
    const OPERATION: &str = "ListCoverage";
    let mut all = BTreeMap::new();
    // A filter takes at most 10 values.
    for some in ids.chunks(10) {
        let filters = some.iter().map(|id| {
            let filter = CoverageStringFilter::builder().comparison(CoverageStringComparison::Equals).value(id);
            filter.build().explain(OPERATION, id)
        });
        let filters = filters.collect::<Result<Vec<_>, _>>()?;
        let criteria = CoverageFilterCriteria::builder().set_resource_id(Some(filters)).build();
        let mut pages = Pages::default();
        loop {
            let page = clients
                .read(|| async {
                    let request = clients.inspector.list_coverage().filter_criteria(criteria.clone());
                    let request = request.set_next_token(pages.token()).max_results(200);
                    request.send().await.explain(OPERATION, some.join(", "))
                })
                .await?;
            for resource in page.covered_resources() {
                let status = resource.scan_status();
                let state = match status.map(|status| status.status_code()) {
                    Some(ScanStatusCode::Active) => Coverage::Active,
                    _ => {
                        Coverage::Inactive(status.map(|status| status.reason().as_str().to_owned()).unwrap_or_default())
                    }
                };
                // An instance has a row per kind of scan; one that is active is enough.
                let best = all.entry(resource.resource_id().to_owned()).or_insert_with(|| state.clone());
                if state == Coverage::Active {
                    *best = state;
                }
            }
            if !pages.turn(page.next_token, OPERATION)? {
                break;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inactive(reason: &str) -> Coverage {
        Coverage::Inactive(reason.to_owned())
    }

    #[test]
    fn an_instance_is_ready_when_its_agent_answers_and_inspector_covers_it() {
        assert_eq!(obstacle(Some("Online"), Some(&Coverage::Active)), Obstacle::None);
        assert_eq!(obstacle(Some("Online"), None), Obstacle::None, "the caller may not ask for coverage");
        assert_eq!(obstacle(Some("Online"), Some(&Coverage::Unseen)), Obstacle::Soon);
        assert_eq!(obstacle(Some("Online"), Some(&inactive("PENDING_INITIAL_SCAN"))), Obstacle::Soon);
        assert!(matches!(obstacle(Some("Online"), Some(&inactive("UNMANAGED_EC2_INSTANCE"))), Obstacle::NotYet(_)));
        assert!(matches!(obstacle(Some("ConnectionLost"), Some(&Coverage::Active)), Obstacle::NotYet(_)));
        assert!(matches!(obstacle(None, None), Obstacle::NotYet(why) if why.contains("not managed by SSM")));
        assert!(matches!(obstacle(Some("Online"), Some(&inactive("UNSUPPORTED_OS"))), Obstacle::Permanent(_)));
        assert!(matches!(obstacle(None, Some(&inactive("EXCLUDED_BY_TAG"))), Obstacle::Permanent(_)));
    }

    #[test]
    fn a_role_that_may_not_report_is_named_with_the_command_that_helps_it() {
        assert_eq!(role_reason("us-west-2", "workers", &[]), None);
        let all = role_reason("us-west-2", "workers", &ACTIONS.map(str::to_owned)).unwrap();
        assert_eq!(
            all,
            "the node role workers is not allowed to report CIS results to Inspector: `aws iam attach-role-policy --role-name workers \
             --policy-arn arn:aws:iam::aws:policy/AmazonInspector2ManagedCisPolicy`"
        );
        let governed = role_reason("us-gov-west-1", "workers", &ACTIONS.map(str::to_owned)).unwrap();
        assert!(governed.contains("arn:aws-us-gov:iam::aws:policy/"), "{governed}");
        let one = role_reason("us-west-2", "workers", &["inspector2:StopCisSession".to_owned()]).unwrap();
        assert!(one.contains("is not allowed to call inspector2:StopCisSession: "), "{one}");
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once_and_one_good_node_is_enough() {
        let node = |index: u32| NodeScan {
            index,
            instance_id: format!("i-{index}"),
            placement: amiproof_model::verdict::Placement {
                pod: None,
                node: String::new(),
                instance_id: None,
                ami_id: None,
            },
            not_scanned: None,
        };
        let nodes = [node(1), node(2)];
        let mut missing = Missing::default();
        missing.nodes.insert("i-1".to_owned(), "no agent".to_owned());
        assert_eq!(missing.reason(&nodes), None);
        missing.nodes.insert("i-2".to_owned(), "stopped".to_owned());
        missing.whole.push("Inspector is off".to_owned());
        assert_eq!(missing.reason(&nodes).unwrap(), "Inspector is off; node 1: no agent; node 2: stopped");
    }
}
