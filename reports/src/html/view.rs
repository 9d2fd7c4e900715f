//! What the template shows outside the grid, as words and numbers that are ready to print.

use amiproof_model::report::{Counts, Phase, PhaseEnd, PhaseRecord, Report, Subject, VariantRecord};

use super::timeline::Timeline;
use crate::compare::{Change, Comparison};
use crate::scans::{self, Line};
use crate::sheet::{self, Sheet, Standing};
use crate::terminal::counts_sentence;
use crate::text;
use crate::waivers;

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
    pub(super) coverage: Coverage,
    pub(super) baseline: Option<Baseline>,
    pub(super) problems: Vec<Problem>,
    pub(super) tiles: Vec<Tile>,
    pub(super) timeline: Timeline,
    pub(super) scans: Scans,
    pub(super) waivers: Vec<waivers::Line>,
    pub(super) cleanup: CleanupView,
}

/// Who scanned what, a line each. What many lines have to say stands below them once, with a number.
pub(super) struct Scans {
    /// The lines, each with the number of its note.
    pub(super) lines: Vec<(Line, Option<usize>)>,
    /// The notes, the first of which is number 1.
    pub(super) notes: Vec<String>,
}

impl Scans {
    fn of(lines: Vec<Line>) -> Self {
        let mut notes: Vec<String> = Vec::new();
        let numbered = lines.into_iter().map(|line| {
            if line.note.is_empty() {
                return (line, None);
            }
            let at = notes.iter().position(|note| *note == line.note).unwrap_or_else(|| {
                notes.push(line.note.clone());
                notes.len() - 1
            });
            (line, Some(at + 1))
        });
        let lines = numbered.collect();
        Self { lines, notes }
    }
}

/// The run in a word.
pub(super) struct Verdict {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) sentence: String,
}

/// One disposition with its part of all results.
pub(super) struct Share {
    pub(super) class: &'static str,
    pub(super) symbol: &'static str,
    pub(super) word: &'static str,
    pub(super) number: usize,
    /// Start and width in a bar of 1000 units.
    pub(super) x: String,
    pub(super) width: String,
}

/// How much of what applies was really decided.
pub(super) struct Coverage {
    pub(super) percent: String,
    pub(super) decided: usize,
    pub(super) applicable: usize,
    pub(super) sentence: String,
}

/// What changed since the baseline.
pub(super) struct Baseline {
    pub(super) run: String,
    pub(super) started: String,
    pub(super) regression: bool,
    pub(super) headline: String,
    /// Place plus one in [`Change::ALL`], word, meaning, number.
    pub(super) changes: Vec<(usize, &'static str, &'static str, usize)>,
    pub(super) notes: Vec<String>,
    pub(super) facts: Vec<(String, String, String, String)>,
}

/// A phase that broke.
pub(super) struct Problem {
    pub(super) subject: String,
    pub(super) phase: &'static str,
    pub(super) after: String,
    pub(super) message: String,
    pub(super) evidence: Vec<(String, String)>,
}

/// A column in short.
pub(super) struct Tile {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) standing: &'static str,
    pub(super) sentence: String,
    pub(super) shares: Vec<Share>,
    /// Family and level, and what kind of image it is, in a line.
    pub(super) image: String,
    /// Label and value pairs.
    pub(super) facts: Vec<(&'static str, String)>,
}

/// What became of what the run made.
pub(super) struct CleanupView {
    pub(super) ran: bool,
    pub(super) created: usize,
    pub(super) gone: usize,
    /// What, whose, why, the command.
    pub(super) leftovers: Vec<(String, String, String, String)>,
}

