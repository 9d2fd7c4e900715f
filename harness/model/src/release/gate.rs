//! Whether an image may be promoted by what a report says of it.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::candidate::OPERATING_SYSTEM;
use crate::conclusion::{Conclusion, Scope, Summary, is_evaluated};
use crate::duration;
use crate::judge::disposition::Disposition;
use crate::name::{AmiId, Benchmark, CheckId, VariantName};
use crate::report::Report;
use crate::report::VariantRecord;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// What a promotion asks of a report.
#[derive(Clone, Debug)]
pub struct Gates<'a> {
    /// The variant whose image is to be promoted.
    pub variant: &'a str,
    /// The image that the user means; `None` if it is whatever was tested.
    pub image: Option<&'a AmiId>,
    /// The longest time since the end of the run.
    pub max_age: Duration,
    /// Checks that the report must have a row for, whatever it says: a run that left them out decides nothing about them.
    pub required: &'a [CheckId],
    /// Whether thresholds of the matrix file may stand for evidence: rows without a result that they allow.
    pub may_be_incomplete: bool,
    /// Whether the image is promoted in a lab, where a report of that lab counts as evidence.
    pub in_lab: bool,
}

/// A promotion that nothing speaks against.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion<'a> {
    /// The variant.
    pub variant: &'a VariantRecord,
    /// The image that its nodes booted.
    pub image: &'a AmiId,
    /// When the run ended.
    pub tested: Timestamp,
}

/// A reason not to promote. Each is a sentence without full stop that says what is wrong; [`Self::help`] says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The report has no such variant.
    #[error("run {run} has no variant {variant}")]
    Unknown {
        /// The run.
        run: String,
        /// The variant that was asked for.
        variant: String,
        /// The variants that it has.
        known: Vec<String>,
    },
    /// No image was found for the variant, or it is made of existing nodes whose image is not known.
    #[error("the image of {variant} is unknown: the run did not record which AMI its nodes booted")]
    NoImage {
        /// The variant.
        variant: VariantName,
    },
    /// The user means another image.
    #[error("run {run} tested {tested} as {variant}, not {wanted}")]
    OtherImage {
        /// The run.
        run: String,
        /// The variant.
        variant: VariantName,
        /// The image that was tested.
        tested: AmiId,
        /// The one that is meant.
        wanted: AmiId,
    },
    /// No node joined, so that nothing ran on the image.
    #[error("no node of {variant} joined the cluster")]
    NoNode {
        /// The variant.
        variant: VariantName,
    },
    /// A node booted another image, or one that is not known.
    #[error("node {node} of {variant} booted {}, not {image}", booted.as_ref().map_or("an unknown image", |ami| ami.as_str()))]
    OtherNode {
        /// The variant.
        variant: VariantName,
        /// The image of the variant.
        image: AmiId,
        /// The name of the node.
        node: String,
        /// What it booted, if that is known.
        booted: Option<AmiId>,
    },
    /// The verdict of the variant is not `passed`.
    #[error("the verdict of {variant} is {}: {reason}", conclusion.as_str())]
    Verdict {
        /// The variant.
        variant: VariantName,
        /// Its verdict.
        conclusion: Conclusion,
        /// Why.
        reason: String,
    },
    /// Rows without a result, which a threshold allows.
    #[error("{variant} has checks without a result, which a threshold of the matrix allows ({count})")]
    Incomplete {
        /// The variant.
        variant: VariantName,
        /// How many.
        count: usize,
    },
    /// A row that says two things.
    #[error("{check} on {variant} is reported as passed, but its outcome is {outcome}")]
    Contradiction {
        /// The variant.
        variant: VariantName,
        /// The check.
        check: CheckId,
        /// What it decided.
        outcome: &'static str,
    },
    /// Two variants of the same name.
    #[error("the report has {variant} more than once")]
    Twice {
        /// The variant.
        variant: VariantName,
    },
    /// Checks without a row.
    #[error("the run has no result for {} of the required checks on {variant}, {} among them", checks.len(), first(checks))]
    LeftOut {
        /// The variant.
        variant: VariantName,
        /// The checks.
        checks: Vec<CheckId>,
    },
    /// A hardened image that no scan of its benchmark has evaluated.
    #[error("no control of {benchmark} passed in a scan of {variant}")]
    NotScanned {
        /// The variant.
        variant: VariantName,
        /// The benchmark that it is hardened to.
        benchmark: Benchmark,
    },
    /// The evidence is too old: a run that is continued keeps earlier answers.
    #[error("the oldest result on {variant} is {} old, older than {}", duration::short(*age), duration::short(*most))]
    Old {
        /// The variant.
        variant: VariantName,
        /// The age of its oldest result.
        age: Duration,
        /// The longest time that is allowed.
        most: Duration,
    },
    /// The report is dated in the future: a clock is wrong.
    #[error("run {run} ended {} in the future: the clock of this machine or of the run is wrong", duration::short(*ahead))]
    Future {
        /// The run.
        run: String,
        /// The time until its end.
        ahead: Duration,
    },
    /// A waiver that excused failures has expired since the run.
    #[error("the waiver of {check} ({reason}) expired on {expired}, after the run")]
    WaiverExpired {
        /// A check whose failure it excused.
        check: CheckId,
        /// Its reason.
        reason: String,
        /// Its last day.
        expired: Date,
    },
    /// The report is one of the lab.
    #[error("run {run} ran in the lab, which says nothing about an image in an account")]
    Lab {
        /// The run.
        run: String,
    },
    /// A later run of the same image does not pass.
    #[error("the later run {run} tested the same image, and its verdict is {}: {reason}", conclusion.as_str())]
    Later {
        /// The later run.
        run: String,
        /// Its verdict on the image.
        conclusion: Conclusion,
        /// Why.
        reason: String,
    },
}

