use aws_sdk_ec2::types::{ArchitectureValues, BlockDeviceMapping, EbsBlockDevice, ImageState, PlatformValues};

use super::*;
use crate::fixture;

fn image() -> aws_sdk_ec2::types::builders::ImageBuilder {
    Image::builder()
        .image_id("ami-0123456789abcdef0")
        .name("amazon-eks-node-al2023-x86_64-standard-1.36-v20261101")
        .state(ImageState::Available)
        .architecture(ArchitectureValues::X8664)
        .root_device_name("/dev/xvda")
        .creation_date("2026-11-01T00:00:00.000Z")
}

fn why_not(image: &Image, family: Family) -> String {
    check(image, &fixture::variant("v", family)).unwrap_err().to_string()
}

#[test]
fn parameters_are_those_that_aws_publishes() {
    let of = |family, version: &str, architecture, benchmark: Option<&str>| {
        let mut variant = fixture::variant("v", family);
        variant.architecture = architecture;
        variant.hardening = benchmark.map(fixture::hardening);
        recommended_parameter(&variant, &version.parse().unwrap())
    };
    let all = [
        of(Family::Al2023, "1.36", Architecture::X86_64, None),
        of(Family::Al2023, "1.36", Architecture::Arm64, None),
        of(Family::Al2, "1.32", Architecture::X86_64, None),
        of(Family::Al2, "1.32", Architecture::Arm64, None),
        of(Family::Bottlerocket, "1.36", Architecture::X86_64, None),
        of(Family::Windows, "1.36", Architecture::X86_64, None),
        of(Family::Windows, "1.36", Architecture::X86_64, Some("cis-windows-2019-5.0.0")),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    /aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id
    /aws/service/eks/optimized-ami/1.36/amazon-linux-2023/arm64/standard/recommended/image_id
    /aws/service/eks/optimized-ami/1.32/amazon-linux-2/recommended/image_id
    /aws/service/eks/optimized-ami/1.32/amazon-linux-2-arm64/recommended/image_id
    /aws/service/bottlerocket/aws-k8s-1.36/x86_64/latest/image_id
    /aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.36/image_id
    /aws/service/ami-windows-latest/Windows_Server-2019-English-Core-EKS_Optimized-1.36/image_id
    ");
}

#[test]
fn a_parameter_holds_an_id_or_the_json_form() {
    assert_eq!(parameter::ami_id("ami-0123456789abcdef0\n").unwrap().as_str(), "ami-0123456789abcdef0");
    let json = r#"{"schema_version":"2","image_id":"ami-0123456789abcdef0","image_name":"n","release_version":"r"}"#;
    assert_eq!(parameter::ami_id(json).unwrap().as_str(), "ami-0123456789abcdef0");
    assert!(parameter::ami_id("{}").unwrap_err().contains("no image_id"));
    assert!(parameter::ami_id("latest").unwrap_err().contains("not a valid AMI id"));
}

#[test]
fn an_image_that_fits_is_accepted_and_others_are_refused_with_the_help() {
    let good = image().build();
    check(&good, &fixture::variant("v", Family::Al2023)).unwrap();
    let messages = [
        why_not(&image().state(ImageState::Pending).build(), Family::Al2023),
        why_not(&image().architecture(ArchitectureValues::Arm64).build(), Family::Al2023),
        why_not(&good, Family::Bottlerocket),
        why_not(&image().platform(PlatformValues::Windows).build(), Family::Al2023),
        why_not(&image().name("ours").build(), Family::Windows),
        why_not(
            &image()
                .name("CIS Amazon Linux 2023 Benchmark - Level 1 - v12")
                .image_owner_alias("aws-marketplace")
                .build(),
            Family::Al2023,
        ),
    ];
    insta::assert_snapshot!(messages.join("\n"));
    check(&image().name("ours").build(), &fixture::variant("v", Family::Al2)).unwrap();
    let own = image().name("CIS Amazon Linux 2023 with our kubelet").public(false).build();
    check(&own, &fixture::variant("v", Family::Al2023)).unwrap();
}

#[test]
fn volumes_start_with_the_root_device() {
    let mapping = |device: &str, gib| {
        BlockDeviceMapping::builder()
            .device_name(device)
            .ebs(EbsBlockDevice::builder().volume_size(gib).build())
            .build()
    };
    let bottlerocket =
        image().block_device_mappings(mapping("/dev/xvdb", 20)).block_device_mappings(mapping("/dev/xvda", 4)).build();
    let named: Vec<_> = volumes(&bottlerocket).into_iter().map(|volume| (volume.device, volume.gib)).collect();
    assert_eq!(named, [("/dev/xvda".to_owned(), 4), ("/dev/xvdb".to_owned(), 20)]);
    assert_eq!(volumes(&image().build()).len(), 1);
}

#[test]
fn the_newest_build_of_the_region_is_taken_from_a_manifest() {
    let manifest = r#"{"builds": [
        {"name": "AL2023_Level_1", "build_time": 10, "artifact_id": "us-west-2:ami-00000000000000001"},
        {"name": "AL2023_Level_1", "build_time": 30, "artifact_id": "eu-west-1:ami-00000000000000002,us-west-2:ami-00000000000000003"},
        {"name": "AL2023_Level_2", "build_time": 40, "artifact_id": "us-west-2:ami-00000000000000004"}], "last_run_uuid": "x"}"#;
    assert_eq!(newest_in_manifest(manifest, Some("Level_1"), "us-west-2").unwrap().as_str(), "ami-00000000000000003");
    assert_eq!(newest_in_manifest(manifest, None, "us-west-2").unwrap().as_str(), "ami-00000000000000004");
    let messages = [
        newest_in_manifest(manifest, Some("Level_3"), "us-west-2").unwrap_err(),
        newest_in_manifest(manifest, Some("Level_2"), "eu-west-1").unwrap_err(),
        newest_in_manifest(r#"{"builds": []}"#, None, "us-west-2").unwrap_err(),
        newest_in_manifest("builds: []", None, "us-west-2").unwrap_err(),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn only_the_last_run_of_packer_counts_where_it_was_just_run() {
    let manifest = r#"{"builds": [
        {"name": "al2023", "build_time": 9, "artifact_id": "us-west-2:ami-0123456789abcdef0", "packer_run_uuid": "one"},
        {"name": "al2023", "build_time": 5, "artifact_id": "us-west-2:ami-0123456789abcdef1", "packer_run_uuid": "two"},
        {"name": "al2", "build_time": 5, "artifact_id": "us-east-1:ami-0123456789abcdef2", "packer_run_uuid": "two"}
    ], "last_run_uuid": "two"}"#;
    let image = |select| of_last_run(manifest, select, "us-west-2").map(|id| id.to_string());
    assert_eq!(last_run(manifest).as_deref(), Some("two"));
    assert_eq!(image(None).unwrap(), "ami-0123456789abcdef1");
    assert_eq!(image(Some("al2023")).unwrap(), "ami-0123456789abcdef1");
    assert!(
        of_last_run(manifest, Some("al2"), "eu-west-1").unwrap_err().starts_with("no image was built for eu-west-1")
    );
    let two = manifest.replace("us-east-1:ami-0123456789abcdef2", "us-west-2:ami-0123456789abcdef2");
    assert!(of_last_run(&two, None, "us-west-2").unwrap_err().starts_with("the last run built "));
    assert!(of_last_run(&two, Some("al2023"), "us-west-2").is_ok());
    assert!(of_last_run(r#"{"builds": []}"#, None, "us-west-2").unwrap_err().contains("names no run"));
    assert_eq!((last_run("{"), last_run(r#"{"builds": [], "last_run_uuid": ""}"#)), (None, None));
}
