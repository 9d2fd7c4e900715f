//! The only place that prints: data on standard output, everything else on standard error. Whatever it prints is cleaned first, for much of
//! it comes from pods, nodes, files and AWS.

pub(crate) mod clean;
mod color;
pub(crate) mod log;
mod redact;
mod stream;

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use amiproof_model::exit::ExitCode;
use camino::Utf8Path;

use self::stream::Stream;
use crate::args::Color;

/// A number with its noun: `1 node`, `2 nodes`.
pub(crate) fn count(number: usize, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {singular}{plural}")
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    out: Stream,
    err: Stream,
    /// Whether only errors and the result are printed.
    quiet: bool,
}

/// Why a command failed: the message, the hint and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened, where: lower case, no full stop. May have several lines.
    pub(crate) message: String,
    /// What to do next; may be empty.
    pub(crate) hint: String,
    /// The exit code.
    pub(crate) exit: ExitCode,
}

impl Failure {
    /// Wrong input: nothing was created.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), exit: ExitCode::Usage }
    }

    /// Something outside of amiproof failed.
    pub(crate) fn error(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), exit: ExitCode::Error }
    }
}

impl Output {
    /// Decides about colour by the option, the environment and the terminal, for each stream separately.
    pub(crate) fn new(color: Color, quiet: bool) -> Self {
        Self {
            out: Stream::new(std::io::stdout().is_terminal(), color),
            err: Stream::new(std::io::stderr().is_terminal(), color),
            quiet,
        }
    }

    /// Whether only errors and the result are printed.
    pub(crate) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// Whether text on standard output may be coloured.
    pub(crate) fn color(self) -> bool {
        self.out.color
    }

    /// Whether standard error is a terminal, where bars may move.
    pub(crate) fn is_terminal(self) -> bool {
        self.err.terminal
    }

    /// Columns of the terminal; 120 without one, so that CI logs are not cut.
    pub(crate) fn width(self) -> u16 {
        console_width().unwrap_or(120)
    }

    /// Text for people: standard output.
    pub(crate) fn data(self, text: impl Display) {
        self.write_out(&self.out.clean(&text.to_string()));
    }

    /// JSON: standard output. Commands of CI systems are escaped, so that a parser reads the same text.
    pub(crate) fn json(self, text: impl Display) {
        self.write_out(&clean::json(&text.to_string()));
    }

    /// A closed reader (`| head`) is not an error.
    fn write_out(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let ended = if text.ends_with('\n') { "" } else { "\n" };
        if write!(out, "{text}{ended}").and_then(|()| out.flush()).is_err() {
            tracing::debug!("standard output is closed");
        }
    }

    /// What is worth knowing: standard error, unless only errors are wanted.
    pub(crate) fn note(self, text: impl Display) {
        let text = text.to_string();
        if !self.quiet {
            self.write_err(&text);
        }
        log::line("NOTE", &text);
    }

    /// A line about an event of the run, which is in the log already: standard error.
    pub(crate) fn event(self, text: &str) {
        self.write_err(text);
    }

    /// What must be known, such as an error or a question: standard error, always.
    pub(crate) fn alert(self, text: impl Display) {
        let text = text.to_string();
        self.write_err(&text);
        log::line("NOTE", &text);
    }

    fn write_err(self, text: &str) {
        let mut out = std::io::stderr().lock();
        if writeln!(out, "{}", self.err.clean(text)).is_err() {
            tracing::debug!("standard error is closed");
        }
    }

    /// Text for a moving line on standard error, which is never coloured.
    pub(crate) fn inline(self, text: &str) -> String {
        clean::text(text, clean::Keep { color: false, commands: false }).replace('\n', " ")
    }

    /// A failure with its hint.
    pub(crate) fn error(self, failure: &Failure) {
        let label = if self.err.color { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
        self.alert(format_args!("{label}: {}", failure.message));
        if !failure.hint.is_empty() {
            self.alert(format_args!("\nhint: {}", failure.hint));
        }
    }

    /// Begins the log, with as much of it on standard error as the user asks for.
    pub(crate) fn begin_log(self, verbose: u8) {
        if let Some(problem) = log::begin(verbose, self.err) {
            self.note(format_args!("warning: {problem}"));
        }
    }

    /// From now on the log is in the folder of a run.
    pub(crate) fn keep_log_in(self, folder: &Utf8Path) {
        if let Err(problem) = log::keep_in(folder) {
            self.note(format_args!("warning: the log of the run cannot be kept: {problem}"));
        }
    }

    /// The last line of a command that did not end well: where more is written down.
    pub(crate) fn name_log(self) {
        if let Some(path) = log::path() {
            self.note(format_args!("log       {path}"));
        }
        if let Some(problem) = log::problem() {
            self.note(format_args!("warning: the log is incomplete: {problem}"));
        }
    }
}

fn console_width() -> Option<u16> {
    let term = console::Term::stdout();
    match term.size_checked() {
        Some((_, columns)) if term.is_term() => Some(columns.clamp(40, 400)),
        _ => std::env::var("COLUMNS").ok()?.parse().ok(),
    }
}
