//! The EC2 launch template of a variant: the only place where a custom AMI and its user data enter a managed node group.

use amiproof_model::matrix::{Family, MadeNodes, Variant};
use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateInstanceMetadataEndpointState, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateInstanceMetadataTagsState, LaunchTemplateTagSpecificationRequest, RequestLaunchTemplateData,
    ResourceType, Tag, VolumeType,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Clients;
use super::ami::{Ami, ImageVolume};
use super::error::{AwsError, Explain as _};
use super::names::{self, Tags};

/// A launch template with its one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchTemplate {
    /// `lt-…`.
    pub id: String,
    /// Its name, which follows from run and variant.
    pub name: String,
}

/// The input for a launch template.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// The settings of its nodes.
    pub made: &'a MadeNodes,
    /// Its image.
    pub ami: &'a Ami,
    /// The security group that EKS created for the cluster. Nodes get it automatically only if the template names no other groups (EKS user
    /// guide, "Customize managed nodes with launch templates").
    pub cluster_group: Option<&'a str>,
    /// Plain text.
    pub user_data: &'a str,
}

/// The id of the launch template of this name
/// ([DescribeLaunchTemplates](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplates.html)); `None` if there is
/// none.
///
/// # Errors
/// [`AwsError`]; transient errors are retried, a denied request is not.
pub(crate) async fn find(clients: &Clients, name: &str) -> Result<Option<String>, AwsError> {
    let answer = clients.ec2.describe_launch_templates().launch_template_names(name).send().await;
    let answer = super::error::found(answer.explain("DescribeLaunchTemplates", format!("launch template {name}")))?;
    let first = answer.and_then(|answer| answer.launch_templates.unwrap_or_default().into_iter().next());
    Ok(first.and_then(|template| template.launch_template_id))
}

/// Deletes a launch template by its id; one that does not exist is not an error.
///
/// # Errors
/// [`AwsError`] of [DeleteLaunchTemplate](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplate.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn delete(clients: &Clients, id: &str) -> Result<(), AwsError> {
    let deleted = clients
        .until_free(|| async {
            let request = clients.ec2.delete_launch_template().launch_template_id(id);
            request.send().await.explain("DeleteLaunchTemplate", format!("launch template {id}"))
        })
        .await;
    super::error::found(deleted).map(|_| ())
}

/// No instance type, instance profile, subnet or shutdown behaviour: EKS rejects a template with them (EKS user guide, "Customize
/// managed nodes with launch templates").
pub(crate) fn template(plan: &Plan<'_>, tags: &Tags) -> RequestLaunchTemplateData {
    let Plan { variant, made, ami, user_data, .. } = *plan;
    let instance_tags = ec2_tags(&tags.pairs_named(&names::instance(&tags.run, &variant.name)));
    // Network interfaces too: a leaked one then carries the run it belongs to.
    let tagged = [ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface].map(|kind| {
        LaunchTemplateTagSpecificationRequest::builder()
            .resource_type(kind)
            .set_tags(Some(instance_tags.clone()))
            .build()
    });
    RequestLaunchTemplateData::builder()
        .image_id(ami.record.id.as_str())
        .user_data(BASE64_STANDARD.encode(user_data))
        .metadata_options(metadata_options(variant))
        .set_block_device_mappings(Some(ami.volumes.iter().map(|volume| block_device(variant, made, volume)).collect()))
        .set_tag_specifications(Some(tagged.into()))
        .set_security_group_ids(groups(plan))
        .build()
}

/// The cluster security group and those of the matrix; `None` if the matrix names none, and EKS adds that of the cluster.
fn groups(plan: &Plan<'_>) -> Option<Vec<String>> {
    let own = &plan.made.security_groups;
    let of_cluster = plan.cluster_group.map(str::to_owned);
    (!own.is_empty()).then(|| of_cluster.into_iter().chain(own.iter().cloned()).collect())
}

/// Tags in instance metadata stay off: EKS adds tags with a `/` in their keys, and such an instance does not launch
/// (terraform-aws-modules/terraform-aws-eks#1785).
fn metadata_options(variant: &Variant) -> LaunchTemplateInstanceMetadataOptionsRequest {
    LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .http_endpoint(LaunchTemplateInstanceMetadataEndpointState::Enabled)
        .http_tokens(LaunchTemplateHttpTokensState::Required)
        .http_put_response_hop_limit(i32::try_from(variant.imds_hop_limit).unwrap_or(2))
        .instance_metadata_tags(LaunchTemplateInstanceMetadataTagsState::Disabled)
        .build()
}

/// Every volume of the image, encrypted. The variant's volume size applies to the volume that fills up: Bottlerocket keeps images and logs
/// on
/// its data volume, and its root volume is a fixed set of partitions.
fn block_device(variant: &Variant, made: &MadeNodes, volume: &ImageVolume) -> LaunchTemplateBlockDeviceMappingRequest {
    let fills_up = (variant.family == Family::Bottlerocket) != volume.is_root;
    let wanted = i32::try_from(made.volume_gib).unwrap_or(i32::MAX);
    let gib = if fills_up { wanted.max(volume.gib) } else { volume.gib };
    let ebs = LaunchTemplateEbsBlockDeviceRequest::builder()
        .encrypted(true)
        .delete_on_termination(true)
        .volume_type(VolumeType::Gp3)
        .set_kms_key_id(made.kms_key.clone())
        .set_volume_size((gib > 0).then_some(gib))
        .build();
    LaunchTemplateBlockDeviceMappingRequest::builder().device_name(&volume.device).ebs(ebs).build()
}

