//! Which of several releases of an image is the first that breaks a check.
//!
//! The releases are columns of one report, the oldest first. A column decides a check if the check failed there, or passed at the first
//! attempt: what passed on a retry decides nothing, as nothing does that was not evaluated or is for a person to judge. Pure.

use indexmap::IndexMap;
use serde::Serialize;

use crate::judge::disposition::Disposition;
use crate::name::{CheckId, VariantName};
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::report::{AmiRecord, Report};
use crate::verdict::Outcome;

/// What a report says of releases.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Releases {
    /// The images, the oldest first: the first is release 1.
    pub releases: Vec<Release>,
    /// The checks that do not pass in every release, in the order of the report.
    pub checks: Vec<Track>,
    /// How many checks pass in every release that they apply to.
    pub always_pass: usize,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its column.
    pub variant: VariantName,
    /// The image; `None` if it was not found.
    pub ami: Option<AmiRecord>,
}

/// One check over all releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// Which check.
    pub check: CheckId,
    /// What it did in each release.
    pub releases: Vec<Standing>,
    /// Where it breaks.
    pub found: Found,
}

/// What a check did in a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It passed at the first attempt.
    Passes,
    /// It failed, waived or not.
    Fails,
    /// It decided nothing, and why.
    Undecided(String),
    /// A person has to judge it, and what to look at.
    Manual(String),
    /// It does not apply to the image.
    NotApplicable,
}

/// Where a check breaks. Releases are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Found {
    /// The first failing release is known: no release between it and the last good one is undecided.
    FirstBad {
        /// The last release in which it passes.
        last_good: usize,
        /// The first release in which it fails.
        first_bad: usize,
        /// The release in which it passes again, if there is one.
        fixed: Option<usize>,
    },
    /// It breaks somewhere between two releases: what lies between them decided nothing.
    Between {
        /// The last release in which it passes.
        last_good: usize,
        /// The first release in which it is seen to fail.
        first_bad: usize,
    },
    /// It fails in the oldest release that it applies to.
    Always {
        /// That release.
        since: usize,
        /// The release in which it passes first, if there is one.
        fixed: Option<usize>,
    },
    /// It passes and fails intermittently, or differs between two columns of one image: the result does not depend on
    /// the image alone.
    Unsteady,
    /// No release fails, and not every one is decided.
    Undecided,
}

impl Found {
    /// Whether there is nothing more to ask.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::FirstBad { .. } | Self::Always { .. })
    }
}

impl Releases {
    /// Looks at the columns of some releases, the oldest first.
    pub fn of(report: &Report, columns: &[VariantName]) -> Self {
        let subjects: Vec<Subject> = columns.iter().cloned().map(Subject::Variant).collect();
        let mut rows: IndexMap<&CheckId, Vec<Vec<&CheckResult>>> = IndexMap::new();
        for result in report.results.iter().filter(|result| !result.is_gate()) {
            let Some(at) = subjects.iter().position(|subject| *subject == result.subject) else { continue };
            let of_check = rows.entry(&result.check).or_insert_with(|| vec![Vec::new(); columns.len()]);
            of_check[at].push(result);
        }
        let mut always_pass = 0;
        let mut wanted = Vec::new();
        for (check, rows) in rows {
            let releases: Vec<Standing> = rows.iter().map(|rows| Standing::of(rows)).collect();
            // A check that needs a person in every release says nothing about the releases.
            if releases.iter().all(|one| matches!(one, Standing::Manual(_) | Standing::NotApplicable)) {
                continue;
            }
            if releases.iter().all(|one| matches!(one, Standing::Passes | Standing::NotApplicable)) {
                always_pass += 1;
                continue;
            }
            let found = match found(&releases) {
                Found::FirstBad { last_good, first_bad, .. } | Found::Between { last_good, first_bad }
                    if is_same(report, columns, last_good, first_bad) =>
                {
                    Found::Unsteady
                }
                found => found,
            };
            wanted.push(Track { check: check.clone(), releases, found });
        }
        let release = |variant: &VariantName| Release {
            variant: variant.clone(),
            ami: report.variants.iter().find(|known| known.name == *variant).and_then(|known| known.ami.clone()),
        };
        Self { releases: columns.iter().map(release).collect(), checks: wanted, always_pass }
    }

    /// Whether every check that does not always pass has an answer.
    pub fn is_settled(&self) -> bool {
        self.checks.iter().all(|track| track.found.is_settled())
    }

    /// The releases that are the image of an earlier one under another name, each with that one, counted from 1.
    pub fn twice(&self) -> Vec<(usize, usize)> {
        let id = |release: &Release| release.ami.as_ref().map(|ami| ami.id.clone());
        let earlier = |(at, release): (usize, &Release)| {
            let own = id(release)?;
            let first = self.releases[..at].iter().position(|known| id(known).as_ref() == Some(&own))?;
            Some((at + 1, first + 1))
        };
        self.releases.iter().enumerate().filter_map(earlier).collect()
    }

