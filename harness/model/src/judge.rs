//! From verdict to disposition: waivers, baseline, retries and the reference variant. Pure.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::CheckId;
use crate::report::Subject;
use crate::verdict::Outcome;
use crate::waiver::{Circumstances, Waiver, waiving};

/// What a result means for the run. Ordered: the greater it is, the less it lets a run pass, so that replacing a disposition by a
/// greater one never makes the [`Conclusion`](crate::conclusion::Conclusion) better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Disposition {
    /// Fine.
    Passed,
    /// Passed, but not at the first attempt.
    Flaky,
    /// Not fine, but somebody signed for it and the date has not passed.
    Waived {
        /// Who answers for it.
        owner: String,
        /// Why.
        reason: String,
        /// Until when.
        until: jiff::civil::Date,
    },
    /// Not fine, but the baseline was not either. Only where the user asked to accept known failures.
    Known,
    /// Not fine, but within what a threshold of the matrix file allows: the threshold's own row decides.
    Tolerated,
    /// Shown and not judged: a benchmark of the operating system on an image that nobody hardened to it.
    Informational,
    /// See [`Outcome::NotApplicable`].
    NotApplicable,
    /// See [`Outcome::Manual`].
    Manual,
    /// Not evaluated, within what a `coverage` of the matrix file allows to be missing.
    Allowed,
    /// Not fine, and nobody said that it may be.
    Failed,
    /// Not evaluated, because something else failed that says why: no node joined, or the other end of every connection is broken.
    Blocked {
        /// The check that failed.
        check: CheckId,
        /// What it failed on.
        subject: Subject,
    },
    /// See [`Outcome::NotEvaluated`]. Nothing allows it.
    NotEvaluated,
    /// See [`Outcome::Error`].
    Error,
}

impl Disposition {
    /// The word for it, as reports write it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Waived { .. } => "waived",
            Self::Known => "known",
            Self::Tolerated => "tolerated",
            Self::Informational => "informational",
            Self::NotApplicable => "not applicable",
            Self::NotEvaluated => "not evaluated",
            Self::Allowed => "allowed",
            Self::Blocked { .. } => "blocked",
            Self::Manual => "manual",
            Self::Error => "error",
            Self::Flaky => "flaky",
        }
    }

    /// What an outcome means before waivers, thresholds and the rest of the run are looked at.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Passed,
            Outcome::Fail { .. } => Self::Failed,
            Outcome::NotApplicable { .. } => Self::NotApplicable,
            Outcome::NotEvaluated { .. } => Self::NotEvaluated,
            Outcome::Manual { .. } => Self::Manual,
            Outcome::Error { .. } => Self::Error,
        }
    }
}

/// Where a failure comes from, as the reference variant shows it.
///
/// Whether something works on a node is one question, whether a benchmark's control is met another: a sysctl that is wrong on the stock
/// image and on the hardened one is no fault of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The reference passes, or the question does not arise there: hardening (or the build) did it.
    Hardening,
    /// The reference fails too: cluster, account, add-on or test.
    Environment,
    /// A control that the reference does not meet either: the hardening does not do what its benchmark asks.
    NotApplied,
    /// A control that the reference meets: the hardening (or the build) undid it.
    Lost,
    /// There is no reference, or it was not evaluated.
    Unknown,
}

impl Origin {
    /// The word for it, as reports write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hardening => "hardening",
            Self::Environment => "environment",
            Self::NotApplied => "not applied",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }

    /// What the reference shows, as a clause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Hardening => "the reference passes",
            Self::Environment => "the reference fails too",
            Self::NotApplied => "the reference does not meet it either",
            Self::Lost => "the reference meets it",
            Self::Unknown => "no reference, or it was not evaluated",
        }
    }
}

/// Judges one result: pure, total, and never milder than the evidence.
///
/// `earlier_attempts` says whether an attempt before this one ended otherwise. A waiver changes a failure only, and only when
/// it matches and has not expired at `now`.
pub fn judge(
    outcome: &Outcome,
    earlier_attempts: usize,
    waivers: &[Waiver],
    circumstances: &Circumstances<'_>,
    known: bool,
    now: Timestamp,
) -> Disposition {
    match outcome {
        Outcome::Pass if earlier_attempts > 0 => Disposition::Flaky,
        Outcome::Pass => Disposition::Passed,
        Outcome::NotApplicable { .. } => Disposition::NotApplicable,
        Outcome::NotEvaluated { .. } => Disposition::NotEvaluated,
        Outcome::Manual { .. } => Disposition::Manual,
        Outcome::Error { .. } => Disposition::Error,
        Outcome::Fail { findings } => match waiving(findings, waivers, circumstances, now) {
            Some(waiver) => Disposition::Waived {
                owner: waiver.owner.clone(),
                reason: waiver.reason.clone(),
                until: waiver.expires,
            },
            None if known => Disposition::Known,
            None => Disposition::Failed,
        },
    }
}

