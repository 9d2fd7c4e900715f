//! What failed and why, as plain HTML: it can be read without script and without style, as Jenkins shows pages by default.

use amiproof_model::report::CheckResult;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cause::cause_line;
use crate::context::{Context, class};
use crate::origin::origin_word;
use crate::sheet::{self, IsMeant, Sheet, Status};
use crate::text;

/// How many groups of a column are visible; the rest is folded.
const OPEN: usize = 6;

/// How many groups are on the page, over all columns.
const ALL: usize = 900;

/// One column with its failures.
pub(super) struct Failing {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) reason: String,
    /// Failed cells, then those that could not be decided.
    pub(super) lists: Vec<List>,
}

/// Cells of one kind.
pub(super) struct List {
    pub(super) title: String,
    pub(super) open: Vec<Group>,
    pub(super) folded: Vec<Group>,
    /// Number of cells in neither.
    pub(super) left_out: usize,
}

impl List {
    /// Number of cells that are not visible.
    pub(super) fn rest(&self) -> usize {
        self.folded.iter().map(|group| group.checks.len()).sum::<usize>() + self.left_out
    }
}

/// Cells with the same text.
pub(super) struct Group {
    pub(super) checks: Vec<Link>,
    pub(super) why: String,
    /// What the first of them says, where they have a cause in common instead of a text.
    pub(super) example: String,
    /// `hardening`; empty if unknown.
    pub(super) origin: &'static str,
    pub(super) is_new: bool,
}

/// A cell, with the address at which the page opens it.
pub(super) struct Link {
    pub(super) check: String,
    pub(super) href: String,
    pub(super) title: String,
}

/// The columns with failures: those with regressions first, then those with failed smoke tests, then the rest in their order.
pub(super) fn of(context: &Context<'_>, sheet: &Sheet<'_>) -> Vec<Failing> {
    let each = (ALL / sheet.columns.len().max(1)).max(OPEN);
    let mut order: Vec<usize> = (0..sheet.columns.len()).collect();
    order.sort_by_key(|at| context.urgency(&context.worse_first(sheet.listed(*at, |status| status == Status::Failed))));
    let columns = order.into_iter().filter_map(|at| {
        let column = sheet.columns.get(at)?;
        let lists: Vec<List> =
            [("failed", (|status| status == Status::Failed) as IsMeant), ("inconclusive", Status::is_undecided)]
                .into_iter()
                .filter_map(|(word, wanted)| list(context, sheet, at, word, wanted, each))
                .collect();
        let verdict = context.verdict_of(&column.subject);
        (!lists.is_empty()).then(|| Failing {
            name: column.subject.as_str().to_owned(),
            class: class(verdict.conclusion),
            word: verdict.conclusion.as_str(),
            reason: text::line(&verdict.reason),
            lists,
        })
    });
    columns.collect()
}

fn list(
    context: &Context<'_>,
    sheet: &Sheet<'_>,
    column: usize,
    word: &str,
    wanted: IsMeant,
    limit: usize,
) -> Option<List> {
    let results = context.worse_first(sheet.listed(column, wanted));
    if results.is_empty() {
        return None;
    }
    let title = format!("{} {word}", results.len());
    let mut groups: Vec<Group> = Vec::new();
    let mut left_out = 0;
    for result in results {
        let new = group(context, sheet, column, result);
        let same = |one: &&mut Group| (&one.why, one.origin, one.is_new) == (&new.why, new.origin, new.is_new);
        if let Some(known) = groups.iter_mut().find(same) {
            known.checks.extend(new.checks);
        } else if groups.len() < limit {
            groups.push(new);
        } else {
            left_out += 1;
        }
    }
    // One group more is not worth a fold.
    let at = if groups.len() <= OPEN + 1 { groups.len() } else { OPEN };
    let folded = groups.split_off(at);
    Some(List { title, open: groups, folded, left_out })
}

fn group(context: &Context<'_>, sheet: &Sheet<'_>, column: usize, result: &CheckResult) -> Group {
    let name = sheet.columns.get(column).map_or("", |column| column.subject.as_str());
    // Another suite's answer is a cell of the control's own row.
    let row = sheet.row_of(result).unwrap_or(&result.check);
    let link = Link {
        check: result.check.to_string(),
        href: format!("#{}@{}", encoded(row.as_str()), encoded(name)),
        title: text::short_line(&result.title, 200),
    };
    // What one cause explains is one group.
    let reason = sheet::reason(result);
    let (why, example) = match context.report.explained_by(result) {
        Some(cause) => (cause_line(cause), reason),
        None => (reason, String::new()),
    };
    Group {
        checks: vec![link],
        why: text::short_line(&why, 300),
        example: text::short_line(&example, 300),
        origin: result.origin.map_or("", origin_word),
        is_new: context.is_new(result),
    }
}

/// What `encodeURIComponent` of the page's script escapes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The text as `encodeURIComponent` writes it.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_browsers_write_them() {
        assert_eq!(encoded("os-cis/cis-al2023-1.0.0/3.3.1"), "os-cis%2Fcis-al2023-1.0.0%2F3.3.1");
        assert_eq!(encoded("ä b@c#d?e&f"), "%C3%A4%20b%40c%23d%3Fe%26f");
    }
}
