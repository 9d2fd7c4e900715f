//! A summary of each column: its verdict with the reason, its failures by suite, and its image.

use amiproof_model::report::{Cost, VariantRecord};

use super::nodes::each_once;
use super::shares::{Share, shares};
use crate::context::{Context, class};
use crate::release_notes;
use crate::sheet::{IsMeant, Sheet, Status};
use crate::text;

/// The summary of a column.
pub(super) struct Tile {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    /// Why, in a clause.
    pub(super) reason: String,
    /// Additional notes.
    pub(super) notes: Vec<String>,
    /// Failed cells by suite, smoke tests first: suite and number.
    pub(super) failed: Vec<(String, usize)>,
    /// Inconclusive cells, by suite.
    pub(super) undecided: Vec<(String, usize)>,
    /// All cells in a sentence.
    pub(super) sentence: String,
    pub(super) shares: Vec<Share>,
    pub(super) image: String,
    pub(super) facts: Vec<(&'static str, String)>,
}

pub(super) fn of(context: &Context<'_>, sheet: &Sheet<'_>) -> Vec<Tile> {
    let tiles = sheet.columns.iter().enumerate().map(|(at, column)| {
        let verdict = context.verdict_of(&column.subject);
        let tally = sheet.tally_of(at);
        let sentence = tally.sentence();
        let places = |wanted: IsMeant| -> Vec<(String, usize)> {
            sheet.suite_counts(at, wanted).into_iter().map(|(suite, number)| (suite.to_owned(), number)).collect()
        };
        Tile {
            name: column.subject.as_str().to_owned(),
            class: class(verdict.conclusion),
            word: verdict.conclusion.as_str(),
            reason: text::line(&verdict.reason),
            notes: verdict.notes.iter().map(|note| text::line(note)).collect(),
            failed: places(|status| status == Status::Failed),
            undecided: places(Status::is_undecided),
            sentence: if sentence.is_empty() { "no results".to_owned() } else { sentence },
            shares: shares(tally),
            image: column.variant.map(image_line).unwrap_or_default(),
            facts: column.variant.map(|variant| facts(variant, context.report.cost.as_ref())).unwrap_or_default(),
        }
    });
    tiles.collect()
}

/// `al2023 · L1 · 2 nodes · v1.36.2-eks-3abbec1`.
fn image_line(variant: &VariantRecord) -> String {
    let parts = [
        variant.family.as_str().to_owned(),
        variant.level.map(|level| level.to_string()).unwrap_or_default(),
        text::count(variant.nodes.len(), "node"),
        each_once(&variant.nodes, |node| &node.kubelet),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn facts(variant: &VariantRecord, cost: Option<&Cost>) -> Vec<(&'static str, String)> {
    let own = cost.filter(|cost| cost.lines.iter().any(|line| line.variant.as_ref() == Some(&variant.name)));
    let mut facts = vec![
        ("Benchmark", variant.benchmark.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Reference", variant.reference.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("AMI", variant.ami.as_ref().map(|ami| ami.id.to_string()).unwrap_or_default()),
        ("Image", variant.ami.as_ref().map(|ami| text::short_line(&ami.name, 120)).unwrap_or_default()),
        ("Release notes", variant.ami.as_ref().and_then(|ami| release_notes::link(&ami.name)).unwrap_or_default()),
        ("User data", variant.user_data.as_ref().map(|user_data| short(&user_data.sha256)).unwrap_or_default()),
        (
            "Bootstrap",
            variant
                .user_data
                .as_ref()
                .map(|user_data| text::line(&user_data.bootstrap_images.join(", ")))
                .unwrap_or_default(),
        ),
        ("Kernel", each_once(&variant.nodes, |node| &node.kernel)),
        ("Kubelet", each_once(&variant.nodes, |node| &node.kubelet)),
        ("Nodes", variant.nodes.len().to_string()),
        ("Boot to Ready", boot(variant).unwrap_or_default()),
        ("Cost", own.map(|cost| cost.of_variant(&variant.name).to_string()).unwrap_or_default()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// A digest as people compare it.
fn short(sha256: &str) -> String {
    format!("sha256:{}", sha256.chars().take(12).collect::<String>())
}

/// The slowest node's time from launch to Ready, in words.
pub(super) fn boot(variant: &VariantRecord) -> Option<String> {
    variant.nodes.iter().filter_map(|node| node.boot_to_ready_seconds).reduce(f64::max).map(text::duration)
}
