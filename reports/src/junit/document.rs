//! The document around cases that `junit-report` writes, and what that does not write: totals on the root, `skipped`, wall clock and
//! properties on each suite.
//!
//! Jenkins' xunit plugin validates by `junit-10.xsd`, which knows no `skipped` on `testsuites`; it is on each suite.

use std::fmt::Display;

use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};
use quick_xml::{Reader, Writer};

use super::counted::Counted;
use super::suite::{Case, JunitCounts, Root, SuiteDraft};
use crate::error::RenderError;
use crate::{text, times};

/// A document that is being written.
pub(super) struct Document<'a> {
    writer: Writer<Counted<'a>>,
    is_empty: bool,
}

impl<'a> Document<'a> {
    /// Writes what is before the first suite.
    pub(super) fn begin<C: Case>(
        out: Counted<'a>,
        document: &Root,
        suites: &[SuiteDraft<C>],
    ) -> Result<Self, RenderError> {
        let mut writer = Writer::new_with_indent(out, b' ', 2);
        let is_empty = suites.is_empty();
        let root = root(document, suites);
        write(&mut writer, Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
        write(&mut writer, if is_empty { Event::Empty(root) } else { Event::Start(root) })?;
        Ok(Self { writer, is_empty })
    }

    /// Writes the tag of a suite and its properties. Jenkins keeps the package apart from the name, and 'hostname' would be this machine:
    /// neither may vary between runs.
    pub(super) fn begin_suite<C: Case>(&mut self, number: usize, suite: &SuiteDraft<C>) -> Result<(), RenderError> {
        let counts = suite.counts();
        let mut tag = BytesStart::new("testsuite");
        for (name, value) in [
            ("id", number.to_string()),
            ("name", suite.name.clone()),
            ("package", "amiproof".to_owned()),
            ("tests", counts.tests.to_string()),
            ("errors", counts.errors.to_string()),
            ("failures", counts.failures.to_string()),
            ("hostname", "amiproof".to_owned()),
            ("timestamp", timestamp(suite.started)),
            ("time", format!("{:.3}", wall_clock(suite))),
            ("skipped", counts.skipped.to_string()),
        ] {
            tag.push_attribute((name, value.as_str()));
        }
        write(&mut self.writer, Event::Start(tag))?;
        self.properties(&suite.properties)
    }

    /// Writes the cases of a document that `junit-report` wrote.
    pub(super) fn cases(&mut self, xml: &[u8]) -> Result<(), RenderError> {
        let mut reader = Reader::from_reader(xml);
        loop {
            match reader.read_event().map_err(|error| broken(&error))? {
                Event::Eof => return Ok(()),
                Event::Decl(_) => {}
                Event::Start(tag) | Event::Empty(tag) if is_around(tag.name().as_ref()) => {}
                Event::End(tag) if is_around(tag.name().as_ref()) => {}
                event => write(&mut self.writer, event)?,
            }
        }
    }

    /// Writes the end of a suite.
    pub(super) fn end_suite(&mut self) -> Result<(), RenderError> {
        write(&mut self.writer, Event::End(BytesEnd::new("testsuite")))
    }

    /// Writes the end of the document, after the last suite.
    pub(super) fn end(mut self) -> Result<Counted<'a>, RenderError> {
        use std::io::Write as _;
        if !self.is_empty {
            write(&mut self.writer, Event::End(BytesEnd::new("testsuites")))?;
        }
        let mut out = self.writer.into_inner();
        out.write_all(b"\n").map_err(RenderError::Write)?;
        Ok(out)
    }

    fn properties(&mut self, properties: &[(&'static str, String)]) -> Result<(), RenderError> {
        if properties.is_empty() {
            return Ok(());
        }
        write(&mut self.writer, Event::Start(BytesStart::new("properties")))?;
        for (name, value) in properties {
            let mut property = BytesStart::new("property");
            property.push_attribute(("name", *name));
            property.push_attribute(("value", text::line(value).as_str()));
            write(&mut self.writer, Event::Empty(property))?;
        }
        write(&mut self.writer, Event::End(BytesEnd::new("properties")))
    }
}

fn write(writer: &mut Writer<Counted<'_>>, event: Event<'_>) -> Result<(), RenderError> {
    writer.write_event(event).map_err(RenderError::Write)
}

fn broken(error: &dyn Display) -> RenderError {
    RenderError::Xml(error.to_string())
}

/// Whether a tag encloses the cases of a document.
fn is_around(name: &[u8]) -> bool {
    matches!(name, b"testsuites" | b"testsuite")
}

/// A time to the second; years outside 0 to 9999, which RFC 3339 cannot write, become the nearest that it can.
fn timestamp(time: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_second().max(0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

fn wall_clock<C: Case>(suite: &SuiteDraft<C>) -> f64 {
    times::covered(suite.cases.iter().map(Case::span))
}

fn root<C: Case>(document: &Root, suites: &[SuiteDraft<C>]) -> BytesStart<'static> {
    let counts: JunitCounts = suites.iter().map(SuiteDraft::counts).sum();
    let mut root = BytesStart::new("testsuites");
    root.push_attribute(("name", text::line(&document.name).as_str()));
    root.push_attribute(("tests", counts.tests.to_string().as_str()));
    root.push_attribute(("failures", counts.failures.to_string().as_str()));
    root.push_attribute(("errors", counts.errors.to_string().as_str()));
    root.push_attribute(("time", format!("{:.3}", times::legal(document.seconds)).as_str()));
    root
}
