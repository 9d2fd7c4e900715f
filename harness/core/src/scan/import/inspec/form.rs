//! The parts of InSpec's JSON report that are read.

use serde::Deserialize;

use crate::scan::import::json::{List, Numbers, Scalar, Text};
use crate::scan::import::own::Own;

#[derive(Deserialize)]
pub(super) struct Report {
    pub(super) version: Option<Text>,
    pub(super) profiles: Option<List<Profile>>,
    /// Some versions and converters write the number of controls here; InSpec 5 writes only the duration.
    #[serde(default)]
    statistics: serde_json::Value,
}

impl Report {
    /// The number of controls that the file declares, if it does.
    pub(super) fn total(&self) -> Option<u64> {
        self.statistics.get("controls")?.get("total")?.as_u64()
    }
}

#[derive(Deserialize)]
pub(super) struct Profile {
    #[serde(default)]
    pub(super) name: Text,
    pub(super) title: Option<Text>,
    /// The profile that depends on this one.
    pub(super) parent_profile: Option<Text>,
    #[serde(default)]
    pub(super) depends: List<Dependency>,
    /// `loaded`, `skipped` where it does not support the platform, `failed`.
    pub(super) status: Option<Text>,
    pub(super) status_message: Option<Text>,
    pub(super) skip_message: Option<Text>,
    #[serde(default)]
    pub(super) controls: List<Control>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: Option<Text>,
    pub(super) status: Option<Text>,
    pub(super) status_message: Option<Text>,
    pub(super) skip_message: Option<Text>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Control {
    #[serde(default)]
    pub(super) id: Text,
    pub(super) title: Option<Text>,
    pub(super) impact: Option<f64>,
    #[serde(default)]
    pub(super) results: List<Check>,
    #[serde(default)]
    pub(super) tags: Tags,
    pub(super) waiver_data: Option<Waiver>,
}

/// The tags under which profiles of CIS benchmarks carry the number.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Tags {
    #[serde(default)]
    cis_number: Numbers,
    #[serde(default)]
    cis_rid: Numbers,
    #[serde(default)]
    cis: Numbers,
    /// What amiproof records of its own rows. Other profiles use some of these names for something else.
    #[serde(default)]
    check: Scalar,
    #[serde(default)]
    subject: Scalar,
    #[serde(default)]
    disposition: Scalar,
    #[serde(default)]
    control: Scalar,
}

impl Tags {
    pub(super) fn numbers(&self) -> &[String] {
        let all = [&self.cis_number, &self.cis_rid, &self.cis];
        all.into_iter().map(|numbers| numbers.0.as_slice()).find(|numbers| !numbers.is_empty()).unwrap_or_default()
    }

    /// The row of amiproof that a control is, if it is one.
    pub(super) fn own(&self) -> Option<Own> {
        Own::of(&self.subject, &self.check, &self.disposition, &self.control)
    }
}

/// What InSpec's own waiver did to a control.
#[derive(Clone, Deserialize)]
pub(super) struct Waiver {
    #[serde(default)]
    skipped_due_to_waiver: serde_json::Value,
    pub(super) justification: Option<Text>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Check {
    #[serde(default)]
    pub(super) status: Text,
    #[serde(default)]
    pub(super) code_desc: Text,
    pub(super) message: Option<Text>,
    pub(super) skip_message: Option<Text>,
    /// What broke the test.
    pub(super) exception: Option<Text>,
    /// Where it broke; Heimdall takes a test that has one as an error.
    pub(super) backtrace: Option<List<serde::de::IgnoredAny>>,
}

impl Waiver {
    /// Whether the control was not run; converters write the word as text.
    pub(super) fn skipped(&self) -> bool {
        match &self.skipped_due_to_waiver {
            serde_json::Value::Bool(is) => *is,
            serde_json::Value::String(text) => {
                !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "false" | "no" | "0")
            }
            serde_json::Value::Number(number) => number.as_f64() != Some(0.0),
            _ => false,
        }
    }
}
