//! The only place that prints: data on standard output, everything else on standard error. Whatever it prints is cleaned first, for much of
//! it comes from pods, nodes, files and AWS.

pub(crate) mod clean;

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use amiproof_model::exit::ExitCode;
use tracing_subscriber::EnvFilter;

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
}

/// One of the two streams: what may be written to it.
#[derive(Clone, Copy, Debug)]
struct Stream {
    /// Whether it is a terminal.
    terminal: bool,
    /// Whether text may be coloured.
    color: bool,
    /// Whether a CI system may read it, which interprets certain lines as commands.
    is_read_by_ci: bool,
}

impl Stream {
    fn new(terminal: bool, wish: Color) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = match wish {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !set("NO_COLOR"),
        };
        let is_ci = ["CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"].into_iter().any(set);
        Self { terminal, color, is_read_by_ci: is_ci || !terminal }
    }

    fn clean(self, text: &str) -> String {
        clean::text(text, clean::Keep { color: self.color, commands: !self.is_read_by_ci })
    }
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
    /// Decides about colour by the option, the terminal and NO_COLOR, for each stream separately.
    pub(crate) fn new(color: Color) -> Self {
        Self {
            out: Stream::new(std::io::stdout().is_terminal(), color),
            err: Stream::new(std::io::stderr().is_terminal(), color),
        }
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

    /// Everything else: standard error.
    pub(crate) fn note(self, text: impl Display) {
        let mut out = std::io::stderr().lock();
        if writeln!(out, "{}", self.err.clean(&text.to_string())).is_err() {
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
        self.note(format_args!("{label}: {}", failure.message));
        if !failure.hint.is_empty() {
            self.note(format_args!("\nhint: {}", failure.hint));
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

/// Sends what the program and its libraries log to standard error: errors, more with `-v`; `RUST_LOG` sets it exactly.
pub(crate) fn log_to_stderr(verbose: u8, output: Output) {
    let ours = match verbose {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    let filter = match verbose {
        0 | 1 => format!("off,amiproof={ours},amiproof_core={ours},amiproof_suites={ours}"),
        _ => format!("info,amiproof={ours},amiproof_core={ours},amiproof_suites={ours},amiproof_lab={ours}"),
    };
    let wished = std::env::var("RUST_LOG").ok().filter(|wish| !wish.is_empty());
    let filter = match wished.map(EnvFilter::try_new) {
        Some(Ok(wished)) => wished,
        Some(Err(error)) => {
            output.note(format_args!("warning: RUST_LOG: {error}"));
            EnvFilter::new(filter)
        }
        None => EnvFilter::new(filter),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(output.err.color)
        .with_writer(move || CleanStderr(output.err))
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        // Only tests that call several commands in one process get here.
        tracing::debug!("the log keeps its earlier destination");
    }
}

/// Standard error for the log, whose values come from elsewhere too. Each line arrives in one piece.
struct CleanStderr(Stream);

impl Write for CleanStderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = self.0.clean(&String::from_utf8_lossy(bytes));
        std::io::stderr().lock().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}
