//! Which CIS EKS benchmark fits a Kubernetes version, and which controls kube-bench has of it.

use amiproof_model::name::{Benchmark, KubernetesVersion, NameError};

/// The newest benchmark of kube-bench v0.15.6.
pub const NEWEST: &str = "cis-eks-1.8.0";

/// The oldest benchmark that is ever chosen; keys the rows of a cluster that is too old for all.
pub const OLDEST: &str = "cis-eks-1.5.0";

/// The last Kubernetes minor that kube-bench v0.15.6 itself gives its newest benchmark to.
const LAST_KNOWN: u32 = 34;

/// A benchmark and what is to be known about why it is this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The benchmark, as controls are keyed by it.
    pub benchmark: Benchmark,
    /// Empty where there is nothing to say.
    pub note: String,
}

/// The benchmark for a Kubernetes version, or the one that the matrix file names; the reason where none fits.
///
/// kube-bench's own choice falls back to eks-1.5.0 for every version that it does not know, newer ones included
/// (`eksBenchmark` in its cmd/util.go), so the benchmark is always passed explicitly.
///
/// # Errors
/// Why no benchmark fits.
pub fn choose(version: &KubernetesVersion, wanted: Option<&Benchmark>) -> Result<Choice, String> {
    let fits = for_version(version);
    if let Some(wanted) = wanted {
        let note = match fits {
            Some(fits) if fits == wanted.as_str() => String::new(),
            Some(fits) => format!("set in the matrix file; the default for Kubernetes {version} is {fits}"),
            None => format!("set in the matrix file; kube-bench has none for Kubernetes {version}"),
        };
        return Ok(Choice { benchmark: wanted.clone(), note });
    }
    let fits = fits.ok_or_else(|| format!("kube-bench has no CIS EKS benchmark for Kubernetes {version}"))?;
    let note = if version.minor() > LAST_KNOWN {
        format!("the newest that kube-bench has; it knows none for Kubernetes {version} yet")
    } else {
        String::new()
    };
    let benchmark = fits.parse().map_err(|error: NameError| error.to_string())?;
    Ok(Choice { benchmark, note })
}

/// The newest CIS EKS benchmark that kube-bench v0.15.6 has for a Kubernetes version; `None` for versions older than all.
pub fn for_version(version: &KubernetesVersion) -> Option<&'static str> {
    match version.minor() {
        32.. => Some(NEWEST),
        29..=31 => Some("cis-eks-1.7.0"),
        23..=28 => Some(OLDEST),
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

/// What kube-bench calls a benchmark: `eks-1.8.0` of `cis-eks-1.8.0`.
pub fn name_in_kube_bench(benchmark: &Benchmark) -> &str {
    benchmark.as_str().strip_prefix("cis-").unwrap_or(benchmark.as_str())
}

/// The controls outside of the node target, by number, as kube-bench v0.15.6 has them; empty for a benchmark that it does not have.
pub fn cluster_controls(benchmark: &Benchmark) -> Vec<&'static str> {
    const CONTROL_PLANE: [&str; 2] = ["2.1.1", "2.1.2"];
    const RBAC: [&str; 12] =
        ["4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.1.5", "4.1.6", "4.1.7", "4.1.8", "4.1.9", "4.1.10", "4.1.11", "4.1.12"];
    const PODS: [&str; 9] = ["4.2.1", "4.2.2", "4.2.3", "4.2.4", "4.2.5", "4.2.6", "4.2.7", "4.2.8", "4.2.9"];
    const REST: [&str; 4] = ["4.3.1", "4.3.2", "4.4.1", "4.4.2"];
    const MANAGED_SERVICES: [&str; 12] =
        ["5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.2.1", "5.3.1", "5.4.1", "5.4.2", "5.4.3", "5.4.4", "5.4.5", "5.5.1"];
    // How many of each, what follows section 4.4, and what follows 5.5.
    let (planes, rbac, pods, general, others): (_, _, _, &[&str], &[&str]) = match benchmark.as_str() {
        "cis-eks-1.0.1" => (1, 6, 9, &["4.5.1", "4.6.1", "4.6.2", "4.6.3"], &["5.6.1"]),
        "cis-eks-1.5.0" => (1, 8, 5, &["4.5.1", "4.5.2", "4.5.3"], &[]),
        "cis-eks-1.7.0" => (2, 8, 5, &["4.5.1", "4.5.2"], &[]),
        "cis-eks-1.8.0" => (2, 12, 5, &["4.5.1", "4.5.2"], &[]),
        _ => return Vec::new(),
    };
    let policies = RBAC[..rbac].iter().chain(&PODS[..pods]).chain(&REST).chain(general);
    CONTROL_PLANE[..planes].iter().chain(policies).chain(&MANAGED_SERVICES).chain(others).copied().collect()
}

