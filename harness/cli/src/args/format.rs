//! The forms that a report and a comparison can be asked for, as the command line spells them.

use amiproof_reports::Format;
use amiproof_reports::compare::ComparisonFormat;
use clap::ValueEnum;

/// A form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
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
    #[value(alias = "text")]
    Terminal,
}

impl From<ReportForm> for Format {
    fn from(form: ReportForm) -> Self {
        match form {
            ReportForm::Json => Self::Json,
            ReportForm::Junit => Self::Junit,
            ReportForm::Html => Self::Html,
            ReportForm::Markdown => Self::Markdown,
            ReportForm::Csv => Self::Csv,
            ReportForm::Terminal => Self::Terminal,
        }
    }
}

/// A form of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ComparisonForm {
    /// Text for people
    #[value(alias = "terminal")]
    Text,
    /// Markdown for a pull request or a step summary
    Markdown,
    /// JSON for programs
    Json,
    /// JUnit XML for CI servers: regressions fail
    Junit,
}

impl From<ComparisonForm> for ComparisonFormat {
    fn from(form: ComparisonForm) -> Self {
        match form {
            ComparisonForm::Text => Self::Terminal,
            ComparisonForm::Markdown => Self::Markdown,
            ComparisonForm::Json => Self::Json,
            ComparisonForm::Junit => Self::Junit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_report_can_be_asked_for_by_its_own_word() {
        for &format in Format::ALL {
            let form = ReportForm::from_str(format.as_str(), false).unwrap();
            assert_eq!(Format::from(form), format);
        }
        assert_eq!(ReportForm::value_variants().len(), Format::ALL.len());
    }
}
