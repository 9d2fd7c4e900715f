//! Text from outside made safe for a report: no terminal escapes, no control characters, no more than its share.
//!
//! Titles, findings and evidence come from nodes, scanners and cloud APIs. A terminal obeys escape sequences, one character
//! outside XML 1.0 makes Jenkins refuse a whole file, and a scanner can print megabytes. So every renderer takes such text
//! through this module and through nothing else.

use std::borrow::Cow;

/// The text without ANSI escape sequences and without characters that XML 1.0 forbids (a subset of what a terminal may not
/// see). Tab and line feed stay; carriage returns become line feeds.
///
/// XML 1.0, production 2 (`Char`): #x9, #xA, #xD, #x20–#xD7FF, #xE000–#xFFFD, #x10000–#x10FFFF. C1 controls (#x80–#x9F) are
/// legal there, but terminals obey some of them, so they go too.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            c if is_plain(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// The text as one clean line: white space runs, line breaks among them, become one space; both ends are trimmed.
pub(crate) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in clean(text).split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// One clean line of at most `limit` characters; what is cut ends in `…`.
pub(crate) fn short_line(text: &str, limit: usize) -> String {
    let whole = line(text);
    match whole.char_indices().nth(limit) {
        None => whole,
        Some(_) => {
            let mut cut: String = whole.chars().take(limit.saturating_sub(1)).collect();
            cut.push('…');
            cut
        }
    }
}

/// The text, or its head and tail with a note between them, in at most `limit` bytes (the note included, as long as the limit
/// leaves space for one). `pointer` says where the whole is.
pub(crate) fn head_and_tail<'a>(text: &'a str, limit: usize, pointer: &str) -> Cow<'a, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let note = format!("\n[… {} bytes cut; {pointer} …]\n", text.len());
    let space = limit.saturating_sub(note.len());
    let head = floor(text, space.div_ceil(2));
    let tail = ceil(text, text.len() - space / 2);
    let cut = tail - head;
    let note = format!("\n[… {cut} bytes cut; {pointer} …]\n");
    Cow::Owned(format!("{}{note}{}", &text[..head], &text[tail..]))
}

/// Seconds as people say them: `0.4 s`, `12 s`, `3 min 05 s`, `1 h 02 min`. What is not a number of seconds is `-`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    let whole = whole_seconds(seconds);
    match whole {
        // A sum of nothing is -0.0.
        _ if seconds < 9.95 => format!("{:.1} s", seconds.abs()),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `4.1 h`, `0.05 h`.
pub(crate) fn hours(hours: f64) -> String {
    if hours < 0.95 { format!("{hours:.2} h") } else { format!("{hours:.1} h") }
}

/// `1 check`, `2 checks`.
pub(crate) fn count(number: usize, singular: &str) -> String {
    if number == 1 { format!("1 {singular}") } else { format!("{number} {singular}s") }
}

/// The time in UTC, to the second: `2026-11-21 07:42:20 UTC`.
pub(crate) fn moment(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "finite and not negative; 'as' saturates")]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.round() as u64
}

fn is_plain(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !is_bidirectional_control(c)
}

/// Characters that reorder what a reader sees of the text around them, so that a finding could be shown as its opposite.
fn is_bidirectional_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What follows ESC: a control sequence (`[`), a string up to BEL or ESC `\` (`]`, `P`, `X`, `^`, `_`), or a short escape
/// with intermediate bytes. ECMA-48, sections 5.4 to 5.6.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => skip_control_string(chars),
        Some(' '..='/') => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_control_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|c| matches!(c, '\u{20}'..='\u{3f}')).is_some() {}
    chars.next_if(|c| matches!(c, '\u{40}'..='\u{7e}'));
}

/// A string that never ends must not swallow the evidence after it, so the end of the line ends it too.
fn skip_control_string(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(c) = chars.next_if(|&c| c != '\n') {
        if c == '\u{7}' {
            return;
        }
        if c == '\u{1b}' {
            chars.next_if_eq(&'\\');
            return;
        }
    }
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The first character boundary at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_illegal_characters_go_and_the_rest_stays() {
        for (dirty, expected) in [
            ("plain µ – 🦀\ttab\nline", "plain µ – 🦀\ttab\nline"),
            ("\u{1b}[31;1mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;https://x\u{1b}\\link", "link"),
            ("\u{1b}]never ends\nevidence", "\nevidence"),
            ("\u{1b}(Bset", "set"),
            ("\u{9b}2Jcleared", "cleared"),
            ("a\0b\u{8}c\u{b}d\u{7f}e\u{85}f\u{fffe}g\u{ffff}h", "abcdefgh"),
            ("one\r\ntwo\rthree", "one\ntwo\nthree"),
            ("safe\u{202e}elbisrever", "safeelbisrever"),
            ("cut \u{1b}", "cut "),
        ] {
            assert_eq!(clean(dirty), expected, "{dirty:?}");
        }
    }

    #[test]
    fn a_line_has_no_breaks_and_at_most_its_limit_of_characters() {
        assert_eq!(line("  one\n\n two\t three\u{1b}[0m "), "one two three");
        assert_eq!(short_line("🦀🦀🦀", 3), "🦀🦀🦀");
        assert_eq!(short_line("🦀🦀🦀🦀", 3), "🦀🦀…");
        assert_eq!(short_line("abc", 0), "…");
    }

    #[test]
    fn head_and_tail_keep_both_ends_within_the_limit_and_cut_between_characters() {
        let text = format!("first{}last", "🦀".repeat(1000));
        for limit in [0, 1, 60, 100, 101, 102, 103, 500, 4008] {
            let cut = head_and_tail(&text, limit, "see report.json");
            if limit >= 100 {
                assert!(cut.len() <= limit, "{} bytes for a limit of {limit}", cut.len());
                assert!(cut.starts_with("first") && cut.ends_with("last"), "{cut}");
            }
            assert!(cut.contains("see report.json"), "{cut}");
        }
        assert_eq!(head_and_tail(&text, text.len(), "x"), text);
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, expected) in [
            (0.0, "0.0 s"),
            (-0.0, "0.0 s"),
            (0.44, "0.4 s"),
            (9.96, "10 s"),
            (59.6, "1 min 00 s"),
            (185.0, "3 min 05 s"),
            (3720.0, "1 h 02 min"),
            (f64::NAN, "-"),
            (-1.0, "-"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }
}
