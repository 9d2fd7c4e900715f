//! What changed between two runs.

use amiproof_model::judge::Origin;
use amiproof_model::name::{CheckId, ControlId, Level, RunId};
use amiproof_model::report::{Explanation, Subject};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use super::caveat::{Caveat, Replacement};
use super::facts::{FactChange, VariantChange};
use super::state::{Change, State};
use crate::cause::cause_line;
use crate::{sheet, text};

/// How a candidate run differs from a baseline run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The earlier run.
    pub base: Side,
    /// The later run.
    pub candidate: Side,
    /// How many results changed in which way; see [`Change`].
    pub counts: IndexMap<Change, usize>,
    /// Number of results with the same state in both runs.
    pub unchanged: usize,
    /// What changed, worst first, then in the order of the reports.
    pub changes: Vec<ResultChange>,
    /// Benchmarks in another version and scanners that replaced others; their controls are not compared.
    pub replacements: Vec<Replacement>,
    /// Suites of the baseline that the candidate did not run at all, deliberately, as far as its report shows. Not
    /// compared.
    pub suites_not_run: Vec<String>,
    /// What the runs did not test in the same way; what is therefore not compared comes first.
    pub caveats: Vec<Caveat>,
    /// What explains the new failures of variants, where it is known: see [`Comparison::with_causes`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Explanation>,
    /// Differences of the variants themselves: AMI, kernel, kubelet, facts. Variants without a difference are left out.
    pub variants: Vec<VariantChange>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The run.
    pub run: RunId,
    /// Its matrix.
    pub matrix: String,
    /// When it started.
    pub started: Timestamp,
    /// The version of the control plane.
    pub kubernetes_version: String,
    /// The version of amiproof that ran it.
    pub tool_version: String,
}

/// One changed result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultChange {
    /// In which way.
    pub change: Change,
    /// Whether the check had a verdict (pass or fail, waived or not) in the baseline and has none now.
    pub coverage_lost: bool,
    /// Its subject.
    pub subject: Subject,
    /// Which check.
    pub check: CheckId,
    /// Its title in the candidate, or else in the baseline.
    pub title: String,
    /// The control that it evaluates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlId>,
    /// The level of that control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Its state in the baseline.
    pub base: State,
    /// Its state in the candidate.
    pub candidate: State,
    /// The reason for its present state in one line; the baseline's if the candidate does not have it.
    pub reason: String,
    /// The origin of the failure, by the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The formats of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray, strum::EnumMessage)]
#[strum(serialize_all = "kebab-case")]
pub enum ComparisonFormat {
    /// Text for people
    #[strum(to_string = "text", serialize = "terminal")]
    Terminal,
    /// Markdown for a pull request or a step summary
    Markdown,
    /// JSON for programs
    Json,
    /// JUnit XML for CI servers: regressions fail
    Junit,
    /// A self-contained page
    Html,
}

impl ComparisonFormat {
    /// Every format.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name of its file in the folder of a run; none for the terminal.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Self::Terminal => None,
            Self::Markdown => Some("compare.md"),
            Self::Json => Some("compare.json"),
            Self::Junit => Some("compare.xml"),
            Self::Html => Some("compare.html"),
        }
    }
}

impl Comparison {
    /// Adds what explains the new failures ([`amiproof_model::explain::between`]).
    #[must_use]
    pub fn with_causes(self, causes: Vec<Explanation>) -> Self {
        Self { causes, ..self }
    }

