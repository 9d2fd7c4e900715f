//! The table of variants and suites.

use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};

use super::style::{self, Ink, Style};
use crate::context::{Context, class, sentence};
use crate::sheet::{Column, Sheet, Status, Tally};

/// Variants as rows and suites as columns, or, where the suites do not fit, one column with the numbers of all of them. The last column
/// is the verdict with its reason.
pub(super) fn matrix(context: &Context<'_>, sheet: &Sheet<'_>, style: &Style) -> String {
    let suites = sheet.suite_names();
    let by_suite = |at: usize| suites.iter().map(|suite| figures(&sheet.tally_in(at, suite), style)).collect();
    let wide = with_verdicts(context, sheet, &suites, by_suite, style);
    let table = match wide {
        Some(table) => Some(table),
        None => with_verdicts(context, sheet, &["all"], |at| vec![figures(&sheet.tally_of(at), style)], style),
    };
    let mut out = table.unwrap_or_default().join("\n");
    out.push('\n');
    for line in style::wrap(
        "passed/failed  !error  ?not evaluated  ~waived, tolerated or allowed  @manual  i informational",
        style.columns(),
    ) {
        out.push_str(&style.paint(Ink::Faint, &line));
        out.push('\n');
    }
    out.push('\n');
    out
}

/// The least width in which a verdict with its reason can be read, columns.
const LEAST: usize = 24;

/// The table with these columns between nodes and verdict; none where they leave the verdict too little space and there are fewer to
/// show.
fn with_verdicts(
    context: &Context<'_>,
    sheet: &Sheet<'_>,
    middle: &[&str],
    figures: impl Fn(usize) -> Vec<String>,
    style: &Style,
) -> Option<Vec<String>> {
    let names = ["variant", "nodes"].into_iter().chain(middle.iter().copied());
    let mut rows: Vec<Vec<String>> = vec![names.map(str::to_owned).collect()];
    for (at, column) in sheet.columns.iter().enumerate() {
        let mut row = start(column);
        row.extend(figures(at));
        rows.push(row);
    }
    // The last column takes what the others leave. It is wrapped before it is painted, or colours would count as text.
    let widest = rows.iter().fold(vec![0; middle.len() + 2], |mut widest, row| {
        widest.iter_mut().zip(row).for_each(|(widest, cell)| *widest = plain_width(cell).max(*widest));
        widest
    });
    let taken: usize = widest.iter().map(|width| width + 3).sum();
    let left = style.columns().saturating_sub(taken + 2);
    if left < LEAST && middle.len() > 1 {
        return None;
    }
    if let Some(head) = rows.first_mut() {
        head.push("verdict".to_owned());
    }
    for (row, column) in rows.iter_mut().skip(1).zip(&sheet.columns) {
        row.push(verdict(context, column, left.max(12), style));
    }
    Some(lines(&rows, style))
}

/// `failed: 16 failed (workload 15, addon 1)`, in as many lines as it needs.
fn verdict(context: &Context<'_>, column: &Column<'_>, space: usize, style: &Style) -> String {
    let verdict = context.verdict_of(&column.subject);
    let word = verdict.conclusion.as_str();
    let painted = style.paint(super::ink(class(verdict.conclusion)), word);
    style::wrap(&style.line(&sentence(&verdict)), space).join("\n").replacen(word, &painted, 1)
}

fn start(column: &Column<'_>) -> Vec<String> {
    let nodes = column.variant.map_or_else(|| "-".to_owned(), |variant| variant.nodes.len().to_string());
    vec![column.subject.as_str().to_owned(), nodes]
}

fn lines(rows: &[Vec<String>], style: &Style) -> Vec<String> {
    let fill = if style.ascii { '-' } else { '─' };
    let mut table = Table::new();
    table.force_no_tty().set_content_arrangement(ContentArrangement::Disabled).load_style(
        TableStyle::new()
            .header_separator(LineStyle::none().fill(fill).junction(fill))
            .content_lines(ContentLineStyle::none().junction(' '))
            .header_lines(ContentLineStyle::none().junction(' ')),
    );
    for (at, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(at, text)| {
            let cell = Cell::new(text);
            if at == 1 { cell.set_alignment(CellAlignment::Right) } else { cell }
        });
        if at == 0 {
            table.set_header(cells);
        } else {
            table.add_row(cells);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn plain_width(text: &str) -> usize {
    style::width(&crate::text::clean(text))
}

/// `12/1 !1 ?2 ~3 @4 i5`: passed, failed, errors, not evaluated, excused, for a human, only shown. `n/a` where nothing applied, `-` where nothing ran.
fn figures(tally: &Tally, style: &Style) -> String {
    let of = |statuses: &[Status]| statuses.iter().map(|status| tally.get(*status)).sum::<usize>();
    if tally.total() == 0 {
        return style.paint(Ink::Faint, "-");
    }
    if tally.total() == tally.get(Status::NotApplicable) {
        return style.paint(Ink::Faint, "n/a");
    }
    let failed = tally.get(Status::Failed);
    let figures = format!("{}/{failed}", of(&[Status::Passed, Status::Flaky]));
    let mut parts = vec![style.paint(if failed > 0 { Ink::Bad } else { Ink::Good }, &figures)];
    for (mark, number, ink) in [
        ('!', of(&[Status::Error]), Ink::Doubt),
        ('?', of(&[Status::NotEvaluated, Status::Blocked]), Ink::Doubt),
        ('~', of(&[Status::Waived, Status::Known, Status::Tolerated, Status::Allowed]), Ink::Faint),
        ('@', of(&[Status::Manual]), Ink::Faint),
        ('i', of(&[Status::Informational]), Ink::Faint),
    ] {
        if number > 0 {
            parts.push(style.paint(ink, &format!("{mark}{number}")));
        }
    }
    parts.join(" ")
}
