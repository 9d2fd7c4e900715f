//! Rendering, comparing and showing runs of 15,000 and of 102,000 cells.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use amiproof_model::report::Report;
use amiproof_reports::{Format, Options, render_to, write_with};
use serde::Deserialize;

use crate::process::{command, time_and_memory};
use crate::row::{Failure, Row, timed};
use crate::sized;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python of the virtual environment that `make python` creates.
fn python() -> PathBuf {
    std::env::var_os("AMIPROOF_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from)
}

pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let small = Folder::of(&sized::report(30, 500, 0)?)?;
    let (seconds, memory) = small.rendered(5)?;
    let mut rows = vec![
        Row::new("all formats of 15,000 cells, median of 5", seconds * 1000.0, 250.0, "ms"),
        Row::new("peak memory of that", memory, 60.0, "MB"),
        Row::new("page of 15,000 cells", small.megabytes("matrix.html")?, 1.5, "MB"),
        against_junit2html(&small)?,
        compared()?,
    ];
    let large = Folder::of(&sized::report(30, 3400, 0)?)?;
    let (seconds, memory) = large.rendered(3)?;
    rows.extend([
        Row::new("all formats of 102,000 cells, median of 3", seconds * 1000.0, 2000.0, "ms"),
        Row::new("peak memory of that", memory, 150.0, "MB"),
        Row::new("page of 102,000 cells", large.megabytes("matrix.html")?, 8.0, "MB"),
    ]);
    rows.extend(in_chromium(&large));
    Ok(rows)
}

/// A folder with the files of a run.
struct Folder(tempfile::TempDir);

impl Folder {
    fn of(report: &Report) -> Result<Self, Failure> {
        let folder = Self(tempfile::tempdir()?);
        report.write(BufWriter::new(File::create(folder.file("report.json"))?))?;
        Ok(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn megabytes(&self, name: &str) -> Result<f64, Failure> {
        let bytes = u32::try_from(self.file(name).metadata()?.len())?;
        Ok(f64::from(bytes) / 1e6)
    }

    /// Seconds and peak memory of `amiproof report`.
    fn rendered(&self, calls: usize) -> Result<(f64, f64), Failure> {
        let path = self.file("report.json");
        time_and_memory(calls, || {
            let mut report = command(&["report"]);
            report.arg(&path);
            report
        })
    }
}

/// JUnit and page, rendered into files, against a twentieth of what junit2html takes for a page of the same JUnit.
fn against_junit2html(run: &Folder) -> Result<Row, Failure> {
    let report = Report::read(File::open(run.file("report.json"))?)?;
    let folder = tempfile::tempdir()?;
    let options = Options::default();
    let own = timed(7, || {
        for (format, name) in [(Format::Junit, "junit.xml"), (Format::Html, "matrix.html")] {
            write_with(folder.path(), name, |out| render_to(format, &report, &options, out))?;
        }
        Ok(())
    })?;
    let theirs = timed(3, || {
        let mut python = Command::new(python());
        python.args(["-m", "junit2htmlreport"]).arg(run.file("junit.xml")).arg(folder.path().join("theirs.html"));
        let output = python.stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it failed").to_owned().into())
    });
    let what = "JUnit and page / a twentieth of the time of junit2html (PyPI)";
    Ok(match theirs {
        Ok(theirs) => Row::new(what, own * 1000.0, theirs * 1000.0 / 20.0, "ms"),
        Err(why) => Row::attempted(what, Err(format!("junit2html: {why}; `make python` installs it")), 1.0, "ms"),
    })
}

/// `amiproof compare` of two runs with 15,000 cells, of which a fifth changed.
fn compared() -> Result<Row, Failure> {
    let [base, candidate] = [Folder::of(&sized::report(30, 500, 0)?)?, Folder::of(&sized::report(30, 500, 1)?)?]
        .map(|it| (it.file("report.json"), it));
    let seconds = timed(9, || {
        let status = command(&["compare"]).arg(&base.0).arg(&candidate.0).status()?;
        // It is a regression, which has an exit code of its own.
        if status.code() == Some(5) { Ok(()) } else { Err(format!("compare ended with {status}").into()) }
    })?;
    Ok(Row::new("compare of two runs of 15,000 cells, median of 9", seconds * 1000.0, 50.0, "ms"))
}

/// Timings of the page of 102,000 cells, as users perceive them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageTimings {
    /// Seconds.
    first_paint: f64,
    /// Milliseconds.
    filter: f64,
    /// Milliseconds.
    gap: f64,
}

fn in_chromium(run: &Folder) -> Vec<Row> {
    let timings = timings(&run.file("matrix.html")).map_err(|error| error.to_string());
    let one = |value: fn(&PageTimings) -> f64| timings.as_ref().map(value).map_err(Clone::clone);
    vec![
        Row::attempted("that page in Chromium: first paint", one(|timings| timings.first_paint * 1000.0), 500.0, "ms"),
        Row::attempted(
            "that page in Chromium: most cells filtered and drawn",
            one(|timings| timings.filter),
            100.0,
            "ms",
        ),
        Row::attempted("that page in Chromium: time between frames, p95", one(|timings| timings.gap), 32.0, "ms"),
    ]
}

fn timings(page: &Path) -> Result<PageTimings, Failure> {
    let chromium = std::env::var("AMIPROOF_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let script = root().join("reports/tests/it/measure.py");
    let output = Command::new(python()).arg(script).arg(chromium).arg(page).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("Chromium: {}", told.lines().last().unwrap_or("it failed")).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
