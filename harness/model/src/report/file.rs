//! Reading a report from its file, and what is written there.

use std::io::{BufReader, Read, Seek, Write};

use serde::{Deserialize, Serialize};
use serde_json::Serializer;

use super::lines::Lines;
use super::{
    CheckResult, Cleanup, ClusterRecord, Cost, Explanation, Impact, Proof, Report, RunRecord, SCHEMA_VERSION,
    ScanRecord, Tool, VariantRecord, differences,
};
use crate::threshold::declared::Threshold;
use crate::waiver::WaiverRecord;

/// What is read as a whole, bytes: a text in memory is parsed in half the time, and most reports are no larger.
const WHOLE: u64 = 16 * 1024 * 1024;

impl Report {
    /// Reads a report. Fields that this build does not know are passed over.
    ///
    /// # Errors
    /// When the text is not JSON of this format, or of a newer major version; the message says which, and what to do.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        understood(serde_json::from_str(text), || serde_json::from_str(text).ok())
    }

    /// Reads a report from a file, in one pass and without the text of a large one in memory.
    ///
    /// # Errors
    /// As [`Report::parse`], and when the file cannot be read.
    pub fn read(mut from: impl Read + Seek) -> Result<Self, ParseError> {
        let mut start = Vec::new();
        (&mut from).take(WHOLE).read_to_end(&mut start).map_err(ParseError::Read)?;
        if (start.len() as u64) < WHOLE {
            return understood(serde_json::from_slice(&start), || serde_json::from_slice(&start).ok());
        }
        let read = serde_json::from_reader(BufReader::new(start.as_slice().chain(&mut from)));
        understood(read, || {
            from.rewind().ok()?;
            serde_json::from_reader(BufReader::new(&mut from)).ok()
        })
    }

    /// Writes the report as it is in a file: a line for each result and each variant, the facts of one node whole, and of other nodes what
    /// differs from them. [`Report::read`] makes them whole again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, mut out: impl Write) -> Result<(), serde_json::Error> {
        // A new field is a compile error here, and does not get lost.
        let Self {
            schema_version,
            tool,
            run,
            cluster,
            variants: _,
            results,
            explanations,
            proofs,
            impacts,
            scans,
            thresholds,
            waivers,
            cleanup,
            cost,
        } = self;
        let variants = differences::reduced(self);
        let schema_version = *schema_version;
        let written = Written {
            schema_version,
            tool,
            run,
            cluster,
            variants,
            results,
            explanations,
            proofs,
            impacts,
            scans,
            thresholds,
            waivers,
            cleanup,
            cost: cost.as_ref(),
        };
        written.serialize(&mut Serializer::with_formatter(&mut out, Lines::default()))?;
        out.write_all(b"\n").map_err(serde_json::Error::io)
    }
}

/// A report in a file: the same fields, in the same order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u32,
    tool: &'a Tool,
    run: &'a RunRecord,
    cluster: &'a ClusterRecord,
    variants: Vec<VariantRecord>,
    results: &'a [CheckResult],
    #[serde(skip_serializing_if = "is_none")]
    explanations: &'a [Explanation],
    #[serde(skip_serializing_if = "is_none")]
    proofs: &'a [Proof],
    #[serde(skip_serializing_if = "is_none")]
    impacts: &'a [Impact],
    #[serde(skip_serializing_if = "is_none")]
    scans: &'a [ScanRecord],
    #[serde(skip_serializing_if = "is_none")]
    thresholds: &'a [Threshold],
    #[serde(skip_serializing_if = "is_none")]
    waivers: &'a [WaiverRecord],
    cleanup: &'a Cleanup,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<&'a Cost>,
}

fn is_none<T>(list: &&[T]) -> bool {
    list.is_empty()
}

/// What is read of a report that this build does not understand.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: u32,
    tool: Option<Tool>,
}

/// A report that was read, if this build reads its version. Apart from the version, a newer report may have any form;
/// the version is read separately only if the rest could not be read.
fn understood(
    read: Result<Report, serde_json::Error>,
    version: impl FnOnce() -> Option<Version>,
) -> Result<Report, ParseError> {
    let is_known = |version: u32| (1..=SCHEMA_VERSION).contains(&version);
    let other = |Version { schema_version, tool }: Version| {
        let by = tool.map_or("another build".to_owned(), |tool| format!("{} {}", tool.name, tool.version));
        ParseError::Version { found: schema_version, by }
    };
    match read {
        Ok(mut report) if is_known(report.schema_version) => {
            differences::resolve(&mut report).map_err(ParseError::Facts)?;
            Ok(report)
        }
        Ok(report) => Err(other(Version { schema_version: report.schema_version, tool: Some(report.tool) })),
        Err(error) if error.is_io() => Err(ParseError::Read(error.into())),
        Err(error) => {
            let unknown = version().filter(|version| !is_known(version.schema_version));
            Err(unknown.map_or(ParseError::Form(error), other))
        }
    }
}

