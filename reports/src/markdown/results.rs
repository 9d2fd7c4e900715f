//! Single results, and the distribution of the space among variants: each gets its most important ones before any gets all.

use std::fmt::Write as _;

use amiproof_model::report::CheckResult;

use super::page::{Page, code, escape, fence, html};
use crate::context::Context;
use crate::origin::origin_word;
use crate::sheet::{self, Folded, IsMeant, Sheet, Status};
use crate::text;

/// The most bytes of the detail of one finding.
const DETAIL_LIMIT: usize = 1_500;

/// The most characters of a line of text.
const LINE_LIMIT: usize = 300;

/// The statuses of results that are listed, most urgent first. Passed and not applicable ones are only counted in the table.
const SECTIONS: [(&str, IsMeant); 5] = [
    ("Failed", |status| status == Status::Failed),
    ("Inconclusive", Status::is_undecided),
    ("Flaky: passed on a retry", |status| status == Status::Flaky),
    ("Waived", |status| status == Status::Waived),
    ("Tolerated by a threshold", |status| status == Status::Tolerated),
];

/// What a section reserves for each of those after it, bytes: undecided cells must not vanish behind many failures.
const KEPT: usize = 6 * 1024;

/// One variant's part of a section.
struct Part<'a> {
    name: &'a str,
    urgency: (bool, u8),
    /// New ones first, then smoke tests and add-ons, nodes, controls of scans.
    blocks: Vec<Block<'a>>,
    /// How many of them are shown.
    taken: usize,
}

/// A result, whose text is made when it is needed: most of a large run's do not fit.
struct Block<'a> {
    result: &'a CheckResult,
    is_new: bool,
    is_brief: bool,
    /// How long its text is, bytes.
    size: usize,
}

impl<'a> Block<'a> {
    fn of(result: &'a CheckResult, is_new: bool, is_brief: bool) -> Self {
        Self { result, is_new, is_brief, size: block(result, is_new, is_brief).len() }
    }

    fn text(&self) -> String {
        block(self.result, self.is_new, self.is_brief)
    }
}

/// All sections, the first ones with the most space.
pub(super) fn push(page: &mut Page, context: &Context<'_>, sheet: &Sheet<'_>) {
    let size = |parts: &[Part<'_>]| parts.iter().flat_map(|part| &part.blocks).map(|block| block.size).sum::<usize>();
    let sections = |is_brief: bool| -> Vec<(&str, Vec<Part<'_>>)> {
        SECTIONS.into_iter().map(|(title, wanted)| (title, parts(context, sheet, wanted, is_brief))).collect()
    };
    let mut sections_told = sections(false);
    if sections_told.iter().map(|(_, parts)| size(parts)).sum::<usize>() > page.remaining() / 2 {
        sections_told = sections(true);
    }
    let sections = sections_told;
    let kept: Vec<usize> = sections.iter().map(|(_, parts)| size(parts).min(KEPT)).collect();
    for (at, (title, parts)) in sections.into_iter().enumerate() {
        let later: usize = kept.iter().skip(at + 1).sum();
        push_section(page, title, parts, later);
    }
}

fn parts<'a>(context: &Context<'_>, sheet: &'a Sheet<'_>, wanted: IsMeant, is_brief: bool) -> Vec<Part<'a>> {
    let parts = sheet.columns.iter().enumerate().map(|(at, column)| {
        let listed = context.worse_first(sheet.listed(at, wanted));
        Part {
            name: column.subject.as_str(),
            urgency: context.urgency(&listed),
            blocks: listed.into_iter().map(|result| Block::of(result, context.is_new(result), is_brief)).collect(),
            taken: 0,
        }
    });
    let mut parts: Vec<Part<'_>> = parts.filter(|part| !part.blocks.is_empty()).collect();
    parts.sort_by_key(|part| part.urgency);
    parts
}

