//! What the controls of a benchmark break, as files of their own: Markdown, CSV, JSON and a page; and as text for a terminal.

mod csv;
mod markdown;
mod page;
mod rows;
mod terminal;

use std::path::{Path, PathBuf};

use amiproof_model::report::{Impact, Report};

pub use self::terminal::render as terminal;
use crate::error::RenderError;
use crate::file::write_file;

/// The formats of a table of controls and checks that have a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum ImpactFormat {
    /// Markdown
    #[strum(to_string = "md")]
    Markdown,
    /// One line per cell
    #[strum(to_string = "csv")]
    Csv,
    /// The measurement itself
    #[strum(to_string = "json")]
    Json,
    /// A page
    #[strum(to_string = "html")]
    Html,
}

impl ImpactFormat {
    /// Every format.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The ending of its file's name.
    pub fn ending(self) -> &'static str {
        self.into()
    }
}

/// A measurement in one format.
///
/// # Errors
/// See [`RenderError`].
pub fn render(format: ImpactFormat, impact: &Impact) -> Result<String, RenderError> {
    match format {
        ImpactFormat::Markdown => Ok(markdown::render(impact)),
        ImpactFormat::Csv => csv::render(impact),
        ImpactFormat::Json => {
            let mut json = serde_json::to_string_pretty(impact)?;
            json.push('\n');
            Ok(json)
        }
        ImpactFormat::Html => page::render(impact),
    }
}

/// Writes every measurement of a report in every format into `folder`, which must exist: `impact-VARIANT-BENCHMARK.md`
/// and so on. One that fails does not stop the others.
pub fn write_all(folder: &Path, report: &Report) -> Vec<Result<PathBuf, RenderError>> {
    let each = |impact: &Impact| {
        let write = |format: &ImpactFormat| {
            let name = format!("impact-{}-{}.{}", impact.variant, impact.benchmark, format.ending());
            render(*format, impact).and_then(|text| write_file(folder, &name, &text))
        };
        ImpactFormat::ALL.iter().map(write).collect::<Vec<_>>()
    };
    report.impacts.iter().flat_map(each).collect()
}
