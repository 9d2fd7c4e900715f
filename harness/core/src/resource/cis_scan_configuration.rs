//! Inspector CIS scan configurations. Their names are not unique, so each one of a name is checked.

use std::collections::BTreeMap;

use amiproof_model::name::{Level, RunId, VariantName};
use aws_sdk_inspector2::types::{CisSecurityLevel, CisStringComparison, CreateCisTargets, OneTimeSchedule, Schedule};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::kind::{Found, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotCreated, NotDeleted, Removed};
use super::owned::{Claim, LiveState, Look, Owned};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{look, still_there, tags_of};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::{self, SCAN_TAG, Tags};
use crate::iam::action::{
    Action,
    Goal::{Destroy, Scan, Sweep},
    REMOVES,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Created, Entry, Ledger, Resource, ResourceKind};
use crate::scan::inspector;

/// Its name in the ledger. The id of an entry is the ARN.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "cis-scan-configuration";

#[derive(Debug)]
pub(super) struct CisScanConfiguration;

impl Kind for CisScanConfiguration {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Inspector CIS scan configuration"
    }

    fn plural(&self) -> &'static str {
        "Inspector CIS scan configurations"
    }

    fn after(&self) -> &'static [&'static str] {
        &[]
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
            let mut result = Removed::Absent;
            for (arn, seen) in read(cx, &target.name).await.map_err(NotDeleted::unread)? {
                match look(claim, Ok(Some((arn, seen))))? {
                    Look::Ours(owned) => {
                        delete(cx, &target.name, &owned).await?;
                        result = Removed::Gone;
                    }
                    // Another one with the same name is expected.
                    Look::Foreign(owner) if result == Removed::Absent => result = Removed::Foreign(owner),
                    Look::Foreign(_) | Look::Absent => {}
                }
            }
            Ok(result)
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&match &target.id {
            Some(arn) => format!("inspector2 delete-cis-scan-configuration --scan-configuration-arn {arn}"),
            None => format!(
                "inspector2 list-cis-scan-configurations --filter-criteria \
                 'scanNameFilters=[{{comparison=EQUALS,value={}}}]'",
                target.name
            ),
        })
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("inspector2:CreateCisScanConfiguration", &[Scan], &scope::NEW_SCAN, "os-cis"),
    Action::behind("inspector2:TagResource", &[Scan], &scope::NEW_SCAN, "tags of a scan"),
    Action::call("inspector2:DeleteCisScanConfiguration", &[Scan], &scope::OWN_SCANS, "os-cis"),
    Action::call("inspector2:DeleteCisScanConfiguration", REMOVES, &scope::OWN_SCANS, "what is left of a run")
        .unreached(REMOVES, "a scan deletes its own"),
    Action::call("inspector2:ListCisScanConfigurations", &[Scan, Destroy, Sweep], &EVERYTHING, "scans of runs")
        .unreached(&[Scan], "in the lab no `scan` continues one that an earlier process started"),
];

/// The configuration that an earlier process of this run created for the same scan, if it still exists: its scan may be in progress, and a
/// second one of the same instances would end both without results.
///
/// # Errors
/// [`AwsError`] of
/// [ListCisScanConfigurations](https://docs.aws.amazon.com/inspector/v2/APIReference/API_ListCisScanConfigurations.html). Transient errors
/// are retried; a denied request is not.
pub async fn standing(
    clients: &Clients,
    ledger: &Ledger,
    (run, variant): (&RunId, &VariantName),
    level: Level,
) -> Result<Option<Created>, AwsError> {
    let name = names::scan_configuration(run, variant, level);
    let Some(Entry { key, id: Some(id), .. }) = ledger.standing(KIND, &name) else { return Ok(None) };
    let there = inspector::configurations(clients, &name, CisStringComparison::Equals).await?;
    let is_there = there.iter().any(|configuration| configuration.scan_configuration_arn() == id);
    Ok(is_there.then_some(Created { key, id }))
}

