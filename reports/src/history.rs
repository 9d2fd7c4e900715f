//! The nights of a matrix: text for a terminal, a document for programs, and a page.

mod page;
pub(crate) mod strip;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use amiproof_model::history::track::When;
use amiproof_model::history::{Mark, Night, Track, Trend};
use amiproof_model::name::RunId;
use jiff::Timestamp;
use serde::Serialize;

pub use self::page::page;
use crate::error::RenderError;
use crate::terminal::style::{Ink, Style, write_titled, write_wrapped};
use crate::text;

/// What is shown of a history.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The matrix.
    pub matrix: &'a str,
    /// Its nights, oldest first.
    pub nights: &'a [Night],
    /// Their rows, what matters most first.
    pub tracks: &'a [Track],
    /// How many of the last nights are shown.
    pub last: usize,
    /// Whether rows that are the same in every night are shown.
    pub has_steady: bool,
}

/// The document for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// The name of the matrix.
    matrix: &'a str,
    /// The last nights, oldest first: what the letters of `strip` are about.
    nights: Vec<NightLine<'a>>,
    /// Every row that was asked for, what matters most first.
    rows: Vec<Row<'a>>,
}

/// A night in the document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NightLine<'a> {
    /// The run.
    run: &'a RunId,
    /// When it started.
    started: Timestamp,
    /// The version of amiproof that ran it.
    tool_version: &'a str,
    /// Its conclusion, without a baseline: `passed`, `failed`, `inconclusive`.
    conclusion: &'a str,
    /// Whether a later night can be compared with it.
    is_baseline: bool,
}

/// A row in the document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    /// `cluster`, or the name of the variant.
    subject: &'a str,
    /// The check.
    check: &'a str,
    /// Its trend: `newFailure`, `failing`, `flaky`, `undecided`, `changed`, `steady`.
    trend: Trend,
    /// A letter for each of `nights`; see [`Mark`].
    strip: String,
    /// When it began to fail, searched in all nights; absent if it does not fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bad: Option<&'a When>,
    /// When it last passed before that; absent if it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_good: Option<&'a When>,
    /// In how many of `nights` its result changed on the same image, or passed on a retry.
    flakes: usize,
    /// In how many of `nights` it passed or failed.
    decided: usize,
    /// `flakes` divided by `decided`, 0 to 1.
    flake_rate: f64,
}

/// The history as JSON: every row that was asked for.
///
/// # Errors
/// When JSON cannot be written, which would be a bug in amiproof.
pub fn json(history: &History<'_>) -> Result<String, RenderError> {
    let document = Document {
        matrix: history.matrix,
        nights: shown(history)
            .map(|night| NightLine {
                run: &night.run,
                started: night.started,
                tool_version: &night.tool_version,
                conclusion: &night.conclusion,
                is_baseline: night.is_baseline(),
            })
            .collect(),
        rows: history
            .tracks
            .iter()
            .map(|track| Row {
                subject: &track.subject,
                check: &track.check,
                trend: track.trend,
                strip: track.strip(history.last),
                first_bad: track.first_bad.as_ref(),
                last_good: track.last_good.as_ref(),
                flakes: track.flakes,
                decided: track.decided,
                flake_rate: track.flake_rate(),
            })
            .collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn shown<'a>(history: &History<'a>) -> impl Iterator<Item = &'a Night> {
    history.nights.iter().skip(history.nights.len().saturating_sub(history.last))
}

/// The history as text, ending in a line feed.
pub fn terminal(history: &History<'_>, style: &Style) -> String {
    let mut out = String::new();
    let (Some(span), Some(newest)) = (span(history), history.nights.last()) else {
        write_wrapped(&mut out, style, 0, &format!("{}: no nightly run yet", history.matrix), 2);
        return out;
    };
    write_titled(&mut out, style, 0, history.matrix, &span);
    write_wrapped(&mut out, style, 0, &format!("newest: {} {}", newest.run, newest.conclusion), 2);
    let mut letters = BTreeSet::new();
    for &trend in Trend::ALL {
        let tracks: Vec<&Track> = history.tracks.iter().filter(|track| track.trend == trend).collect();
        if tracks.is_empty() || (trend == Trend::Steady && !history.has_steady) {
            continue;
        }
        let ink = match trend {
            Trend::NewFailure | Trend::Failing => Ink::Bad,
            Trend::Flaky | Trend::Undecided => Ink::Doubt,
            Trend::Changed | Trend::Steady => Ink::Faint,
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{}", style.paint(ink, &format!("{} ({})", trend.as_str(), tracks.len())));
        for track in tracks.iter().take(style.limit) {
            write_track(&mut out, track, history.last, style);
            letters.extend(track.strip(history.last).chars());
        }
        if tracks.len() > style.limit {
            let _ = writeln!(out, "  and {} more", tracks.len() - style.limit);
        }
    }
    let steady = history.tracks.iter().filter(|track| track.trend == Trend::Steady).count();
    let legend: Vec<String> = Mark::ALL
        .iter()
        .filter(|(_, letter, _)| letters.contains(letter))
        .map(|(_, letter, meaning)| format!("{letter} {meaning}"))
        .collect();
    out.push('\n');
    if !legend.is_empty() {
        write_wrapped(&mut out, style, 0, &format!("oldest first: {}", legend.join(", ")), usize::MAX);
    }
    if steady > 0 && !history.has_steady {
        let rows = text::count(steady, "row");
        let line = format!("{rows} had the same outcome in every nightly run; --check PREFIX shows them");
        write_wrapped(&mut out, style, 0, &line, 3);
    }
    out
}

fn write_track(out: &mut String, track: &Track, last: usize, style: &Style) {
    write_titled(out, style, 0, &track.subject, &track.check);
    write_wrapped(out, style, 2, &track.strip(last), usize::MAX);
    let since = since(track);
    if !since.is_empty() {
        write_wrapped(out, style, 2, &since, 4);
    }
    if track.flakes > 0 && track.trend == Trend::Flaky {
        let line = format!(
            "changed on the same image, or passed on a retry, in {} of {}",
            track.flakes,
            text::count(track.decided, "nightly run")
        );
        write_wrapped(out, style, 2, &line, 2);
    }
}

/// When a row began to fail, and when it last passed; empty if it does not fail.
pub(crate) fn since(track: &Track) -> String {
    let when = |when: &When| format!("{} ({})", when.run, day(when.started));
    match (&track.first_bad, &track.last_good) {
        (Some(bad), Some(good)) => format!("failing since {}, last passed in {}", when(bad), when(good)),
        (Some(bad), None) => format!("failing since {}, never passed before", when(bad)),
        _ => String::new(),
    }
}

/// How many nights are shown, and of which days: `30 nightly runs, 2026-10-20 to 2026-11-18`; `None` without a night.
pub(crate) fn span(history: &History<'_>) -> Option<String> {
    let (first, newest) = (shown(history).next()?, history.nights.last()?);
    let number = text::count(shown(history).count(), "nightly run");
    Some(format!("{number}, {} to {}", day(first.started), day(newest.started)))
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
