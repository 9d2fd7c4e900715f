//! The style of text on a terminal: width, colour, ASCII. Pure: the caller knows the terminal.

use std::fmt::Write as _;

use crate::text;

/// The style of a terminal, set by the caller, which may read the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: u16,
    /// Whether to use ANSI colours. No information depends on colour alone.
    pub colour: bool,
    /// Whether to write ASCII only.
    pub ascii: bool,
    /// How many failed checks (and how many errors) are listed before `and N more`.
    pub limit: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 100, colour: false, ascii: false, limit: 20 }
    }
}

/// The colours that mean something.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    Good,
    Bad,
    Doubt,
    Faint,
    Strong,
}

impl Style {
    /// The text in a colour, where colours are wanted.
    pub(crate) fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = match ink {
            Ink::Good => owo_colors::Style::new().green(),
            Ink::Bad => owo_colors::Style::new().red().bold(),
            Ink::Doubt => owo_colors::Style::new().yellow(),
            Ink::Faint => owo_colors::Style::new().dimmed(),
            Ink::Strong => owo_colors::Style::new().bold(),
        };
        style.style(text).to_string()
    }

    /// One clean line; in ASCII if that is asked for.
    pub(crate) fn line(&self, text: &str) -> String {
        self.encode(text::line(text))
    }

    pub(crate) fn encode(&self, text: String) -> String {
        if !self.ascii || text.is_ascii() {
            return text;
        }
        text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                c if c.is_ascii() => out.push(c),
                '…' => out.push_str("..."),
                '–' | '—' | '─' => out.push('-'),
                _ => out.push('?'),
            }
            out
        })
    }

    pub(crate) fn columns(&self) -> usize {
        usize::from(self.width.max(40))
    }
}

/// Writes at most `lines` lines of the text, `indent` columns in; what does not fit ends in `…`.
pub(crate) fn write_wrapped(out: &mut String, style: &Style, indent: usize, text: &str, lines: usize) {
    let space = style.columns() - indent;
    let mut wrapped = wrap(&style.line(text), space);
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        if let Some(last) = wrapped.last_mut() {
            let mark = style.encode("…".to_owned());
            while width(last) + width(&mark) > space && last.pop().is_some() {}
            last.push_str(&mark);
        }
    }
    for line in wrapped {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:indent$}{line}", "");
    }
}

/// Like [`write_wrapped`] without a limit of lines, with `strong` in front of the text and painted.
pub(crate) fn write_titled(out: &mut String, style: &Style, indent: usize, strong: &str, text: &str) {
    let strong = style.line(strong);
    let mut lines = String::new();
    write_wrapped(&mut lines, style, indent, &format!("{strong} {text}"), usize::MAX);
    match lines.trim_start().strip_prefix(&strong) {
        Some(rest) => {
            let _ = write!(out, "{:indent$}{}{rest}", "", style.paint(Ink::Strong, &strong));
        }
        // The strong part alone is wider than the terminal: it was broken, so it stays plain.
        None => out.push_str(&lines),
    }
}

pub(crate) fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Breaks at spaces, and inside a word only where the word alone is too wide.
pub(crate) fn wrap(text: &str, space: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !current.is_empty() && width(&current) + 1 + width(word) > space {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        for c in word.chars() {
            if width(&current) + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) > space {
                lines.push(std::mem::take(&mut current));
            }
            current.push(c);
        }
    }
    if !current.is_empty() {
        lines.push(current);
    }
    lines
}

/// The colour of a verdict's class.
pub(super) fn ink(class: &str) -> Ink {
    match class {
        "failed" => Ink::Bad,
        "passed" => Ink::Good,
        "not-applicable" => Ink::Faint,
        _ => Ink::Doubt,
    }
}
