//! Whether the caller has the permissions that a run needs, according to
//! [SimulatePrincipalPolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html). The simulation uses the
//! resources and condition keys of the real requests, so a least-privilege policy passes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Finding;
use crate::aws::error::{AwsError, Class, Explain as _};
use crate::aws::{Clients, Identity};
use crate::iam::policy::needed;
use crate::iam::{Goal, Place, Scope};

const CHECK: &str = "permissions";
const ALLOWED: PolicyEvaluationDecisionType = PolicyEvaluationDecisionType::Allowed;
/// Maximum number of concurrent simulations: IAM throttles them early.
const AT_ONCE: usize = 4;
/// Help if an action is not allowed.
const POLICY: &str = "attach the policy that `amiproof iam-policy` prints";

/// The kind of caller, by the format of its ARN.
#[derive(Debug, PartialEq, Eq)]
enum Principal<'a> {
    /// An IAM user, whose policies can be simulated.
    User(&'a str),
    /// A role session: the role's policies can be simulated, those of the session cannot.
    Role(&'a str),
    /// The root user, which no IAM policy limits.
    Root,
    /// Something else.
    Other,
}

impl<'a> Principal<'a> {
    fn of(arn: &'a str) -> Self {
        let Some(resource) = arn.splitn(6, ':').nth(5) else { return Self::Other };
        match resource.split_once('/') {
            Some(("user", _)) => Self::User(arn),
            Some(("assumed-role", rest)) => Self::Role(rest.split('/').next().unwrap_or(rest)),
            _ if resource == "root" => Self::Root,
            _ => Self::Other,
        }
    }
}

/// Whether the caller has the permissions for these goals, limited to `place`. Simulations are reads, so they are retried; if they are
/// denied, the finding is [`Status::Unknown`](super::Status::Unknown) and decisive.
pub async fn examine(clients: &Clients, identity: &Identity, goals: &[Goal], place: &Place) -> Finding {
    let (arn, is_session) = match Principal::of(&identity.arn) {
        Principal::User(arn) => (arn.to_owned(), false),
        Principal::Role(name) => match role_arn(clients, name).await {
            Ok(arn) => (arn, true),
            Err(error) => return unasked(&error),
        },
        Principal::Root => {
            let message = "the caller is the root user, which no IAM policy limits";
            return Finding::warning(CHECK, message, "use a role with the policy that `amiproof iam-policy` prints");
        }
        Principal::Other => {
            let message = format!("IAM cannot simulate the policies of {}", identity.arn);
            return Finding::undecided(CHECK, message, "compare them with what `amiproof iam-policy` prints");
        }
    };
    match simulated(clients, &arn, goals, place).await {
        Ok(answers) => judge(&answers, is_session),
        Err(error) => unasked(&error),
    }
}

fn unasked(error: &AwsError) -> Finding {
    let help = match error.class {
        Class::AccessDenied => {
            "allow the caller iam:SimulatePrincipalPolicy and iam:GetRole on itself, or compare its policies with what `amiproof \
             iam-policy` prints"
        }
        _ => "run `amiproof doctor` again",
    };
    Finding::undecided(CHECK, format!("cannot determine the caller's permissions: {error}"), help)
}

/// The result of the simulation of one action, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Allowed,
    /// Denied, but a policy has a condition on a key that only the real request has.
    Depends,
    Denied,
}

fn judge(answers: &BTreeMap<&'static str, Answer>, is_session: bool) -> Finding {
    let of = |wanted: Answer| -> Vec<&str> {
        answers.iter().filter(|(_, answer)| **answer == wanted).map(|(action, _)| *action).collect()
    };
    let (denied, depends) = (of(Answer::Denied), of(Answer::Depends));
    if !denied.is_empty() {
        let count = if denied.len() == 1 { "1 action is".to_owned() } else { format!("{} actions are", denied.len()) };
        return Finding::problem(CHECK, format!("{count} not allowed: {}", denied.join(", ")), POLICY);
    }
    if !depends.is_empty() {
        let message = format!("depends on policy conditions that only a real call evaluates: {}", depends.join(", "));
        return Finding::undecided(CHECK, message, POLICY);
    }
    let count = answers.len();
    if is_session {
        let message = format!(
            "the policies of the role allow all {count} actions; a session policy may still deny some, and cannot be read"
        );
        return Finding::undecided(
            CHECK,
            message,
            "if the role is assumed without a session policy, no permission is missing",
        );
    }
    Finding::ok(CHECK, format!("all {count} actions are allowed"))
}

/// The ARN of a role, which cannot be derived from that of its session: the latter lacks the path.
async fn role_arn(clients: &Clients, name: &str) -> Result<String, AwsError> {
    let ask =
        || async { clients.iam.get_role().role_name(name).send().await.explain("GetRole", format!("role {name}")) };
    let answer = clients.read(ask).await?;
    answer.role.map(|role| role.arn).ok_or_else(|| {
        AwsError::new(Class::Infrastructure, "GetRole", format!("role {name}"), "the answer has no role")
    })
}

