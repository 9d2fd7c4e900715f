//! The images of amiproof's own pods. Few, small and public, so that a mirror needs little; workloads name theirs in their files.

/// Runs the node probe and is what the kubelet path is asked about. The same image as most of the catalogue's.
pub const BUSYBOX: &str = "public.ecr.aws/docker/library/busybox:1.36.1";

/// kube-bench (aquasecurity/kube-bench, releases).
pub const KUBE_BENCH: &str = "docker.io/aquasec/kube-bench:v0.15.6";

/// What the kubelet path of Windows nodes is asked about; the tag holds [`amiproof_model::workload::WINDOWS_RELEASE`].
pub const NANO_SERVER: &str = "mcr.microsoft.com/windows/nanoserver:{windows-release}";

/// All of them, with what uses them.
pub const OWN: &[(&str, &str)] = &[
    ("node probe", BUSYBOX),
    ("kubelet-path", BUSYBOX),
    ("kubelet-path of Windows", NANO_SERVER),
    ("kube-bench", KUBE_BENCH),
];
