//! What the template shows outside the grid, as words and numbers that are ready to print.

use amiproof_model::report::{Phase, PhaseEnd, PhaseRecord, Report, Subject};

use super::decisions::{self, DecisionsView};
use super::failures::{self, Failing};
use super::shares::{Share, shares};
use super::since::Since;
use super::tiles::{self, Tile};
use super::timeline::Timeline;
use crate::context::{Context, class};
use crate::history::{History, span};
use crate::scans::{Line, Numbered};
use crate::sheet::{self, Sheet, Status, Tally};
use crate::{cost, text, waivers};

/// The page without its grid.
pub(super) struct View {
    pub(super) matrix: String,
    pub(super) tool: String,
    /// Label and value pairs below the title.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) lab: bool,
    pub(super) interrupted: bool,
    pub(super) verdict: Verdict,
    pub(super) shares: Vec<Share>,
    /// All cells in a sentence.
    pub(super) sentence: String,
    pub(super) coverage: Coverage,
    pub(super) since: Option<Since>,
    pub(super) problems: Vec<Problem>,
    pub(super) decisions: Option<DecisionsView>,
    pub(super) tiles: Vec<Tile>,
    pub(super) failing: Vec<Failing>,
    pub(super) timeline: Timeline,
    pub(super) scans: Scans,
    pub(super) waivers: Vec<waivers::Line>,
    pub(super) cleanup: CleanupView,
    /// Which nights are shown beside the rows; empty without a history.
    pub(super) nights: String,
    /// What the run cost, in a sentence; empty if nothing.
    pub(super) cost: String,
}

/// The table of scans, with the notes below it.
pub(super) struct Scans {
    /// The statuses that any scan has results with: the columns.
    pub(super) words: Vec<&'static str>,
    /// A line, the number of its note, and how many results it has of each status.
    pub(super) lines: Vec<(Line, Option<usize>, Vec<usize>)>,
    pub(super) notes: Vec<String>,
}

impl Scans {
    fn of(report: &Report) -> Self {
        let numbered = Numbered::of(report);
        let statuses = numbered.statuses();
        let lines = numbered.lines.into_iter().map(|(line, note)| {
            let numbers = statuses.iter().map(|status| line.tally.get(*status)).collect();
            (line, note, numbers)
        });
        let lines = lines.collect();
        Self { words: statuses.into_iter().map(Status::as_str).collect(), lines, notes: numbered.notes }
    }
}

/// The run in a word.
pub(super) struct Verdict {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) reason: String,
    pub(super) notes: Vec<String>,
    pub(super) exit_code: u8,
}

/// The share of applicable cells that were decided.
pub(super) struct Coverage {
    pub(super) percent: String,
    pub(super) decided: usize,
    pub(super) applicable: usize,
    pub(super) sentence: String,
}

/// A failed phase.
pub(super) struct Problem {
    pub(super) subject: String,
    pub(super) phase: &'static str,
    pub(super) after: String,
    pub(super) message: String,
    pub(super) evidence: Vec<(String, String)>,
}

/// The cleanup of the run.
pub(super) struct CleanupView {
    pub(super) ran: bool,
    pub(super) created: usize,
    pub(super) deleted: usize,
    /// Kind with id, variant, reason, command.
    pub(super) leftovers: Vec<(String, String, String, String)>,
    /// What could not be verified, one sentence each.
    pub(super) not_verified: Vec<String>,
}

