//! IAM roles outside of the stack. Their ARN follows from their name, so only the run's tag proves ownership.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use super::kind::{Found, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotCreated, NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::reach::{Cx, Reach};
use super::removal::take;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::Tags;
use crate::aws::network::ROLE_PATH;
use crate::aws::{Clients, iam_tags};
use crate::iam::action::{
    Action,
    Goal::{Apply, Destroy, Sweep, Test},
    LOST, REMOVES, WORKLOADS,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "role";

#[derive(Debug)]
pub(super) struct IamRole;

impl Kind for IamRole {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "IAM role"
    }

    fn plural(&self) -> &'static str {
        "IAM roles"
    }

    fn after(&self) -> &'static [&'static str] {
        &["cluster"]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let (cx, name) = (reach.aws()?, target.name.as_str());
            let list =
                || async { cx.clients.iam.list_role_tags().role_name(name).send().await.explain("ListRoleTags", name) };
            let read = found(cx.clients.read(list).await).map(|answer| {
                let tags = answer?.tags;
                let tags = tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
                Some((name.to_owned(), LiveState { tags, id: None }))
            });
            let delete = |owned| async move { delete(cx, &owned).await.map_err(|error| NotDeleted::refused(&error)) };
            take(claim, read, delete).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("iam delete-role --role-name {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("iam:CreateRole", WORKLOADS, &scope::OWN_ROLES, "roles of cluster, nodes, add-ons and workloads"),
    Action::behind("iam:TagRole", WORKLOADS, &scope::OWN_ROLES, "tags of roles"),
    Action::call("iam:AttachRolePolicy", &[Apply], &scope::ROLE_POLICIES, "policies of cluster, nodes and add-ons"),
    Action::behind("iam:PassRole", WORKLOADS, &scope::PASSED_ROLES, "roles of cluster, nodes, add-ons and workloads"),
    Action::behind("iam:GetRole", &[Apply], &scope::USED_ROLES, "CreateCluster, CreateNodegroup, AWS::IAM::Role"),
    Action::call("iam:GetRole", WORKLOADS, &scope::OWN_ROLES, "a role whose creation was not confirmed")
        .unreached(&[Test], LOST),
    Action::behind("iam:GetRole", REMOVES, &scope::OWN_ROLES, "AWS::IAM::Role"),
    Action::call("iam:ListAttachedRolePolicies", REMOVES, &scope::OWN_ROLES, "detached before a role is deleted"),
    Action::behind("iam:ListRolePolicies", REMOVES, &scope::OWN_ROLES, "AWS::IAM::Role"),
    Action::call("iam:ListRoles", REMOVES, &EVERYTHING, "roles of runs"),
    Action::call("iam:ListRoleTags", &[Apply, Test, Destroy, Sweep], &scope::OWN_ROLES, "who owns a role"),
    Action::call("iam:ListInstanceProfilesForRole", REMOVES, &scope::OWN_ROLES, "profiles that hold a role"),
    Action::call(
        "iam:RemoveRoleFromInstanceProfile",
        REMOVES,
        &scope::EKS_INSTANCE_PROFILES,
        "before a role is deleted",
    )
    .unreached(REMOVES, "EKS removes the profiles of the node groups that it deletes"),
    Action::call("iam:DetachRolePolicy", REMOVES, &scope::ROLE_POLICIES, "before a role is deleted"),
    Action::call("iam:DeleteRole", WORKLOADS, &scope::OWN_ROLES, "after each workload"),
    Action::call("iam:DeleteRole", REMOVES, &scope::OWN_ROLES, "roles of runs"),
];

/// Creates a role outside of the stack, with managed policies. `boundary` is the policy that limits it, if the account requires one.
///
/// # Guarantees
/// The role is in the ledger before it is created. Its name holds the run's id, so one that a lost answer made is found by it.
///
/// # Errors
/// [`AwsError`] of [CreateRole](https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html) or
/// [AttachRolePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html), whose transient errors are retried; or
/// the ledger cannot be written.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    resource: Resource,
    trust: &Value,
    policies: &[String],
    boundary: Option<&str>,
    tags: &Tags,
) -> Result<Created, NotCreated> {
    let (clients, name, trust, tags) = (clients.clone(), resource.name.clone(), trust.clone(), tags.clone());
    let (policies, boundary) = (policies.to_vec(), boundary.map(str::to_owned));
    let create = || async move {
        let create = || create_once(&clients, &name, &trust, &policies, boundary.as_deref(), &tags);
        clients.write_idempotent(create).await.map_err(NotCreated::from)
    };
    ledger.create_resource(resource, create).await
}

