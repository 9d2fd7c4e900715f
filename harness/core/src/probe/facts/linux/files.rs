//! Modes and owners of files and folders that the kubelet, containerd and pods use.

use super::super::Collected;

/// Their paths. What a host does not have is not a fact.
const PATHS: [&str; 38] = [
    "/dev/shm",
    "/etc/cni/net.d",
    "/etc/containerd",
    "/etc/containerd/config.toml",
    "/etc/eks",
    "/etc/hosts",
    "/etc/kubernetes",
    "/etc/kubernetes/kubelet",
    "/etc/kubernetes/kubelet/config",
    "/etc/kubernetes/kubelet/config.json",
    "/etc/kubernetes/kubelet/config.json.d",
    "/etc/kubernetes/kubelet/kubelet-config.json",
    "/etc/kubernetes/kubelet/kubeconfig",
    "/etc/kubernetes/manifests",
    "/etc/kubernetes/pki",
    "/etc/kubernetes/pki/ca.crt",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/opt/cni/bin",
    "/run/containerd",
    "/run/containerd/containerd.sock",
    "/tmp",
    "/usr/bin/containerd",
    "/usr/bin/kubelet",
    "/usr/bin/nodeadm",
    "/usr/bin/runc",
    "/usr/sbin/runc",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet/kubeconfig",
    "/var/lib/kubelet/pki",
    "/var/lib/kubelet/plugins",
    "/var/lib/kubelet/plugins_registry",
    "/var/lib/kubelet/pods",
    "/var/log",
    "/var/log/containers",
    "/var/log/pods",
];

/// The command that prints them: mode, owner and path.
pub(super) fn command() -> String {
    format!("stat -L -c '%a %U:%G %n' {} 2> /dev/null", PATHS.join(" "))
}

/// `file./var/lib/kubelet` is `0755 root:root`.
pub(super) fn facts(found: &mut Collected, text: &str) {
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [mode, owner, path] = words[..] {
            found.put(format!("file.{path}"), format!("{mode:0>4} {owner}"));
        }
    }
}