pub(crate) fn ec2_tags(pairs: &[(String, String)]) -> Vec<Tag> {
    pairs.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[cfg(test)]
mod tests {
    use amiproof_model::report::AmiRecord;

    use super::*;
    use crate::fixture;

    fn ami(volumes: &[(&str, i32, bool)]) -> Ami {
        let volumes = volumes.iter().map(|(device, gib, is_root)| ImageVolume {
            device: (*device).to_owned(),
            gib: *gib,
            is_root: *is_root,
        });
        let record = AmiRecord {
            id: "ami-0123456789abcdef0".parse().unwrap(),
            name: "n".to_owned(),
            created: None,
            source: "id".to_owned(),
            architecture: "x86_64".to_owned(),
            deprecated: None,
            ancestors: Vec::new(),
        };
        Ami { record, volumes: volumes.collect() }
    }

    fn of(family: Family, volumes: &[(&str, i32, bool)]) -> RequestLaunchTemplateData {
        let variant = fixture::variant("v", family);
        let tags = Tags::of_run("r-1".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap());
        let (made, ami) = (fixture::made(), ami(volumes));
        let plan = Plan {
            variant: &variant,
            made: &made,
            ami: &ami,
            cluster_group: Some("sg-cluster"),
            user_data: "#!/bin/bash",
        };
        template(&plan, &tags.for_variant(&variant.name))
    }

    #[test]
    fn the_template_holds_what_eks_allows_and_nothing_else() {
        let template = of(Family::Al2023, &[("/dev/xvda", 20, true)]);
        assert_eq!(template.image_id(), Some("ami-0123456789abcdef0"));
        assert_eq!(template.user_data(), Some("IyEvYmluL2Jhc2g="));
        assert_eq!(template.instance_type(), None);
        assert_eq!(template.iam_instance_profile(), None);
        assert!(template.network_interfaces().is_empty() && template.security_group_ids().is_empty());
        let metadata = template.metadata_options().unwrap();
        assert_eq!(metadata.http_tokens(), Some(&LaunchTemplateHttpTokensState::Required));
        assert_eq!(metadata.http_put_response_hop_limit(), Some(2));
        assert_eq!(metadata.instance_metadata_tags(), Some(&LaunchTemplateInstanceMetadataTagsState::Disabled));
        let tagged: Vec<_> = template.tag_specifications().iter().filter_map(|spec| spec.resource_type()).collect();
        assert_eq!(tagged, [&ResourceType::Instance, &ResourceType::Volume, &ResourceType::NetworkInterface]);
        let keys: Vec<_> = template.tag_specifications()[0].tags().iter().filter_map(|tag| tag.key()).collect();
        assert_eq!(keys, ["amiproof:run", "amiproof:expires", "amiproof:variant", "amiproof:variant-run", "Name"]);
    }

    #[test]
    fn what_the_account_demands_is_on_every_volume_and_instance() {
        let variant = fixture::variant("v", Family::Al2023);
        let key = "arn:aws:kms:us-west-2:111122223333:key/1";
        let made = MadeNodes { kms_key: Some(key.to_owned()), ..fixture::made() };
        let tags = Tags::of_run("r-1".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap());
        let tags = tags.for_variant(&variant.name).with(&[("CostCenter".to_owned(), "4711".to_owned())].into());
        let ami = ami(&[("/dev/xvda", 4, true), ("/dev/xvdb", 20, false)]);
        let plan = Plan { variant: &variant, made: &made, ami: &ami, cluster_group: None, user_data: "" };
        let template = template(&plan, &tags);
        let keys = template.block_device_mappings().iter().map(|mapping| mapping.ebs().unwrap().kms_key_id());
        assert_eq!(keys.collect::<Vec<_>>(), [Some(key), Some(key)]);
        for specification in template.tag_specifications() {
            let is_it = |tag: &Tag| (tag.key(), tag.value()) == (Some("CostCenter"), Some("4711"));
            assert!(specification.tags().iter().any(is_it), "{specification:?}");
        }
    }

    #[test]
    fn further_security_groups_come_with_the_clusters_own() {
        let variant = fixture::variant("v", Family::Al2023);
        let tags = Tags::of_run("r-1".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap());
        let made = MadeNodes { security_groups: vec!["sg-0123456789abcdef0".to_owned()], ..fixture::made() };
        let ami = ami(&[("/dev/xvda", 20, true)]);
        let plan = Plan { variant: &variant, made: &made, ami: &ami, cluster_group: Some("sg-cluster"), user_data: "" };
        assert_eq!(template(&plan, &tags).security_group_ids(), ["sg-cluster", "sg-0123456789abcdef0"]);
    }

    #[test]
    fn every_volume_is_encrypted_and_the_one_that_fills_up_gets_the_size() {
        let sizes = |template: &RequestLaunchTemplateData| -> Vec<(String, Option<i32>)> {
            let mappings = template.block_device_mappings().iter();
            mappings
                .map(|mapping| {
                    let ebs = mapping.ebs().unwrap();
                    assert_eq!((ebs.encrypted(), ebs.volume_type()), (Some(true), Some(&VolumeType::Gp3)));
                    (mapping.device_name().unwrap().to_owned(), ebs.volume_size())
                })
                .collect()
        };
        let amazon_linux = of(Family::Al2023, &[("/dev/xvda", 20, true)]);
        assert_eq!(sizes(&amazon_linux), [("/dev/xvda".to_owned(), Some(40))]);
        let windows = of(Family::Windows, &[("/dev/sda1", 50, true)]);
        assert_eq!(sizes(&windows), [("/dev/sda1".to_owned(), Some(50))]);
        let bottlerocket = of(Family::Bottlerocket, &[("/dev/xvda", 4, true), ("/dev/xvdb", 20, false)]);
        assert_eq!(sizes(&bottlerocket), [("/dev/xvda".to_owned(), Some(4)), ("/dev/xvdb".to_owned(), Some(40))]);
    }
}
