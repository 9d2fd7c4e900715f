//! Text that came from elsewhere, made harmless for a terminal and for the log of a CI system.

/// What a reader of the text may get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Colours: the escape sequences `ESC [ .. m`, and no others.
    pub(crate) color: bool,
    /// Lines that a CI system would take for commands. A terminal obeys none.
    pub(crate) commands: bool,
}

/// How commands begin, anywhere in a line, and whatever the case: Azure Pipelines and the first syntax of GitHub's runner,
/// and TeamCity (actions/runner `ActionCommand.TryParse`, microsoft/azure-pipelines-agent `Command.TryParse`, TeamCity
/// "Service Messages").
const COMMANDS: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// Without control characters but line ends and tabs, without characters that change the writing direction, and
/// without commands for CI.
pub(crate) fn text(text: &str, keep: Keep) -> String {
    let plain = plain(text, keep.color);
    if keep.commands { plain } else { without_commands(&plain) }
}

/// JSON with the same characters escaped, which changes nothing for its reader.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let is_command = character == '#' && starts_command(&text[at..]);
        if is_command || (is_control(character) && !character.is_ascii()) {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            out.push(character);
        }
    }
    out
}

fn plain(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        rest = match character {
            '\u{1b}' => {
                let end = after_escape(after);
                let sequence = &after[..after.len() - end.len()];
                if color && is_color(sequence) {
                    out.push(character);
                    out.push_str(sequence);
                }
                end
            }
            // Windows line ends become ordinary ones; alone it would write over the line that is there.
            '\r' => after,
            // Line ends of Unicode: viewers break the line there, and a command could begin.
            '\u{2028}' | '\u{2029}' | '\u{85}' => {
                out.push(' ');
                after
            }
            '\n' | '\t' => {
                out.push(character);
                after
            }
            other if is_control(other) => after,
            other => {
                out.push(other);
                after
            }
        };
    }
    out
}

/// C0 and C1 control characters and DEL; marks and overrides of the direction of writing; the byte order mark.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || matches!(character, '\u{2028}' | '\u{2029}')
}

/// What follows an escape sequence whose ESC was read (ECMA-48): CSI up to its final byte, strings up to their terminator, else one byte.
fn after_escape(rest: &str) -> &str {
    let mut characters = rest.char_indices();
    match characters.next() {
        Some((_, '[')) => match characters.find(|(_, it)| !matches!(it, ' '..='?')) {
            Some((at, '@'..='~')) => &rest[at + 1..],
            // Broken off: what does not belong to it is read as text again.
            Some((at, _)) => &rest[at..],
            None => "",
        },
        Some((_, ']' | 'P' | 'X' | '^' | '_')) => {
            let end = characters.find(|(_, it)| matches!(it, '\u{7}' | '\u{1b}' | '\u{9c}' | '\n'));
            match end {
                Some((at, '\u{1b}')) if rest[at + 1..].starts_with('\\') => &rest[at + 2..],
                Some((at, '\u{1b}' | '\n')) => &rest[at..],
                Some((at, last)) => &rest[at + last.len_utf8()..],
                None => "",
            }
        }
        Some((_, first)) if first.is_ascii() && first != '\n' => &rest[1..],
        _ => rest,
    }
}

fn is_color(sequence: &str) -> bool {
    let inner = sequence.strip_prefix('[').and_then(|rest| rest.strip_suffix('m'));
    inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'))
}

/// A space within what a CI system would obey; a person still reads it.
fn without_commands(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        // Colour codes may precede the first visible character.
        let visible = skip_colors(trimmed);
        let mut rest = line;
        if visible.starts_with("::") {
            let at = line.len() - visible.len();
            out.push_str(&line[..=at]);
            out.push(' ');
            rest = &line[at + 1..];
        }
        while let Some(at) = rest.find('#') {
            let starts = starts_command(&rest[at..]);
            out.push_str(&rest[..=at]);
            if starts {
                out.push(' ');
            }
            rest = &rest[at + 1..];
        }
        out.push_str(rest);
    }
    out
}

fn starts_command(text: &str) -> bool {
    COMMANDS.iter().any(|command| text.get(..command.len()).is_some_and(|start| start.eq_ignore_ascii_case(command)))
}

fn skip_colors(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix('\u{1b}') {
        rest = after_escape(after).trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const CI: Keep = Keep { color: false, commands: false };
    const TERMINAL: Keep = Keep { color: true, commands: true };

    #[test]
    fn nothing_moves_the_cursor_turns_text_or_titles_the_window() {
        for (dirty, wanted) in [
            ("a\u{1b}[2J\u{1b}[31mb", "ab"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]8;;https://example.com\u{1b}\\link\u{1b}]8;;\u{1b}\\b", "alinkb"),
            ("a\u{1b}Pq\u{9c}b", "ab"),
            ("a\u{9b}31mb", "a31mb"),
            ("a\u{1b}cb", "ab"),
            ("a\u{1b}", "a"),
            ("a\u{1b}[31", "a"),
            ("a\u{1b}[3\u{e4}b", "a\u{e4}b"),
            ("over\rwritten\r\nnext", "overwritten\nnext"),
            ("\u{202e}gnp.exe\u{2066}x", "gnp.exex"),
            ("a\u{0}\u{8}\u{7f}b\tc", "ab\tc"),
            ("one\u{2028}::error::two", "one ::error::two"),
        ] {
            assert_eq!(text(dirty, CI), wanted, "{dirty:?}");
        }
        assert_eq!(text("\u{1b}[1;31merror\u{1b}[0m \u{1b}[2K\u{1b}[?25l", TERMINAL), "\u{1b}[1;31merror\u{1b}[0m ");
    }

    #[test]
    fn no_runner_finds_a_command() {
        for (dirty, wanted) in [
            ("::error::failed", ": :error::failed"),
            ("  \t::set-output name=a::b", "  \t: :set-output name=a::b"),
            ("ok\n::add-mask::x\nok", "ok\n: :add-mask::x\nok"),
            ("\u{1b}[31m::error::x", ": :error::x"),
            ("crate::path is not a command", "crate::path is not a command"),
            ("x ##[error]y", "x # #[error]y"),
            ("x ##vso[task.complete result=Succeeded;]", "x # #vso[task.complete result=Succeeded;]"),
            ("###VSO[task.complete]", "## #VSO[task.complete]"),
            ("##teamcity[buildStatus]", "# #teamcity[buildStatus]"),
            ("#\u{1b}[0m#[error]", "# #[error]"),
            ("## heading", "## heading"),
        ] {
            assert_eq!(text(dirty, CI), wanted, "{dirty:?}");
        }
        assert_eq!(text("::error::failed ##[x]", TERMINAL), "::error::failed ##[x]");
        let colored = text("\u{1b}[1m ::error::x", Keep { color: true, commands: false });
        assert_eq!(colored, "\u{1b}[1m : :error::x", "colours do not get around it");
        assert_eq!(
            text("#\u{1b}[0m#vso[x]", Keep { color: true, commands: false }),
            "#\u{1b}[0m#vso[x]",
            "a runner sees the colour"
        );
    }

    #[test]
    fn json_says_the_same_and_no_runner_finds_a_command_in_it() {
        let value = serde_json::json!({"a": "##vso[task.complete]\u{202e} ## \u{9b}31m \u{1b}[0m ##[x]"});
        let cleaned = json(&value.to_string());
        assert!(
            !cleaned.contains("##vso[") && !cleaned.contains("##[") && !cleaned.contains(['\u{202e}', '\u{9b}']),
            "{cleaned}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&cleaned).unwrap(), value);
    }
}
