//! What the nights say about a check on a subject: whether it fails and when that began, and whether it passes and
//! fails intermittently.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::mark::Mark;
use super::night::Night;
use crate::name::RunId;

/// Which rows are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only this subject: `cluster`, or the name of a variant.
    pub subject: Option<&'a str>,
    /// Only checks whose id begins with this.
    pub check: Option<&'a str>,
    /// How many of the last nights decide the trend and the flake rate; `None` for all. When a failure began is
    /// searched in all.
    pub last: Option<usize>,
}

/// The trend of a check, what matters most first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum Trend {
    /// Fails in the newest nightly run, and did not before.
    #[strum(serialize = "new failure")]
    NewFailure,
    /// Fails, and did before the newest nightly run.
    Failing,
    /// Passes and fails intermittently on the same image, or passes only on a retry.
    Flaky,
    /// Had a verdict, and has none in the newest nightly run.
    #[strum(serialize = "no longer decided")]
    Undecided,
    /// Failed or was waived in some nightly run, and is not failing now.
    Changed,
    /// The same outcome in every nightly run that has the check.
    Steady,
}

impl Trend {
    /// Every trend, what matters most first.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A run, and when it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct When {
    /// The run.
    pub run: RunId,
    /// When it started.
    pub started: Timestamp,
}

/// The nights of a check on a subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// `cluster`, or the name of the variant.
    pub subject: String,
    /// The check.
    pub check: String,
    /// Its trend.
    pub trend: Trend,
    /// Its outcome in each night, oldest first: a letter for each; see [`Mark`].
    #[serde(serialize_with = "letters")]
    pub marks: Vec<Mark>,
    /// The first night of those in which it fails now; none if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<When>,
    /// The last night before that in which it passed; none if it never did, or does not fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<When>,
    /// Of the nights that decide the trend, those in which its result differed from the night before on the same image,
    /// or in which it passed on a retry.
    pub flakes: usize,
    /// Of the nights that decide the trend, those in which it passed or failed.
    pub decided: usize,
}

impl Track {
    /// The part of the nights with a verdict in which it was flaky: 0 to 1.
    pub fn flake_rate(&self) -> f64 {
        // Numbers of nights are small.
        self.flakes as f64 / (self.decided.max(1)) as f64
    }

    /// The letters of the last nights, oldest first.
    pub fn strip(&self, last: usize) -> String {
        let skipped = self.marks.len().saturating_sub(last);
        self.marks.iter().skip(skipped).map(|mark| mark.letter()).collect()
    }
}

fn letters<S: Serializer>(marks: &[Mark], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&marks.iter().map(|mark| mark.letter()).collect::<String>())
}

/// The wanted rows by subject and check, each with its outcome in every night. A year of nights with 15,000 rows each has five million
/// outcomes: a check is looked up once per night, and not once per row.
fn rows<'a>(nights: &[&'a Night], wanted: Wanted<'_>) -> Vec<(&'a str, &'a str, Vec<Mark>)> {
    let is_asked = |check: &&str| wanted.check.is_none_or(|prefix| check.starts_with(prefix));
    let all = nights.iter().flat_map(|night| &night.checks).map(String::as_str).filter(is_asked);
    let checks: Vec<&'a str> = all.collect::<BTreeSet<_>>().into_iter().collect();
    let mut subjects: BTreeMap<&'a str, Vec<Vec<Mark>>> = BTreeMap::new();
    for (index, night) in nights.iter().enumerate() {
        let places: Vec<Option<usize>> =
            night.checks.iter().map(|check| checks.binary_search(&check.as_str()).ok()).collect();
        for subject in night.outcomes.keys().filter(|subject| wanted.subject.is_none_or(|only| only == *subject)) {
            let rows = subjects.entry(subject).or_insert_with(|| vec![Vec::new(); checks.len()]);
            for (place, mark) in places.iter().zip(night.marks(subject)) {
                let row = place.filter(|_| mark != Mark::Absent).and_then(|place| rows.get_mut(place));
                let Some(row) = row else { continue };
                row.resize(nights.len(), Mark::Absent);
                if let Some(outcome) = row.get_mut(index) {
                    *outcome = mark;
                }
            }
        }
    }
    let of_subject = |(subject, rows): (&'a str, Vec<Vec<Mark>>)| {
        let named = checks.iter().copied().zip(rows).filter(|(_, marks)| !marks.is_empty());
        named.map(|(check, marks)| (subject, check, marks)).collect::<Vec<_>>()
    };
    subjects.into_iter().flat_map(of_subject).collect()
}