fn push_section(page: &mut Page, title: &str, mut parts: Vec<Part<'_>>, later: usize) {
    if parts.is_empty() {
        return;
    }
    let number: usize = parts.iter().map(|part| part.blocks.len()).sum();
    page.push(&format!("### {title} ({number})\n\n"));
    // Space for headings, and for saying what is left out, is reserved first.
    let overhead: usize = parts.iter().map(|part| part.name.len() + 90).sum();
    deal(&mut parts, page.remaining().saturating_sub(later + overhead));
    for part in parts {
        page.push(&format!("**{}** ({})\n\n", escape(part.name), part.blocks.len()));
        for block in part.blocks.iter().take(part.taken) {
            page.push(&block.text());
        }
        let left = part.blocks.len() - part.taken;
        if left > 0 {
            page.push(&format!("\nand {left} more of {}\n", escape(part.name)));
            page.mark_cut();
        }
        page.push("\n");
    }
}

/// Gives each part in turn its next block, until nothing fits any more.
fn deal(parts: &mut [Part<'_>], mut space: usize) {
    let mut open: Vec<&mut Part<'_>> = parts.iter_mut().collect();
    while !open.is_empty() {
        open.retain_mut(|part| match part.blocks.get(part.taken) {
            Some(block) if block.size <= space => {
                space -= block.size;
                part.taken += 1;
                true
            }
            _ => false,
        });
    }
}

/// A result: folded with all that is known of it, or in brief a control of a scan in a line.
fn block(result: &CheckResult, is_new: bool, is_brief: bool) -> String {
    let origin = result.origin.map(|origin| format!(" · {}", origin_word(origin))).unwrap_or_default();
    let mark = if is_new { "🆕 " } else { "" };
    let why = text::short_line(&sheet::reason(result), LINE_LIMIT);
    if is_brief && sheet::weight(result.check.suite()) >= 3 {
        let title = text::short_line(&result.title, 120);
        let why = if why.is_empty() { String::new() } else { format!(": {}", escape(&why)) };
        return format!("- {mark}{} {}{origin}{why}\n", code(result.check.as_str()), escape(&title));
    }
    let mut block = format!(
        "<details><summary>{mark}<code>{}</code>{origin}: {}</summary>\n\n{}\n",
        html(result.check.as_str()),
        html(&why),
        limited(&result.title),
    );
    if let Some(control) = &result.control {
        // Writing to a String cannot fail.
        let _ = writeln!(block, "\nControl {}.", code(control.as_str()));
    }
    for finding in Folded::of(result) {
        let _ = write!(block, "\n{}", finding_block(&finding));
    }
    block.push_str("\n</details>\n\n");
    block
}

fn finding_block(folded: &Folded<'_>) -> String {
    let finding = folded.finding;
    let mut block = format!("**{}**: {}\n", limited(&folded.place()), limited(&finding.summary));
    for (label, words) in [("", folded.detail()), ("Remedy:\n\n", &finding.remediation)] {
        if !text::clean(words).trim().is_empty() {
            let _ = write!(block, "\n{label}{}", fence(words, DETAIL_LIMIT));
        }
    }
    block
}

/// One escaped line of at most [`LINE_LIMIT`] characters.
pub(super) fn limited(text: &str) -> String {
    escape(&text::short_line(text, LINE_LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'a>(result: &'a CheckResult, sizes: &[usize]) -> Part<'a> {
        let block = |size: &usize| Block { result, is_new: false, is_brief: false, size: *size };
        Part { name: "v", urgency: (true, 0), blocks: sizes.iter().map(block).collect(), taken: 0 }
    }

    #[test]
    fn every_part_gets_its_first_block_before_any_gets_a_second_one() {
        let result = CheckResult::new(
            "node/ready".parse().unwrap(),
            amiproof_model::report::Subject::Cluster,
            amiproof_model::verdict::Outcome::Pass,
        );
        for (sizes, space, expected) in [
            (vec![vec![10; 100], vec![10; 2], vec![10; 100]], 60, vec![2, 2, 2]),
            (vec![vec![10; 100], vec![10], vec![10; 100]], 60, vec![3, 1, 2]),
            (vec![vec![50, 1], vec![10; 9]], 40, vec![0, 4]),
            (vec![vec![10; 3], vec![10; 3]], 1_000, vec![3, 3]),
            (vec![vec![10; 3]], 0, vec![0]),
        ] {
            let mut parts: Vec<Part<'_>> = sizes.iter().map(|sizes| part(&result, sizes)).collect();
            deal(&mut parts, space);
            assert_eq!(parts.iter().map(|part| part.taken).collect::<Vec<_>>(), expected, "{space}");
        }
    }
}
