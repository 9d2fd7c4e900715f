//! EC2 launch templates.

use aws_sdk_ec2::types::{RequestLaunchTemplateData, ResourceType, TagSpecification};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::kind::{Found, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotCreated, NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::reach::{Cx, Reach};
use super::removal::{ec2_tags, still_there, take};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::launch_template::{self, LaunchTemplate, Plan};
use crate::aws::names::{self, Tags};
use crate::iam::action::{
    Action,
    Goal::{Apply, Destroy, Doctor, Sweep},
    REMOVES,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Ledger, Resource, ResourceKind};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "launch-template";

#[derive(Debug)]
pub(super) struct Ec2LaunchTemplate;

impl Kind for Ec2LaunchTemplate {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "launch template"
    }

    fn plural(&self) -> &'static str {
        "launch templates"
    }

    fn after(&self) -> &'static [&'static str] {
        &["node-group"]
    }

    fn has_unique_ids(&self) -> bool {
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
            let cx = reach.aws()?;
            let read = read(cx, &target.name).await;
            take(claim, read, |owned| delete(cx, &target.name, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("ec2 delete-launch-template --launch-template-name {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("ec2:CreateLaunchTemplate", &[Apply], &scope::NEW_LAUNCH_TEMPLATE, "one per variant")
        .asked_by(&[Doctor]),
    Action::call("ec2:DescribeLaunchTemplates", &[Apply, Destroy, Sweep], &EVERYTHING, "launch templates of runs")
        .unreached(&[Apply], "a run that is resumed looks for its templates"),
    Action::call("ec2:DeleteLaunchTemplate", REMOVES, &scope::OWN_LAUNCH_TEMPLATES, "launch templates of runs"),
];

/// Creates the launch template of a variant. `tags` are those of the variant.
///
/// # Guarantees
/// The template is in the ledger before it is created.
///
/// # Errors
/// [`AwsError`] of [CreateLaunchTemplate](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html), which carries a client token, so transient
/// errors are retried; or the ledger cannot be written, and then nothing is created.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    plan: &Plan<'_>,
    tags: &Tags,
) -> Result<LaunchTemplate, NotCreated> {
    let variant = plan.variant;
    let name = names::launch_template(&tags.run, &variant.name);
    if let Some(entry) = ledger.standing(KIND, &name)
        && let Some(id) = entry.id
    {
        if launch_template::find(clients, &name).await?.as_ref() == Some(&id) {
            return Ok(LaunchTemplate { id, name });
        }
        // An earlier process of the run deleted it, and was killed before it could record that.
        ledger.gone(entry.key).await?;
    }
    let resource = Resource::new(KIND, &name).in_region(clients.region()).for_variant(&variant.name);
    let token = ledger.client_token(&resource);
    let wanted = launch_template::template(plan, tags);
    let (clients, asked, tags) = (clients.clone(), name.clone(), tags.clone());
    let created = ledger
        .create_resource(resource, || async move {
            clients
                .write_idempotent(|| create_once(&clients, &asked, &wanted, &tags, &token))
                .await
                .map_err(NotCreated::from)
        })
        .await?;
    Ok(LaunchTemplate { id: created.id, name })
}

async fn create_once(
    clients: &Clients,
    name: &str,
    wanted: &RequestLaunchTemplateData,
    tags: &Tags,
    token: &str,
) -> Result<String, AwsError> {
    let resource = format!("launch template {name}");
    let answer = clients
        .ec2
        .create_launch_template()
        .launch_template_name(name)
        .client_token(token)
        .launch_template_data(wanted.clone())
        .tag_specifications(
            TagSpecification::builder()
                .resource_type(ResourceType::LaunchTemplate)
                .set_tags(Some(launch_template::ec2_tags(&tags.pairs_named(name))))
                .build(),
        )
        .send()
        .await
        .explain("CreateLaunchTemplate", &resource);
    let id = match answer {
        Ok(answer) => answer.launch_template.and_then(|template| template.launch_template_id),
        // A lost answer of an earlier try: the name holds the run's id, so it is ours.
        Err(error) if error.class == Class::Exists => launch_template::find(clients, name).await?,
        Err(error) => return Err(error),
    };
    id.ok_or_else(|| AwsError::new(Class::Infrastructure, "CreateLaunchTemplate", resource, "the answer holds no id"))
}

async fn read(cx: Cx<'_>, name: &str) -> Result<Option<(String, LiveState)>, AwsError> {
    let describe = || async {
        let request = cx.clients.ec2.describe_launch_templates().launch_template_names(name);
        request.send().await.explain("DescribeLaunchTemplates", format!("launch template {name}"))
    };
    let answer = found(cx.clients.read(describe).await)?;
    let first = answer.and_then(|answer| answer.launch_templates.unwrap_or_default().into_iter().next());
    Ok(first.and_then(|template| {
        let id = template.launch_template_id.clone()?;
        Some((id.clone(), LiveState { tags: ec2_tags(template.tags()), id: Some(id) }))
    }))
}

async fn delete(cx: Cx<'_>, name: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    launch_template::delete(cx.clients, id).await.map_err(|error| NotDeleted::refused(&error))?;
    match read(cx, name).await.map_err(NotDeleted::unread)? {
        Some((left, _)) if left == *id => Err(NotDeleted::refused(&still_there("DeleteLaunchTemplate", id))),
        _ => Ok(()),
    }
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let mut pages = clients.ec2.describe_launch_templates().filters(query.filter()).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeLaunchTemplates", "launch templates with amiproof's tags")?;
        for template in page.launch_templates() {
            let tags = ec2_tags(template.tags());
            if query.wants(&tags) {
                let name = template.launch_template_name().unwrap_or_default();
                targets.push(Target::found(&Ec2LaunchTemplate, name, &tags, clients));
            }
        }
    }
    Ok(targets)
}