/// The tracks of the wanted rows, what matters most first: new failures, then by how recently a failure began, then by
/// flakiness, then by name. `nights` may be in any order.
pub fn tracks(nights: &[Night], wanted: Wanted<'_>) -> Vec<Track> {
    let mut nights: Vec<&Night> = nights.iter().collect();
    nights.sort_by_key(|night| night.key());
    nights.dedup_by_key(|night| night.key());
    let rows = rows(&nights, wanted);
    let start = wanted.last.map_or(0, |last| nights.len().saturating_sub(last));
    let recent = rows.into_iter().filter(|(_, _, marks)| marks.iter().skip(start).any(|mark| *mark != Mark::Absent));
    let mut tracks: Vec<Track> =
        recent.map(|(subject, check, marks)| track(&nights, start, subject, check, marks)).collect();
    tracks.sort_by(|one, other| {
        let since = |track: &Track| track.first_bad.as_ref().map(|when| when.started);
        one.trend
            .cmp(&other.trend)
            .then_with(|| since(other).cmp(&since(one)))
            .then_with(|| other.flake_rate().total_cmp(&one.flake_rate()))
            .then_with(|| (&one.subject, &one.check).cmp(&(&other.subject, &other.check)))
    });
    tracks
}

/// The track of one row; the nights from `start` on decide its trend.
fn track(nights: &[&Night], start: usize, subject: &str, check: &str, marks: Vec<Mark>) -> Track {
    let decided: Vec<(usize, Mark)> = marks.iter().copied().enumerate().filter(|(_, mark)| mark.is_verdict()).collect();
    let when = |index: usize| nights.get(index).map(|night| When { run: night.run.clone(), started: night.started });
    let is_failing = decided.last().is_some_and(|(_, mark)| *mark == Mark::Failed);
    let last_pass = decided.iter().rposition(|(_, mark)| mark.is_pass());
    let after = decided.iter().skip(last_pass.map_or(0, |place| place + 1));
    let first_bad = after.copied().find(|(_, mark)| is_failing && *mark == Mark::Failed).map(|(index, _)| index);
    let good = last_pass.and_then(|place| decided.get(place)).filter(|_| is_failing).map(|(index, _)| *index);
    let same_image = |one: usize, other: usize| {
        let ami = |index: usize| nights.get(index).and_then(|night| night.ami(subject));
        subject == "cluster" || (ami(one).is_some() && ami(one) == ami(other))
    };
    let turned = decided.windows(2).filter_map(|pair| match pair {
        [(before, was), (now, is)]
            if *before >= start && was.is_pass() != is.is_pass() && same_image(*before, *now) =>
        {
            Some(*now)
        }
        _ => None,
    });
    let turned: BTreeSet<usize> = turned.collect();
    let recent: Vec<(usize, Mark)> = decided.iter().copied().filter(|(index, _)| *index >= start).collect();
    let retried: BTreeSet<usize> =
        recent.iter().filter(|(_, mark)| *mark == Mark::Flaky).map(|(index, _)| *index).collect();
    let shown = || marks.iter().skip(start).copied();
    let newest = marks.last().copied().unwrap_or(Mark::Absent);
    let trend = match newest {
        Mark::Failed if first_bad.is_some_and(|index| index + 1 == marks.len()) => Trend::NewFailure,
        _ if is_failing => Trend::Failing,
        _ if !retried.is_empty() || turned.len() > 1 => Trend::Flaky,
        Mark::Undecided | Mark::Absent if !recent.is_empty() => Trend::Undecided,
        _ if shown().all(|mark| mark == Mark::Absent || mark == newest) => Trend::Steady,
        _ if shown().any(|mark| matches!(mark, Mark::Failed | Mark::Waived)) => Trend::Changed,
        _ => Trend::Steady,
    };
    Track {
        subject: subject.to_owned(),
        check: check.to_owned(),
        trend,
        first_bad: first_bad.and_then(when),
        last_good: good.and_then(when),
        flakes: turned.union(&retried).count(),
        decided: recent.len(),
        marks,
    }
}

#[cfg(test)]
mod tests;
