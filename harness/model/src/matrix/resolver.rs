//! A matrix file while it is resolved: its problems, and the files that it names.

use camino::{Utf8Path, Utf8PathBuf};

use super::sources::ReadFile;
use crate::form::List;
use crate::name::NameError;
use crate::problem::{Problem, closest};
use crate::yaml::Node;

/// A matrix file that is being resolved, with the problems found so far.
pub(super) struct Resolver<'a> {
    pub(super) file: &'a str,
    pub(super) tree: &'a Node,
    pub(super) files: &'a dyn ReadFile,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Resolver<'_> {
    pub(super) fn at(&self, path: &str, message: impl Into<String>, help: impl Into<String>) -> Problem {
        let place = Some(self.tree.place_of(path));
        Problem { place, path: path.to_owned(), ..Problem::of_file(self.file, message, help) }
    }

    /// Notes a problem at a path like `variants[2].ami`.
    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.at(path, message, help);
        self.problems.push(problem);
    }

    /// Whether something at or below a path has been noted as wrong, so that what follows from it need not be said.
    pub(super) fn is_wrong(&self, path: &str) -> bool {
        self.problems.iter().any(|problem| is_at_or_below(&problem.path, path))
    }

    /// Notes that a key is missing that the schema does not ask for, because it depends on others. What is there under a misspelt key
    /// is not missing.
    pub(super) fn missing(&mut self, path: &str, key: &str, example: &str) {
        let misspelt = self.problems.iter().any(|problem| {
            let written = problem.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'));
            problem.is_unknown_key && written.and_then(|written| closest(written, [key])).is_some()
        });
        if !misspelt {
            self.problem(path, format!("the key '{key}' is missing"), format!("add it, like {key}: {example}"));
        }
    }

    /// Notes a warning: valid, but probably not intended.
    pub(super) fn warning(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let warning = self.at(path, message, help);
        self.warnings.push(warning);
    }

    /// The result of parsing a name; an error becomes a problem.
    pub(super) fn name<T>(&mut self, path: &str, parsed: Result<T, NameError>) -> Option<T> {
        parsed
            .map_err(|NameError { what, text, rule }| {
                self.problem(path, format!("'{text}' is not a valid {what}"), format!("write {rule}"));
            })
            .ok()
    }

    /// A text that must match a rule.
    pub(super) fn text(
        &mut self,
        path: &str,
        text: String,
        what: &'static str,
        rule: &'static str,
        is_legal: fn(&str) -> bool,
    ) -> Option<String> {
        let parsed = if is_legal(&text) { Ok(text) } else { Err(NameError { what, text, rule: rule.to_owned() }) };
        self.name(path, parsed)
    }

    /// A file that the matrix names, as text.
    pub(super) fn read_text(&mut self, path: &str, file: &str, help: &str) -> Option<(Utf8PathBuf, String)> {
        let (file, bytes) = self.read(path, file, help)?;
        match String::from_utf8(bytes) {
            Ok(text) => Some((file, text)),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                self.problem(
                    path,
                    format!("{file} is not text: byte {offset} is not UTF-8"),
                    "name a text file in UTF-8",
                );
                None
            }
        }
    }

    pub(super) fn read(&mut self, path: &str, file: &str, help: &str) -> Option<(Utf8PathBuf, Vec<u8>)> {
        let file = Utf8PathBuf::from(file);
        match self.files.read(&file) {
            Ok(bytes) => Some((file, bytes)),
            Err(reason) => {
                self.problem(path, format!("{file} cannot be read: {reason}"), help);
                None
            }
        }
    }

    /// What problems call a file whose path is relative to the matrix file.
    pub(super) fn shown(&self, file: &Utf8Path) -> String {
        let folder = Utf8Path::new(self.file).parent().unwrap_or(Utf8Path::new(""));
        folder.join(file).into_string()
    }
}

/// The legal entries of a list; the others were noted.
pub(super) fn list<T>(
    resolver: &mut Resolver<'_>,
    path: &str,
    raw: Option<List<String>>,
    mut entry: impl FnMut(&mut Resolver<'_>, &str, String) -> Option<T>,
) -> Vec<T> {
    let raw = raw.unwrap_or_default().into_iter().enumerate();
    raw.filter_map(|(index, text)| entry(resolver, &format!("{path}[{index}]"), text?)).collect()
}

/// `None` for what was asked for and is wrong.
#[expect(clippy::option_option, reason = "absent, wrong and right are three things")]
pub(super) fn transposed<T>(section: Option<Option<T>>) -> Option<Option<T>> {
    match section {
        None => Some(None),
        Some(None) => None,
        Some(right) => Some(right),
    }
}

/// Whether a path is `parent` or leads to something in it: `variants[1].ami` is in `variants[1]`, `variants[10]` is not. With a dot at its
/// end (`variants[1].ami.`) `parent` means only what is in it.
fn is_at_or_below(path: &str, parent: &str) -> bool {
    let is_end = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']) || parent.ends_with('.');
    parent.is_empty() || path.strip_prefix(parent).is_some_and(is_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_another_only_at_the_end_of_a_key_or_index() {
        for (path, parent, wanted) in [
            ("variants[1].ami", "variants[1]", true),
            ("variants[1]", "variants[1]", true),
            ("variants[10].ami", "variants[1]", false),
            ("variants[1].ami", "variants", true),
            ("variants[1].ami.smm", "variants[1].ami.", true),
            ("variants[1].ami", "variants[1].ami.", false),
            ("cluster.names", "cluster.name", false),
            ("cluster", "", true),
        ] {
            assert_eq!(is_at_or_below(path, parent), wanted, "{path} in {parent}");
        }
    }
}
