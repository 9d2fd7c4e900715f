//! What a run would lack in its account, checked before anything is created: EC2 tells by a dry run whether it would accept a call (EC2
//! API, `DryRun`), and Inspector whether it scans instances. `amiproof doctor` also checks quotas.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::matrix::{Family, MadeNodes, Matrix, Variant};
use amiproof_model::name::AmiId;
use aws_sdk_ec2::types::{RequestLaunchTemplateData, ResourceType, Tag, TagSpecification};
use camino::Utf8Path;
use futures::future::join_all;

use super::pipeline::image_of;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _};
use crate::aws::names::RUN_TAG;
use crate::scan::inspector;

/// EC2's error code for a dry run that would have succeeded.
const WOULD_SUCCEED: &str = "DryRunOperation";
/// EC2's error codes for a missing subscription, to a Marketplace image or to the service itself, and for an unverified account.
const NOT_SUBSCRIBED: [&str; 3] = ["OptInRequired", "PendingVerification", "Blocked"];

/// What is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preflight {
    /// Why variants cannot get nodes, one sentence each: an image that does not exist or is not subscribed to, or a missing permission.
    pub missing: Vec<String>,
    /// What may prevent a part of the run: permissions that policies give under conditions, Inspector that is not enabled.
    pub doubts: Vec<String>,
    /// What could not be asked.
    pub unknown: Vec<String>,
    /// Whether no variant can get nodes.
    pub is_hopeless: bool,
}

/// Checks everything concurrently. `base` is the folder of the matrix file, `scans` says whether Inspector will scan operating systems.
/// Creates nothing.
pub async fn preflight(clients: &Clients, matrix: &Matrix, base: &Utf8Path, scans: bool) -> Preflight {
    let made: Vec<(&Variant, &MadeNodes)> =
        matrix.variants.iter().filter_map(|variant| Some((variant, variant.made()?))).collect();
    let of_variants = join_all(made.iter().map(|(variant, made)| of_variant(clients, matrix, base, variant, made)));
    let (variants, network, scanner) =
        tokio::join!(of_variants, network(clients, matrix), scanner(clients, matrix, scans));
    let mut preflight = Preflight::default();
    let mut hopeless = 0;
    for variant in variants {
        hopeless += usize::from(!variant.missing.is_empty());
        preflight.missing.extend(variant.missing);
        preflight.doubts.extend(variant.doubts);
        preflight.unknown.extend(variant.unknown);
    }
    for part in [network, scanner] {
        preflight.doubts.extend(part.doubts);
        preflight.unknown.extend(part.unknown);
    }
    preflight.is_hopeless = !made.is_empty() && hopeless == made.len();
    // What is missing for all variants is reported once.
    for list in [&mut preflight.missing, &mut preflight.doubts, &mut preflight.unknown] {
        let mut seen = BTreeSet::new();
        list.retain(|sentence| seen.insert(sentence.clone()));
    }
    preflight
}

async fn of_variant(
    clients: &Clients,
    matrix: &Matrix,
    base: &Utf8Path,
    variant: &Variant,
    made: &MadeNodes,
) -> Preflight {
    let mut found = Preflight::default();
    let name = &variant.name;
    let image = match image_of(clients, base, variant, made).await {
        Ok(image) => image.record.id.to_string(),
        Err(error) => {
            found.missing.push(format!("{name}: {}", error.message()));
            return found;
        }
    };
    let tags = |kind| tags(kind, &matrix.cluster.governance.tags, &made.tags);
    let template = template_refused(clients, &image, tags(ResourceType::LaunchTemplate));
    let instance = dry_run(clients, "RunInstances", &image, || async {
        let request = clients.ec2.run_instances().dry_run(true).image_id(&image).min_count(1).max_count(1);
        let request = request.set_instance_type(made.instance_types.first().map(|kind| kind.as_str().into()));
        let request = request.set_subnet_id(matrix.cluster.subnet_ids.first().cloned());
        let request = request.set_tag_specifications(tags(ResourceType::Instance));
        request.send().await.map(drop).explain("RunInstances", &image)
    });
    let (template, instance) = tokio::join!(template, instance);
    match template {
        Some(error) if error.class == Class::AccessDenied => found.missing.push(error.to_string()),
        Some(error) => found.unknown.extend(unasked(&error)),
        None => {}
    }
    match instance {
        Some(error) if error.code.as_deref().is_some_and(|code| NOT_SUBSCRIBED.contains(&code)) => {
            found.missing.push(format!("{name}: {error}"));
        }
        // EKS checks whether the caller may launch what the template says; a policy may allow that and still deny this bare call.
        Some(error) if error.class == Class::AccessDenied => found.doubts.push(format!(
            "{error}; EKS launches nodes only if the caller has this permission, so node groups may fail"
        )),
        Some(error) => found.unknown.extend(unasked(&error)),
        None => {}
    }
    found
}

/// Why EC2 would not create a launch template with these tags, asked once for all variants with the same tags.
async fn template_refused(clients: &Clients, image: &str, tags: Option<Vec<TagSpecification>>) -> Option<AwsError> {
    const OPERATION: &str = "CreateLaunchTemplate";
    let pairs = tags.iter().flatten().flat_map(|specification| specification.tags());
    let pairs: Vec<String> =
        pairs.map(|tag| format!("{}={}", tag.key().unwrap_or_default(), tag.value().unwrap_or_default())).collect();
    let ask = || async {
        let refused = dry_run(clients, OPERATION, "launch templates", || async {
            let data = RequestLaunchTemplateData::builder().image_id(image).build();
            let request = clients.ec2.create_launch_template().dry_run(true).launch_template_name("amiproof-preflight");
            let request = request.launch_template_data(data).set_tag_specifications(tags.clone());
            request.send().await.map(drop).explain(OPERATION, "launch templates")
        });
        Ok(refused.await)
    };
    clients.shared_answer(("dry run of CreateLaunchTemplate", &pairs.join(", ")), ask).await.unwrap_or_else(Some)
}

