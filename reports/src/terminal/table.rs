//! The table of variants and suites.

use std::fmt::Write as _;

use amiproof_model::report::{Counts, Report, Subject};
use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};

use super::style::{self, Ink, Style};
use crate::sheet::{self, Column, Sheet, Standing};

/// Variants as rows and suites as columns, or, where the suites do not fit, one column with the numbers of all of them.
pub(super) fn matrix(report: &Report, style: &Style) -> String {
    let sheet = Sheet::of(report);
    let suites = sheet.suite_names();
    let mut rows = vec![header(&suites)];
    rows.extend(sheet.columns.iter().map(|column| by_suite(report, column, &suites, style)));
    let mut table = lines(&rows, style);
    if table.iter().any(|line| plain_width(line) > style.columns()) {
        table = totals(report, &sheet, &suites, style);
    }
    let mut out = table.join("\n");
    let legend = "passed/failed !error ?not evaluated ~waived or known @manual";
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n{}", style.paint(Ink::Faint, legend));
    out
}

fn header(middle: &[&str]) -> Vec<String> {
    let names = ["variant", "nodes"].into_iter().chain(middle.iter().copied()).chain(["verdict"]);
    names.map(str::to_owned).collect()
}

fn by_suite(report: &Report, column: &Column<'_>, suites: &[&str], style: &Style) -> Vec<String> {
    let mut row = start(column);
    row.extend(suites.iter().map(|suite| tally(counts(report, &column.subject, suite), style)));
    row.push(verdict(report, &column.subject, style));
    row
}

fn totals(report: &Report, sheet: &Sheet<'_>, suites: &[&str], style: &Style) -> Vec<String> {
    let mut rows = vec![header(&["all"])];
    for column in &sheet.columns {
        let mut row = start(column);
        row.push(tally(sheet::counts_of(report, &column.subject), style));
        rows.push(row);
    }
    // The last column takes what the others leave. It is wrapped before it is painted, or colours would count as text.
    let colourless = Style { colour: false, ..*style };
    let narrow = rows.iter().map(|row| row.iter().map(|cell| plain_width(cell)).collect::<Vec<_>>());
    let widest = narrow.fold([0; 3], |mut widest, row| {
        widest.iter_mut().zip(row).for_each(|(widest, width)| *widest = width.max(*widest));
        widest
    });
    let taken: usize = widest.iter().map(|width| width + 3).sum();
    let room = style.columns().saturating_sub(taken + 2).max(12);
    for (row, column) in rows.iter_mut().skip(1).zip(&sheet.columns) {
        let (painted, plain) = (verdict(report, &column.subject, style), verdict(report, &column.subject, &colourless));
        let failing = places(report, &column.subject, suites);
        let text = if failing.is_empty() { plain.clone() } else { format!("{plain}: {failing}") };
        row.push(style::wrap(&text, room).join("\n").replacen(&plain, &painted, 1));
    }
    lines(&rows, style)
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

fn counts(report: &Report, subject: &Subject, suite: &str) -> Counts {
    report.counts_where(|result| &result.subject == subject && result.check.suite() == suite)
}

/// `12/1 !1 ?2 ~3 @4`: passed, failed, errors, not evaluated, excused, for a human. `n/a` where nothing applied, `-` where nothing ran.
fn tally(counts: Counts, style: &Style) -> String {
    if counts.total() == 0 {
        return style.paint(Ink::Faint, "-");
    }
    if counts.total() == counts.not_applicable {
        return style.paint(Ink::Faint, "n/a");
    }
    let figures = format!("{}/{}", counts.passed + counts.flaky, counts.failed);
    let mut parts = vec![style.paint(if counts.failed > 0 { Ink::Bad } else { Ink::Good }, &figures)];
    for (mark, number, ink) in [
        ('!', counts.error, Ink::Doubt),
        ('?', counts.not_evaluated, Ink::Doubt),
        ('~', counts.waived + counts.known + counts.tolerated, Ink::Faint),
        ('@', counts.manual, Ink::Faint),
    ] {
        if number > 0 {
            parts.push(style.paint(ink, &format!("{mark}{number}")));
        }
    }
    parts.join(" ")
}

fn verdict(report: &Report, subject: &Subject, style: &Style) -> String {
    let standing = Standing::of(report, subject);
    let ink = match standing {
        Standing::Failed => Ink::Bad,
        Standing::Broken | Standing::Error | Standing::Partly => Ink::Doubt,
        Standing::Passed => Ink::Good,
        Standing::Empty => Ink::Faint,
    };
    let word = style.paint(ink, standing.word());
    match sheet::broken_phases(report, subject).next() {
        Some((phase, _)) if standing == Standing::Broken => format!("{word} at {}", phase.phase.word()),
        _ => word,
    }
}

/// The suites with failures or errors, and how many.
fn places(report: &Report, subject: &Subject, suites: &[&str]) -> String {
    let places = suites.iter().filter_map(|suite| {
        let counts = counts(report, subject, suite);
        (counts.failed + counts.error > 0).then(|| format!("{suite} {}", counts.failed + counts.error))
    });
    places.collect::<Vec<_>>().join(", ")
}
