//! The first lines of the summary: which candidates may ship, and what keeps the others from it.

use std::fmt::Write as _;

use amiproof_model::report::{Cause, CheckResult};

use super::style::{Ink, Style, write_titled, write_wrapped};
use crate::cause::cause_line;
use crate::context::Context;
use crate::decisions::{Candidate, Decision, Decisions};
use crate::sheet::{self, Sheet};

/// How many further cells of a cause are named.
const CELLS: usize = 4;

pub(super) fn write(out: &mut String, context: &Context<'_>, sheet: &Sheet<'_>, style: &Style) {
    let decisions = Decisions::of(context, sheet);
    if decisions.candidates.is_empty() {
        return;
    }
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{}", style.paint(Ink::Strong, &style.line(&decisions.headline())));
    for candidate in &decisions.candidates {
        write_candidate(out, candidate, style);
    }
    let others: Vec<String> =
        decisions.others.iter().map(|(name, verdict)| format!("{name} {}", verdict.conclusion.as_str())).collect();
    if !others.is_empty() {
        write_wrapped(out, style, 2, &format!("references and cluster: {}", others.join(", ")), usize::MAX);
    }
    out.push('\n');
}

fn write_candidate(out: &mut String, candidate: &Candidate<'_>, style: &Style) {
    let word = candidate.decision.as_str();
    let rest = candidate.rest();
    match (candidate.decision, candidate.causes, rest.as_slice()) {
        (Decision::Yes, ..) => write_titled(out, style, 2, candidate.name, word),
        (_, [], [only]) => write_titled(out, style, 2, candidate.name, &format!("{word}: {only}")),
        (_, causes, rest) => {
            write_titled(out, style, 2, candidate.name, word);
            for cause in causes {
                write_wrapped(out, style, 4, &cause_line(cause), usize::MAX);
            }
            for line in rest {
                write_wrapped(out, style, 4, line, usize::MAX);
            }
        }
    }
}

/// The causes of failed cells of one column, one entry each.
pub(super) fn write_causes(out: &mut String, context: &Context<'_>, results: &[&CheckResult], style: &Style) {
    let mut listed: Vec<&Cause> = Vec::new();
    for result in results {
        let Some(cause) = context.report.explained_by(result) else { continue };
        if listed.iter().any(|known| std::ptr::eq(*known, cause)) {
            continue;
        }
        listed.push(cause);
        write_titled(out, style, 2, result.subject.as_str(), &cause_line(cause));
        write_wrapped(out, style, 4, &cause.evidence(), 2);
        for help in &cause.help {
            write_wrapped(out, style, 4, help, usize::MAX);
        }
        write_wrapped(out, style, 4, &format!("{}: {}", result.check, sheet::reason(result)), 2);
        let others: Vec<&str> =
            cause.cells.iter().filter(|cell| **cell != result.check).map(|cell| cell.as_str()).collect();
        if !others.is_empty() {
            let names = others.iter().take(CELLS).copied().collect::<Vec<_>>().join(", ");
            let more = others.len().saturating_sub(CELLS);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            write_wrapped(out, style, 4, &format!("also {names}{more}"), usize::MAX);
        }
    }
}
