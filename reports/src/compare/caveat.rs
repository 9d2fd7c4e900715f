//! What the two runs did not test in the same way: which rows are therefore not compared, and which are compared all the same.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::report::{Report, Subject, VariantRecord};
use indexmap::IndexSet;
use serde::Serialize;

use crate::text;

/// A difference in how two runs tested, for a reader who asks whether a changed result is about the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caveat {
    /// What differs.
    pub about: About,
    /// Whether the rows that it touches are compared all the same.
    pub compared: bool,
    /// What differs and what that means, in a sentence without full stop.
    pub message: String,
}

/// What differs between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "lowercase")]
pub enum About {
    /// The version of a benchmark.
    Benchmark,
    /// The scanner that judged controls, or its version.
    Scanner,
    /// What a workload file tests.
    #[strum(serialize = "workloads")]
    Catalogue,
    /// The version of amiproof.
    #[strum(serialize = "version")]
    Harness,
    /// The matrix: its name, its variants and what they are hardened to, or the suites that ran.
    Matrix,
}

impl About {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Controls of a subject and a suite that one run judged by another benchmark or another scanner than the other run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replacement {
    /// The subject.
    pub subject: Subject,
    /// The suite.
    pub suite: String,
    /// Whether it is the benchmark or the scanner that was replaced.
    pub about: About,
    /// That of the baseline: `cis-eks-1.7.0`, or `inspector`.
    pub from: String,
    /// That of the candidate: `cis-eks-1.8.0`, or `openscap`.
    pub to: String,
    /// Controls that `from` judged.
    pub disappeared: usize,
    /// How many of them failed.
    pub disappeared_failing: usize,
    /// Controls that `to` judges.
    pub appeared: usize,
    /// How many of them fail.
    pub appeared_failing: usize,
}

impl Replacement {
    fn caveat(&self) -> Caveat {
        let (place, from, to) = (format!("{}/{}", self.subject.as_str(), self.suite), &self.from, &self.to);
        let counts = format!(
            "{} removed ({} failing), {} added ({} failing)",
            text::count(self.disappeared, "result"),
            self.disappeared_failing,
            self.appeared,
            self.appeared_failing
        );
        let message = match self.about {
            About::Benchmark => {
                format!("{place}: benchmark {to}, was {from}: the same number may mean another control; {counts}")
            }
            _ => format!("{place}: scanner {to}, was {from}: scanners judge the same control differently; {counts}"),
        };
        Caveat { about: self.about, compared: false, message }
    }
}

/// Every caveat, those about rows that are not compared first.
pub(super) fn caveats(
    base: &Report,
    candidate: &Report,
    replacements: &[Replacement],
    suites_not_run: &[String],
) -> Vec<Caveat> {
    let mut caveats: Vec<Caveat> = replacements.iter().map(Replacement::caveat).collect();
    if !suites_not_run.is_empty() {
        let message = format!("the candidate did not run {}", suites_not_run.join(", "));
        caveats.push(Caveat { about: About::Matrix, compared: false, message });
    }
    for (one, other, whose) in [(base, candidate, "baseline"), (candidate, base, "candidate")] {
        let only = only_in(one, other);
        if !only.is_empty() {
            let message = format!("variants of the {whose} only: {}", only.join(", "));
            caveats.push(Caveat { about: About::Matrix, compared: false, message });
        }
    }
    let compared = |about, message| Caveat { about, compared: true, message };
    if base.run.matrix != candidate.run.matrix {
        let message = format!("matrix {}, was {}", candidate.run.matrix, base.run.matrix);
        caveats.push(compared(About::Matrix, format!("{message}: variants with the same name are compared")));
    }
    for (old, new) in pairs(base, candidate) {
        let changes = variant_changes(old, new);
        if !changes.is_empty() {
            caveats.push(compared(About::Matrix, format!("{}: {}", new.name, changes.join(", "))));
        }
    }
    if base.tool.version != candidate.tool.version {
        let message = format!("amiproof {}, was {}", candidate.tool.version, base.tool.version);
        caveats.push(compared(About::Harness, format!("{message}: a check may require more or less than before")));
    }
    let redefined: Vec<&str> = redefined(base, candidate).into_iter().collect();
    if !redefined.is_empty() {
        caveats.push(compared(About::Catalogue, format!("defined differently: {}", redefined.join(", "))));
    }
    for (scanner, (old, new)) in scanner_versions(base, candidate) {
        caveats.push(compared(About::Scanner, format!("{scanner} {new}, was {old}: it may judge differently")));
    }
    caveats
}

/// The checks whose definition differs from the baseline. Older reports have no digests of definitions, so nothing is
/// said about them.
pub(super) fn redefined<'a>(base: &Report, candidate: &'a Report) -> BTreeSet<&'a str> {
    let is_other = |(check, digest): &(&String, &String)| {
        base.run.definitions.get(check.as_str()).is_some_and(|before| before != *digest)
    };
    candidate.run.definitions.iter().filter(is_other).map(|(check, _)| check.as_str()).collect()
}

fn only_in<'a>(one: &'a Report, other: &Report) -> Vec<&'a str> {
    let is_only = |variant: &&VariantRecord| other.variants.iter().all(|known| known.name != variant.name);
    one.variants.iter().filter(is_only).map(|variant| variant.name.as_str()).collect()
}

fn pairs<'a>(base: &'a Report, candidate: &'a Report) -> impl Iterator<Item = (&'a VariantRecord, &'a VariantRecord)> {
    candidate.variants.iter().filter_map(|new| {
        let old = base.variants.iter().find(|old| old.name == new.name)?;
        Some((old, new))
    })
}

/// What the matrix says about a variant that is not as it was.
fn variant_changes(old: &VariantRecord, new: &VariantRecord) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let facts = |variant: &VariantRecord| {
        [
            ("family", variant.family.as_str().to_owned()),
            ("reference", or_none(variant.reference.as_ref().map(ToString::to_string))),
            ("benchmark", or_none(variant.benchmark.as_ref().map(ToString::to_string))),
            ("level", or_none(variant.level.map(|level| u8::from(level).to_string()))),
        ]
    };
    let both = facts(old).into_iter().zip(facts(new));
    both.filter(|(old, new)| old != new).map(|((what, old), (_, new))| format!("{what} {new}, was {old}")).collect()
}

/// Scanners that both runs used, in other versions: the old ones and the new ones, each once.
fn scanner_versions<'a>(base: &'a Report, candidate: &'a Report) -> BTreeMap<&'a str, (String, String)> {
    let versions = |report: &'a Report| {
        let mut found: BTreeMap<&str, IndexSet<&str>> = BTreeMap::new();
        for scan in &report.scans {
            if let Some(version) = &scan.scanner_version {
                found.entry(&scan.scanner).or_default().insert(version);
            }
        }
        found
    };
    let (before, after) = (versions(base), versions(candidate));
    let joined = |set: &IndexSet<&str>| set.iter().copied().collect::<Vec<_>>().join(" and ");
    let changed = after.into_iter().filter_map(|(scanner, new)| {
        let old = before.get(scanner)?;
        (*old != new).then(|| (scanner, (joined(old), joined(&new))))
    });
    changed.collect()
}