fn first(checks: &[CheckId]) -> &str {
    checks.first().map_or("none", CheckId::as_str)
}

impl Refusal {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { known, .. } => format!("its variants are {}", known.join(", ")),
            Self::NoImage { .. } => "test the image as a variant with `ami`, in an account".to_owned(),
            Self::OtherImage { .. } => {
                "run amiproof with the image that is to be promoted, or name its run with --run".to_owned()
            }
            Self::NoNode { .. } | Self::OtherNode { .. } => "run amiproof again with this image".to_owned(),
            Self::Verdict { conclusion: Conclusion::Failed | Conclusion::Regression, .. } => {
                "see `amiproof explain`; promote an image whose verdict is passed".to_owned()
            }
            Self::Verdict { .. } => "`amiproof rerun --failed` repeats checks that have no result".to_owned(),
            Self::Incomplete { .. } => "--allow-incomplete promotes it anyway".to_owned(),
            Self::Contradiction { .. } | Self::Twice { .. } => {
                "the report was changed after amiproof wrote it: run amiproof again".to_owned()
            }
            Self::LeftOut { .. } => "run amiproof without --checks, or exempt them with --except PREFIX".to_owned(),
            Self::NotScanned { .. } => "`amiproof scan` scans what `amiproof apply` created".to_owned(),
            Self::Old { .. } => "run amiproof again, or allow it with --max-age".to_owned(),
            Self::Future { .. } => "set the clock".to_owned(),
            Self::WaiverExpired { .. } => "extend the waiver or fix the image, and run amiproof again".to_owned(),
            Self::Lab { .. } => "run amiproof in the account of the image".to_owned(),
            Self::Later { .. } => "promote from that run once it passes".to_owned(),
        }
    }
}

