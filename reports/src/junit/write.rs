//! Suites as XML, within the limits of CI systems.

use junit_report::{OffsetDateTime, ReportBuilder, TestSuite};

use super::suite::{Root, SuiteDraft};
use super::{case, document};
use crate::error::RenderError;

/// Maximum size of a file, bytes: with a margin below GitLab's 30 MB (read as 30,000,000).
const FILE_LIMIT: usize = 28_000_000;

/// Writes suites; makes the names of cases unique and distributes the space among their texts.
pub(crate) fn render_suites(root: &Root, mut suites: Vec<SuiteDraft>) -> Result<String, RenderError> {
    case::make_unique(suites.iter_mut().flat_map(|suite| &mut suite.cases));
    let mut budget = FILE_LIMIT;
    loop {
        let xml = write(root, &suites, budget)?;
        // Escaping can make names and messages larger than what the budget assumed, so the text around them shrinks until it
        // fits. At zero only names and messages are left; no run comes near 28 MB of those.
        if xml.len() <= FILE_LIMIT || budget == 0 {
            return Ok(xml);
        }
        budget = if budget < 1_000_000 { 0 } else { budget / 2 };
    }
}

fn write(root: &Root, suites: &[SuiteDraft], budget: usize) -> Result<String, RenderError> {
    let shares = case::shares(suites.iter().flat_map(|suite| &suite.cases), budget);
    let mut shares = shares.into_iter();
    let mut builder = ReportBuilder::new();
    for suite in suites {
        let mut written = TestSuite::new(&suite.name);
        // Jenkins keeps the package apart from the name, and 'hostname' would be this machine: neither may vary between runs.
        written.package = "amiproof".to_owned();
        written.hostname = "amiproof".to_owned();
        written.timestamp = timestamp(suite.started);
        for case in &suite.cases {
            written.add_testcase(case.test_case(shares.next().unwrap_or_default()));
        }
        builder.add_testsuite(written);
    }
    let mut xml = Vec::new();
    builder.build().write_xml(&mut xml).map_err(|error| RenderError::Xml(error.to_string()))?;
    document::complete(&xml, root, suites)
}

/// `junit-report` panics on a year that RFC 3339 cannot write, so years outside 0 to 9999 become the nearest that it can.
fn timestamp(time: jiff::Timestamp) -> OffsetDateTime {
    const LAST_SECOND_OF_9999: i64 = 253_402_300_799;
    OffsetDateTime::from_unix_timestamp(time.as_second().clamp(0, LAST_SECOND_OF_9999))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
