//! Where the makers of an image say what is new in it.

/// The page of an image's release notes, by the name of the image; `None` for a name that says no release.
///
/// Sources of the forms: EKS user guide, "Create nodes with optimized Amazon Linux AMIs" and "Bottlerocket"; releases of awslabs/amazon-eks-ami and
/// bottlerocket-os/bottlerocket; "EKS optimized Windows AMI history".
pub(crate) fn link(image: &str) -> Option<String> {
    let last = image.rsplit('-').next()?;
    let is_date = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    if image.starts_with("amazon-eks-") && last.strip_prefix('v').is_some_and(is_date) {
        return Some(format!("https://github.com/awslabs/amazon-eks-ami/releases/tag/{last}"));
    }
    if image.starts_with("bottlerocket-aws-k8s-") {
        // bottlerocket-aws-k8s-1.35-x86_64-v1.50.0-6b3a6a0c
        let version = image.split('-').find(|part| part.starts_with('v') && part.matches('.').count() == 2)?;
        let is_version = version.bytes().skip(1).all(|byte| byte.is_ascii_digit() || byte == b'.');
        return is_version.then(|| format!("https://github.com/bottlerocket-os/bottlerocket/releases/tag/{version}"));
    }
    if image.starts_with("Windows_Server-") && image.contains("EKS_Optimized") {
        return Some("https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-versions-windows.html".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn images_of_the_vendors_have_notes_and_others_have_none() {
        for (image, expected) in [
            (
                "amazon-eks-node-al2023-x86_64-standard-1.35-v20261101",
                Some("https://github.com/awslabs/amazon-eks-ami/releases/tag/v20261101"),
            ),
            (
                "amazon-eks-node-1.32-v20251120",
                Some("https://github.com/awslabs/amazon-eks-ami/releases/tag/v20251120"),
            ),
            (
                "bottlerocket-aws-k8s-1.35-x86_64-v1.50.0-6b3a6a0c",
                Some("https://github.com/bottlerocket-os/bottlerocket/releases/tag/v1.50.0"),
            ),
            (
                "Windows_Server-2022-English-Core-EKS_Optimized-1.35-2026.11.14",
                Some("https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-versions-windows.html"),
            ),
            ("al2023-cis-l1-eks-20261101", None),
            ("amazon-eks-node-1.32-v1\"><script>", None),
            ("bottlerocket-aws-k8s-1.35-x86_64", None),
            ("bottlerocket-aws-k8s-1.35-v1.\"x\".0", None),
            ("", None),
        ] {
            assert_eq!(link(image).as_deref(), expected, "{image}");
        }
    }
}
