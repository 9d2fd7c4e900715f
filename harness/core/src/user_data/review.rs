//! What is wrong with the user data of a matrix, before anything is made: the same texts that nodes would get are made with the facts of
//! no cluster, and the user's parts are read as their readers on the node read them (nodeadm, Bottlerocket's early-boot-config,
//! cloud-init, EC2Launch).

use amiproof_model::matrix::{Family, Matrix, UserData, Variant};
use amiproof_model::name::RunId;
use amiproof_model::problem::{Place, Problem};
use amiproof_model::yaml::Node;
use camino::Utf8Path;

use super::known::{self, Shape};
use super::{ClusterFacts, bottlerocket, generate, node_config, windows};
use crate::aws::names;
use crate::aws::node_group::node_labels;

/// What is wrong with user data, and what is probably not meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// What keeps a node from joining, or is lost without a word.
    pub problems: Vec<Problem>,
    /// What is legal and may surprise.
    pub warnings: Vec<Problem>,
}

/// The longest id that a run can have: the size check must hold for every run.
const RUN: &str = "r-20261121-074220-4f2a";

/// Reads the user data of every variant whose nodes a run makes. `matrix_file` is the path of the matrix file, beside which the user's
/// files are; problems name them as seen from there.
pub fn review(matrix_file: &str, matrix: &Matrix) -> Review {
    let folder = Utf8Path::new(matrix_file).parent().unwrap_or(Utf8Path::new(""));
    let mut review = Review::default();
    for variant in &matrix.variants {
        let Some(user_data) = variant.made().and_then(|made| made.user_data.as_ref()) else { continue };
        let found = of_variant(folder.join(&user_data.path).as_str(), &matrix.cluster.name, variant, user_data);
        // Variants that share a file share its problems.
        for problem in found.problems {
            if !review.problems.contains(&problem) {
                review.problems.push(problem);
            }
        }
        for warning in found.warnings {
            if !review.warnings.contains(&warning) {
                review.warnings.push(warning);
            }
        }
    }
    review
}

fn of_variant(file: &str, cluster: &str, variant: &Variant, user_data: &UserData) -> Review {
    let mut reading = Reading { file, lines_before: 0, fixed: None, review: Review::default() };
    match variant.family {
        Family::Al2023 | Family::Al2 => node_config::read(&mut reading, variant.family, &user_data.text),
        Family::Bottlerocket => bottlerocket::check(&mut reading, &user_data.text),
        Family::Windows => windows::check(&mut reading, &user_data.text),
    }
    let mut review = reading.review;
    if review.problems.is_empty()
        && let Ok(run) = RUN.parse::<RunId>()
    {
        let labels = node_labels(&run, variant, &names::node_group(&run, &variant.name));
        if let Err(error) = generate(&ClusterFacts::placeholder(cluster), variant, Some(user_data), &labels) {
            let (message, help) = error.in_two();
            review.problems.push(Problem::of_file(file, message, help));
        }
    }
    review
}

/// A file of user data that is being read, or a part of one.
pub(super) struct Reading<'a> {
    file: &'a str,
    /// Lines of the file before the part.
    lines_before: usize,
    /// Where a part is whose own lines are not the file's, because it is encoded.
    fixed: Option<Place>,
    review: Review,
}

/// Who reads settings, and what becomes of those that he does not know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// `nodeadm`.
    pub(super) name: &'static str,
    /// What becomes of a setting without a name that he knows.
    pub(super) unknown: Unknown,
}

/// What becomes of unknown settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are dropped without a word: as wrong as a typo.
    Ignored,
    /// They make the whole refused. Newer images know more, so below the top one that is like no other is only warned of.
    Refused,
    /// They are dropped with a line in a log.
    Logged,
}

impl Reading<'_> {
    /// The same file, with places counted from a line of it (1 is the first).
    pub(super) fn within<T>(&mut self, first_line: usize, inner: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.lines_before, first_line.saturating_sub(1));
        let answer = inner(self);
        self.lines_before = before;
        answer
    }

    /// The same file, with every place that of one line of it.
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

    /// Notes what may surprise.
    pub(super) fn warning(&mut self, place: Place, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = Some(self.place(place));
        let warning = Problem { place, path: path.to_owned(), ..Problem::of_file(self.file, message, help) };
        self.review.warnings.push(warning);
    }

    /// Holds a tree against what its reader knows.
    pub(super) fn check(&mut self, node: &Node, shape: &'static Shape, path: &str, reader: Reader) {
        known::check(self, node, shape, path, reader);
    }
}