/// What a control of the node target asks, whatever its number is in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeTopic {
    /// The kubelet's kubeconfig has mode 644 or stricter.
    KubeconfigMode,
    /// It belongs to root.
    KubeconfigOwner,
    /// The kubelet's configuration file has mode 644 or stricter.
    ConfigurationMode,
    /// It belongs to root.
    ConfigurationOwner,
    /// Anonymous requests are refused.
    Anonymous,
    /// Not everything is allowed.
    Authorization,
    /// Clients show certificates.
    ClientAuthority,
    /// Nothing is served without authentication.
    ReadOnlyPort,
    /// Idle streams end.
    StreamingTimeout,
    /// Kernel settings are the kubelet's own; only in 1.0.1.
    KernelDefaults,
    /// The kubelet manages its iptables chains.
    IptablesChains,
    /// The node has the name that its certificate says; only in 1.0.1.
    HostnameOverride,
    /// Events are not lost.
    EventRate,
    /// The client certificate is renewed.
    RotateClient,
    /// The server certificate is renewed.
    RotateServer,
}

impl NodeTopic {
    /// A lower-case clause.
    pub fn title(self) -> &'static str {
        match self {
            Self::KubeconfigMode => "the kubelet's kubeconfig has mode 644 or stricter",
            Self::KubeconfigOwner => "the kubelet's kubeconfig belongs to root:root",
            Self::ConfigurationMode => "the kubelet's configuration file has mode 644 or stricter",
            Self::ConfigurationOwner => "the kubelet's configuration file belongs to root:root",
            Self::Anonymous => "the kubelet refuses anonymous requests",
            Self::Authorization => "the kubelet's authorization mode is not AlwaysAllow",
            Self::ClientAuthority => "the kubelet has a client certificate authority",
            Self::ReadOnlyPort => "the kubelet's read-only port is off",
            Self::StreamingTimeout => "the kubelet's streaming connections time out",
            Self::KernelDefaults => "the kubelet protects its kernel defaults",
            Self::IptablesChains => "the kubelet manages its iptables chains",
            Self::HostnameOverride => "the kubelet's host name is not overridden",
            Self::EventRate => "the kubelet's event rate keeps events from being lost",
            Self::RotateClient => "the kubelet renews its client certificate",
            Self::RotateServer => "the kubelet renews its server certificate",
        }
    }
}

