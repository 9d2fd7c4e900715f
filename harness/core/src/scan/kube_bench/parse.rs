//! kube-bench's JSON (`kube-bench run --json`, v0.15.6, check/controls.go), whole or in the compact form that fits into a
//! termination message.

mod control;
mod documents;

use std::collections::BTreeMap;

pub use self::control::{Control, Output, ParseError, Status};
use self::control::{RawControl, control};
pub use self::documents::runs;

/// Reads the output of `kube-bench run --json` as one output: of several results for a control, the worst one counts.
///
/// # Errors
/// As [`runs`].
pub fn parse(text: &str) -> Result<Output, ParseError> {
    let mut whole: Option<Output> = None;
    for run in runs(text)? {
        match &mut whole {
            None => whole = Some(run),
            Some(whole) => whole.add(run),
        }
    }
    whole.ok_or(ParseError::NoControls)
}

/// One check as `kube-bench run --junit` keeps it in a test's output; nothing for any other text.
pub fn check(text: &str) -> Option<Control> {
    let raw: RawControl = serde_json::from_str(text.trim()).ok()?;
    (!raw.status.is_empty()).then(|| control(raw, ""))
}

/// Reads the compact form: one `"key":"value"` pair per line, in the order of the JSON; the last line may be
/// truncated.
///
/// # Errors
/// [`ParseError::Empty`] and [`ParseError::NoControls`].
pub fn parse_compact(text: &str) -> Result<Output, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let mut output = Output { benchmark: String::new(), controls: Vec::new(), cut: false };
    for line in text.lines() {
        let Some((key, value)) = compact_line(line) else {
            // Only the last line can be torn; anything else is not our output.
            output.cut = true;
            continue;
        };
        match (key.as_str(), output.controls.last_mut()) {
            ("test_number", _) => output.controls.push(Control { number: value, ..Control::default() }),
            ("test_desc", Some(control)) => control.title = value,
            ("status", Some(control)) => control.status = Status::of(&value),
            ("reason", Some(control)) => control.reason = value,
            _ => {}
        }
    }
    if output.controls.last().is_some_and(|control| control.status == Status::Missing) {
        output.controls.pop();
        output.cut = true;
    }
    if output.controls.is_empty() { Err(ParseError::NoControls) } else { Ok(output) }
}

/// Key and value of `"key":"value"`, unescaped; `None` for a line that is torn or something else.
fn compact_line(line: &str) -> Option<(String, String)> {
    let object: BTreeMap<String, String> = serde_json::from_str(&format!("{{{}}}", line.trim())).ok()?;
    object.into_iter().next()
}

#[cfg(test)]
mod tests;
