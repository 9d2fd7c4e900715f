//! Waivers: dated, owned, scoped exceptions. A waiver never changes a verdict, only its disposition.

pub(crate) mod records;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::records::records;
use crate::name::{CheckId, ControlId, Level};
use crate::renamed;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::Finding;

/// One exception. Every scope field that is present must match. In a waiver file, at least one of `check`, `control` and a `benchmark`
/// with its version is present; `suite` and a benchmark without a version only narrow these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// Only these variants; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
    /// The hardening level of the variant; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The node within the variant (1, 2, …): it covers only findings on `node 1`; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
    /// The suite (`os-cis`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// The check (`node/ready`), or a suite followed by `/*` (`os-cis/*`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The benchmark of the control, with its version (`cis-al2023-1.0.0`) or for every version (`cis-al2023`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<String>,
    /// The control with benchmark and version (`cis-al2023-1.0.0/3.3.1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlId>,
    /// Why the failure is acceptable.
    pub reason: String,
    /// Person or team responsible for it.
    pub owner: String,
    /// Ticket in which it was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The last day on which it applies (UTC).
    pub expires: Date,
}

/// The properties of a result that a waiver is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The variant; `None` for the cluster as a whole.
    pub variant: Option<&'a str>,
    /// The variant's hardening level.
    pub level: Option<Level>,
    /// The check.
    pub check: &'a CheckId,
    /// The control that the check evaluates.
    pub control: Option<&'a ControlId>,
}

impl<'a> Circumstances<'a> {
    /// The properties of a result, on a variant that is hardened to a level.
    pub fn of(result: &'a CheckResult, level: Option<Level>) -> Self {
        let variant = match &result.subject {
            Subject::Variant(name) => Some(name.as_str()),
            Subject::Cluster => None,
        };
        Self { variant, level, check: &result.check, control: result.control.as_ref() }
    }
}

impl Waiver {
    /// Whether it has expired at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC).date() > self.expires
    }

    /// Whether it matches this result, or, if it is for one node, the result's findings there.
    pub fn covers(&self, circumstances: &Circumstances<'_>) -> bool {
        let variant = self.variants.is_empty()
            || circumstances.variant.is_some_and(|variant| self.variants.iter().any(|name| name == variant));
        let level = self.level.is_none() || self.level == circumstances.level;
        variant && level && self.is_about(circumstances.check, circumstances.control)
    }

    /// Whether its check, suite, benchmark and control match, whatever the variant.
    pub fn is_about(&self, id: &CheckId, control: Option<&ControlId>) -> bool {
        let check = self.check.as_deref().is_none_or(|pattern| match pattern.strip_suffix("/*") {
            Some(suite) => id.suite() == suite,
            None => id.as_str() == renamed::current(pattern),
        });
        let suite = self.suite.as_deref().is_none_or(|suite| id.suite() == suite);
        let benchmark = self.benchmark.as_deref().is_none_or(|wanted| {
            let own = control.map(ControlId::benchmark).unwrap_or_default();
            own == wanted || own.rsplit_once('-').is_some_and(|(family, _)| family == wanted)
        });
        self.has_scope() && check && suite && benchmark && (self.control.is_none() || self.control.as_ref() == control)
    }

    /// Whether it matches a finding of a result that it matches.
    pub fn covers_finding(&self, finding: &Finding) -> bool {
        self.node.is_none_or(|node| finding.resource == format!("node {node}"))
    }

    /// Whether it names one check or one control, and not a whole suite or benchmark.
    pub fn is_narrow(&self) -> bool {
        self.control.is_some() || self.check.as_deref().is_some_and(|check| !check.ends_with("/*"))
    }

    fn has_scope(&self) -> bool {
        self.check.is_some() || self.control.is_some() || self.suite.is_some() || self.benchmark.is_some()
    }

    /// Its scope in one line: `cis-al2023-1.0.0/3.3.1 on al2023-l1`.
    pub fn scope(&self) -> String {
        let control = self.control.as_ref().map(ToString::to_string);
        let what =
            [control, self.check.clone(), self.suite.clone().map(|suite| format!("{suite}/*")), self.benchmark.clone()];
        let mut text = what.into_iter().flatten().collect::<Vec<_>>().join(" and ");
        if !self.variants.is_empty() {
            text.push_str(&format!(" on {}", self.variants.join(", ")));
        }
        if let Some(level) = self.level {
            text.push_str(&format!(" at {level}"));
        }
        if let Some(node) = self.node {
            text.push_str(&format!(" on node {node}"));
        }
        text
    }
}

