//! Published base images of operating systems: they contain no kubelet, so their instances cannot join a cluster.

/// How to build a node image on such a base.
pub const HOW_TO_BUILD: &str = "build the node image on top of it (kubelet, containerd and nodeadm or bootstrap.sh by the scripts of \
     awslabs/amazon-eks-ami; `amiproof build` runs your Packer), and name that image";

/// The kind of base image with this published name; `None` for a node image, or an unknown name.
///
/// Names as published: `CIS Amazon Linux 2023 Benchmark - Level 1 - v12 …` (Marketplace; those that CIS builds for EKS say EKS),
/// `al2023-ami-2023.9.…`, `al2023-ami-ecs-…`, `amzn2-ami-hvm-…`, `bottlerocket-aws-ecs-2-…`, `Windows_Server-2022-English-Core-Base-…`
/// (EKS user guide and EC2 user guide, "Find an AMI"). `name` may be a pattern: what comes before its first wildcard
/// decides.
pub fn base_image_kind(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    if name.contains("eks") {
        return None;
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if starts(&["cis amazon linux", "cis microsoft windows", "cis windows"]) {
        Some("a base image of CIS")
    } else if starts(&["al2023-ami-", "amzn2-ami-"]) {
        Some("plain Amazon Linux")
    } else if starts(&["windows_server-"]) {
        Some("plain Windows Server")
    } else if starts(&["bottlerocket-aws-ecs-"]) {
        Some("Bottlerocket for ECS")
    } else {
        None
    }
}

/// As [`base_image_kind`], for the name of a public SSM parameter, like
/// `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64`.
pub(super) fn base_image_parameter_kind(name: &str) -> Option<&'static str> {
    if name.starts_with("/aws/service/ecs/") {
        return Some("an image for ECS");
    }
    if name.starts_with("/aws/service/bottlerocket/aws-ecs-") {
        return Some("Bottlerocket for ECS");
    }
    let image = ["/aws/service/ami-amazon-linux-latest/", "/aws/service/ami-windows-latest/"];
    image.iter().find_map(|folder| name.strip_prefix(folder)).and_then(base_image_kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_image_is_told_from_a_node_image() {
        for name in [
            "CIS Amazon Linux 2023 Benchmark - Level 1*",
            "CIS Amazon Linux 2 Kernel 4.14 Benchmark - Level 1 - v31",
            "CIS Microsoft Windows Server 2022 Benchmark - Level 1",
            "al2023-ami-2023.9.20261103.0-kernel-6.1-x86_64",
            "al2023-ami-ecs-hvm-2023.0.2026-x86_64",
            "amzn2-ami-hvm-2.0.*",
            "Windows_Server-2022-English-Core-Base-2026.11.11",
            "bottlerocket-aws-ecs-2-x86_64-v1.52.0-47438798",
        ] {
            assert!(base_image_kind(name).is_some(), "{name}");
        }
        for name in [
            "CIS EKS-Optimized Amazon Linux 2023 Level 1",
            "CIS Amazon Linux 2023 EKS Level 1",
            "amazon-eks-node-al2023-x86_64-standard-1.36-v20261109",
            "bottlerocket-aws-k8s-1.36-x86_64-v1.52.0-47438798",
            "Windows_Server-2022-English-Core-EKS_Optimized-1.36-2026.11.11",
            "golden-al2023-l1",
            "*",
        ] {
            assert_eq!(base_image_kind(name), None, "{name}");
        }
    }

    #[test]
    fn a_parameter_of_a_base_image_is_told_from_one_of_a_node_image() {
        for name in [
            "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
            "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-Base",
            "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
            "/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id",
        ] {
            assert!(base_image_parameter_kind(name).is_some(), "{name}");
        }
        for name in [
            "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.36/image_id",
            "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id",
            "/ours/golden/al2023",
        ] {
            assert_eq!(base_image_parameter_kind(name), None, "{name}");
        }
    }
}
