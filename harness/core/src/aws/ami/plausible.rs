//! What an image's name says about how it boots.

use amiproof_model::matrix::Family;

/// The family that the name of an image proves; `None` if it proves none (a custom image).
///
/// Names as published: `amazon-eks-node-al2023-x86_64-standard-1.36-v…`, `amazon-eks-node-1.32-v…`,
/// `amazon-eks-arm64-node-1.32-v…`, `bottlerocket-aws-k8s-1.36-…`. The base image of an operating system cannot boot
/// as a node at all, so its name is not a proof ([`amiproof_model::matrix::base_image_kind`]).
pub(super) fn family(name: &str, is_windows: bool) -> Option<Family> {
    if is_windows {
        return Some(Family::Windows);
    }
    let name = name.to_ascii_lowercase();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if starts(&["bottlerocket-aws-k8s-"]) {
        Some(Family::Bottlerocket)
    } else if starts(&["amazon-eks-node-al2023", "amazon-eks-arm64-node-al2023"]) {
        Some(Family::Al2023)
    } else if starts(&["amazon-eks-node-1.", "amazon-eks-arm64-node-1."]) {
        Some(Family::Al2)
    } else {
        None
    }
}
