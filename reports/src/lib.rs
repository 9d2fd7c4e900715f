//! JUnit, matrix and comparison: pure functions of a report.
//!
//! Nothing here reads a clock, the environment or the network; the same report gives the same bytes. [`render`] makes one
//! format, [`render_to`] writes it piece by piece, [`write_all`] puts all files beside `report.json`, [`compare`] compares two runs.

mod cause;
pub mod compare;
mod context;
mod cost;
pub mod csv;
mod decisions;
mod error;
pub mod exclusions;
pub mod explain;
mod file;
pub mod history;
pub mod html;
pub mod impact;
pub mod junit;
pub mod machine;
pub mod markdown;
mod origin;
mod page;
pub mod proof;
mod release_notes;
pub mod releases;
mod scans;
mod sheet;
mod target;
pub mod terminal;
mod text;
mod times;
mod waivers;

use std::path::{Path, PathBuf};

use amiproof_model::report::Report;

use self::context::Context;
pub use self::error::RenderError;
pub use self::file::{write_file, write_with};
pub use self::target::Target;
pub use self::terminal::Style;

/// The formats of a report. The documentation of a variant is its help text. The first ones are files of every run; those after the
/// terminal are for other programs and rendered only on request.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::VariantArray,
    strum::EnumMessage,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Format {
    /// The report itself
    Json,
    /// JUnit XML for CI servers
    Junit,
    /// The matrix as a self-contained HTML page
    Html,
    /// Markdown for a pull request or a step summary
    Markdown,
    /// One line per cell of the matrix
    Csv,
    /// The summary printed at the end of a run
    #[strum(to_string = "terminal", serialize = "text")]
    Terminal,
    /// SARIF 2.1.0, for viewers of analysis results
    Sarif,
    /// CTRF, for dashboards of test results
    Ctrf,
    /// HDF (InSpec's JSON), for Heimdall
    Hdf,
    /// OCSF 1.5 compliance findings, for a security data lake
    Ocsf,
    /// ASFF findings, for AWS Security Hub; '--send' sends them
    Asff,
    /// OSCAL 1.1.3 assessment results
    Oscal,
    /// Unsigned in-toto statements, one line per image: which checks it passed
    InToto,
}

impl Format {
    /// Every format: those with a file in the order in which [`write_all`] writes them, then the terminal, then those on request.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The name of its file in the folder of a run; none for the terminal and for those that are rendered only on request.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("report.json"),
            Self::Junit => Some("junit.xml"),
            Self::Html => Some("matrix.html"),
            Self::Markdown => Some("matrix.md"),
            Self::Csv => Some("matrix.csv"),
            Self::Terminal
            | Self::Sarif
            | Self::Ctrf
            | Self::Hdf
            | Self::Ocsf
            | Self::Asff
            | Self::Oscal
            | Self::InToto => None,
        }
    }
}

/// Options of a format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// An earlier run to compare with: the matrix marks what changed, Markdown and the terminal say it in a line.
    pub baseline: Option<&'a Report>,
    /// The nights of the matrix, whose last ones the page shows beside its rows.
    pub history: Option<&'a history::History<'a>>,
    /// The style of the terminal.
    pub style: Style,
    /// SHA-256 of the file that holds the report, in hexadecimal, which in-toto statements name; without it that of the report as this
    /// build would write it.
    pub digest: Option<&'a str>,
}

/// The report in one format. Effects of the baseline are computed here and are not in the report on disk: gates of scans that
/// evaluated less than in the baseline are not green. The JSON format is the report itself.
///
/// # Errors
/// See [`RenderError`].
pub fn render(format: Format, report: &Report, options: &Options<'_>) -> Result<String, RenderError> {
    target::text(|out| render_to(format, report, options, out))
}

/// As [`render`], written as it is made. What is in memory at once of a format with a file does not depend on how long its texts are, but for
/// the page, which has the texts of its drawers up to a limit.
///
/// # Errors
/// See [`RenderError`]; also when it cannot be written.
pub fn render_to(
    format: Format,
    report: &Report,
    options: &Options<'_>,
    out: &mut dyn Target,
) -> Result<(), RenderError> {
    let baseline = options.baseline;
    let whole = match format {
        Format::Json => return report.write(&mut *out).map_err(RenderError::from),
        Format::Junit | Format::Html | Format::Csv | Format::Markdown | Format::Terminal => {
            return write_form(format, &Context::of(report, baseline), options, out);
        }
        Format::Sarif => machine::sarif(report, baseline)?,
        Format::Ctrf => machine::ctrf(report, baseline)?,
        Format::Hdf => machine::hdf(report, baseline)?,
        Format::Ocsf => machine::ocsf(report, baseline)?,
        Format::Asff => machine::asff(report, baseline)?,
        Format::Oscal => machine::oscal(report, baseline)?,
        Format::InToto => {
            let written = || Ok::<_, RenderError>(machine::digest(&render(Format::Json, report, &Options::default())?));
            let digest = options.digest.map_or_else(written, |digest| Ok(digest.to_owned()))?;
            machine::in_toto(report, baseline, &digest)?
        }
    };
    out.write_all(whole.as_bytes()).map_err(RenderError::Write)
}

/// The formats that show the report with what was compared and concluded, which is needed once for all of them.
fn write_form(
    format: Format,
    context: &Context<'_>,
    options: &Options<'_>,
    out: &mut dyn Target,
) -> Result<(), RenderError> {
    let whole = match format {
        Format::Junit => return junit::write_to(context, out),
        Format::Html => return html::write_to(context, options.history, out),
        Format::Csv => return csv::write_to(context, out),
        Format::Markdown => markdown::of(context),
        Format::Terminal => terminal::of(context, &options.style),
        other => return render_to(other, context.original, options, out),
    };
    out.write_all(whole.as_bytes()).map_err(RenderError::Write)
}

/// Writes the report and every format with a file into `folder`, which must exist. One that fails does not stop the others; the
/// result has one entry per format, in the order of [`Format::ALL`].
pub fn write_all(
    folder: &Path,
    report: &Report,
    baseline: Option<&Report>,
) -> Vec<(Format, Result<PathBuf, RenderError>)> {
    write(folder, report, baseline, |_| true)
}

/// Like [`write_all`], without the report itself: it is on the disk already, and reading it changes nothing.
pub fn write_rendered(
    folder: &Path,
    report: &Report,
    baseline: Option<&Report>,
) -> Vec<(Format, Result<PathBuf, RenderError>)> {
    write(folder, report, baseline, |format| format != Format::Json)
}

fn write(
    folder: &Path,
    report: &Report,
    baseline: Option<&Report>,
    wanted: impl Fn(Format) -> bool,
) -> Vec<(Format, Result<PathBuf, RenderError>)> {
    let options = Options { baseline, ..Options::default() };
    let context = Context::of(report, baseline);
    let files = Format::ALL.iter().copied().filter_map(|format| Some((format, format.file_name()?)));
    files
        .filter(|(format, _)| wanted(*format))
        .map(|(format, name)| (format, write_with(folder, name, |out| write_form(format, &context, &options, out))))
        .collect()
}
