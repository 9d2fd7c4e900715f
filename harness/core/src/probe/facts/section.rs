//! The output of a script in sections: a line `@@ name` begins one.

use indexmap::IndexMap;

/// What begins a section.
const MARK: &str = "@@ ";

/// Sections by name, in their order; each with its lines. Text before the first one is dropped.
pub(super) fn split(output: &str) -> IndexMap<String, String> {
    let mut sections: IndexMap<String, String> = IndexMap::new();
    for line in output.lines() {
        let line = line.trim_end_matches('\r');
        if let Some(name) = line.strip_prefix(MARK) {
            sections.entry(name.trim().to_owned()).or_default();
        } else if let Some((_, text)) = sections.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    sections
}

/// The section that ends a script; see [`complete`].
const END: &str = "end";

/// The line that ends a script of a POSIX shell: output without what it prints was cut off.
pub(super) fn end_of_shell() -> String {
    format!("\necho '{MARK}{END}'\n")
}

/// The same for PowerShell, where a text by itself is printed.
pub(super) fn end_of_powershell() -> String {
    format!("\n'{MARK}{END}'\n")
}

/// The sections of an output that may be truncated. Without the last line the last section may be incomplete, so it is left out: a missing
/// section is unknown, and an empty one means that the host printed nothing.
pub(super) fn complete(output: &str) -> IndexMap<String, String> {
    let mut sections = split(output);
    if sections.shift_remove(END).is_none() {
        sections.pop();
    }
    sections
}

/// Shell lines that print a section with what a command prints; what the host does not have prints nothing.
pub(super) fn shell(name: &str, command: &str) -> String {
    format!("echo '{MARK}{name}'\n{command}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keep_their_lines_and_their_order() {
        let sections = split("noise\n@@ b\n1\r\n2\n@@ a\n@@ c\n3");
        let shown: Vec<_> = sections.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(shown, [("b", "1\n2\n"), ("a", ""), ("c", "3\n")]);
        assert!(split("").is_empty());
    }

    #[test]
    fn what_was_cut_off_is_not_known() {
        let names = |output: &str| complete(output).keys().cloned().collect::<Vec<_>>();
        assert_eq!(names("@@ selinux\n@@ modprobe\n@@ end\n"), ["selinux", "modprobe"]);
        assert_eq!(names("@@ selinux\nEnforcing\n@@ modprobe\ninstall s"), ["selinux"]);
        assert!(names("").is_empty());
    }
}
