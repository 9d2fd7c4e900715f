//! Waivers: dated, owned, scoped exceptions. A waiver never changes a verdict, only its disposition.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{CheckId, ControlId, Level};

/// One exception. Every scope field that is present must match; at least one of `check` and `control` is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waiver {
    /// Variants it is for; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
    /// The hardening level of the variant; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The check, whole (`node/ready`) or a suite with `/*` behind it (`os-cis/*`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The control with benchmark and version (`cis-al2023-1.0.0/3.3.1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlId>,
    /// Why it is all right.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it counts (UTC).
    pub expires: Date,
}

/// What a waiver is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The variant; `None` for the cluster as a whole.
    pub variant: Option<&'a str>,
    /// The variant's hardening level.
    pub level: Option<Level>,
    /// The check.
    pub check: &'a CheckId,
    /// The control that the check answers.
    pub control: Option<&'a ControlId>,
}

impl Waiver {
    /// Whether its last day is over at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC).date() > self.expires
    }

    /// Whether it is about this result.
    pub fn covers(&self, circumstances: &Circumstances<'_>) -> bool {
        let variant = self.variants.is_empty()
            || circumstances.variant.is_some_and(|variant| self.variants.iter().any(|name| name == variant));
        let level = self.level.is_none() || self.level == circumstances.level;
        let check = self.check.as_deref().is_none_or(|pattern| match pattern.strip_suffix("/*") {
            Some(suite) => circumstances.check.suite() == suite,
            None => circumstances.check.as_str() == pattern,
        });
        let control = self.control.is_none() || self.control.as_ref() == circumstances.control;
        (self.check.is_some() || self.control.is_some()) && variant && level && check && control
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
            assert!(!waiver.covers(&cluster), "the cluster is no variant");
        }
        assert!(Waiver { level: Some(Level::One), ..by_check("os-cis/*") }.covers(&here));
        assert!(!Waiver { level: Some(Level::Two), ..by_check("os-cis/*") }.covers(&here));
        assert!(!Waiver { level: Some(Level::One), ..by_check("os-cis/*") }.covers(&cluster));
    }
}
