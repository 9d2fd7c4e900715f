//! The matrix as one self-contained page: rows are checks, columns are variants, a click shows the evidence.
//!
//! The page makes no request: style, script and data are inside it, and its content security policy forbids everything else.
//! Heading, tiles, what failed and why, scans, timeline and cleanup are plain HTML; the grid is drawn by `templates/matrix.js` from one
//! block of JSON, so that 30 variants with 400 checks stay quick and so that nothing from outside is ever parsed as markup here.

mod cells;
mod decisions;
mod detail;
mod failures;
mod nights;
mod nodes;
mod shares;
mod since;
mod tiles;
mod timeline;
mod view;

use std::fmt;
use std::io;

use amiproof_model::report::Report;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::view::View;
use crate::context::Context;
use crate::error::RenderError;
use crate::history::History;
use crate::sheet::Sheet;
use crate::target::{self, Target};

const STYLE: &str = include_str!("../../templates/matrix.css");
const SCRIPT: &str = concat!(
    include_str!("../../templates/matrix.js"),
    include_str!("../../templates/window.js"),
    include_str!("../../templates/keyboard.js"),
    include_str!("../../templates/nights.js"),
    include_str!("../../templates/drawer.js"),
    include_str!("../../templates/address.js"),
    include_str!("../../templates/filters.js"),
);

/// The page around everything.
#[derive(Template)]
#[template(path = "matrix.html")]
struct Page<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    data: InsideScript<&'a cells::Data>,
    view: View,
}

/// The report as a page. With a baseline, cells show changes; with a history, rows that changed in it have their last nights beside them.
///
/// # Errors
/// When the template cannot be filled or the data cannot be written, which would be a bug in amiproof.
pub fn render(
    report: &Report,
    baseline: Option<&Report>,
    history: Option<&History<'_>>,
) -> Result<String, RenderError> {
    target::text(|out| write_to(&Context::of(report, baseline), history, out))
}

/// As [`render`], element by element.
pub(crate) fn write_to(
    context: &Context<'_>,
    history: Option<&History<'_>>,
    out: &mut dyn Target,
) -> Result<(), RenderError> {
    let sheet = Sheet::of(&context.report);
    let view = View::of(context, &sheet, history);
    let data = cells::data(context, &sheet, history);
    let page = Page { policy: policy(), style: STYLE, script: SCRIPT, data: InsideScript(&data), view };
    page.write_into(out).map_err(RenderError::Write)
}

/// Allows only this style and this script: even text that was not escaped could do nothing.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT),
    )
}

/// A value as JSON that cannot end the `<script>` element around it: HTML looks for `</script` and `<!--` before anything reads the JSON.
struct InsideScript<T>(T);

impl<T: Serialize> fmt::Display for InsideScript<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        serde_json::to_writer(Escaped(out), &self.0).map_err(|_| fmt::Error)
    }
}

/// Writes JSON without markup.
struct Escaped<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl io::Write for Escaped<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whole characters: serde_json writes strings, and pieces of them between what it escapes itself.
        let text = std::str::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut rest = text;
        while let Some(at) = rest.find(['<', '>', '&']) {
            let (before, from) = rest.split_at(at);
            let mut characters = from.chars();
            let escaped = match characters.next() {
                Some('<') => "\\u003c",
                Some('>') => "\\u003e",
                _ => "\\u0026",
            };
            self.0.write_str(before).and_then(|()| self.0.write_str(escaped)).map_err(io::Error::other)?;
            rest = characters.as_str();
        }
        self.0.write_str(rest).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the template calls besides askama's own filters.
#[expect(unreachable_pub, reason = "askama's attribute makes a public type of the function")]
mod filters {
    /// A value inside the address of a link.
    #[askama::filter_fn]
    pub(super) fn address(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::failures::encoded(&text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_inside_a_script_holds_no_markup_and_reads_back() {
        let nasty = "</script><!--<script> & \u{2028}";
        let json = InsideScript(nasty).to_string();
        assert!(!json.contains(['<', '>', '&']));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), nasty);
    }

    /// The browser hashes what is between the tags, so the template must add nothing there.
    #[test]
    fn style_and_script_stand_alone_between_their_tags() {
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</style"));
    }
}
