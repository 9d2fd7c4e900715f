//! From verdict to disposition: waivers, baseline, retries and the reference variant. Pure.

pub(crate) mod disposition;

use jiff::Timestamp;

pub use self::disposition::{Disposition, Origin};
use crate::verdict::Outcome;
use crate::waiver::{Circumstances, Waiver, waiving};

/// Determines the disposition of one result: pure, total, and never milder than the evidence.
///
/// `earlier_attempts` says whether an earlier attempt ended differently. A waiver changes a failure only, and only when
/// it matches and has not expired at `now`.
pub fn judge(
    outcome: &Outcome,
    earlier_attempts: usize,
    waivers: &[Waiver],
    circumstances: &Circumstances<'_>,
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
            None => Disposition::Failed,
        },
    }
}

/// The origin of a failure, given the outcome of the same check (and of the same scanner, if one is named) on the reference.
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
        let judged = |outcome: &Outcome, earlier, waivers: &[Waiver]| {
            judge(outcome, earlier, waivers, &circumstances, now).as_str()
        };
        assert_eq!(judged(&Outcome::Pass, 0, &open), "passed");
        assert_eq!(judged(&Outcome::Pass, 1, &[]), "flaky");
        assert_eq!(judged(&fail(), 0, &[]), "failed");
        assert_eq!(judged(&fail(), 0, &open), "waived");
        assert_eq!(judged(&fail(), 0, &expired), "failed");
        assert_eq!(judged(&Outcome::Error { message: "throttled".into() }, 0, &open), "error");
        assert_eq!(judged(&Outcome::NotEvaluated { reason: "no scan".into() }, 0, &open), "not evaluated");
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
        let at = |now: &str| judge(&fail(), 0, &waivers, &circumstances, now.parse().unwrap());
        let until = |disposition| match disposition {
            Disposition::Waived { until, owner, .. } => format!("{owner} {until}"),
            other => other.as_str().to_owned(),
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
        assert_eq!(judge(&fail(), 2, &[], &circumstances, now), Disposition::Failed);
        assert_eq!(judge(&Outcome::Pass, 2, &[waiver("2027-01-31")], &circumstances, now), Disposition::Flaky);
    }

    #[test]
    fn waivers_for_single_nodes_must_together_cover_every_finding() {
        let check = "node/ready".parse().unwrap();
        let circumstances = Circumstances { variant: Some("al2023"), level: None, check: &check, control: None };
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let both = Outcome::Fail { findings: vec![Finding::new("node 1", "a"), Finding::new("node 2", "b")] };
        let first = Waiver { node: Some(1), ..waiver("2027-02-28") };
        let second = Waiver { node: Some(2), owner: "security".into(), ..waiver("2027-01-31") };
        let judged = |waivers: &[Waiver]| judge(&both, 0, waivers, &circumstances, now);
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
