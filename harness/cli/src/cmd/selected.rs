//! Which checks a matrix and the command line select, and why the others are not.

use amiproof_core::check::{Applies, Body, Check, Scope};
use amiproof_model::matrix::{Matrix, SuiteSelection};
use amiproof_model::renamed;

use crate::files;
use crate::files::Inputs;
use crate::output::Failure;
use crate::suggest;

/// `96 checks and scans`; `1 check or scan`.
pub(crate) fn checks_and_scans(number: usize) -> String {
    if number == 1 { "1 check or scan".to_owned() } else { format!("{number} checks and scans") }
}

/// Why a check does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The matrix leaves it out.
    Excluded,
    /// The matrix names other suites in `include`.
    NotIncluded,
    /// It is opt-in, and not named.
    OptIn,
    /// `--checks` names others.
    NotNamed,
    /// Only workloads run.
    NoWorkload,
}

impl Left {
    /// For people.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Excluded => "suites.exclude of the matrix",
            Self::NotIncluded => "not in suites.include of the matrix",
            Self::OptIn => "opt-in: name it in suites.with of the matrix, or with --checks",
            Self::NotNamed => "not named by --checks",
            Self::NoWorkload => "only workloads run",
        }
    }
}

/// The checks that run: those of the matrix, of which `--checks` names all or some.
///
/// # Errors
/// When a prefix of `--checks` begins no check's id.
pub(crate) fn checks(matrix: &Matrix, inputs: &Inputs, prefixes: &[String]) -> Result<Vec<Check>, Failure> {
    let all = every(inputs, prefixes)?;
    Ok(all.into_iter().filter(|check| left(check, matrix, inputs, prefixes).is_none()).collect())
}

/// Every check there is.
///
/// # Errors
/// When a prefix of `--checks` begins no check's id.
pub(crate) fn every(inputs: &Inputs, prefixes: &[String]) -> Result<Vec<Check>, Failure> {
    let all = files::checks(&inputs.workloads)?;
    let ids: Vec<&str> = all.iter().map(|check| check.id.as_str()).collect();
    match prefixes
        .iter()
        .find(|prefix| prefix.is_empty() || !ids.iter().any(|id| id.starts_with(renamed::current(prefix))))
    {
        None => Ok(all),
        Some(unknown) => {
            Err(Failure::usage(format!("--checks: no check begins with '{unknown}'"), suggest::check(unknown, &ids)))
        }
    }
}

/// Why a check does not run; `None` when it does.
pub(crate) fn left(check: &Check, matrix: &Matrix, inputs: &Inputs, prefixes: &[String]) -> Option<Left> {
    if inputs.only_workloads && !matches!(check.body, Body::Workload(_)) {
        return Some(Left::NoWorkload);
    }
    if !prefixes.is_empty() && !prefixes.iter().any(|prefix| check.id.as_str().starts_with(renamed::current(prefix))) {
        return Some(Left::NotNamed);
    }
    let opt_in = check.opt_in && !is_named(check, prefixes);
    if inputs.only_workloads || matrix.suites.selects(&check.id, opt_in) {
        return None;
    }
    // An exclusion takes precedence over everything else.
    let without_exclusions = SuiteSelection { exclude: Vec::new(), ..matrix.suites.clone() };
    Some(if without_exclusions.selects(&check.id, opt_in) {
        Left::Excluded
    } else if opt_in {
        Left::OptIn
    } else {
        Left::NotIncluded
    })
}

/// The variants that a check does not apply to, each with the reason. None for a check of the cluster.
pub(crate) fn not_applicable<'a>(check: &Check, matrix: &'a Matrix) -> Vec<(&'a str, &'static str)> {
    if check.scope == Scope::Cluster {
        return Vec::new();
    }
    let why = |variant: &'a amiproof_model::matrix::Variant| match (check.applies)(variant) {
        Applies::Yes => None,
        Applies::No(why) => Some((variant.name.as_str(), why)),
    };
    matrix.variants.iter().filter_map(why).collect()
}

/// Whether `--checks` names a check's suite explicitly.
fn is_named(check: &Check, prefixes: &[String]) -> bool {
    let suite = check.id.suite();
    prefixes.iter().any(|prefix| prefix.split('/').next() == Some(suite))
}

/// Whether Amazon Inspector will scan operating systems.
pub(super) fn scans_by_inspector(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.id.suite() == "os-cis")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Inputs {
        let text = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: m}\ncluster: {name: c}\nsuites: {exclude: [host]}\n\
                    variants: [{name: v, family: al2023, nodes: {selector: a=b}}]\n";
        files::without_file("m", text).unwrap()
    }

    #[test]
    fn an_unknown_prefix_is_refused_with_what_was_probably_meant() {
        let inputs = inputs();
        for (prefix, wanted) in [
            ("nodes/joined", "did you mean 'node/joined'?"),
            ("worklaod", "did you mean 'workload'?"),
            ("joned", "did you mean 'node/joined'?"),
            ("xyzzy", "`amiproof list` shows every check"),
        ] {
            let failure = checks(&inputs.matrix, &inputs, &["node".to_owned(), prefix.to_owned()]).err().unwrap();
            assert_eq!(failure.exit, amiproof_model::exit::ExitCode::Usage);
            assert!(failure.message.contains(prefix) && failure.hint.contains(wanted), "{failure:?}");
        }
    }

    #[test]
    fn every_check_runs_or_says_why_not() {
        let inputs = inputs();
        let all = every(&inputs, &[]).unwrap();
        let of = |id: &str, prefixes: &[String]| {
            let check = all.iter().find(|check| check.id.as_str() == id).unwrap();
            left(check, &inputs.matrix, &inputs, prefixes)
        };
        let named = ["disruptive".to_owned()];
        assert_eq!(of("node/joined", &[]), None);
        assert_eq!(of("disruptive/reboot", &[]), Some(Left::OptIn));
        assert_eq!(of("disruptive/reboot", &named), None);
        assert_eq!(of("node/joined", &named), Some(Left::NotNamed));
        let host = all.iter().find(|check| check.id.suite() == "host").unwrap();
        assert_eq!(left(host, &inputs.matrix, &inputs, &["host".to_owned()]), Some(Left::Excluded));
    }
}
