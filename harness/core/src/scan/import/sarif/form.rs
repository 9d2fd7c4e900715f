//! The structure of SARIF 2.1.0, as far as results need it.

use serde::Deserialize;

use crate::scan::import::json::{List, Scalar, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    pub(super) version: Option<Text>,
    #[serde(default)]
    pub(super) runs: List<Run>,
    /// Parts of runs that follow them (3.13.5).
    #[serde(default)]
    pub(super) inline_external_properties: List<External>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) tool: Tool,
    /// Absent and `null` both mean that the tool did not look for results (3.14.23), which is not the same as an empty
    /// list.
    pub(super) results: Option<List<SarifResult>>,
    #[serde(default)]
    pub(super) invocations: List<Invocation>,
    pub(super) external_property_file_references: Option<External>,
}

/// Parts of a run that are in other files (3.14.2).
#[derive(Deserialize)]
pub(super) struct External {
    #[serde(default)]
    pub(super) results: List<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Tool {
    pub(super) driver: Component,
    #[serde(default)]
    pub(super) extensions: List<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    pub(super) name: Text,
    pub(super) guid: Option<Text>,
    pub(super) version: Option<Text>,
    pub(super) semantic_version: Option<Text>,
    #[serde(default)]
    pub(super) rules: List<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) id: Text,
    pub(super) name: Option<Text>,
    pub(super) short_description: Option<Message>,
    pub(super) help: Option<Message>,
    pub(super) default_configuration: Option<Configuration>,
    #[serde(default)]
    pub(super) properties: Properties,
}

#[derive(Deserialize)]
pub(super) struct Configuration {
    pub(super) level: Option<Text>,
}

/// GitHub's convention for security results: a CVSS score as text.
#[derive(Default, Deserialize)]
pub(super) struct Properties {
    #[serde(rename = "security-severity", default)]
    pub(super) security_severity: Scalar,
}

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) text: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    #[serde(default)]
    pub(super) tool_execution_notifications: List<Notification>,
    #[serde(default)]
    pub(super) tool_configuration_notifications: List<Notification>,
    pub(super) execution_successful: Option<bool>,
    pub(super) end_time_utc: Option<Text>,
}

/// A notification of a tool about its own run (SARIF 2.1.0, 3.58); without a level it is a warning.
#[derive(Deserialize)]
pub(super) struct Notification {
    pub(super) level: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifResult {
    pub(super) rule_id: Option<Text>,
    pub(super) rule_index: Option<i64>,
    pub(super) rule: Option<Reference>,
    pub(super) kind: Option<Text>,
    pub(super) level: Option<Text>,
    pub(super) baseline_state: Option<Text>,
    pub(super) message: Option<Message>,
    #[serde(default)]
    pub(super) locations: List<Location>,
    pub(super) suppressions: Option<List<Suppression>>,
    pub(super) properties: Option<Kept>,
}

/// What amiproof keeps there of its own rows.
#[derive(Deserialize)]
pub(super) struct Kept {
    #[serde(default)]
    pub(super) subject: Scalar,
    #[serde(default)]
    pub(super) disposition: Scalar,
    #[serde(default)]
    pub(super) control: Scalar,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) id: Option<Text>,
    pub(super) index: Option<i64>,
    pub(super) tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
pub(super) struct ComponentReference {
    pub(super) name: Option<Text>,
    pub(super) index: Option<i64>,
    pub(super) guid: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    pub(super) physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Physical {
    pub(super) artifact_location: Option<Artifact>,
}

#[derive(Deserialize)]
pub(super) struct Artifact {
    pub(super) uri: Option<Text>,
}

#[derive(Deserialize)]
pub(super) struct Suppression {
    pub(super) status: Option<Text>,
    pub(super) justification: Option<Text>,
}
