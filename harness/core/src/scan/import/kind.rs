//! The supported files of other tools.

/// The kind of a result file. The documentation of a variant is its help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray, strum::EnumMessage)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// 'kube-bench run --json'
    KubeBench,
    /// XCCDF 1.1 or 1.2 with a TestResult
    Xccdf,
    /// An Asset Reporting Format file with such results inside
    Arf,
    /// The CSV of an Inspector CIS report
    InspectorCsv,
    /// The JSON of 'aws inspector2 get-cis-scan-result-details' or 'list-cis-scan-results-aggregated-by-checks'
    InspectorJson,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit XML
    Junit,
    /// InSpec's JSON report
    Inspec,
    /// HDF, the Heimdall Data Format: InSpec's JSON as MITRE's converters and amiproof write it
    Hdf,
    /// OCSF compliance findings (class 2003), as a list or as one event per line
    Ocsf,
    /// ASFF, the findings of AWS Security Hub
    Asff,
    /// CTRF, the Common Test Report Format
    Ctrf,
    /// 'goss validate --format json'
    Goss,
    /// The JSON of 'apiclient report cis' on a Bottlerocket host
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

    /// Whether it may evaluate an operating system: its controls are then the same as Inspector's.
    pub(super) fn may_judge_os(self) -> bool {
        !matches!(self, Self::KubeBench | Self::Sarif | Self::Junit | Self::Ctrf)
    }

    /// Whether its results are always about a machine, so that they belong to a variant.
    pub fn is_about_a_machine(self) -> bool {
        matches!(
            self,
            Self::KubeBench | Self::Xccdf | Self::Arf | Self::InspectorCsv | Self::InspectorJson | Self::Bottlerocket
        )
    }

    /// Whether it is a result of Inspector.
    pub(super) fn is_inspectors(self) -> bool {
        matches!(self, Self::InspectorCsv | Self::InspectorJson)
    }
}