    /// Each cause in a line, with the values of its fact in both runs.
    pub(crate) fn cause_lines(&self) -> Vec<(&str, String, String)> {
        let of_variant = |explanation: &'_ Explanation| {
            explanation.causes.iter().map(|cause| (cause_line(cause), cause.change())).collect::<Vec<_>>()
        };
        let all = self.causes.iter().flat_map(|explanation| {
            of_variant(explanation).into_iter().map(|(line, change)| (explanation.variant.as_str(), line, change))
        });
        all.collect()
    }

    /// How many results changed in this way.
    pub fn count(&self, change: Change) -> usize {
        self.counts.get(&change).copied().unwrap_or(0)
    }

    /// What is worse than in the baseline: new failures, new errors, failures of checks that the baseline did not run,
    /// and failures where it had no verdict.
    pub(crate) fn worse(&self) -> impl Iterator<Item = &ResultChange> {
        self.changes.iter().filter(|one| one.change.is_worse())
    }

    /// What had a verdict in the baseline and has none now: not evaluated, left to a human, an error, or gone, on a variant and in a
    /// suite that still ran. Not applicable is an answer and does not count.
    pub fn coverage_losses(&self) -> impl Iterator<Item = &ResultChange> {
        self.changes.iter().filter(|change| change.coverage_lost)
    }

    /// Variants with a failed phase in the candidate only.
    pub fn newly_broken(&self) -> impl Iterator<Item = &VariantChange> {
        self.variants.iter().filter(|variant| variant.newly_broken.is_some())
    }

    /// Whether the candidate is worse than the baseline: something fails that passed, or that the baseline did not run;
    /// something is no longer evaluated, because missing evidence must not look like success; or a variant is newly
    /// broken.
    pub fn has_regression(&self) -> bool {
        self.regressions(|_| true) > 0
    }

    /// Number of results and variants that make it a regression, for the selected subjects.
    pub fn regressions(&self, wanted: impl Fn(&Subject) -> bool) -> usize {
        let is_worse = |one: &&ResultChange| {
            matches!(one.change, Change::NewFailure | Change::AppearedFailing) || one.coverage_lost
        };
        let results = self.changes.iter().filter(is_worse).filter(|one| wanted(&one.subject)).count();
        let broken = self.newly_broken().filter(|variant| wanted(&Subject::Variant(variant.variant.clone())));
        results + broken.count()
    }

    /// The sentences about what is not compared, or about what is compared although the runs tested it differently.
    pub(crate) fn caveat_lines(&self, compared: bool) -> Vec<String> {
        let wanted = self.caveats.iter().filter(|caveat| caveat.compared == compared);
        wanted.map(|caveat| text::line(&format!("{}: {}", caveat.about.as_str(), caveat.message))).collect()
    }

    /// The changed facts of a subject, shown with its new failures.
    pub(crate) fn facts_of(&self, subject: &Subject) -> &[FactChange] {
        let Subject::Variant(name) = subject else { return &[] };
        self.variants
            .iter()
            .find(|variant| variant.variant == *name)
            .map_or(&[][..], |variant| variant.facts.as_slice())
    }

    /// The changes of one kind by subject, subjects in the order of the reports.
    pub(crate) fn by_subject(&self, change: Change) -> IndexMap<&Subject, Vec<&ResultChange>> {
        let mut groups: IndexMap<&Subject, Vec<&ResultChange>> = IndexMap::new();
        for one in self.changes.iter().filter(|one| one.change == change) {
            groups.entry(&one.subject).or_default().push(one);
        }
        for group in groups.values_mut() {
            group.sort_by_key(|one| sheet::weight(one.check.suite()));
        }
        groups
    }

    /// The comparison in one line: `against r-…: 2 new failures, 1 fixed`.
    pub fn headline(&self) -> String {
        let mut parts: Vec<String> = self
            .counts
            .iter()
            .filter(|(change, _)| **change != Change::NewlyDecided)
            .map(|(change, number)| change.count_sentence(*number))
            .collect();
        match self.coverage_losses().count() {
            0 => {}
            lost => parts.push(format!("coverage lost on {}", text::count(lost, "check"))),
        }
        match self.newly_broken().count() {
            0 => {}
            broken => parts.push(format!("{} newly broken", text::count(broken, "variant"))),
        }
        if !self.replacements.is_empty() {
            parts.push(format!("{} not comparable", text::count(self.replacements.len(), "scan")));
        }
        let sentence = if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") };
        format!("against {}: {sentence}", self.base.run)
    }
}