/// Checks what a build by Packer would lack: a base image that does not exist or is not subscribed to, and vCPUs for its instance. Only what
/// the variables name is known; a template may choose an image and an instance type by itself. `variables` are names with values. A
/// denied request proves nothing, because Packer may run with other credentials. Creates nothing.
pub async fn of_build(clients: &Clients, name: &str, variables: &[(String, String)]) -> Preflight {
    let mut found = Preflight::default();
    let kind = variables.iter().find(|(key, _)| key.contains("instance_type")).map(|(_, value)| value.as_str());
    let mut images: Vec<&str> =
        variables.iter().map(|(_, value)| value.as_str()).filter(|value| value.parse::<AmiId>().is_ok()).collect();
    images.sort_unstable();
    images.dedup();
    let launches = images.iter().map(|image| {
        dry_run(clients, "RunInstances", image, || async {
            let request = clients.ec2.run_instances().dry_run(true).image_id(*image).min_count(1).max_count(1);
            let request = request.set_instance_type(kind.map(Into::into));
            request.send().await.map(drop).explain("RunInstances", *image)
        })
    });
    for error in join_all(launches).await.into_iter().flatten() {
        let is_missing =
            error.is_not_found() || error.code.as_deref().is_some_and(|code| NOT_SUBSCRIBED.contains(&code));
        if is_missing {
            found.missing.push(format!("{name}: {error}"));
        } else {
            found.unknown.extend(unasked(&error).map(|why| format!("{name}: {why}")));
        }
    }
    found
}

/// CloudFormation creates the network with the caller's permissions.
async fn network(clients: &Clients, matrix: &Matrix) -> Preflight {
    let mut found = Preflight::default();
    if !matrix.cluster.create || !matrix.cluster.subnet_ids.is_empty() {
        return found;
    }
    let tags = tags(ResourceType::Vpc, &matrix.cluster.governance.tags, &BTreeMap::new());
    let error = dry_run(clients, "CreateVpc", "the network", || async {
        let request = clients.ec2.create_vpc().dry_run(true).cidr_block("192.168.0.0/16");
        let request = request.set_tag_specifications(tags.clone());
        request.send().await.map(drop).explain("CreateVpc", "the network")
    });
    match error.await {
        Some(error) if error.class == Class::AccessDenied => found.doubts.push(format!(
            "{error}; without it CloudFormation creates the network only if a more specific policy allows it"
        )),
        Some(error) => found.unknown.extend(unasked(&error)),
        None => {}
    }
    found
}

/// Why Inspector cannot scan the operating systems that the run needs it for.
async fn scanner(clients: &Clients, matrix: &Matrix, scans: bool) -> Preflight {
    let mut found = Preflight::default();
    let judges = |variant: &Variant| matches!(variant.family, Family::Al2023 | Family::Windows);
    if !scans || !matrix.variants.iter().any(judges) {
        return found;
    }
    match inspector::why_not_enabled(clients).await {
        Ok(why) => found.doubts.extend(why.map(|why| format!("{why}; without it os-cis is not evaluated"))),
        Err(error) => found.unknown.push(format!("cannot determine whether Inspector is enabled: {error}")),
    }
    found
}

/// The tags that a run would put on it: those that the account demands, and amiproof's own, by which policies know what it may make.
fn tags(
    kind: ResourceType,
    of_cluster: &BTreeMap<String, String>,
    of_variant: &BTreeMap<String, String>,
) -> Option<Vec<TagSpecification>> {
    let own = (RUN_TAG.to_owned(), "preflight".to_owned());
    let pairs = of_cluster.iter().chain(of_variant).map(|(key, value)| (key.clone(), value.clone())).chain([own]);
    let tags: Vec<Tag> = pairs.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    Some(vec![TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()])
}

/// Why EC2 would reject a call; `None` if it would accept it.
async fn dry_run<Fut>(
    clients: &Clients,
    operation: &'static str,
    resource: &str,
    call: impl FnMut() -> Fut,
) -> Option<AwsError>
where
    Fut: Future<Output = Result<(), AwsError>>,
{
    match clients.read(call).await {
        // EC2 answers every dry run with an error, so this is not EC2.
        Ok(()) => {
            Some(AwsError::new(Class::Request, operation, resource, "EC2 did not treat the request as a dry run"))
        }
        Err(error) if error.code.as_deref() == Some(WOULD_SUCCEED) => None,
        Err(error) => Some(error),
    }
}

/// What could not be checked. An error about the request itself (such as no default VPC) comes after EC2 has checked permissions and
/// subscriptions, and is no doubt about those.
fn unasked(error: &AwsError) -> Option<String> {
    match error.class {
        Class::Request | Class::NotFound | Class::Exists | Class::InUse => {
            tracing::debug!(%error, "the dry run did not check the permissions");
            None
        }
        _ => Some(format!("could not be checked in advance: {error}")),
    }
}
