//! The output of a script in sections: a line `@@ name` begins one.

use indexmap::IndexMap;

/// What begins a section.
const MARK: &str = "@@ ";

/// The section that ends a script; see [`complete`].
const END: &str = "end";

/// How many lines of certificates are read: some hundred of them.
pub(super) const CERTIFICATES: usize = 3000;

/// Sections whose length depends on what a node runs, and how many lines of each are read.
///
/// Kernel settings are about 1,100 lines, modules about 150 and services about 250 on a stock host of Amazon Linux 2023.
const LIMITS: [(&str, usize); 15] = [
    ("sysctl", 4000),
    ("mounts", 400),
    ("file-systems", 400),
    ("modules", 1000),
    ("modprobe", 2000),
    ("nft", 3000),
    ("iptables", 2000),
    ("ip6tables", 2000),
    ("listening", 2000),
    ("units", 1500),
    ("active", 1500),
    ("booleans", 1000),
    ("containerd", 400),
    ("time-sources", 100),
    ("certificates", CERTIFICATES),
];

/// How many lines of a section are read; `None` for sections that are short.
fn limit(name: &str) -> Option<usize> {
    LIMITS.iter().find(|(own, _)| *own == name).map(|(_, lines)| *lines)
}

/// What a script printed, by section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sections {
    texts: IndexMap<String, String>,
    /// Sections with more lines than are read.
    cut: Vec<String>,
}

impl Sections {
    /// The lines of a section; empty if it was not read.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The lines of a section; `None` if it was not read.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The lines of a section that was read to its end. What is only true of all lines (their number, a digest, that there is no other)
    /// must be derived from these alone.
    pub(super) fn entire(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|_| !self.cut.iter().any(|cut| cut == name))
    }

    /// Sections with more lines than are read, in the order of the script.
    pub(super) fn cut(&self) -> &[String] {
        &self.cut
    }

    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// Sections by name, in their order; each with its lines, at most as many as are read. Text before the first one is dropped.
pub(super) fn split(output: &str) -> Sections {
    let mut texts: IndexMap<String, String> = IndexMap::new();
    let mut cut = Vec::new();
    let mut left = usize::MAX;
    for line in output.lines() {
        let line = line.trim_end_matches('\r');
        if let Some(name) = line.strip_prefix(MARK) {
            let name = name.trim();
            left = limit(name).unwrap_or(usize::MAX);
            texts.entry(name.to_owned()).or_default();
        } else if let Some((name, text)) = texts.last_mut() {
            if left == 0 {
                if !cut.contains(name) {
                    cut.push(name.clone());
                }
                continue;
            }
            left -= 1;
            text.push_str(line);
            text.push('\n');
        }
    }
    Sections { texts, cut }
}

/// The line that ends a script of a POSIX shell: output without what it prints was cut off.
pub(super) fn end_of_shell() -> String {
    format!("\necho '{MARK}{END}'\n")
}

/// As [`end_of_shell`], for PowerShell, which prints an expression that stands alone.
pub(super) fn end_of_powershell() -> String {
    format!("\n'{MARK}{END}'\n")
}

/// The sections of an output that may be truncated. Without the last line the last section may be incomplete, so it is left out: a missing
/// section is unknown, and an empty one means that the host printed nothing.
pub(super) fn complete(output: &str) -> Sections {
    let mut sections = split(output);
    if sections.texts.shift_remove(END).is_none()
        && let Some((name, _)) = sections.texts.pop()
    {
        sections.cut.retain(|cut| *cut != name);
    }
    sections
}

/// Shell lines that print a section with what a command prints; what the host does not have prints nothing.
///
/// A section with a limit prints one line more than is read, which is how [`split`] knows that it is cut.
pub(super) fn shell(name: &str, command: &str) -> String {
    match limit(name) {
        Some(lines) => format!("echo '{MARK}{name}'\n{{ {command}; }} | head -n {}\n", lines + 1),
        None => format!("echo '{MARK}{name}'\n{command}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keep_their_lines_and_their_order() {
        let sections = split("noise\n@@ b\n1\r\n2\n@@ a\n@@ c\n3");
        let shown: Vec<_> = sections.texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(shown, [("b", "1\n2\n"), ("a", ""), ("c", "3\n")]);
        assert!(split("").is_empty());
    }

    #[test]
    fn what_was_cut_off_is_not_known() {
        let names = |output: &str| complete(output).texts.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names("@@ selinux\n@@ modprobe\n@@ end\n"), ["selinux", "modprobe"]);
        assert_eq!(names("@@ selinux\nEnforcing\n@@ modprobe\ninstall s"), ["selinux"]);
        assert!(names("").is_empty());
    }

    #[test]
    fn a_section_with_more_lines_than_are_read_is_not_whole() {
        for (name, lines) in LIMITS {
            let of = |count: usize| split(&format!("@@ {name}\n{}@@ end\n", "x = 1\n".repeat(count)));
            let exact = of(lines);
            assert_eq!((exact.text(name).lines().count(), exact.entire(name).is_some()), (lines, true), "{name}");
            let more = of(lines + 1);
            assert_eq!((more.text(name).lines().count(), more.entire(name)), (lines, None), "{name}");
            assert_eq!(more.cut(), [name]);
        }
    }

    #[test]
    fn a_real_shell_prints_one_line_more_than_is_read() {
        let line = shell("time-sources", "seq 1 250");
        let ran = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        let sections = split(&String::from_utf8(ran.stdout).unwrap());
        assert_eq!(sections.text("time-sources").lines().last(), Some("100"));
        assert_eq!(sections.cut(), ["time-sources"]);
    }
}
