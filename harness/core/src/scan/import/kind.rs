//! The supported files of other tools.

/// The kind of a result file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// `kube-bench run --json`.
    KubeBench,
    /// XCCDF 1.1 or 1.2 with a TestResult.
    Xccdf,
    /// An Asset Reporting Format file with such results inside.
    Arf,
    /// The CSV of an Inspector CIS report.
    InspectorCsv,
    /// The JSON of `aws inspector2 get-cis-scan-result-details`.
    InspectorJson,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML.
    Junit,
    /// InSpec's JSON report.
    Inspec,
    /// The JSON of `apiclient report cis` on a Bottlerocket host.
    Bottlerocket,
}

impl Kind {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The suite of its rows. A file of kube-bench or Inspector has the same checks as a run's own scan; an ARF contains XCCDF.
    /// Controls of a known benchmark go to `os-cis` instead.
    pub fn suite(self) -> &'static str {
        match self {
            Self::Xccdf | Self::Arf => "xccdf",
            Self::InspectorCsv | Self::InspectorJson | Self::Bottlerocket => "os-cis",
            other => other.as_str(),
        }
    }

    /// Whether it evaluates an operating system, so that its controls are the same as Inspector's.
    pub(super) fn judges_os(self) -> bool {
        !matches!(self, Self::KubeBench | Self::Sarif | Self::Junit)
    }

    /// Whether its results are always about a machine, so that they belong to a variant.
    pub fn is_about_a_machine(self) -> bool {
        !matches!(self, Self::Sarif | Self::Junit | Self::Inspec)
    }

    /// Whether it is a result of Inspector.
    pub(super) fn is_inspectors(self) -> bool {
        matches!(self, Self::InspectorCsv | Self::InspectorJson)
    }
}
