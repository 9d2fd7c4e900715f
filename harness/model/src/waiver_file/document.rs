//! The format of a waiver file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::form::List;
use crate::matrix::file::ApiVersion;

/// Exceptions that someone has approved, until a date. A waiver changes the disposition of a failure, never the verdict.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "amiproof waivers")]
pub(crate) struct WaiverFile {
    /// Version of the file format.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) api_version: Option<ApiVersion>,
    /// Kind of the file.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) kind: Option<WaiversKind>,
    /// The exceptions. An expired one no longer applies, and is reported.
    #[schemars(with = "Vec<WaiverSection>")]
    pub(super) waivers: Option<List<WaiverSection>>,
}

/// Kind of a waiver file.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) enum WaiversKind {
    /// A list of waivers.
    Waivers,
}

/// One exception. It applies to results that match all of its scope keys. A check, a control, or a benchmark with its version is
/// needed; the other keys narrow these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WaiverSection {
    /// Only these variants. Default: all.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["al2023-eks-l1"]]))]
    pub(super) variants: Option<List<String>>,
    /// Only variants hardened to this level. Default: any.
    #[schemars(range(min = 1, max = 2))]
    pub(super) level: Option<u32>,
    /// Only this node of each variant (1, 2, ...). Default: all.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) node: Option<u32>,
    /// A suite (`os-cis`).
    #[schemars(example = &"os-cis")]
    pub(super) suite: Option<String>,
    /// A check (`node/ready`), or a suite followed by `/*` (`os-cis/*`).
    #[schemars(example = &"workload/web-service")]
    pub(super) check: Option<String>,
    /// A benchmark with its version (`cis-al2023-1.0.0`), or, together with a check, without one for every version (`cis-al2023`).
    #[schemars(example = &"cis-al2023-1.0.0")]
    pub(super) benchmark: Option<String>,
    /// A control with benchmark and version, because numbers change between versions.
    #[schemars(example = &"cis-al2023-1.0.0/3.3.1")]
    pub(super) control: Option<String>,
    /// Why the failure is acceptable.
    #[schemars(required, example = &"pods need forwarding; approved in SEC-1234")]
    pub(super) reason: Option<String>,
    /// Person or team responsible for it.
    #[schemars(required, example = &"platform-team")]
    pub(super) owner: Option<String>,
    /// Ticket in which it was approved.
    #[schemars(example = &"SEC-1234")]
    pub(super) ticket: Option<String>,
    /// The last day on which it applies (UTC).
    #[schemars(required, example = &"2027-06-30", regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub(super) expires: Option<String>,
}
