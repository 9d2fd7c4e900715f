//! What `junit-report` does not write, added to its document: totals on the root, `skipped`, wall clock and properties on each suite.
//!
//! Jenkins' xunit plugin validates by `junit-10.xsd`, which knows no `skipped` on `testsuites`; it is on each suite.

use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, Writer};

use super::case::Kind;
use super::suite::{JunitCounts, Root, SuiteDraft};
use crate::error::RenderError;
use crate::{text, times};

/// Completes the document. The suites are those that it was made from, in the same order.
pub(super) fn complete(xml: &[u8], document: &Root, suites: &[SuiteDraft]) -> Result<String, RenderError> {
    let broken = |error: &dyn std::fmt::Display| RenderError::Xml(error.to_string());
    let mut reader = Reader::from_reader(xml);
    let mut writer = Writer::new_with_indent(Vec::with_capacity(xml.len() + xml.len() / 8), b' ', 2);
    let mut remaining = suites.iter();
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Event::Eof => break,
            Event::Start(tag) if tag.name().as_ref() == b"testsuites" => {
                writer.write_event(Event::Start(root(document, suites))).map_err(|error| broken(&error))?;
            }
            Event::Empty(tag) if tag.name().as_ref() == b"testsuites" => {
                writer.write_event(Event::Empty(root(document, suites))).map_err(|error| broken(&error))?;
            }
            Event::Start(tag) if tag.name().as_ref() == b"testsuite" => {
                let suite = remaining.next().ok_or_else(|| broken(&"more suites than were written"))?;
                let mut tag = without_time(&tag).map_err(|error| broken(&error))?;
                tag.push_attribute(("time", format!("{:.3}", wall_clock(suite)).as_str()));
                tag.push_attribute(("skipped", counts(&[suite]).skipped.to_string().as_str()));
                writer.write_event(Event::Start(tag)).map_err(|error| broken(&error))?;
                write_properties(&mut writer, &suite.properties).map_err(|error| broken(&error))?;
            }
            event => writer.write_event(event).map_err(|error| broken(&error))?,
        }
    }
    let mut xml = String::from_utf8(writer.into_inner()).map_err(|error| broken(&error))?;
    xml.push('\n');
    Ok(xml)
}

/// The tag without the sum of its cases' times: they overlap.
fn without_time(tag: &BytesStart<'_>) -> Result<BytesStart<'static>, quick_xml::events::attributes::AttrError> {
    let mut kept = BytesStart::new("testsuite");
    for attribute in tag.attributes() {
        let attribute = attribute?;
        if attribute.key.as_ref() != b"time" {
            kept.push_attribute(attribute);
        }
    }
    Ok(kept)
}

fn wall_clock(suite: &SuiteDraft) -> f64 {
    times::covered(suite.cases.iter().map(|case| (case.started, case.span)))
}

fn root(document: &Root, suites: &[SuiteDraft]) -> BytesStart<'static> {
    let all: Vec<&SuiteDraft> = suites.iter().collect();
    let counts = counts(&all);
    let mut root = BytesStart::new("testsuites");
    root.push_attribute(("name", text::line(&document.name).as_str()));
    root.push_attribute(("tests", counts.tests.to_string().as_str()));
    root.push_attribute(("failures", counts.failures.to_string().as_str()));
    root.push_attribute(("errors", counts.errors.to_string().as_str()));
    root.push_attribute(("time", format!("{:.3}", times::legal(document.seconds)).as_str()));
    root
}

fn counts(suites: &[&SuiteDraft]) -> JunitCounts {
    let kinds = || suites.iter().flat_map(|suite| &suite.cases).map(|case| case.kind);
    let of = |wanted: Kind| kinds().filter(|kind| *kind == wanted).count();
    JunitCounts {
        tests: kinds().count(),
        failures: of(Kind::Failure),
        errors: of(Kind::Error),
        skipped: of(Kind::Skipped),
    }
}

fn write_properties(writer: &mut Writer<Vec<u8>>, properties: &[(&'static str, String)]) -> std::io::Result<()> {
    if properties.is_empty() {
        return Ok(());
    }
    writer.write_event(Event::Start(BytesStart::new("properties")))?;
    for (name, value) in properties {
        let mut property = BytesStart::new("property");
        property.push_attribute(("name", *name));
        property.push_attribute(("value", text::line(value).as_str()));
        writer.write_event(Event::Empty(property))?;
    }
    writer.write_event(Event::End(BytesEnd::new("properties")))
}
