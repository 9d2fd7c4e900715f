//! Which CIS EKS benchmark fits a Kubernetes version.

use amiproof_model::name::{Benchmark, KubernetesVersion, NameError};

/// The newest CIS EKS benchmark that kube-bench v0.15.6 has for a Kubernetes version; `None` for versions older than all.
///
/// kube-bench's own choice falls back to eks-1.5.0 for every version that it does not know, newer ones included
/// (`eksBenchmark` in its cmd/util.go), so the benchmark is always passed explicitly.
pub fn for_version(version: &KubernetesVersion) -> Option<&'static str> {
    match version.minor() {
        32.. => Some("eks-1.8.0"),
        29..=31 => Some("eks-1.7.0"),
        23..=28 => Some("eks-1.5.0"),
        _ => None,
    }
}

/// The benchmark as controls are keyed by it: `cis-eks-1.8.0` of kube-bench's `eks-1.8.0`.
///
/// # Errors
/// When the text is not a benchmark name with a version.
pub fn key(of_kube_bench: &str) -> Result<Benchmark, NameError> {
    format!("cis-{of_kube_bench}").parse()
}

/// The oldest benchmark that this build knows; keys the rows of a cluster that is too old for all.
pub const OLDEST: &str = "eks-1.5.0";

/// The controls outside of the node target, by number, as kube-bench v0.15.6 has them.
pub fn cluster_controls(benchmark: &Benchmark) -> Vec<&'static str> {
    const CONTROL_PLANE: [&str; 2] = ["2.1.1", "2.1.2"];
    const POLICIES: [&str; 24] = [
        "4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.1.5", "4.1.6", "4.1.7", "4.1.8", "4.1.9", "4.1.10", "4.1.11", "4.1.12",
        "4.2.1", "4.2.2", "4.2.3", "4.2.4", "4.2.5", "4.3.1", "4.3.2", "4.4.1", "4.4.2", "4.5.1", "4.5.2", "4.5.3",
    ];
    const MANAGED_SERVICES: [&str; 12] =
        ["5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.2.1", "5.3.1", "5.4.1", "5.4.2", "5.4.3", "5.4.4", "5.4.5", "5.5.1"];
    let absent: &[&str] = match benchmark.version() {
        "1.5.0" => &["2.1.2", "4.1.9", "4.1.10", "4.1.11", "4.1.12"],
        "1.7.0" => &["4.1.9", "4.1.10", "4.1.11", "4.1.12", "4.5.3"],
        _ => &["4.5.3"],
    };
    let all = CONTROL_PLANE.into_iter().chain(POLICIES).chain(MANAGED_SERVICES);
    all.filter(|number| !absent.contains(number)).collect()
}

/// The automated controls of the node target since eks-1.5.0, with what they ask: what cannot be read is listed by them as not
/// evaluated, so that no row of the matrix disappears because a scan broke.
pub const NODE_CONTROLS: [(&str, &str); 13] = [
    ("3.1.1", "the kubelet's kubeconfig has mode 644 or stricter"),
    ("3.1.2", "the kubelet's kubeconfig belongs to root:root"),
    ("3.1.3", "the kubelet's configuration file has mode 644 or stricter"),
    ("3.1.4", "the kubelet's configuration file belongs to root:root"),
    ("3.2.1", "the kubelet refuses anonymous requests"),
    ("3.2.2", "the kubelet's authorization mode is not AlwaysAllow"),
    ("3.2.3", "the kubelet knows a client certificate authority"),
    ("3.2.4", "the kubelet's read-only port is off"),
    ("3.2.5", "the kubelet's streaming connections time out"),
    ("3.2.6", "the kubelet manages its iptables chains"),
    ("3.2.7", "the kubelet's event rate keeps events from being lost"),
    ("3.2.8", "the kubelet renews its client certificate"),
    ("3.2.9", "the kubelet renews its server certificate"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmark_is_the_newest_that_fits_and_never_a_fallback_to_an_old_one() {
        let table = [
            ("1.37", Some("eks-1.8.0")),
            ("1.36", Some("eks-1.8.0")),
            ("1.32", Some("eks-1.8.0")),
            ("1.31", Some("eks-1.7.0")),
            ("1.29", Some("eks-1.7.0")),
            ("1.28", Some("eks-1.5.0")),
            ("1.23", Some("eks-1.5.0")),
            ("1.22", None),
        ];
        for (version, benchmark) in table {
            assert_eq!(for_version(&version.parse().unwrap()), benchmark, "{version}");
        }
        assert_eq!(key("eks-1.8.0").unwrap().as_str(), "cis-eks-1.8.0");
    }

    #[test]
    fn the_controls_of_a_benchmark_add_up_to_what_kube_bench_has() {
        for (benchmark, total) in [("eks-1.5.0", 46), ("eks-1.7.0", 46), ("eks-1.8.0", 50)] {
            let controls = cluster_controls(&key(benchmark).unwrap()).len() + NODE_CONTROLS.len();
            assert_eq!(controls, total, "{benchmark}");
        }
    }
}