/// Creates it, or finds the one that a lost answer made, and attaches its policies; its ARN. Doing it twice is the same as once.
async fn create_once(
    clients: &Clients,
    name: &str,
    trust: &Value,
    policies: &[String],
    boundary: Option<&str>,
    tags: &Tags,
) -> Result<String, AwsError> {
    let tags = iam_tags::tag_list(tags, "CreateRole", name)?;
    let request = clients.iam.create_role().role_name(name).path(ROLE_PATH);
    let request = request.assume_role_policy_document(trust.to_string()).set_tags(Some(tags));
    let request = request.set_permissions_boundary(boundary.map(str::to_owned));
    let made = request.send().await.explain("CreateRole", format!("role {name}"));
    let arn = match made {
        Ok(answer) => answer.role.map(|role| role.arn),
        Err(error) if error.class == Class::Exists => {
            let found =
                clients.iam.get_role().role_name(name).send().await.explain("GetRole", format!("role {name}"))?;
            found.role.map(|role| role.arn)
        }
        Err(error) => return Err(error),
    };
    for policy in policies {
        let request = clients.iam.attach_role_policy().role_name(name).policy_arn(policy);
        request.send().await.explain("AttachRolePolicy", format!("role {name}, policy {policy}"))?;
    }
    arn.ok_or_else(|| AwsError::new(Class::Infrastructure, "CreateRole", name, "the answer has no role"))
}

async fn delete(cx: Cx<'_>, owned: &Owned<String>) -> Result<(), AwsError> {
    let (iam, name) = (&cx.clients.iam, owned.get());
    let delete = || async { iam.delete_role().role_name(name).send().await.explain("DeleteRole", name) };
    // First without looking for what is attached: the role of a workload has nothing, and there is one for each variant.
    match found(cx.clients.write_idempotent(delete).await) {
        Err(error) if error.class == Class::InUse => {}
        done => return done.map(|_| ()),
    }
    let attached = iam.list_attached_role_policies().role_name(name).send().await;
    let Some(attached) = found(attached.explain("ListAttachedRolePolicies", name))? else { return Ok(()) };
    for policy in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
        let request = iam.detach_role_policy().role_name(name).policy_arn(policy);
        found(request.send().await.explain("DetachRolePolicy", name))?;
    }
    let profiles = iam.list_instance_profiles_for_role().role_name(name).send().await;
    let profiles = found(profiles.explain("ListInstanceProfilesForRole", name))?;
    for profile in profiles.iter().flat_map(|answer| answer.instance_profiles()) {
        let request = iam.remove_role_from_instance_profile().role_name(name);
        let request = request.instance_profile_name(profile.instance_profile_name());
        found(request.send().await.explain("RemoveRoleFromInstanceProfile", name))?;
    }
    found(cx.clients.until_free(delete).await).map(|_| ())
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let mut pages = clients.iam.list_roles().path_prefix(ROLE_PATH).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for role in page.explain("ListRoles", ROLE_PATH)?.roles() {
            let name = role.role_name();
            // ListRoles leaves tags out.
            let answer = clients.iam.list_role_tags().role_name(name).send().await.explain("ListRoleTags", name);
            let tags = found(answer)?.map(|answer| answer.tags).unwrap_or_default();
            let tags = tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
            if query.wants(&tags) {
                targets.push(Target::found(&IamRole, name, &tags, clients));
            }
        }
    }
    Ok(targets)
}