/// The waiver of a failure: one that matches all its findings, otherwise the first to expire of several that match them together.
/// Expired ones do not count.
pub fn waiving<'w>(
    findings: &[Finding],
    waivers: &'w [Waiver],
    circumstances: &Circumstances<'_>,
    now: Timestamp,
) -> Option<&'w Waiver> {
    let open: Vec<&Waiver> =
        waivers.iter().filter(|waiver| !waiver.is_expired(now) && waiver.covers(circumstances)).collect();
    let whole = open.iter().copied().find(|waiver| findings.iter().all(|finding| waiver.covers_finding(finding)));
    whole.or_else(|| {
        let of = |finding| open.iter().copied().find(|waiver| waiver.covers_finding(finding));
        let together: Option<Vec<&Waiver>> = findings.iter().map(of).collect();
        together?.into_iter().min_by_key(|waiver| waiver.expires)
    })
}

/// A waiver as applied in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaiverRecord {
    /// The waiver.
    pub waiver: Waiver,
    /// Its effect.
    pub state: WaiverState,
    /// Number of failures of the run that it matches; for an expired one, those that count again.
    pub failures: usize,
}

/// Effect of a waiver in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum WaiverState {
    /// It waives failures.
    Used,
    /// It has expired: the failures that it waived count again.
    Expired,
    /// Nothing that it matches fails, although it was evaluated: it can be removed, or its scope matches nothing.
    Unused,
    /// The run did not evaluate anything in its scope.
    #[serde(alias = "notAsked")]
    #[strum(serialize = "not run")]
    NotRun,
}

impl WaiverState {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiver_covers_only_what_all_of_its_scope_keys_match() {
        let check: CheckId = "os-cis/cis-al2023-1.0.0/3.3.1".parse().unwrap();
        let control: ControlId = "cis-al2023-1.0.0/3.3.1".parse().unwrap();
        let here = Circumstances {
            variant: Some("al2023-l1"),
            level: Some(Level::One),
            check: &check,
            control: Some(&control),
        };
        let cluster = Circumstances { variant: None, level: None, control: None, ..here };
        let by_check = |pattern: &str| Waiver { check: Some(pattern.into()), ..Waiver::default() };
        let by_control = |id: &str| Waiver { control: Some(id.parse().unwrap()), ..Waiver::default() };

        assert!(!Waiver::default().covers(&here), "a waiver of everything is none");
        assert!(by_check("os-cis/*").covers(&here) && by_check(check.as_str()).covers(&here));
        assert!(!by_check("os-cis").covers(&here) && !by_check("os/*").covers(&here) && !by_check("*").covers(&here));
        assert!(by_control("cis-al2023-1.0.0/3.3.1").covers(&here));
        assert!(!by_control("cis-al2023-2.0.0/3.3.1").covers(&here), "benchmarks renumber");
        assert!(!by_control("cis-al2023-1.0.0/3.3.1").covers(&cluster), "a result without a control");
        assert!(
            !Waiver { check: Some("node/*".into()), ..by_control("cis-al2023-1.0.0/3.3.1") }.covers(&here),
            "both must match"
        );
        for (variants, covers) in
            [(vec!["al2023-l1"], true), (vec!["other", "al2023-l1"], true), (vec!["al2023"], false)]
        {
            let waiver = Waiver { variants: variants.into_iter().map(str::to_owned).collect(), ..by_check("os-cis/*") };
            assert_eq!(waiver.covers(&here), covers, "{waiver:?}");
            assert!(!waiver.covers(&cluster), "the cluster is not a variant");
        }
        assert!(Waiver { level: Some(Level::One), ..by_check("os-cis/*") }.covers(&here));
        assert!(!Waiver { level: Some(Level::Two), ..by_check("os-cis/*") }.covers(&here));
        assert!(!Waiver { level: Some(Level::One), ..by_check("os-cis/*") }.covers(&cluster));
    }

    #[test]
    fn suite_and_benchmark_are_scopes_of_their_own() {
        let check: CheckId = "os-cis/cis-al2023-1.0.0/3.3.1".parse().unwrap();
        let control: ControlId = "cis-al2023-1.0.0/3.3.1".parse().unwrap();
        let by = |suite: Option<&str>, benchmark: Option<&str>| {
            let waiver = Waiver {
                suite: suite.map(str::to_owned),
                benchmark: benchmark.map(str::to_owned),
                ..Waiver::default()
            };
            waiver.is_about(&check, Some(&control))
        };
        assert!(by(Some("os-cis"), None) && by(None, Some("cis-al2023-1.0.0")) && by(None, Some("cis-al2023")));
        assert!(by(Some("os-cis"), Some("cis-al2023")));
        assert!(
            !by(Some("node"), None)
                && !by(None, Some("cis-al2023-2.0.0"))
                && !by(None, Some("cis-al2"))
                && !by(None, None)
        );
        assert!(!by(Some("kube-bench"), Some("cis-al2023")), "both must match");
    }
}