    /// The releases that are known to be older than the one before them, counted from 1: the order is that of the command line, and may be wrong.
    pub fn out_of_order(&self) -> Vec<usize> {
        let created: Vec<_> =
            self.releases.iter().map(|release| release.ami.as_ref().and_then(|ami| ami.created)).collect();
        let is_older = |pair: &[Option<jiff::Timestamp>]| matches!(pair, [Some(before), Some(after)] if after < before);
        created.windows(2).enumerate().filter(|(_, pair)| is_older(pair)).map(|(at, _)| at + 2).collect()
    }
}

impl Standing {
    /// By all rows of a check in a column: two scanners may judge one control.
    fn of(rows: &[&CheckResult]) -> Self {
        if rows.is_empty() {
            return Self::Undecided("there is no result".to_owned());
        }
        if rows.iter().any(|row| matches!(row.outcome, Outcome::Fail { .. })) {
            return Self::Fails;
        }
        if let Some(why) = rows.iter().find_map(|row| undecided(row)) {
            return Self::Undecided(why);
        }
        let look_at = rows.iter().find_map(|row| match &row.outcome {
            Outcome::Manual { look_at } => Some(look_at.clone()),
            _ => None,
        });
        match look_at {
            Some(look_at) => Self::Manual(look_at),
            None if rows.iter().any(|row| row.outcome == Outcome::Pass) => Self::Passes,
            None => Self::NotApplicable,
        }
    }
}

/// Why a row decides nothing.
fn undecided(row: &CheckResult) -> Option<String> {
    match &row.outcome {
        Outcome::Pass if row.disposition == Disposition::Flaky || !row.earlier_attempts.is_empty() => {
            Some("it passed only on a retry".to_owned())
        }
        Outcome::NotEvaluated { reason } => Some(reason.clone()),
        Outcome::Error { message } => Some(message.clone()),
        Outcome::Pass | Outcome::Fail { .. } | Outcome::NotApplicable { .. } | Outcome::Manual { .. } => None,
    }
}

/// Whether two columns, counted from 1, are one image.
fn is_same(report: &Report, columns: &[VariantName], one: usize, other: usize) -> bool {
    let id = |number: usize| {
        let variant = report.variants.iter().find(|known| Some(&known.name) == columns.get(number - 1))?;
        variant.ami.as_ref().map(|ami| &ami.id)
    };
    id(one).is_some() && id(one) == id(other)
}