/// Whether a report allows a promotion at a time. `later` are reports of runs that began after it.
///
/// # Errors
/// Every reason against it, the most important first.
pub fn decide<'a>(
    report: &'a Report,
    later: &[Report],
    gates: &Gates<'_>,
    now: Timestamp,
) -> Result<Promotion<'a>, Vec<Refusal>> {
    let run = report.run.id.to_string();
    let Some(variant) = report.variants.iter().find(|variant| variant.name.as_str() == gates.variant) else {
        let known = report.variants.iter().map(|variant| variant.name.to_string()).collect();
        return Err(vec![Refusal::Unknown { run, variant: gates.variant.to_owned(), known }]);
    };
    if report.variants.iter().filter(|other| other.name == variant.name).count() > 1 {
        return Err(vec![Refusal::Twice { variant: variant.name.clone() }]);
    }
    let Some(image) = image_of(variant) else {
        return Err(vec![Refusal::NoImage { variant: variant.name.clone() }]);
    };
    let mut refusals = Vec::new();
    if report.cluster.lab && !gates.in_lab {
        refusals.push(Refusal::Lab { run: run.clone() });
    }
    if let Some(wanted) = gates.image.filter(|wanted| *wanted != image) {
        let (variant, tested, wanted) = (variant.name.clone(), image.clone(), wanted.clone());
        refusals.push(Refusal::OtherImage { run: run.clone(), variant, tested, wanted });
    }
    refusals.extend(of_nodes(variant, image));
    refusals.extend(of_verdict(report, variant, gates));
    refusals.extend(of_rows(report, variant, gates));
    let tested = ended(report);
    refusals.extend(of_age(variant, oldest(report, variant).unwrap_or(tested), gates.max_age, now));
    // The time of a run in the lab is simulated.
    if !gates.in_lab {
        refusals.extend(of_clock(run, tested, now));
    }
    refusals.extend(of_waivers(report, variant, now));
    refusals.extend(later.iter().filter(|other| ended(other) > tested).flat_map(|later| of_later(later, image)));
    if refusals.is_empty() { Ok(Promotion { variant, image, tested }) } else { Err(refusals) }
}

/// The image of a variant: the one that it was made with, or else the one that all of its nodes say they booted.
pub fn image_of(variant: &VariantRecord) -> Option<&AmiId> {
    let own = variant.ami.as_ref().map(|ami| &ami.id);
    own.or_else(|| variant.nodes.first().and_then(|node| node.ami_id.as_ref()))
}

/// When a run ended.
fn ended(report: &Report) -> Timestamp {
    let seconds = if report.run.seconds.is_finite() { report.run.seconds.max(0.0) } else { 0.0 };
    let took = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
    report.run.started.checked_add(took).unwrap_or(report.run.started)
}

fn of_nodes(variant: &VariantRecord, image: &AmiId) -> Vec<Refusal> {
    if variant.nodes.is_empty() {
        return vec![Refusal::NoNode { variant: variant.name.clone() }];
    }
    let others = variant.nodes.iter().filter(|node| node.ami_id.as_ref() != Some(image));
    let refusal = |node: &crate::report::NodeRecord| Refusal::OtherNode {
        variant: variant.name.clone(),
        image: image.clone(),
        node: node.name.clone(),
        booted: node.ami_id.clone(),
    };
    others.map(refusal).collect()
}

fn of_verdict(report: &Report, variant: &VariantRecord, gates: &Gates<'_>) -> Option<Refusal> {
    let subject = Subject::Variant(variant.name.clone());
    let summary = Summary::of(report, Scope::Of(&subject), 0);
    let name = variant.name.clone();
    match summary.conclusion {
        Conclusion::Passed => None,
        Conclusion::Incomplete if gates.may_be_incomplete => None,
        Conclusion::Incomplete => Some(Refusal::Incomplete { variant: name, count: summary.counts.allowed }),
        conclusion => Some(Refusal::Verdict { variant: name, conclusion, reason: summary.reason }),
    }
}

