//! Problems in a user's file: where, what, and what to write instead.

use std::fmt;

use serde::Serialize;

/// A position in a file. Both numbers start at 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// Where a file starts.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of a byte of `text`: of the character that it belongs to, or of the end.
    pub fn of_byte(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        Self { line, column }
    }
}

/// One problem in a user's file. It displays as two lines, in the form that editors and CI systems link to:
///
/// ```text
/// amiproof.yaml:12:10: variants[2].ami.id: 'ami-xyz' is not a valid AMI id
///   = help: write 'ami-' and 8 or 17 lower-case hexadecimal digits, like ami-0123456789abcdef0
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Where in the file; absent when the file as a whole is meant (unreadable, too large).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Keys and positions from the document's root: `variants[2].ami`. Empty for the whole document.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it, as an instruction: lower case, no full stop. Empty when the message says it all.
    pub help: String,
    /// Whether the last key of `path` is one that the schema does not know, so that it may be a misspelling.
    #[serde(skip)]
    pub is_unknown_key: bool,
}

impl Problem {
    /// A problem of a whole file.
    pub fn of_file(file: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            path: String::new(),
            message: message.into(),
            help: help.into(),
            is_unknown_key: false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(out, "{line}:{column}:")?;
        }
        if !self.path.is_empty() {
            write!(out, " {}:", OneLine(&self.path))?;
        }
        write!(out, " {}", OneLine(&self.message))?;
        if self.help.is_empty() { Ok(()) } else { write!(out, "\n  = help: {}", OneLine(&self.help)) }
    }
}

/// A text that quotes a file: control characters are escaped, because a file must not control the terminal, and a text as long
/// as the file is cut.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 600;
        for (index, letter) in self.0.chars().enumerate() {
            match letter {
                _ if index == LONGEST => return write!(out, "… ({} more)", self.0.chars().count() - LONGEST),
                _ if letter.is_control() => write!(out, "{}", letter.escape_default())?,
                _ => write!(out, "{letter}")?,
            }
        }
        Ok(())
    }
}

/// The word of `known` that `word` most likely is a misspelling of: at most a third of its letters differ.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison takes time and memory by the product of the lengths, and no word of ours is that long.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = (word.chars().count().max(3) / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to write instead of a word that is not among the legal ones: the closest one, or all of them.
pub fn instead(word: &str, known: &[&str]) -> String {
    match closest(word, known.iter().copied()) {
        Some(candidate) => format!("did you mean '{candidate}'?"),
        None => format!("write {}", one_of(known)),
    }
}

/// `a`, `a or b`, `one of: a, b, c`.
pub fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing here".to_owned(),
        [only] => (*only).to_owned(),
        [first, second] => format!("{first} or {second}"),
        more => format!("one of: {}", more.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_closest_match_and_a_strange_one_finds_none() {
        let known = ["kubernetesVersion", "region", "name", "create"];
        assert_eq!(closest("kubernetesVerison", known), Some("kubernetesVersion"));
        assert_eq!(closest("kubernetesversion", known), Some("kubernetesVersion"));
        assert_eq!(closest("nme", known), Some("name"));
        assert_eq!(closest("colour", known), None);
        assert_eq!(closest("", known), None);
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a: 1\nb: ä-x\n".as_bytes();
        assert_eq!(Place::of_byte(text, 0), Place::START);
        assert_eq!(Place::of_byte(text, 5), Place { line: 2, column: 1 });
        assert_eq!(Place::of_byte(text, 10), Place { line: 2, column: 5 });
        assert_eq!(Place::of_byte(text, 999), Place { line: 3, column: 1 });
    }

    #[test]
    fn a_problem_displays_so_that_editors_link_to_it() {
        let problem = Problem {
            file: "amiproof.yaml".into(),
            place: Some(Place { line: 12, column: 5 }),
            path: "variants[2].ami".into(),
            message: "'ami-xyz' is not a valid AMI id".into(),
            help: "write ami-0123456789abcdef0".into(),
            is_unknown_key: false,
        };
        assert_eq!(
            problem.to_string(),
            "amiproof.yaml:12:5: variants[2].ami: 'ami-xyz' is not a valid AMI id\n  = help: write ami-0123456789abcdef0"
        );
        assert_eq!(Problem::of_file("x.yaml", "cannot be read", "").to_string(), "x.yaml: cannot be read");
    }

    #[test]
    fn what_a_file_holds_cannot_steer_the_terminal_or_flood_it() {
        let problem = Problem::of_file("x.yaml", format!("'\u{1b}[31m\n{}' is wrong", "y".repeat(10_000)), "");
        let text = problem.to_string();
        assert!(text.starts_with("x.yaml: '\\u{1b}[31m\\nyyy") && text.ends_with(" more)"), "{text}");
        assert!(text.len() < 700 && !text.contains('\n'));
    }
}
