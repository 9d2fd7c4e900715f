//! The scans: a line per scanner and subject with its benchmark and the numbers of its results.

use amiproof_model::report::{Report, ScanRecord};

use crate::sheet::{Status, Tally};
use crate::text;

/// One scanner on one subject.
pub(crate) struct Line {
    pub(crate) subject: String,
    pub(crate) suite: String,
    /// `inspector`, or `kube-bench 0.15.6`.
    pub(crate) scanner: String,
    /// `cis-al2023-1.0.0 level 1`; empty without a benchmark.
    pub(crate) benchmark: String,
    /// Its results by status.
    pub(crate) tally: Tally,
    /// A note, or why it evaluated nothing; may be empty.
    pub(crate) note: String,
}

impl Line {
    /// `203 controls: 3 failed, 20 manual, 180 passed`, with the number of the benchmark if that differs.
    pub(crate) fn sentence(&self) -> String {
        let whole = text::count(self.tally.total(), "result");
        match self.tally.sentence() {
            words if words.is_empty() => whole,
            words => format!("{whole}: {words}"),
        }
    }
}

/// Lines with numbered notes below them: a note shared by many lines is written once.
pub(crate) struct Numbered {
    /// The lines, each with the number of its note.
    pub(crate) lines: Vec<(Line, Option<usize>)>,
    /// The notes, the first of which is number 1.
    pub(crate) notes: Vec<String>,
}

impl Numbered {
    pub(crate) fn of(report: &Report) -> Self {
        let mut notes: Vec<String> = Vec::new();
        let numbered = lines(report).into_iter().map(|line| {
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

    /// The statuses that any of the scans has results with: the columns of a table.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        let has = |status: &Status| self.lines.iter().any(|(line, _)| line.tally.get(*status) > 0);
        Status::ALL.iter().copied().filter(has).collect()
    }
}

/// A line for every scan of a report, in its order.
fn lines(report: &Report) -> Vec<Line> {
    report.scans.iter().map(|scan| line(report, scan)).collect()
}

fn line(report: &Report, scan: &ScanRecord) -> Line {
    let own = report.results.iter().filter(|result| scan.owns(result));
    let tally: Tally = own.map(|result| Status::of(&result.disposition)).collect();
    let version = scan.scanner_version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let level = scan.level.map(|level| format!(" level {}", u8::from(level))).unwrap_or_default();
    let short = scan.expected.filter(|expected| *expected != tally.total());
    let has = short.map(|expected| format!("the benchmark has {expected} controls"));
    let notes: Vec<String> =
        [has.unwrap_or_default(), scan.note.clone()].into_iter().filter(|note| !note.is_empty()).collect();
    Line {
        subject: text::line(scan.subject.as_str()),
        suite: text::line(&scan.suite),
        scanner: text::line(&format!("{}{version}", scan.scanner)),
        benchmark: scan.benchmark.as_ref().map(|benchmark| format!("{benchmark}{level}")).unwrap_or_default(),
        tally,
        note: text::line(&notes.join("; ")),
    }
}
