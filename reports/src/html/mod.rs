//! The matrix as one self-contained page: rows are checks, columns are variants, a click shows the evidence.
//!
//! The page makes no request: style, script and data are inside it, and its content security policy forbids everything else.
//! Heading, tiles, what failed and why, scans, timeline and cleanup are plain HTML; the grid is drawn by `templates/matrix.js` from one
//! block of JSON, so that 30 variants with 400 checks stay quick and so that nothing from outside is ever parsed as markup here.

mod cells;
mod decisions;
mod failures;
mod nights;
mod nodes;
mod shares;
mod since;
mod tiles;
mod timeline;
mod view;

use amiproof_model::report::Report;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use self::view::View;
use crate::context::Context;
use crate::error::RenderError;
use crate::history::History;
use crate::sheet::Sheet;

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
struct Page {
    policy: String,
    style: &'static str,
    script: &'static str,
    data: String,
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
    let context = Context::of(report, baseline);
    let sheet = Sheet::of(&context.report);
    let data = serde_json::to_string(&cells::data(&context, &sheet, history))?;
    let page = Page {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        data: inside_script(&data),
        view: View::of(&context, &sheet, history),
    };
    Ok(page.render()?)
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

/// JSON that cannot end the `<script>` element around it: HTML looks for `</script` and `<!--` before anything reads the JSON.
fn inside_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
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
        let json = inside_script(&serde_json::to_string(nasty).unwrap());
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
