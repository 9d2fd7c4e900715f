//! Who scanned what, by which benchmark, and what came of it: a line per scanner and subject, whose numbers add up.

use amiproof_model::report::{Counts, Report, ScanRecord};

use crate::terminal::counts_sentence;
use crate::text;

/// One scanner on one subject.
pub(crate) struct Line {
    pub(crate) subject: String,
    pub(crate) suite: String,
    /// `inspector`, or `kube-bench 0.15.6`.
    pub(crate) scanner: String,
    /// `cis-al2023-1.0.0 level 1`; empty where it judged by none.
    pub(crate) benchmark: String,
    /// Every result of it, by what became of it.
    pub(crate) counts: Counts,
    /// What is to be known about it, or why it did not judge; may be empty.
    pub(crate) note: String,
}

impl Line {
    /// `203 controls: 3 failed, 20 manual, 180 passed`, with the benchmark's own number where it is another.
    pub(crate) fn sentence(&self) -> String {
        let whole = text::count(self.counts.total(), "result");
        match counts_sentence(self.counts) {
            words if words.is_empty() => whole,
            words => format!("{whole}: {words}"),
        }
    }
}

/// A line for every scan of a report, in its order.
pub(crate) fn lines(report: &Report) -> Vec<Line> {
    report.scans.iter().map(|scan| line(report, scan)).collect()
}

fn line(report: &Report, scan: &ScanRecord) -> Line {
    let counts = report.counts_where(|result| scan.owns(result));
    let version = scan.scanner_version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let level = scan.level.map(|level| format!(" level {}", u8::from(level))).unwrap_or_default();
    let short = scan.expected.filter(|expected| *expected != counts.total());
    let has = short.map(|expected| format!("the benchmark has {expected} controls"));
    let notes: Vec<String> =
        [has.unwrap_or_default(), scan.note.clone()].into_iter().filter(|note| !note.is_empty()).collect();
    Line {
        subject: text::line(scan.subject.as_str()),
        suite: text::line(&scan.suite),
        scanner: text::line(&format!("{}{version}", scan.scanner)),
        benchmark: scan.benchmark.as_ref().map(|benchmark| format!("{benchmark}{level}")).unwrap_or_default(),
        counts,
        note: text::line(&notes.join("; ")),
    }
}