impl View {
    pub(super) fn of(report: &Report, sheet: &Sheet<'_>, comparison: Option<&Comparison>) -> Self {
        let counts = report.counts();
        Self {
            matrix: text::line(&report.run.matrix),
            tool: text::line(&format!("{} {}", report.tool.name, report.tool.version)),
            facts: facts(report),
            lab: report.cluster.lab,
            interrupted: report.run.interrupted,
            verdict: verdict(report),
            shares: shares(counts),
            coverage: coverage(report, counts),
            baseline: comparison.map(baseline),
            problems: problems(report),
            tiles: sheet.columns.iter().map(|column| tile(report, &column.subject, column.variant)).collect(),
            timeline: Timeline::of(report),
            scans: Scans::of(scans::lines(report)),
            waivers: waivers::lines(report),
            cleanup: cleanup(report),
        }
    }
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (run, cluster) = (&report.run, &report.cluster);
    let times = if run.critical_path_seconds > 0.0 && run.seconds.is_finite() {
        format!(" ({:.2} times the critical path)", run.seconds / run.critical_path_seconds)
    } else {
        String::new()
    };
    let mut facts = vec![
        ("Run", run.id.to_string()),
        ("Started", text::moment(run.started)),
        ("Took", format!("{}{times}", text::duration(run.seconds))),
        ("Cluster", text::line(&cluster.name)),
        ("Kubernetes", cluster.kubernetes().to_owned()),
        ("Region", text::line(&cluster.region)),
        ("Account", text::line(&cluster.account)),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn verdict(report: &Report) -> Verdict {
    let counts = report.counts();
    let left = report.cleanup.leftovers.len();
    let (class, word) = if counts.failed > 0 {
        ("failed", "Failed")
    } else if counts.error > 0 || report.has_broken_pipeline() {
        ("error", "Not decided")
    } else if report.run.interrupted {
        ("error", "Interrupted")
    } else if counts.total() == 0 {
        ("not-applicable", "Empty")
    } else if counts.not_evaluated > 0 {
        ("not-evaluated", "Passed in part")
    } else {
        ("passed", "Passed")
    };
    let broken =
        report.variants.iter().filter(|v| Standing::of(report, &Subject::Variant(v.name.clone())) == Standing::Broken);
    let broken = broken.count();
    let mut parts = vec![counts_sentence(counts)];
    parts.extend((broken > 0).then(|| format!("{} broke", text::count(broken, "variant"))));
    parts.extend(report.run.interrupted.then(|| "interrupted".to_owned()));
    parts.extend((left > 0).then(|| format!("{} left behind", text::count(left, "resource"))));
    parts.retain(|part| !part.is_empty());
    Verdict { class, word, sentence: parts.join("; ") }
}

/// Every disposition in the order of [`sheet::urgency`], with a symbol, so that colour never speaks alone.
fn shares(counts: Counts) -> Vec<Share> {
    let all = [
        ("failed", "✕", "failed", counts.failed),
        ("error", "!", "error", counts.error),
        ("not-evaluated", "?", "not evaluated", counts.not_evaluated),
        ("flaky", "↻", "flaky", counts.flaky),
        ("waived", "~", "waived", counts.waived),
        ("known", "=", "known", counts.known),
        ("tolerated", "≈", "tolerated", counts.tolerated),
        ("manual", "☞", "manual", counts.manual),
        ("not-applicable", "–", "not applicable", counts.not_applicable),
        ("passed", "✓", "passed", counts.passed),
    ];
    let total = counts.total().max(1);
    let mut before = 0;
    all.into_iter()
        .map(|(class, symbol, word, number)| {
            let x = units(before, total);
            before += number;
            Share { class, symbol, word, number, x, width: units(number, total) }
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of checks are far below 2^52")]
fn units(part: usize, total: usize) -> String {
    format!("{:.2}", part as f64 * 1000.0 / total as f64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of checks are far below 2^52")]
fn coverage(report: &Report, counts: Counts) -> Coverage {
    let applicable = counts.total() - counts.not_applicable;
    let decided = applicable - counts.not_evaluated - counts.manual - counts.error;
    let percent = if applicable == 0 {
        "–".to_owned()
    } else if decided == applicable {
        "100 %".to_owned()
    } else {
        // Never rounded up to 100: something is missing.
        format!("{:.1} %", (decided as f64 * 1000.0 / applicable as f64).floor() / 10.0)
    };
    let missing = [(counts.not_evaluated, "not evaluated"), (counts.manual, "manual"), (counts.error, "error")];
    let mut missing: Vec<String> =
        missing.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
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

fn baseline(comparison: &Comparison) -> Baseline {
    let mut notes: Vec<String> = comparison
        .benchmarks
        .iter()
        .map(|one| {
            format!(
                "{}/{}: benchmark changed from {} to {}; controls are not compared by number ({} went, {} came, {} of them failing)",
                one.subject.as_str(),
                one.suite,
                one.from,
                one.to,
                one.disappeared,
                one.appeared,
                one.appeared_failing,
            )
        })
        .collect();
    if !comparison.suites_not_run.is_empty() {
        notes.push(format!("not compared, because this run left them out: {}", comparison.suites_not_run.join(", ")));
    }
    let mut facts = Vec::new();
    for variant in &comparison.variants {
        let name = variant.variant.to_string();
        let presence = variant.presence.sentence();
        if !presence.is_empty() {
            notes.push(format!("{name}: {presence}"));
        }
        if let Some(broken) = &variant.newly_broken {
            notes.push(format!("{name}: newly broken at {}", text::short_line(broken, 300)));
        }
        facts.extend(
            variant.facts.iter().map(|fact| {
                (name.clone(), text::line(&fact.fact), text::line(&fact.base), text::line(&fact.candidate))
            }),
        );
    }
    Baseline {
        run: comparison.base.run.to_string(),
        started: text::moment(comparison.base.started),
        regression: comparison.has_regression(),
        headline: text::line(&comparison.headline()),
        changes: (1..)
            .zip(Change::ALL)
            .map(|(at, change)| (at, change.word(), change.meaning(), comparison.count(change)))
            .filter(|(.., number)| *number > 0)
            .collect(),
        notes,
        facts,
    }
}

fn problems(report: &Report) -> Vec<Problem> {
    let mut subjects = vec![Subject::Cluster];
    subjects.extend(report.variants.iter().map(|variant| Subject::Variant(variant.name.clone())));
    let mut problems = Vec::new();
    for subject in &subjects {
        for (phase, message) in sheet::broken_phases(report, subject) {
            let PhaseEnd::Broken { evidence, .. } = &phase.ended else { continue };
            problems.push(Problem {
                subject: subject.as_str().to_owned(),
                phase: phase.phase.word(),
                after: text::duration(phase.seconds),
                message: text::line(message),
                evidence: evidence
                    .iter()
                    .map(|piece| {
                        let clean = text::clean(&piece.text);
                        let cut = text::head_and_tail(clean.trim_end(), 16 * 1024, "the whole is in report.json");
                        (text::line(&piece.name), cut.into_owned())
                    })
                    .collect(),
            });
        }
    }
    problems
}

fn tile(report: &Report, subject: &Subject, variant: Option<&VariantRecord>) -> Tile {
    let counts = sheet::counts_of(report, subject);
    let standing = Standing::of(report, subject);
    let class = match standing {
        Standing::Failed => "failed",
        Standing::Broken | Standing::Error => "error",
        Standing::Partly => "not-evaluated",
        Standing::Passed => "passed",
        Standing::Empty => "not-applicable",
    };
    let sentence = counts_sentence(counts);
    Tile {
        name: subject.as_str().to_owned(),
        class,
        standing: standing.word(),
        sentence: if sentence.is_empty() { "no results".to_owned() } else { sentence },
        shares: shares(counts),
        image: variant.map(image_line).unwrap_or_default(),
        facts: variant.map(variant_facts).unwrap_or_default(),
    }
}

/// `al2023 · L1 · 2 nodes · v1.36.2-eks-3abbec1`.
fn image_line(variant: &VariantRecord) -> String {
    let parts = [
        variant.family.word().to_owned(),
        variant.level.map(|level| level.to_string()).unwrap_or_default(),
        text::count(variant.nodes.len(), "node"),
        super::cells::each_once(&variant.nodes, |node| &node.kubelet),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn variant_facts(variant: &VariantRecord) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Benchmark", variant.benchmark.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Reference", variant.reference.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("AMI", variant.ami.as_ref().map(|ami| ami.id.to_string()).unwrap_or_default()),
        ("Image", variant.ami.as_ref().map(|ami| text::short_line(&ami.name, 120)).unwrap_or_default()),
        ("Kernel", super::cells::each_once(&variant.nodes, |node| &node.kernel)),
        ("Kubelet", super::cells::each_once(&variant.nodes, |node| &node.kubelet)),
        ("Nodes", variant.nodes.len().to_string()),
        ("Boot to Ready", boot(variant).unwrap_or_default()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// The slowest node's time from launch to Ready, in words.
pub(super) fn boot(variant: &VariantRecord) -> Option<String> {
    variant.nodes.iter().filter_map(|node| node.boot_to_ready_seconds).reduce(f64::max).map(text::duration)
}

fn cleanup(report: &Report) -> CleanupView {
    let leftovers = report.cleanup.leftovers.iter().map(|leftover| {
        (
            text::line(&format!("{} {}", leftover.kind, leftover.id)),
            leftover.variant.as_ref().map_or_else(|| "shared".to_owned(), ToString::to_string),
            text::line(&leftover.reason),
            text::line(&leftover.mend),
        )
    });
    CleanupView {
        ran: report.cleanup.ran,
        created: report.cleanup.created,
        gone: report.cleanup.gone,
        leftovers: leftovers.collect(),
    }
}
