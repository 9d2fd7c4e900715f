//! SSM public parameters that name the recommended images (EKS and Bottlerocket user guides).

use amiproof_model::matrix::{Architecture, Family, Variant};
use amiproof_model::name::{AmiId, KubernetesVersion};

/// The SSM public parameter of the newest image that AWS recommends for a variant's family, Kubernetes version and architecture.
pub fn recommended_parameter(variant: &Variant, kubernetes: &KubernetesVersion) -> String {
    let architecture = variant.architecture.as_str();
    match variant.family {
        Family::Al2023 => format!(
            "/aws/service/eks/optimized-ami/{kubernetes}/amazon-linux-2023/{architecture}/standard/recommended/image_id"
        ),
        Family::Al2 => {
            let flavour = match variant.architecture {
                Architecture::X86_64 => "amazon-linux-2",
                Architecture::Arm64 => "amazon-linux-2-arm64",
            };
            format!("/aws/service/eks/optimized-ami/{kubernetes}/{flavour}/recommended/image_id")
        }
        Family::Bottlerocket => {
            format!("/aws/service/bottlerocket/aws-k8s-{kubernetes}/{architecture}/latest/image_id")
        }
        Family::Windows => {
            let release = windows_release(variant);
            format!(
                "/aws/service/ami-windows-latest/Windows_Server-{release}-English-Core-EKS_Optimized-{kubernetes}/image_id"
            )
        }
    }
}

/// The Windows Server release of the variant's benchmark; 2022 without one.
fn windows_release(variant: &Variant) -> &str {
    let benchmark = variant.hardening.as_ref().map(|hardening| hardening.benchmark.family());
    let release =
        benchmark.and_then(|family| family.rsplit('-').find(|part| part.len() == 4 && part.starts_with("20")));
    release.unwrap_or("2022")
}

/// The AMI id that a parameter's value holds: the bare id, or `image_id` of the JSON form (`…/recommended` without a suffix).
pub(super) fn ami_id(value: &str) -> Result<AmiId, String> {
    let value = value.trim();
    if value.starts_with('{') {
        let json: serde_json::Value =
            serde_json::from_str(value).map_err(|error| format!("its value is neither an AMI id nor JSON: {error}"))?;
        let id = json.get("image_id").and_then(serde_json::Value::as_str);
        return id
            .ok_or_else(|| "its JSON value has no image_id".to_owned())?
            .parse()
            .map_err(|error| format!("{error}"));
    }
    value.parse().map_err(|error| format!("{error}; it must hold an AMI id"))
}

/// The last Kubernetes minor version with an EKS image of Amazon Linux 2, whose support ended on 2026-06-30.
const LAST_AL2_MINOR: u32 = 32;

/// Why a parameter does not exist, and what to do.
pub(super) fn missing(name: &str, variant: &Variant, version: &KubernetesVersion) -> String {
    match variant.family {
        Family::Al2 if version.minor() > LAST_AL2_MINOR => format!(
            "SSM parameter {name} does not exist: EKS publishes no Amazon Linux 2 image for Kubernetes {version} (the last one was for \
             1.{LAST_AL2_MINOR}); name an image of your own with `ami: {{id: …}}`, or set the variant's `kubernetesVersion`"
        ),
        _ => format!(
            "SSM parameter {name} does not exist in this region: AWS may not publish this image for Kubernetes {version} (any more); \
             list what there is with `aws ssm get-parameters-by-path --path {}`",
            name.rsplit_once('/').map_or(name, |(folder, _)| folder)
        ),
    }
}