/// Why a text is not a report.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// It cannot be read.
    #[error("{0}")]
    Read(std::io::Error),
    /// Not JSON, or not of this format.
    #[error("not an amiproof report: {0}")]
    Form(serde_json::Error),
    /// The facts of a node are differences from those of a node that the report does not have.
    #[error("incomplete amiproof report: {0}; restore the file as amiproof wrote it")]
    Facts(String),
    /// It has a version that this build does not read.
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

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Error, SeekFrom};

    use serde_json::{Value, json};

    use super::*;

    fn document() -> Value {
        let result = |check: &str| {
            json!({"check": check, "title": "t", "subject": {"variant": "a"}, "outcome": "pass", "disposition": "passed",
                   "started": "2026-11-21T00:00:00Z", "seconds": 1.0})
        };
        json!({
            "schemaVersion": 1, "tool": {"name": "amiproof", "version": "2.0.0"},
            "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0, "interrupted": false},
            "cluster": {"name": "c"}, "variants": [{"name": "a", "family": "al2023"}],
            "results": [result("node/ready"), result("node/joined")],
            "cleanup": {"ran": true, "created": 0, "deleted": 0, "leftovers": []},
        })
    }

    fn written(report: &Report) -> String {
        let mut out = Vec::new();
        report.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_file_has_every_field_and_a_line_for_each_result() {
        let report = Report::parse(&document().to_string()).unwrap();
        let text = written(&report);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), serde_json::to_value(&report).unwrap());
        assert_eq!(text.lines().filter(|line| line.starts_with("{\"check\":")).count(), 2, "{text}");
        assert!(text.ends_with("}\n"));
        assert_eq!(Report::read(Cursor::new(&text)).unwrap(), report);
        assert_eq!(written(&Report::parse(&text).unwrap()), text, "read and written again it is the same file");
    }

    #[test]
    fn a_file_of_an_older_build_is_read() {
        let pretty = format!("{:#}\n", document());
        assert_eq!(Report::read(Cursor::new(&pretty)).unwrap(), Report::parse(&pretty).unwrap());
    }

    #[test]
    fn a_large_file_is_read_piece_by_piece_to_the_same_report() {
        let mut large = document();
        large["results"][0]["title"] = json!("long ".repeat(4_000_000));
        let text = large.to_string();
        assert!(text.len() as u64 > WHOLE);
        assert_eq!(Report::read(Cursor::new(&text)).unwrap(), Report::parse(&text).unwrap());
        large["schemaVersion"] = json!(2);
        large["results"] = json!(["long ".repeat(4_000_000)]);
        let refused = Report::read(Cursor::new(large.to_string()));
        assert!(matches!(refused, Err(ParseError::Version { found: 2, .. })));
    }

    #[test]
    fn a_newer_version_is_named_whatever_its_form_is() {
        let mut newer = document();
        newer["schemaVersion"] = json!(2);
        let mut other = newer.clone();
        other["results"] = json!("elsewhere");
        for document in [newer, other] {
            let text = document.to_string();
            for refused in [Report::parse(&text), Report::read(Cursor::new(&text))] {
                assert!(matches!(refused, Err(ParseError::Version { found: 2, ref by }) if by == "amiproof 2.0.0"));
            }
        }
        assert!(matches!(Report::read(Cursor::new("{}")), Err(ParseError::Form(_))));
        assert!(matches!(Report::parse("no JSON"), Err(ParseError::Form(_))));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_taken_for_a_report_of_another_form() {
        struct Unreadable;

        impl Read for Unreadable {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(Error::other("the disk is gone"))
            }
        }

        impl Seek for Unreadable {
            fn seek(&mut self, _: SeekFrom) -> std::io::Result<u64> {
                Ok(0)
            }
        }

        let refused = Report::read(Unreadable).unwrap_err();
        assert!(matches!(refused, ParseError::Read(_)), "{refused}");
        assert_eq!(refused.to_string(), "the disk is gone");
    }
}
