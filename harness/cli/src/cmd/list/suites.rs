//! `amiproof list suites`: the suites, and how many of their checks are selected.

use amiproof_core::check::{Check, Scope};
use amiproof_suites::SUITES;
use amiproof_suites::registry::about;
use serde::Serialize;

use super::super::selected::{self, Left};
use super::chosen::Selected;

/// One suite.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Suite<'a> {
    suite: &'a str,
    about: &'static str,
    checks: usize,
    selected: usize,
    /// How many of the selected ones apply to no variant.
    applies_to_none: usize,
    /// Why those that are not selected are not, each reason once.
    why_not: Vec<&'static str>,
}

pub(super) fn listed<'a>(selected: &'a Selected<'a>) -> Vec<Suite<'a>> {
    let variants = selected.matrix.variants.len();
    let of = |suite: &&'a str| {
        let own = || selected.checks.iter().filter(move |(check, _)| check.id.suite() == *suite);
        let chosen = || own().filter(|(_, left)| left.is_none());
        let is_for_none = |(check, _): &&(Check, Option<Left>)| {
            check.scope == Scope::Variant && selected::not_applicable(check, selected.matrix).len() == variants
        };
        let mut why_not: Vec<&str> = own().filter_map(|(_, left)| left.map(Left::why)).collect();
        why_not.sort_unstable();
        why_not.dedup();
        (own().count() > 0).then(|| Suite {
            suite,
            about: about(suite),
            checks: own().count(),
            selected: chosen().count(),
            applies_to_none: chosen().filter(is_for_none).count(),
            why_not,
        })
    };
    SUITES.iter().filter_map(of).collect()
}

pub(super) fn text(listed: &[Suite<'_>]) -> String {
    let mut lines = Vec::new();
    for suite in listed {
        let mark = if suite.selected > 0 { "+" } else { "-" };
        let count = if suite.selected == suite.checks {
            suite.checks.to_string()
        } else {
            format!("{} of {}", suite.selected, suite.checks)
        };
        lines.push(format!("{mark} {:<14} {count:>8}  {}", suite.suite, suite.about));
        lines.extend(suite.why_not.iter().map(|why| format!("    not selected: {why}")));
        if suite.applies_to_none > 0 && suite.applies_to_none == suite.selected {
            lines.push("    applies to no variant of the matrix".to_owned());
        }
    }
    let total: usize = listed.iter().map(|suite| suite.selected).sum();
    lines.push(format!("{total} checks are selected; `amiproof list` shows each"));
    lines.join("\n")
}