async fn simulated(
    clients: &Clients,
    arn: &str,
    goals: &[Goal],
    place: &Place,
) -> Result<BTreeMap<&'static str, Answer>, AwsError> {
    let mut scopes: Vec<(&'static Scope, BTreeSet<&'static str>)> = Vec::new();
    for action in needed(goals) {
        match scopes.iter_mut().find(|(scope, _)| std::ptr::eq(*scope, action.scope)) {
            Some((_, actions)) => _ = actions.insert(action.name),
            None => scopes.push((action.scope, BTreeSet::from([action.name]))),
        }
    }
    scopes.retain(|(scope, _)| !scope.resources(place).is_empty());
    let asked = stream::iter(scopes).map(|(scope, actions)| of_scope(clients, arn, scope, actions, place));
    let answers: Vec<Vec<(&'static str, Answer)>> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut worst = BTreeMap::new();
    for (action, answer) in answers.into_iter().flatten() {
        let known = worst.entry(action).or_insert(answer);
        *known = (*known).max(answer);
    }
    Ok(worst)
}

async fn of_scope(
    clients: &Clients,
    arn: &str,
    scope: &'static Scope,
    actions: BTreeSet<&'static str>,
    place: &Place,
) -> Result<Vec<(&'static str, Answer)>, AwsError> {
    let resources = scope.samples(place);
    let entries: Vec<ContextEntry> = scope
        .context(place)
        .into_iter()
        .map(|key| {
            let kind = if key.is_list { ContextKeyTypeEnum::StringList } else { ContextKeyTypeEnum::String };
            ContextEntry::builder()
                .context_key_name(key.name)
                .context_key_values(key.value)
                .context_key_type(kind)
                .build()
        })
        .collect();
    let names: Vec<String> = actions.iter().map(ToString::to_string).collect();
    let answer = clients
        .read(|| async {
            let request = clients.iam.simulate_principal_policy().policy_source_arn(arn).max_items(1000);
            let request = request.set_action_names(Some(names.clone())).set_context_entries(Some(entries.clone()));
            let request = request.set_resource_arns((!resources.is_empty()).then(|| resources.clone()));
            request.send().await.explain("SimulatePrincipalPolicy", arn)
        })
        .await?;
    let results = answer.evaluation_results();
    let of = |action: &'static str| {
        let result = results.iter().find(|result| result.eval_action_name().eq_ignore_ascii_case(action));
        let is_allowed = |result: &EvaluationResult| {
            let of_each = result.resource_specific_results();
            let mut on_each = of_each.iter().map(|one| *one.eval_resource_decision() == ALLOWED);
            match (of_each.is_empty(), scope.needs_all) {
                (true, _) => *result.eval_decision() == ALLOWED,
                (false, true) => on_each.all(|allowed| allowed),
                (false, false) => on_each.any(|allowed| allowed),
            }
        };
        let answer = match result {
            Some(result) if is_allowed(result) => Answer::Allowed,
            Some(result) if result.missing_context_values().is_empty() => Answer::Denied,
            // A missing result does not mean that the action is allowed.
            _ => Answer::Depends,
        };
        (action, answer)
    };
    Ok(actions.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_calling_is_read_from_the_arn() {
        for (arn, wanted) in [
            ("arn:aws:iam::1:user/ci", Principal::User("arn:aws:iam::1:user/ci")),
            ("arn:aws:iam::1:user/team/ci", Principal::User("arn:aws:iam::1:user/team/ci")),
            ("arn:aws:sts::1:assumed-role/ci/session", Principal::Role("ci")),
            ("arn:aws-cn:sts::1:assumed-role/AWSReservedSSO_Admin_0/a@b.c", Principal::Role("AWSReservedSSO_Admin_0")),
            ("arn:aws:iam::1:root", Principal::Root),
            ("arn:aws:sts::1:federated-user/x", Principal::Other),
            ("", Principal::Other),
        ] {
            assert_eq!(Principal::of(arn), wanted, "{arn}");
        }
    }

    #[test]
    fn only_a_user_who_may_everything_is_green() {
        let answers = |answers: &[(&'static str, Answer)]| answers.iter().copied().collect::<BTreeMap<_, _>>();
        let (a, b) = ("eks:CreateCluster", "iam:PassRole");
        let line = |all: &[(&'static str, Answer)], is_session: bool| {
            let finding = judge(&answers(all), is_session);
            format!("{} {}", finding.status.as_str(), finding.message)
        };
        insta::assert_snapshot!(
            [
                line(&[(a, Answer::Allowed), (b, Answer::Allowed)], false),
                line(&[(a, Answer::Allowed), (b, Answer::Allowed)], true),
                line(&[(a, Answer::Allowed), (b, Answer::Depends)], false),
                line(&[(a, Answer::Denied), (b, Answer::Depends)], true),
            ]
            .join("\n"),
            @r"
        ok all 2 actions are allowed
        unknown the policies of the role allow all 2 actions; a session policy may still deny some, and cannot be read
        unknown depends on policy conditions that only a real call evaluates: iam:PassRole
        problem 1 action is not allowed: eks:CreateCluster
        "
        );
    }
}