impl View {
    pub(super) fn of(context: &Context<'_>, sheet: &Sheet<'_>, history: Option<&History<'_>>) -> Self {
        let report = &*context.report;
        let tally = sheet.tally();
        Self {
            matrix: text::line(&report.run.matrix),
            tool: text::line(&format!("{} {}", report.tool.name, report.tool.version)),
            facts: facts(report),
            lab: report.cluster.lab,
            interrupted: report.run.interrupted,
            verdict: verdict(context),
            shares: shares(tally),
            sentence: tally.sentence(),
            coverage: coverage(report, tally),
            since: context.comparison.as_ref().map(Since::of),
            problems: problems(report),
            decisions: decisions::of(context, sheet),
            tiles: tiles::of(context, sheet),
            failing: failures::of(context, sheet),
            timeline: Timeline::of(report),
            scans: Scans::of(report),
            waivers: waivers::lines(report),
            cleanup: cleanup(report),
            nights: history.and_then(span).unwrap_or_default(),
            cost: cost::sentence(report).unwrap_or_default(),
        }
    }
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (run, cluster) = (&report.run, &report.cluster);
    let times = run.critical_path().map(|path| format!(" ({:.2} times the critical path)", run.seconds / path));
    let times = times.unwrap_or_default();
    let mut facts = vec![
        ("Run", run.id.to_string()),
        ("Started", text::moment(run.started)),
        ("Took", format!("{}{times}", text::duration(run.seconds))),
        ("Cluster", text::line(&cluster.name)),
        ("Kubernetes", cluster.kubernetes().to_owned()),
        ("Region", text::line(&cluster.region)),
        ("Account", text::line(&cluster.account)),
    ];
    facts.push(("Cost", report.cost.as_ref().map(cost::amount).unwrap_or_default()));
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn verdict(context: &Context<'_>) -> Verdict {
    let verdict = context.verdict();
    Verdict {
        class: class(verdict.conclusion),
        word: verdict.conclusion.as_str(),
        reason: text::line(&verdict.reason),
        notes: verdict.notes.iter().map(|note| text::line(note)).collect(),
        exit_code: verdict.conclusion.exit_code().code(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of checks are far below 2^52")]
fn coverage(report: &Report, tally: Tally) -> Coverage {
    let applicable = tally.total() - tally.get(Status::NotApplicable);
    let is_missing =
        |status: Status| status.is_undecided() || matches!(status, Status::Manual | Status::Blocked | Status::Allowed);
    let missing: Vec<(Status, usize)> = tally.parts().filter(|(status, _)| is_missing(*status)).collect();
    let decided = applicable - missing.iter().map(|(_, number)| number).sum::<usize>();
    let percent = if applicable == 0 {
        "–".to_owned()
    } else if decided == applicable {
        "100 %".to_owned()
    } else {
        // Never rounded up to 100: something is missing.
        format!("{:.1} %", (decided as f64 * 1000.0 / applicable as f64).floor() / 10.0)
    };
    let mut missing: Vec<String> =
        missing.iter().map(|(status, number)| format!("{number} {}", status.as_str())).collect();
    // What a variant that broke or was cancelled would have been asked is not among its results.
    let short = report.variants.iter().filter(|variant| variant.phases.iter().any(falls_short)).count();
    if short > 0 {
        missing.push(format!("{} did not get to the end", text::count(short, "variant")));
    }
    Coverage { percent, decided, applicable, sentence: missing.join(", ") }
}

fn falls_short(phase: &PhaseRecord) -> bool {
    phase.phase != Phase::Teardown && phase.ended != PhaseEnd::Done
}

fn problems(report: &Report) -> Vec<Problem> {
    let mut subjects = vec![Subject::Cluster];
    subjects.extend(report.variants.iter().map(|variant| Subject::Variant(variant.name.clone())));
    let mut problems = Vec::new();
    for subject in &subjects {
        for (phase, message) in sheet::broken_phases(report, subject) {
            let PhaseEnd::Error { evidence, .. } = &phase.ended else { continue };
            problems.push(Problem {
                subject: subject.as_str().to_owned(),
                phase: phase.phase.as_str(),
                after: text::duration(phase.seconds),
                message: text::line(message),
                evidence: evidence
                    .iter()
                    .map(|piece| {
                        let clean = text::clean(&piece.text);
                        let cut = text::head_and_tail(clean.trim_end(), 16 * 1024, "the full text is in report.json");
                        (text::line(&piece.name), cut.into_owned())
                    })
                    .collect(),
            });
        }
    }
    problems
}

fn cleanup(report: &Report) -> CleanupView {
    let leftovers = report.cleanup.leftovers.iter().map(|leftover| {
        (
            text::line(&format!("{} {}", leftover.kind, leftover.id)),
            leftover.variant.as_ref().map_or_else(|| "shared".to_owned(), ToString::to_string),
            text::line(&leftover.reason),
            text::line(&leftover.help),
        )
    });
    CleanupView {
        ran: report.cleanup.ran,
        created: report.cleanup.created,
        deleted: report.cleanup.deleted,
        leftovers: leftovers.collect(),
        not_verified: report.cleanup.not_verified().map(|sentence| text::line(&sentence)).collect(),
    }
}
