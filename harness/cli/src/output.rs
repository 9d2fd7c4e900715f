//! The only place that prints: data on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use amiproof_model::exit::ExitCode;

use crate::args::Color;

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    color: bool,
    terminal: bool,
}

/// Why a command could not do what it was asked: the message, the advice and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened, where: lower case, no full stop. May have several lines.
    pub(crate) message: String,
    /// What to do next; may be empty.
    pub(crate) hint: String,
    /// What the process answers.
    pub(crate) exit: ExitCode,
}

impl Failure {
    /// Wrong input: nothing was created.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), exit: ExitCode::Usage }
    }

    /// Something outside did not work.
    pub(crate) fn error(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), exit: ExitCode::Error }
    }
}

impl Output {
    /// Follows the wish of the user, the terminal and NO_COLOR.
    pub(crate) fn new(color: Color) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
            }
        };
        Self { color, terminal }
    }

    /// Whether text on standard output may be coloured.
    pub(crate) fn color(self) -> bool {
        self.color
    }

    /// Whether standard error is a terminal, where bars may move.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Columns of the terminal; 120 where there is none, so that logs of CI are not cut.
    pub(crate) fn width(self) -> u16 {
        console_width().unwrap_or(120)
    }

    /// Data: standard output. A reader that went away (`| head`) is no error.
    pub(crate) fn data(self, text: impl Display) {
        let mut out = std::io::stdout().lock();
        let text = text.to_string();
        let ended = if text.ends_with('\n') { "" } else { "\n" };
        if write!(out, "{text}{ended}").and_then(|()| out.flush()).is_err() {
            tracing::debug!("standard output is closed");
        }
    }

    /// Everything else: standard error.
    pub(crate) fn note(self, text: impl Display) {
        let mut out = std::io::stderr().lock();
        if writeln!(out, "{text}").is_err() {
            tracing::debug!("standard error is closed");
        }
    }

    /// A failure with its advice.
    pub(crate) fn error(self, failure: &Failure) {
        let label = if self.color { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
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

/// Sends what the program and its libraries log to standard error: warnings, more with `-v`.
pub(crate) fn log_to_stderr(verbose: u8) {
    let ours = match verbose {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    let filter = match verbose {
        0 | 1 => format!("off,amiproof={ours},amiproof_core={ours},amiproof_suites={ours}"),
        _ => format!("info,amiproof={ours},amiproof_core={ours},amiproof_suites={ours},amiproof_lab={ours}"),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        // Only tests that call several commands in one process get here.
        tracing::debug!("the log goes where it went before");
    }
}
