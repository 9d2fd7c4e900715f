//! What to write instead of a name that does not exist.

use amiproof_model::problem::closest;

/// How similar the id of a check must be to be suggested.
const ALIKE: f64 = 0.75;

/// How many names a hint lists: with more of them nobody finds the one that is meant.
const FEW: usize = 12;

/// The hint for an unknown name: the known one that is probably meant, then all of them after `lead` (`the matrix has`), or the first of many.
pub(crate) fn instead(unknown: &str, known: &[&str], lead: &str) -> String {
    let all = match known {
        [] => format!("{lead} none"),
        _ if known.len() > FEW => format!("{lead} {} and {} more", known[..FEW].join(", "), known.len() - FEW),
        _ => format!("{lead} {}", known.join(", ")),
    };
    match closest(unknown, known.iter().copied()) {
        Some(meant) => format!("did you mean '{meant}'? {all}"),
        None => all,
    }
}

/// The hint for an unknown check, or prefix of one: the suite or check that is probably meant, then where all are listed.
pub(crate) fn check(unknown: &str, ids: &[&str]) -> String {
    const ALL: &str = "`amiproof list` shows every check";
    let suites = ids.iter().filter_map(|id| id.split('/').next());
    let last = unknown.rsplit('/').next().unwrap_or(unknown);
    let alike = |known: &str| {
        let own = known.rsplit('/').next().unwrap_or(known);
        strsim::jaro_winkler(unknown, known).max(if unknown.contains('/') {
            0.0
        } else {
            strsim::jaro_winkler(last, own) - 0.01
        })
    };
    let best = suites.chain(ids.iter().copied()).map(|known| (alike(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, known)) if score >= ALIKE => format!("did you mean '{known}'? {ALL}"),
        _ => ALL.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_one_that_is_meant_and_many_names_are_not_listed() {
        let known = ["stock", "cis-l1", "cis-l2"];
        for (unknown, wanted) in [
            ("cis-l3", "did you mean 'cis-l1'? it has stock, cis-l1, cis-l2"),
            ("stokc", "did you mean 'stock'? it has stock, cis-l1, cis-l2"),
            ("windows", "it has stock, cis-l1, cis-l2"),
        ] {
            assert_eq!(instead(unknown, &known, "it has"), wanted);
        }
        assert_eq!(instead("a", &[], "it has"), "it has none");
        let many: Vec<String> = (0..400).map(|number| format!("r-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(instead("x", &many, "runs:").ends_with("r-10, r-11 and 388 more"));
    }
}
