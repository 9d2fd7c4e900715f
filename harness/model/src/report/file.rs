//! Reading a report from its file, and what is written there.

use serde::Deserialize;

use super::{Report, SCHEMA_VERSION, Tool, differences, merged};

impl Report {
    /// Reads a report. Fields that this build does not know are passed over.
    ///
    /// # Errors
    /// When the text is not JSON of this format, or of a newer major version; the message says which, and what to do.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            schema_version: u32,
            tool: Option<Tool>,
        }
        let version: Version = serde_json::from_str(text).map_err(ParseError::Form)?;
        if version.schema_version == 0 || version.schema_version > SCHEMA_VERSION {
            let by = version.tool.map_or("another build".to_owned(), |tool| format!("{} {}", tool.name, tool.version));
            return Err(ParseError::Version { found: version.schema_version, by });
        }
        let mut report: Self = serde_json::from_str(text).map_err(ParseError::Form)?;
        differences::resolve(&mut report).map_err(ParseError::Facts)?;
        report.results = merged::merge(report.results);
        Ok(report)
    }

    /// The report as it is written into a file: the facts of one node whole, and of other nodes what differs from them. [`Report::parse`]
    /// makes them whole again.
    #[must_use]
    pub fn for_file(&self) -> Self {
        let mut report = self.clone();
        differences::reduce(&mut report);
        report
    }
}

/// Why a text is not a report.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not JSON, or not of this format.
    #[error("not an amiproof report: {0}")]
    Form(serde_json::Error),
    /// The facts of a node are differences from those of a node that the report does not have.
    #[error("incomplete amiproof report: {0}; restore the file as amiproof wrote it")]
    Facts(String),
    /// Of a version that this build does not read.
    #[error(
        "this report has schema version {found}, and this amiproof reads up to {SCHEMA_VERSION}: read it with the amiproof that wrote it \
         ({by}) or a newer one"
    )]
    Version {
        /// The version that the document says.
        found: u32,
        /// What wrote it: `amiproof 2.0.0`.
        by: String,
    },
}