/// The controls of the node target, with what they ask: what cannot be read is listed by them as not evaluated, so that no row of the
/// matrix disappears because a scan broke. Empty for a benchmark that kube-bench v0.15.6 does not have.
pub fn node_controls(benchmark: &Benchmark) -> Vec<(&'static str, NodeTopic)> {
    use NodeTopic::*;
    const NUMBERS: [&str; 11] =
        ["3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.2.5", "3.2.6", "3.2.7", "3.2.8", "3.2.9", "3.2.10", "3.2.11"];
    let files = [
        ("3.1.1", KubeconfigMode),
        ("3.1.2", KubeconfigOwner),
        ("3.1.3", ConfigurationMode),
        ("3.1.4", ConfigurationOwner),
    ];
    let first = [Anonymous, Authorization, ClientAuthority, ReadOnlyPort, StreamingTimeout];
    let rest: &[NodeTopic] = match benchmark.as_str() {
        "cis-eks-1.0.1" => &[KernelDefaults, IptablesChains, HostnameOverride, EventRate, RotateClient, RotateServer],
        "cis-eks-1.5.0" | "cis-eks-1.7.0" | "cis-eks-1.8.0" => &[IptablesChains, EventRate, RotateClient, RotateServer],
        _ => return Vec::new(),
    };
    files.into_iter().chain(NUMBERS.into_iter().zip(first.into_iter().chain(rest.iter().copied()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmark_is_the_newest_that_fits_and_never_a_fallback_to_an_old_one() {
        let table = [
            ("1.37", Some(NEWEST)),
            ("1.36", Some(NEWEST)),
            ("1.32", Some(NEWEST)),
            ("1.31", Some("cis-eks-1.7.0")),
            ("1.29", Some("cis-eks-1.7.0")),
            ("1.28", Some(OLDEST)),
            ("1.23", Some(OLDEST)),
            ("1.22", None),
        ];
        for (version, benchmark) in table {
            assert_eq!(for_version(&version.parse().unwrap()), benchmark, "{version}");
        }
        assert_eq!(name_in_kube_bench(&NEWEST.parse().unwrap()), "eks-1.8.0");
    }

    #[test]
    fn what_is_unusual_about_a_choice_is_said() {
        let note = |version: &str, wanted: Option<&str>| {
            let wanted = wanted.map(|wanted| wanted.parse().unwrap());
            choose(&version.parse().unwrap(), wanted.as_ref()).map(|choice| choice.note)
        };
        assert_eq!(note("1.34", None).unwrap(), "");
        assert!(note("1.36", None).unwrap().contains("knows none for Kubernetes 1.36 yet"));
        assert_eq!(note("1.22", None).unwrap_err(), "kube-bench has no CIS EKS benchmark for Kubernetes 1.22");
        assert_eq!(note("1.36", Some(NEWEST)).unwrap(), "");
        assert!(
            note("1.36", Some("cis-eks-1.0.1")).unwrap().contains("the default for Kubernetes 1.36 is cis-eks-1.8.0")
        );
        assert!(note("1.19", Some("cis-eks-1.0.1")).unwrap().contains("none for Kubernetes 1.19"));
    }

    #[test]
    fn the_controls_of_a_benchmark_add_up_to_what_kube_bench_has() {
        for (benchmark, total) in
            [("cis-eks-1.0.1", 52), ("cis-eks-1.5.0", 46), ("cis-eks-1.7.0", 46), ("cis-eks-1.8.0", 50)]
        {
            let benchmark = benchmark.parse().unwrap();
            let controls = cluster_controls(&benchmark).len() + node_controls(&benchmark).len();
            assert_eq!(controls, total, "{benchmark}");
        }
        assert!(node_controls(&"cis-eks-9.9.9".parse().unwrap()).is_empty());
    }

    #[test]
    fn a_number_of_two_versions_can_ask_two_things() {
        let topic = |benchmark: &str, number: &str| {
            let controls = node_controls(&benchmark.parse().unwrap());
            controls.into_iter().find(|(known, _)| *known == number).map(|(_, topic)| topic)
        };
        assert_eq!(topic("cis-eks-1.0.1", "3.2.6"), Some(NodeTopic::KernelDefaults));
        assert_eq!(topic("cis-eks-1.8.0", "3.2.6"), Some(NodeTopic::IptablesChains));
        assert_eq!(topic("cis-eks-1.0.1", "3.2.11"), Some(NodeTopic::RotateServer));
        assert_eq!(topic("cis-eks-1.8.0", "3.2.10"), None);
    }
}
