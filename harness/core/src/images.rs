//! The images of amiproof's own pods. Few, small and public, so that a mirror needs little; workloads name theirs in their files.
//!
//! Those that run privileged on every node are pinned by digest: whoever can move a tag would be root on the nodes. The digests are those
//! of the
//! lists of platforms, so that amd64 and arm64 nodes pull by the same name.

/// The image of the node probe and of the target pod for the kubelet path. The same image as most of the catalogue's.
pub const BUSYBOX: &str = concat!(
    "public.ecr.aws/docker/library/busybox:1.36.1",
    "@sha256:73aaf090f3d85aa34ee199857f03fa3a95c8ede2ffd4cc2cdb5b94e566b11662"
);

/// kube-bench (aquasecurity/kube-bench, releases).
pub const KUBE_BENCH: &str = concat!(
    "docker.io/aquasec/kube-bench:v0.15.6",
    "@sha256:861900910eec45b54a97e4a2af81b16fae7203d768f7f8e7de3b7456807870f5"
);

/// The image of the target pod on Windows nodes; the tag holds [`amiproof_model::workload::WINDOWS_RELEASE`].
pub const NANO_SERVER: &str = "mcr.microsoft.com/windows/nanoserver:{windows-release}";

/// All of them, with what uses them.
pub const OWN: &[(&str, &str)] = &[
    ("node probe", BUSYBOX),
    ("kubelet-path", BUSYBOX),
    ("kubelet-path of Windows", NANO_SERVER),
    ("kube-bench", KUBE_BENCH),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_privileged_on_linux_is_pinned_by_digest() {
        for image in [BUSYBOX, KUBE_BENCH] {
            let (name, digest) = image.split_once("@sha256:").unwrap_or_else(|| panic!("{image} has no digest"));
            assert!(name.contains(':'), "the tag says to people which version it is: {image}");
            assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()), "{digest}");
        }
    }
}
