//! The nights of a matrix as one self-contained page without scripts.

use amiproof_model::history::{Mark, Night, Track, Trend};
use askama::Template;

use super::strip::{HEIGHT, Strip};
use super::{History, day, shown, since, span};
use crate::error::RenderError;
use crate::page::Frame;
use crate::text;

/// How many rows of one trend the page shows; `amiproof history --output json` has all of them.
const ROWS: usize = 2000;

/// Height of the chart of a column.
const CHART: usize = 36;
/// Width of a night in it.
const NIGHT: usize = 8;

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    frame: Frame,
    matrix: String,
    span: String,
    newest: String,
    columns: Vec<Column>,
    sections: Vec<Section>,
    nights: Vec<Line>,
    steady: String,
    height: usize,
    chart: usize,
}

/// The failures of a column over the nights.
struct Column {
    name: String,
    /// Class, x, y, height of each bar.
    bars: Vec<(&'static str, usize, usize, usize)>,
    width: usize,
    label: String,
    failed: usize,
    undecided: usize,
    image: String,
}

/// The rows of one trend.
struct Section {
    id: String,
    title: String,
    rows: Vec<Row>,
    left_out: usize,
}

struct Row {
    subject: String,
    check: String,
    strip: Strip,
    since: String,
    flakes: String,
}

/// A night of the table.
struct Line {
    day: String,
    run: String,
    tool: String,
    conclusion: String,
    failed: usize,
    undecided: usize,
    passed: usize,
}

/// The history as a page: what is new first, then the failures of each variant over the nights, then the nights.
///
/// # Errors
/// When the template cannot be filled, which would be a bug in amiproof.
pub fn page(history: &History<'_>) -> Result<String, RenderError> {
    let nights: Vec<&Night> = shown(history).collect();
    let section = |&trend: &Trend| {
        let tracks: Vec<&Track> = history.tracks.iter().filter(|track| track.trend == trend).collect();
        Section {
            id: trend.as_str().replace(' ', "-"),
            title: format!("{} ({})", trend.as_str(), tracks.len()),
            rows: tracks.iter().take(ROWS).map(|track| row(track, history.last)).collect(),
            left_out: tracks.len().saturating_sub(ROWS),
        }
    };
    let is_shown = |trend: &&Trend| **trend != Trend::Steady || history.has_steady;
    let steady = history.tracks.iter().filter(|track| track.trend == Trend::Steady).count();
    let page = Page {
        frame: Frame::new(),
        matrix: text::line(history.matrix),
        span: span(history).unwrap_or_else(|| "no nightly run yet".to_owned()),
        newest: nights
            .last()
            .map(|night| format!("{}: {}", night.run, text::line(&night.conclusion)))
            .unwrap_or_default(),
        columns: columns(&nights),
        sections: Trend::ALL.iter().filter(is_shown).map(section).filter(|section| !section.rows.is_empty()).collect(),
        nights: nights.iter().rev().map(|night| line(night)).collect(),
        steady: if history.has_steady || steady == 0 { String::new() } else { text::count(steady, "row") },
        height: HEIGHT,
        chart: CHART,
    };
    Ok(page.render()?)
}

fn row(track: &Track, last: usize) -> Row {
    let flakes = match track.flakes {
        0 => String::new(),
        flakes => format!("{flakes} of {}", text::count(track.decided, "nightly run")),
    };
    Row {
        subject: text::line(&track.subject),
        check: text::line(&track.check),
        strip: Strip::of(&track.strip(last)),
        since: since(track),
        flakes,
    }
}

fn number(night: &Night, subject: &str, wanted: impl Fn(Mark) -> bool) -> usize {
    night.rows(subject).filter(|(_, mark)| wanted(*mark)).count()
}

/// A chart for each variant and for the cluster, in the order of the newest night that has it.
fn columns(nights: &[&Night]) -> Vec<Column> {
    let mut names: Vec<&str> = Vec::new();
    for night in nights.iter().rev() {
        let own =
            night.variants.iter().map(|column| column.name.as_str()).chain(night.outcomes.keys().map(String::as_str));
        for name in own {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.into_iter().map(|name| column(nights, name)).collect()
}

fn column(nights: &[&Night], name: &str) -> Column {
    let counts: Vec<Option<(usize, usize)>> = nights
        .iter()
        .map(|night| {
            let failed = number(night, name, |mark| mark == Mark::Failed);
            night.outcomes.contains_key(name).then(|| (failed, number(night, name, |mark| mark == Mark::Undecided)))
        })
        .collect();
    let most = counts.iter().flatten().map(|(failed, undecided)| failed + undecided).max().unwrap_or(0).max(1);
    // At least one unit high, so that a single failure among hundreds is seen.
    let high = |number: usize| if number == 0 { 0 } else { (number * CHART / most).max(1) };
    let mut bars = Vec::new();
    for (at, count) in counts.iter().enumerate() {
        let x = at * NIGHT;
        match count {
            None => {}
            Some((0, 0)) => bars.push(("passed", x, CHART - 1, 1)),
            Some((failed, undecided)) => {
                let (below, above) = (high(*failed), high(*undecided));
                let above = above.min(CHART - below.min(CHART));
                bars.push(("failed", x, CHART - below, below));
                bars.push(("not-evaluated", x, CHART - below - above, above));
            }
        }
    }
    bars.retain(|(.., height)| *height > 0);
    let (failed, undecided) = counts.last().copied().flatten().unwrap_or_default();
    let lines: Vec<String> = counts
        .iter()
        .map(|count| {
            count.map_or_else(|| "not in the run".to_owned(), |(failed, undecided)| format!("{failed}+{undecided}"))
        })
        .collect();
    Column {
        name: text::line(name),
        bars,
        width: nights.len() * NIGHT,
        label: format!("failed+not decided, oldest first: {}", lines.join(", ")),
        failed,
        undecided,
        image: nights.last().and_then(|night| night.ami(name)).map(ToString::to_string).unwrap_or_default(),
    }
}

fn line(night: &Night) -> Line {
    let counts = &night.counts;
    Line {
        day: day(night.started),
        run: night.run.to_string(),
        tool: text::line(&night.tool_version),
        conclusion: text::line(&night.conclusion),
        failed: counts.failed + counts.tolerated,
        undecided: counts.not_evaluated + counts.blocked + counts.error,
        passed: counts.passed + counts.flaky,
    }
}