/// Says where a failure comes from, given what the same check (of the same scanner, where one answered) came to on the reference.
/// `is_scanned` says whether the row is a scanner's answer about a control; `same_family` whether both variants boot the same way, so
/// that a question which does not arise on the reference arises here because of the hardening.
pub fn origin(outcome: &Outcome, reference: Option<&Outcome>, is_scanned: bool, same_family: bool) -> Option<Origin> {
    if !matches!(outcome, Outcome::Fail { .. }) {
        return None;
    }
    Some(match (reference, is_scanned) {
        (Some(Outcome::Fail { .. }), true) => Origin::NotApplied,
        (Some(Outcome::Pass), true) => Origin::Lost,
        (Some(Outcome::Pass), false) => Origin::Hardening,
        (Some(Outcome::Fail { .. }), false) => Origin::Environment,
        (Some(Outcome::NotApplicable { .. }), false) if same_family => Origin::Hardening,
        _ => Origin::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Finding;

    fn waiver(expires: &str) -> Waiver {
        Waiver {
            check: Some("node/ready".into()),
            reason: "slow disk".into(),
            owner: "platform".into(),
            expires: expires.parse().unwrap(),
            ..Waiver::default()
        }
    }

    fn fail() -> Outcome {
        Outcome::Fail { findings: vec![Finding::new("node 1", "not ready")] }
    }

    #[test]
    fn dispositions_follow_from_outcome_waiver_baseline_and_retries() {
        let check = "node/ready".parse().unwrap();
        let circumstances = Circumstances { variant: Some("al2023"), level: None, check: &check, control: None };
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let open = [waiver("2027-01-31")];
        let expired = [waiver("2026-11-20")];
        let judged = |outcome: &Outcome, earlier, waivers: &[Waiver], known| {
            judge(outcome, earlier, waivers, &circumstances, known, now).word()
        };
        assert_eq!(judged(&Outcome::Pass, 0, &open, true), "passed");
        assert_eq!(judged(&Outcome::Pass, 1, &[], false), "flaky");
        assert_eq!(judged(&fail(), 0, &[], false), "failed");
        assert_eq!(judged(&fail(), 0, &open, false), "waived");
        assert_eq!(judged(&fail(), 0, &expired, false), "failed");
        assert_eq!(judged(&fail(), 0, &expired, true), "known");
        assert_eq!(judged(&Outcome::Error { message: "throttled".into() }, 0, &open, true), "error");
        assert_eq!(judged(&Outcome::NotEvaluated { reason: "no scan".into() }, 0, &open, true), "not evaluated");
    }

    #[test]
    fn a_failure_that_the_reference_shares_is_not_blamed_on_hardening() {
        let permissive = Outcome::NotApplicable { reason: "permissive".into() };
        let silent = Outcome::NotEvaluated { reason: "no scan".into() };
        let manual = Outcome::Manual { look_at: "banner".into() };
        for (reference, of_check, of_scanner) in [
            (Some(&Outcome::Pass), Origin::Hardening, Origin::Lost),
            (Some(&fail()), Origin::Environment, Origin::NotApplied),
            (Some(&permissive), Origin::Hardening, Origin::Unknown),
            (Some(&silent), Origin::Unknown, Origin::Unknown),
            (Some(&manual), Origin::Unknown, Origin::Unknown),
            (None, Origin::Unknown, Origin::Unknown),
        ] {
            assert_eq!(origin(&fail(), reference, false, true), Some(of_check), "{reference:?}");
            assert_eq!(origin(&fail(), reference, true, true), Some(of_scanner), "{reference:?}");
        }
        assert_eq!(origin(&fail(), Some(&permissive), false, false), Some(Origin::Unknown), "another family");
        assert_eq!(origin(&Outcome::Pass, None, false, true), None);
    }

    #[test]
    fn a_waiver_counts_through_its_last_day_and_the_first_open_one_that_covers_wins() {
        let check = "node/ready".parse().unwrap();
        let circumstances = Circumstances { variant: Some("al2023"), level: None, check: &check, control: None };
        let waivers =
            [waiver("2026-11-20"), Waiver { owner: "security".into(), ..waiver("2026-11-21") }, waiver("2027-01-31")];
        let at = |now: &str| judge(&fail(), 0, &waivers, &circumstances, false, now.parse().unwrap());
        let until = |disposition| match disposition {
            Disposition::Waived { until, owner, .. } => format!("{owner} {until}"),
            other => other.word().to_owned(),
        };
        assert_eq!(until(at("2026-11-20T23:59:59Z")), "platform 2026-11-20");
        assert_eq!(until(at("2026-11-21T00:00:00Z")), "security 2026-11-21");
        assert_eq!(until(at("2027-01-31T23:59:59Z")), "platform 2027-01-31");
        assert_eq!(until(at("2027-02-01T00:00:00Z")), "failed");
    }

    #[test]
    fn a_retry_that_fails_stays_a_failure_and_one_that_passes_is_flaky_even_with_a_waiver() {
        let check = "node/ready".parse().unwrap();
        let circumstances = Circumstances { variant: None, level: None, check: &check, control: None };
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        assert_eq!(judge(&fail(), 2, &[], &circumstances, false, now), Disposition::Failed);
        assert_eq!(judge(&Outcome::Pass, 2, &[waiver("2027-01-31")], &circumstances, true, now), Disposition::Flaky);
    }

    #[test]
    fn waivers_for_single_nodes_must_together_cover_every_finding() {
        let check = "node/ready".parse().unwrap();
        let circumstances = Circumstances { variant: Some("al2023"), level: None, check: &check, control: None };
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let both = Outcome::Fail { findings: vec![Finding::new("node 1", "a"), Finding::new("node 2", "b")] };
        let first = Waiver { node: Some(1), ..waiver("2027-02-28") };
        let second = Waiver { node: Some(2), owner: "security".into(), ..waiver("2027-01-31") };
        let judged = |waivers: &[Waiver]| judge(&both, 0, waivers, &circumstances, false, now);
        assert_eq!(judged(std::slice::from_ref(&first)), Disposition::Failed);
        let Disposition::Waived { owner, until, .. } = judged(&[first.clone(), second.clone()]) else { panic!("both") };
        assert_eq!(
            (owner.as_str(), until.to_string().as_str()),
            ("security", "2027-01-31"),
            "the first that ends is named"
        );
        let expired = Waiver { expires: "2026-11-20".parse().unwrap(), ..second };
        assert_eq!(judged(&[first, expired]), Disposition::Failed);
    }
}