fn of_rows(report: &Report, variant: &VariantRecord, gates: &Gates<'_>) -> Vec<Refusal> {
    let own = || own_rows(report, variant);
    let is_contradiction = |row: &&CheckResult| {
        matches!(row.disposition, Disposition::Passed | Disposition::Flaky) && row.outcome != Outcome::Pass
    };
    let contradictions = own().filter(is_contradiction).map(|row| Refusal::Contradiction {
        variant: variant.name.clone(),
        check: row.check.clone(),
        outcome: row.outcome.as_str(),
    });
    let mut refusals: Vec<Refusal> = contradictions.collect();
    let is_answered = |check: &CheckId| {
        own().any(|row| {
            let is_settled = matches!(row.disposition, Disposition::NotApplicable | Disposition::Manual);
            row.check == *check && (is_evaluated(row) || is_settled)
        })
    };
    let checks: Vec<CheckId> = gates.required.iter().filter(|check| !is_answered(check)).cloned().collect();
    if !checks.is_empty() {
        refusals.push(Refusal::LeftOut { variant: variant.name.clone(), checks });
    }
    if let Some(benchmark) = &variant.benchmark {
        let is_met = |row: &CheckResult| {
            row.check.suite() == OPERATING_SYSTEM
                && row.control.as_ref().is_some_and(|control| control.benchmark() == benchmark.as_str())
                && row.disposition == Disposition::Passed
        };
        if !own().any(is_met) {
            let benchmark = benchmark.clone();
            refusals.push(Refusal::NotScanned { variant: variant.name.clone(), benchmark });
        }
    }
    refusals
}

/// When the oldest answer that counts was found.
fn oldest(report: &Report, variant: &VariantRecord) -> Option<Timestamp> {
    own_rows(report, variant).filter(|row| !row.is_gate() && is_evaluated(row)).map(|row| row.started).min()
}

fn of_age(variant: &VariantRecord, oldest: Timestamp, most: Duration, now: Timestamp) -> Option<Refusal> {
    let age = Duration::try_from(now.duration_since(oldest)).ok()?;
    (age > most).then(|| Refusal::Old { variant: variant.name.clone(), age, most })
}

fn of_clock(run: String, ended: Timestamp, now: Timestamp) -> Option<Refusal> {
    /// Clocks of two machines may differ by this much.
    const SKEW: Duration = Duration::from_secs(300);
    let ahead = Duration::try_from(ended.duration_since(now)).ok()?;
    (ahead > SKEW).then_some(Refusal::Future { run, ahead })
}

/// Waivers that excused failures of the variant and do not any more: each once, with the first check that it excused.
fn of_waivers(report: &Report, variant: &VariantRecord, now: Timestamp) -> Vec<Refusal> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut over: Vec<(&str, &Date)> = Vec::new();
    let mut refusals = Vec::new();
    for row in own_rows(report, variant) {
        let Disposition::Waived { reason, until, .. } = &row.disposition else { continue };
        if *until < today && !over.contains(&(reason, until)) {
            over.push((reason, until));
            let (check, reason) = (row.check.clone(), reason.clone());
            refusals.push(Refusal::WaiverExpired { check, reason, expired: *until });
        }
    }
    refusals
}

fn own_rows<'a>(report: &'a Report, variant: &'a VariantRecord) -> impl Iterator<Item = &'a CheckResult> {
    report.results.iter().filter(|row| matches!(&row.subject, Subject::Variant(name) if *name == variant.name))
}

/// What a later run says against an image.
fn of_later(later: &Report, image: &AmiId) -> Vec<Refusal> {
    let same = later.variants.iter().filter(|variant| image_of(variant) == Some(image));
    let verdicts = same.map(|variant| Summary::of(later, Scope::Of(&Subject::Variant(variant.name.clone())), 0));
    // What a later run has not evaluated says nothing; what it found does.
    let against = verdicts.filter(|verdict| verdict.counts.failed > 0);
    let refusal = |verdict: Summary| Refusal::Later {
        run: later.run.id.to_string(),
        conclusion: verdict.conclusion,
        reason: verdict.reason,
    };
    against.map(refusal).collect()
}

#[cfg(test)]
pub(super) mod tests;