/// Where the standings go from good to bad.
fn found(standings: &[Standing]) -> Found {
    let decided: Vec<(usize, bool)> = standings
        .iter()
        .enumerate()
        .filter_map(|(at, standing)| match standing {
            Standing::Passes => Some((at, true)),
            Standing::Fails => Some((at, false)),
            Standing::Undecided(_) | Standing::Manual(_) | Standing::NotApplicable => None,
        })
        .collect();
    let turns: Vec<((usize, bool), (usize, bool))> =
        decided.windows(2).map(|pair| (pair[0], pair[1])).filter(|(one, other)| one.1 != other.1).collect();
    let is_undecided = |at: usize| matches!(standings.get(at), Some(Standing::Undecided(_) | Standing::Manual(_)));
    match (decided.first(), turns.as_slice()) {
        (None | Some((_, true)), []) => Found::Undecided,
        // What comes before the oldest that fails may have passed.
        (Some((first, false)), [] | [_]) if (0..*first).all(|at| !is_undecided(at)) => {
            Found::Always { since: first + 1, fixed: turns.first().map(|(_, (at, _))| at + 1) }
        }
        (Some((_, false)), [] | [_]) => Found::Undecided,
        (Some((_, true)), [((good, _), (bad, _)), rest @ ..]) if rest.len() < 2 => {
            let (last_good, first_bad) = (good + 1, bad + 1);
            if (good + 1..*bad).any(is_undecided) {
                Found::Between { last_good, first_bad }
            } else {
                Found::FirstBad { last_good, first_bad, fixed: rest.first().map(|(_, (at, _))| at + 1) }
            }
        }
        _ => Found::Unsteady,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::matrix::Family;
    use crate::report::{ClusterRecord, RunRecord, VariantRecord};

    fn standings(text: &str) -> Vec<Standing> {
        text.chars()
            .map(|c| match c {
                'p' => Standing::Passes,
                'f' => Standing::Fails,
                '-' => Standing::NotApplicable,
                'm' => Standing::Manual(String::new()),
                _ => Standing::of(&[]),
            })
            .collect()
    }

    #[test]
    fn the_first_bad_release_is_named_only_where_it_is_known() {
        let first = |last_good, first_bad, fixed| Found::FirstBad { last_good, first_bad, fixed };
        for (text, expected) in [
            ("pppf", first(3, 4, None)),
            ("pf", first(1, 2, None)),
            ("?pff?", first(2, 3, None)),
            ("ppff-f", first(2, 3, None)),
            ("pp-ff", first(2, 4, None)),
            ("pffp", first(1, 2, Some(4))),
            ("p?f", Found::Between { last_good: 1, first_bad: 3 }),
            ("pmf", Found::Between { last_good: 1, first_bad: 3 }),
            ("fff", Found::Always { since: 1, fixed: None }),
            ("ffpp", Found::Always { since: 1, fixed: Some(3) }),
            ("-ff", Found::Always { since: 2, fixed: None }),
            ("mff", Found::Undecided),
            ("?ff", Found::Undecided),
            ("pfpf", Found::Unsteady),
            ("fpf", Found::Unsteady),
            ("pp?", Found::Undecided),
            ("???", Found::Undecided),
        ] {
            assert_eq!(found(&standings(text)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_named_release_fails_and_the_one_before_it_passes(text in "[pf?m-]{1,12}") {
            let all = standings(&text);
            if let Found::FirstBad { last_good, first_bad, .. } = found(&all) {
                prop_assert_eq!(&all[first_bad - 1], &Standing::Fails);
                prop_assert_eq!(&all[last_good - 1], &Standing::Passes);
                prop_assert!(all[last_good..first_bad - 1].iter().all(|between| *between == Standing::NotApplicable));
                prop_assert!(all[..last_good].iter().all(|before| *before != Standing::Fails));
            }
        }

        #[test]
        fn undecided_releases_settle_nothing(text in "[?m]{1,12}") {
            prop_assert!(!found(&standings(&text)).is_settled());
        }
    }

    #[test]
    fn columns_of_a_report_are_compared_and_a_retry_decides_nothing() {
        let run = RunRecord::new("r-1".parse().unwrap(), "nightly", Timestamp::UNIX_EPOCH);
        let mut report = Report::new("0", run, ClusterRecord::new("c"));
        let columns: Vec<VariantName> = ["l2-r1", "l2-r2"].iter().map(|name| name.parse().unwrap()).collect();
        let mut row = |check: &str, at: usize, outcome: Outcome| {
            let subject = Subject::Variant(columns[at].clone());
            report.results.push(CheckResult::new(check.parse().unwrap(), subject, outcome));
        };
        let fail = || Outcome::Fail { findings: Vec::new() };
        row("workload/web", 0, Outcome::Pass);
        row("workload/web", 1, fail());
        row("workload/dns", 0, Outcome::Pass);
        row("workload/dns", 1, Outcome::Pass);
        row("os-cis/manual", 0, Outcome::Manual { look_at: "the logs".to_owned() });
        row("os-cis/manual", 1, Outcome::Manual { look_at: "the logs".to_owned() });
        row("node/expiry", 0, Outcome::Pass);
        row("node/expiry", 1, Outcome::Manual { look_at: "a certificate".to_owned() });
        row("workload/volume", 0, Outcome::Pass);
        row("workload/volume", 1, Outcome::Pass);
        report.results.last_mut().unwrap().earlier_attempts.push(fail());
        let releases = Releases::of(&report, &columns);
        let found: Vec<(&str, Found)> =
            releases.checks.iter().map(|track| (track.check.as_str(), track.found)).collect();
        let web = Found::FirstBad { last_good: 1, first_bad: 2, fixed: None };
        assert_eq!(
            found,
            [("workload/web", web), ("node/expiry", Found::Undecided), ("workload/volume", Found::Undecided)]
        );
        assert_eq!(releases.always_pass, 1);
        assert!(!releases.is_settled());
    }

    #[test]
    fn two_names_of_one_image_prove_nothing_about_it() {
        let run = RunRecord::new("r-1".parse().unwrap(), "nightly", Timestamp::UNIX_EPOCH);
        let mut report = Report::new("0", run, ClusterRecord::new("c"));
        let columns: Vec<VariantName> = ["l2-r1", "l2-r2"].iter().map(|name| name.parse().unwrap()).collect();
        for (column, outcome) in columns.iter().zip([Outcome::Pass, Outcome::Fail { findings: Vec::new() }]) {
            let ami = serde_json::json!({"id": "ami-00000000000000001", "source": "id"});
            let variant = VariantRecord::new(column.clone(), Family::Al2023);
            report.variants.push(VariantRecord { ami: serde_json::from_value(ami).unwrap(), ..variant });
            let subject = Subject::Variant(column.clone());
            report.results.push(CheckResult::new("workload/web".parse().unwrap(), subject, outcome));
        }
        let releases = Releases::of(&report, &columns);
        assert_eq!(releases.twice(), [(2, 1)]);
        assert_eq!(releases.checks[0].found, Found::Unsteady);
    }
}
