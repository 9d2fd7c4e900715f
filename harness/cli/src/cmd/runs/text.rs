//! The list of runs for people: a table where it fits, and a few lines for each run where it does not.

use amiproof_model::cost::Usd;
use jiff::Timestamp;

use super::listed::{Listed, Outcome, Run};

/// The columns of the table.
const HEADINGS: [&str; 6] = ["RUN", "STARTED (UTC)", "COMMAND", "OUTCOME", "RESOURCES", "COST"];

/// Renders the list. `option` is what a command needs beside its name to find the same folder; `width` are the columns of the terminal.
pub(super) fn render(listed: &Listed, option: &str, width: u16) -> String {
    if listed.runs.is_empty() {
        return format!("there is no run in {} yet; `amiproof run` starts one", listed.dir);
    }
    let rows: Vec<[String; 6]> = listed.runs.iter().map(row).collect();
    let mut lines = table(&rows, usize::from(width)).unwrap_or_else(|| blocks(&rows));
    if listed.older > 0 {
        lines.push(format!("and {} older runs without resources; --all lists them", listed.older));
    }
    let alive: Vec<&Run> = listed.runs.iter().filter(|run| run.alive.resources > 0).collect();
    lines.push(String::new());
    for run in &alive {
        lines.extend(details(run, option));
    }
    for run in &listed.runs {
        if let Outcome::Unreadable { why } = &run.outcome {
            lines.push(format!("{}: {why}", run.run));
        }
    }
    lines.push(format!("according to the ledgers and reports in {}; AWS was not asked", listed.dir));
    lines.extend(sums(&listed.runs));
    let next = alive.iter().filter(|run| !matches!(run.outcome, Outcome::Running { .. }));
    let next: Vec<String> = next.map(|run| format!("  amiproof{option} destroy --run {}", run.run)).collect();
    match (next.is_empty(), alive.is_empty()) {
        (false, _) => {
            lines.push("next: delete what still exists".to_owned());
            lines.extend(next);
        }
        (true, true) => lines.push("no run has resources left".to_owned()),
        (true, false) => {}
    }
    lines.join("\n")
}

fn row(run: &Run) -> [String; 6] {
    let name = if run.is_latest { format!("{} (latest)", run.run) } else { run.run.clone() };
    let started = run.started.map_or_else(|| "?".to_owned(), minute);
    let lab = if run.in_process_lab { " --lab" } else { "" };
    let command = run.command.as_ref().map_or_else(|| "?".to_owned(), |command| format!("{command}{lab}"));
    let outcome = match &run.outcome {
        Outcome::Running { command, pid } => format!("running ({command}, pid {pid})"),
        Outcome::Ended { conclusion, exit_code, .. } => format!("{conclusion} ({exit_code})"),
        Outcome::NoReport if run.alive.kept => "network only".to_owned(),
        Outcome::NoReport => "no report".to_owned(),
        Outcome::Unreadable { .. } => "unreadable".to_owned(),
    };
    let cost = run.cost.as_ref().map_or_else(
        || "-".to_owned(),
        |cost| {
            let more = if cost.unknown.is_empty() { "" } else { " or more" };
            let simulated = if run.in_process_lab { " (lab)" } else { "" };
            format!("{}{more}{simulated}", cost.usd)
        },
    );
    [name, started, command, outcome, run.alive.resources.to_string(), cost]
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// The rows as a table; `None` if it is wider than that.
fn table(rows: &[[String; 6]], width: usize) -> Option<Vec<String>> {
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEADINGS[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(widest);
    if widths.iter().sum::<usize>() + 2 * (widths.len() - 1) > width {
        return None;
    }
    let line = |cells: [&str; 6]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    Some(std::iter::once(line(HEADINGS)).chain(body).collect())
}

/// The rows one below the other.
fn blocks(rows: &[[String; 6]]) -> Vec<String> {
    let block = |[name, started, command, outcome, alive, cost]: &[String; 6]| {
        [name.clone(), format!("  {started}  {command}  {outcome}"), format!("  resources {alive}, cost {cost}")]
    };
    rows.iter().flat_map(block).collect()
}

/// The resources of a run that may still exist.
fn details(run: &Run, option: &str) -> Vec<String> {
    let alive = &run.alive;
    let kinds: Vec<String> = alive.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let mut lines = vec![format!("{}: {} may still exist", run.run, kinds.join(", "))];
    if let Some(cost) = run.cost.as_ref().filter(|cost| cost.usd_per_hour > Usd::ZERO) {
        lines.push(format!("  {} so far, {} per hour", cost.usd, cost.usd_per_hour));
    }
    if let Some(cost) = run.cost.as_ref().filter(|cost| !cost.unknown.is_empty()) {
        lines.push(format!("  not counted, because it has no price: {}", cost.unknown.join(", ")));
    }
    match alive.expires {
        Some(at) => lines.push(format!("  `amiproof{option} sweep` may delete it from {} UTC on", minute(at))),
        None => lines.push("  kept on purpose, for later runs".to_owned()),
    }
    if matches!(run.outcome, Outcome::NoReport) && !alive.kept {
        lines.push(format!("  it ended without a report: `amiproof{option} resume {}` continues it", run.run));
    }
    lines
}

/// The cost of all runs that are listed.
fn sums(runs: &[Run]) -> Option<String> {
    let real = || runs.iter().filter(|run| !run.in_process_lab).filter_map(|run| run.cost.as_ref());
    let prices = real().map(|cost| cost.prices.as_str()).next()?;
    let so_far: Usd = real().map(|cost| cost.usd).sum();
    let per_hour: Usd = real().map(|cost| cost.usd_per_hour).sum();
    let goes_on = if per_hour > Usd::ZERO { format!(", {per_hour} per hour from now on") } else { String::new() };
    Some(format!("cost of these runs, by On-Demand prices of {prices}: {so_far} so far{goes_on}"))
}
