//! How much memory the forms of a run need: it must not grow with the texts of a report, however many cells it has.
//!
//! One test in a process of its own, because it counts every allocation.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built should stop its test")]

use std::io::{self, Write};

use amiproof_model::matrix::Family;
use amiproof_model::report::{CheckResult, ClusterRecord, Report, RunRecord, Subject, VariantRecord};
use amiproof_model::verdict::{Finding, Outcome};
use amiproof_reports::{Format, Options, Target, render_to};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Takes everything and keeps nothing.
#[derive(Default)]
struct Sink {
    bytes: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Sink {
    fn restart(&mut self) -> io::Result<()> {
        self.bytes = 0;
        Ok(())
    }
}

const VARIANTS: usize = 8;
const CELLS: usize = VARIANTS * 500;

/// A report whose every cell failed with a detail of this length.
fn report(detail: usize) -> Report {
    let run = RunRecord::new("r-1".parse().unwrap(), "m", "2026-11-21T00:00:00Z".parse().unwrap());
    let mut report = Report::new("0", run, ClusterRecord::new("c"));
    for number in 0..VARIANTS {
        let name: amiproof_model::name::VariantName = format!("variant-{number}").parse().unwrap();
        report.variants.push(VariantRecord::new(name.clone(), Family::Al2023));
        for check in 0..CELLS / VARIANTS {
            let text = format!("{number} {check} {}", "x".repeat(detail));
            let findings = vec![Finding::new("node 1", "not so").with_detail(text)];
            report.results.push(CheckResult {
                title: format!("control {check}").into(),
                ..CheckResult::new(
                    format!("os-cis/cis-al2023-1.0.0/1.{check}").parse().unwrap(),
                    Subject::Variant(name.clone()),
                    Outcome::Fail { findings },
                )
            });
        }
    }
    report
}

/// What a form allocates at its peak beside the report, and how much it writes, bytes.
fn cost(format: Format, report: &Report) -> (usize, usize) {
    let mut sink = Sink::default();
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    render_to(format, report, &Options::default(), &mut sink).unwrap();
    (MEMORY.peak_usage().saturating_sub(before), sink.bytes)
}

#[test]
fn what_a_form_holds_does_not_grow_with_the_texts_of_the_report() {
    let (short, long) = (report(100), report(3_000));
    let more = CELLS * 2_900;
    for format in [Format::Json, Format::Junit, Format::Csv, Format::Markdown, Format::Html] {
        let ((held_of_short, written_of_short), (held, written)) = (cost(format, &short), cost(format, &long));
        // The page keeps the texts of its drawers up to 4 MiB, Markdown and CSV leave them out.
        let kept = if format == Format::Html { 5 * 1024 * 1024 } else { 0 };
        if matches!(format, Format::Json | Format::Junit) {
            assert!(written - written_of_short > more * 9 / 10, "{format:?}: the texts are there");
        }
        let growth = held.saturating_sub(held_of_short);
        // Some cases of JUnit are in memory at once.
        assert!(growth < more / 8 + kept, "{format:?} holds {held} bytes, and {held_of_short} of short texts");
        assert!(held < CELLS * 400 + more / 8 + kept, "{format:?} holds {held} bytes for {written} that it writes");
    }
}
