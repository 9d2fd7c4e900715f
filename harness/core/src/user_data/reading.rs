//! User data under review: its problems, and the consumer on the node.

use amiproof_model::problem::{Place, Problem};

/// A file of user data that is being read, or a part of one.
pub(super) struct Reading<'a> {
    pub(super) file: &'a str,
    /// Lines of the file before the part.
    pub(super) lines_before: usize,
    /// Where a part is whose own lines are not the file's, because it is encoded.
    pub(super) fixed: Option<Place>,
    pub(super) review: Review,
}

/// The consumer of settings, and how it handles unknown ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// `nodeadm`.
    pub(super) name: &'static str,
    /// How it handles unknown settings.
    pub(super) unknown: Unknown,
}

/// How unknown settings are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are dropped silently, so an unknown setting is an error, like a typo.
    Ignored,
    /// They make the node reject everything. Newer images know more settings, so below the top level an unknown one is only a warning.
    Refused,
    /// They are dropped with a log message.
    Logged,
}

impl Reading<'_> {
    /// Reads a part of the file, whose places are counted from this line (1 is the first).
    pub(super) fn within<T>(&mut self, first_line: usize, inner: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.lines_before, first_line.saturating_sub(1));
        let answer = inner(self);
        self.lines_before = before;
        answer
    }

    /// Reads a part of the file, all of whose places are this line.
    pub(super) fn fixed<T>(&mut self, line: usize, inner: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.fixed.replace(Place { line, column: 1 });
        let answer = inner(self);
        self.fixed = before;
        answer
    }

    fn place(&self, place: Place) -> Place {
        self.fixed.unwrap_or(Place { line: place.line + self.lines_before, ..place })
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, place: Place, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = Some(self.place(place));
        let problem = Problem { place, path: path.to_owned(), ..Problem::of_file(self.file, message, help) };
        self.review.problems.push(problem);
    }

    /// Notes a problem that a parser found.
    pub(super) fn parser_problem(&mut self, problem: Problem) {
        let place = problem.place.map(|place| self.place(place));
        self.review.problems.push(Problem { place, file: self.file.to_owned(), ..problem });
    }

    /// Notes a warning.
    pub(super) fn warning(&mut self, place: Place, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = Some(self.place(place));
        let warning = Problem { place, path: path.to_owned(), ..Problem::of_file(self.file, message, help) };
        self.review.warnings.push(warning);
    }
}

/// The problems and warnings of user data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// Problems that keep a node from joining, or settings that are lost silently.
    pub problems: Vec<Problem>,
    /// Valid, but probably not intended.
    pub warnings: Vec<Problem>,
}
