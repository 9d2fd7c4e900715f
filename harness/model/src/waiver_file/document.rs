//! The form of a waiver file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::form::List;
use crate::matrix::file::ApiVersion;

/// Exceptions that someone signed for, until a date. A waiver changes what a failure means for the run, never the verdict.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "amiproof waivers")]
pub(crate) struct WaiverFile {
    /// The form of this file.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) api_version: Option<ApiVersion>,
    /// What this file is.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) kind: Option<WaiversKind>,
    /// The exceptions. An expired one no longer counts and is reported.
    #[schemars(with = "Vec<WaiverSection>")]
    pub(super) waivers: Option<List<WaiverSection>>,
}

/// What a waiver file is.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) enum WaiversKind {
    /// A list of waivers.
    Waivers,
}

/// One exception. It covers what all of its scope keys match. A check, a control, or a benchmark with its version is needed; the other
/// keys narrow these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WaiverSection {
    /// The variants it is for. Default: all.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["al2023-eks-l1"]]))]
    pub(super) variants: Option<List<String>>,
    /// The hardening level of the variants it is for. Default: any.
    #[schemars(range(min = 1, max = 2))]
    pub(super) level: Option<u32>,
    /// The node within each variant (1, 2, ...). Default: all.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) node: Option<u32>,
    /// A suite (`os-cis`).
    #[schemars(example = &"os-cis")]
    pub(super) suite: Option<String>,
    /// A check (`node/ready`), or a suite with `/*` behind it (`os-cis/*`).
    #[schemars(example = &"workload/web-service")]
    pub(super) check: Option<String>,
    /// A benchmark with its version (`cis-al2023-1.0.0`), or, beside a check, in every version (`cis-al2023`).
    #[schemars(example = &"cis-al2023-1.0.0")]
    pub(super) benchmark: Option<String>,
    /// A control with benchmark and version, because benchmarks renumber.
    #[schemars(example = &"cis-al2023-1.0.0/3.3.1")]
    pub(super) control: Option<String>,
    /// Why it is all right.
    #[schemars(required, example = &"pods need forwarding; approved in SEC-1234")]
    pub(super) reason: Option<String>,
    /// Who answers for it.
    #[schemars(required, example = &"platform-team")]
    pub(super) owner: Option<String>,
    /// Where it was decided.
    #[schemars(example = &"SEC-1234")]
    pub(super) ticket: Option<String>,
    /// The last day on which it counts (UTC).
    #[schemars(required, example = &"2027-06-30", regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub(super) expires: Option<String>,
}
