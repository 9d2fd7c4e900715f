//! The kinds of Bottlerocket's own reports.

/// The kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The report about the operating system.
    Os,
    /// The report about the kubelet, by the worker part of the CIS Kubernetes benchmark.
    Kubernetes,
}

impl Kind {
    /// The command that writes it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Os => "apiclient report cis",
            Self::Kubernetes => "apiclient report cis-k8s",
        }
    }

    /// The benchmark without its version.
    pub(super) fn family(self) -> &'static str {
        match self {
            Self::Os => "cis-bottlerocket",
            Self::Kubernetes => "cis-kubernetes",
        }
    }

    /// The scanner's name in rows and records.
    pub fn scanner(self) -> &'static str {
        match self {
            Self::Os => "bottlerocket",
            Self::Kubernetes => "bottlerocket-k8s",
        }
    }
}
