//! Suites as XML, within the limits of CI systems.

use junit_report::{Report, TestCase, TestSuite};

use super::case::{Draft, Names, Share, Size, shares};
use super::counted::Counted;
use super::document::Document;
use super::suite::{Case, Root, SuiteDraft};
use crate::error::RenderError;
use crate::target::Target;

/// Maximum size of a file, bytes: with a margin below GitLab's 30 MB (read as 30,000,000).
const FILE_LIMIT: usize = 28_000_000;

/// How many cases are in memory at once.
const CASES: usize = 64;

/// Writes suites; makes the names of cases unique and distributes the space among their texts.
pub(crate) fn render_suites<C: Case>(
    root: &Root,
    suites: &[SuiteDraft<C>],
    out: &mut dyn Target,
) -> Result<(), RenderError> {
    // Almost every document fits with all of its texts. Whether it does, and how large they are, is known when it is written.
    let mut sizes: Vec<Size> = Vec::new();
    let length = write(root, suites, out, FILE_LIMIT, |case| {
        let size = Size::of(case);
        let share = size.all();
        sizes.push(size);
        share
    })?;
    let is_whole = sizes.iter().map(Size::cost).sum::<usize>() <= FILE_LIMIT;
    if is_whole && length <= FILE_LIMIT {
        return Ok(());
    }
    let mut budget = if is_whole { less(FILE_LIMIT) } else { FILE_LIMIT };
    loop {
        out.restart().map_err(RenderError::Write)?;
        let mut shares = shares(&sizes, budget).into_iter();
        let limit = if budget == 0 { usize::MAX } else { FILE_LIMIT };
        let length = write(root, suites, out, limit, |_| shares.next().unwrap_or_default())?;
        // Escaping can make names and messages larger than what the budget assumed, so the text around them shrinks until it
        // fits. At zero only names and messages are left; no run comes near 28 MB of those.
        if length <= FILE_LIMIT || budget == 0 {
            return Ok(());
        }
        budget = less(budget);
    }
}

fn less(budget: usize) -> usize {
    if budget < 1_000_000 { 0 } else { budget / 2 }
}

/// Writes the document, and says how long it is; of one that is longer than `limit` bytes only the beginning is written.
fn write<C: Case>(
    root: &Root,
    suites: &[SuiteDraft<C>],
    out: &mut dyn Target,
    limit: usize,
    mut share: impl FnMut(&Draft) -> Share,
) -> Result<usize, RenderError> {
    let mut names = Names::default();
    let mut document = Document::begin(Counted::new(out, limit), root, suites)?;
    for (number, suite) in suites.iter().enumerate() {
        document.begin_suite(number, suite)?;
        for cases in suite.cases.chunks(CASES) {
            let cases = cases.iter().map(|case| {
                let mut draft = case.draft();
                names.make_unique(&mut draft);
                let share = share(&draft);
                draft.test_case(share)
            });
            document.cases(&as_xml(suite, cases)?)?;
        }
        document.end_suite()?;
    }
    Ok(document.end()?.length())
}

/// Some cases of a suite as a separate document, whose enclosing tags are discarded.
fn as_xml<C>(suite: &SuiteDraft<C>, cases: impl Iterator<Item = TestCase>) -> Result<Vec<u8>, RenderError> {
    let mut written = TestSuite::new(&suite.name);
    written.add_testcases(cases);
    let mut report = Report::new();
    report.add_testsuite(written);
    let mut xml = Vec::new();
    report.write_xml(&mut xml).map_err(|error| RenderError::Xml(error.to_string()))?;
    Ok(xml)
}
