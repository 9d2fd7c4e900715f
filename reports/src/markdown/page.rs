//! A document of limited size, and text that is only text in it.

use std::fmt::Write as _;

use crate::text;

/// The most bytes of a document: GitHub takes 65,535 for the body of a check or a comment (and 1 MiB for a step summary).
pub const LIMIT: usize = 65_535;

/// What is kept free for the sentence that says that something was left out.
const RESERVE: usize = 400;

/// A zero-width space: put after `@` and `#`, and into addresses, because GitHub links `@name`, `#1` and `https://…`
/// wherever they are.
const UNLINKED: char = '\u{200b}';

/// A document that accepts only complete blocks, as long as there is space: a table row or a `<details>` is never cut in two.
pub(crate) struct Page {
    text: String,
    kept: usize,
    is_full: bool,
    is_cut: bool,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self { text: String::new(), kept: 0, is_full: false, is_cut: false }
    }

    /// Adds a block, or leaves it out. After the first block that did not fit no other one is added, so that the document contains the
    /// most important part without gaps.
    pub(crate) fn push(&mut self, block: &str) -> bool {
        if self.is_full || block.len() > self.remaining() {
            (self.is_full, self.is_cut) = (true, true);
            return false;
        }
        self.text.push_str(block);
        true
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        (LIMIT - RESERVE).saturating_sub(self.text.len() + self.kept)
    }

    /// Reserves space for what comes later.
    pub(crate) fn keep(&mut self, bytes: usize) {
        (self.kept, self.is_full) = (bytes, false);
    }

    /// Remembers that something was left out so that others fit too.
    pub(crate) fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    /// The text, with a pointer to the rest if anything was left out.
    pub(crate) fn finish(mut self, pointer: &str) -> String {
        if self.is_cut || self.is_full {
            // Writing to a String cannot fail.
            let _ = write!(self.text, "\n> [!NOTE]\n> Cut here to stay below {LIMIT} bytes: {pointer}\n");
        }
        self.text
    }
}

/// Text inside a block of HTML, where Markdown means nothing and a backslash would be seen.
pub(crate) fn html(text: &str) -> String {
    let line = unlinked(&text::line(text));
    let mut out = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
    out
}

/// Text as text: no Markdown, no HTML, no mention of a person, no reference to an issue, no link, no end of a table cell.
pub(crate) fn escape(text: &str) -> String {
    let line = unlinked(&text::line(text));
    let mut out = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Without anything that GitHub makes a link of by itself: mentions, issues, addresses with a scheme or `www.`.
fn unlinked(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    for (at, c) in line.char_indices() {
        out.push(c);
        let rest = &line[at + c.len_utf8()..];
        let breaks = match c {
            '@' | '#' => true,
            ':' => rest.starts_with("//"),
            'w' | 'W' => rest.starts_with('.') && line[..at].to_ascii_lowercase().ends_with("ww"),
            _ => false,
        };
        if breaks {
            out.push(UNLINKED);
        }
    }
    out
}

/// The text as inline code, whatever it holds.
pub(crate) fn code(text: &str) -> String {
    let line = text::line(text).replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&line, '`') + 1);
    if ticks.len() == 1 { format!("`{line}`") } else { format!("{ticks} {line} {ticks}") }
}

/// The text as a code block with a fence longer than any in it.
pub(crate) fn fence(text: &str, limit: usize) -> String {
    let clean = text::clean(text);
    let cut = text::head_and_tail(clean.trim_end(), limit, "see report.json");
    let ticks = "`".repeat((longest_run(&cut, '`') + 1).max(3));
    format!("{ticks}text\n{cut}\n{ticks}\n")
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

pub(crate) fn indented(block: &str, indent: &str) -> String {
    block.lines().map(|line| format!("{indent}{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_neither_markdown_nor_html_nor_a_mention_nor_a_link() {
        assert_eq!(
            escape("a|b\n<img onerror=x> [l](u) **b** `c`"),
            "a\\|b &lt;img onerror=x&gt; \\[l\\](u) \\*\\*b\\*\\* \\`c\\`"
        );
        assert_eq!(escape("@org/team #12"), "@\u{200b}org/team #\u{200b}12");
        assert_eq!(escape("see https://example.com"), "see https:\u{200b}//example.com");
        assert_eq!(html("WWW.example.com"), "WWW\u{200b}.example.com");
        assert_eq!(escape("10.0.0.1:8080 w.x"), "10.0.0.1:8080 w.x");
    }

    #[test]
    fn code_and_fences_are_longer_than_what_they_hold() {
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(fence("````\nend", 100), "`````text\n````\nend\n`````\n");
    }

    #[test]
    fn a_page_stops_at_the_first_block_that_does_not_fit() {
        let mut page = Page::new();
        assert!(page.push("first\n"));
        assert!(!page.push(&"x".repeat(LIMIT)));
        assert!(!page.push("small\n"));
        let text = page.finish("see the rest");
        assert!(text.starts_with("first\n") && text.contains("see the rest") && !text.contains("small"));
    }
}