/// Starts one scan of the instances that carry the variant's own tag.
///
/// # Guarantees
/// The configuration is in the ledger before it is created. The call has no client token, so it is sent once; after a lost answer the
/// configuration is looked up by its name.
///
/// # Errors
/// [`AwsError`] of
/// [CreateCisScanConfiguration](https://docs.aws.amazon.com/inspector/v2/APIReference/API_CreateCisScanConfiguration.html); or the ledger
/// cannot be written.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    (run, variant): (&RunId, &VariantName),
    level: Level,
    tags: &Tags,
) -> Result<Created, NotCreated> {
    let name = names::scan_configuration(run, variant, level);
    let resource = Resource::new(KIND, &name).in_region(clients.region()).for_variant(variant);
    let (clients, value, tags) = (clients.clone(), names::scan_tag_value(run, variant), tags.clone());
    let create = || async move {
        let create = || create_once(&clients, &name, level, &value, &tags);
        let find = || inspector::configuration_named(&clients, &name);
        clients.write_or_find(create, find).await.map_err(NotCreated::from)
    };
    ledger.create_resource(resource, create).await
}

/// One scan, at once, of the instances that carry the variant's own tag; returns the ARN of the configuration, because the answer
/// contains no scan yet.
async fn create_once(
    clients: &Clients,
    name: &str,
    level: Level,
    tag_value: &str,
    tags: &Tags,
) -> Result<String, AwsError> {
    const OPERATION: &str = "CreateCisScanConfiguration";
    // SELF, because a literal account id has been seen to match nothing.
    let targets = CreateCisTargets::builder()
        .account_ids("SELF")
        .target_resource_tags(SCAN_TAG, vec![tag_value.to_owned()])
        .build()
        .explain(OPERATION, name)?;
    let request = clients
        .inspector
        .create_cis_scan_configuration()
        .scan_name(name)
        .security_level(match level {
            Level::One => CisSecurityLevel::Level1,
            Level::Two => CisSecurityLevel::Level2,
        })
        .schedule(Schedule::OneTime(OneTimeSchedule::builder().build()))
        .targets(targets)
        .set_tags(Some(tags.pairs().into_iter().collect()));
    let answer = request.send().await.explain(OPERATION, name)?;
    answer
        .scan_configuration_arn
        .filter(|arn| !arn.is_empty())
        .ok_or_else(|| AwsError::new(Class::Infrastructure, OPERATION, name, "the answer holds no configuration ARN"))
}

async fn read(cx: Cx<'_>, name: &str) -> Result<Vec<(String, LiveState)>, AwsError> {
    let all = found(inspector::configurations(cx.clients, name, CisStringComparison::Equals).await)?;
    let seen = all.unwrap_or_default().into_iter().map(|configuration| {
        let arn = configuration.scan_configuration_arn().to_owned();
        (arn.clone(), LiveState { tags: tags_of(configuration.tags()), id: Some(arn) })
    });
    Ok(seen.collect())
}

async fn delete(cx: Cx<'_>, name: &str, owned: &Owned<String>) -> Result<(), NotDeleted> {
    let deleted = inspector::delete_configuration(cx.clients, owned.get()).await;
    deleted.map_err(|error| NotDeleted::refused(&error))?;
    let left = read(cx, name).await.map_err(NotDeleted::unread)?;
    if left.iter().any(|(arn, _)| arn == owned.get()) {
        return Err(NotDeleted::refused(&still_there("DeleteCisScanConfiguration", owned.get())));
    }
    Ok(())
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let prefix = match query {
        Query::Run { run, .. } => names::scan_prefix(run),
        Query::Expired(_) => "amiproof-".to_owned(),
    };
    let all = inspector::configurations(clients, &prefix, CisStringComparison::Prefix).await?;
    let wanted = all.into_iter().filter_map(|configuration| {
        let tags: BTreeMap<_, _> = configuration.tags().cloned().unwrap_or_default().into_iter().collect();
        let name = configuration.scan_name().unwrap_or_default();
        let target = Target::found(&CisScanConfiguration, name, &tags, clients);
        let id = Some(configuration.scan_configuration_arn().to_owned());
        query.wants(&tags).then_some(Target { id, ..target })
    });
    Ok(wanted.collect())
}
