//! Which of several releases of an image is the first bad one, as text for a terminal.

use std::collections::BTreeMap;

use amiproof_model::bisect::releases::{Found, Release, Releases, Standing, Track};
use amiproof_model::name::CheckId;
use serde::Serialize;

use crate::compare::{Comparison, FactChange};
use crate::terminal::{Style, write_titled, write_wrapped};
use crate::text;

/// Maximum number of checks that are named for one place.
const CHECKS: usize = 12;

/// Maximum number of changed facts that are named for one place.
const FACTS: usize = 12;

/// The releases, and how the two on each side of a break differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstBad {
    /// What each check did in each release.
    #[serde(flatten)]
    pub releases: Releases,
    /// Each place at which checks break, in the order of the releases.
    pub breaks: Vec<Break>,
}

/// Two releases between which checks break.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Break {
    /// The last release in which they pass, counted from 1.
    pub last_good: usize,
    /// The first in which they fail.
    pub first_bad: usize,
    /// How the two differ, with what explains it.
    pub comparison: Comparison,
}

/// The places at which checks break, in the order of the releases.
pub fn break_points(releases: &Releases) -> Vec<(usize, usize)> {
    let place = |track: &Track| match track.found {
        Found::FirstBad { last_good, first_bad, .. } | Found::Between { last_good, first_bad } => {
            Some((last_good, first_bad))
        }
        Found::Always { .. } | Found::Unsteady | Found::Undecided => None,
    };
    let all: std::collections::BTreeSet<(usize, usize)> = releases.checks.iter().filter_map(place).collect();
    let mut all: Vec<(usize, usize)> = all.into_iter().collect();
    all.sort_by_key(|(last_good, first_bad)| (*first_bad, *last_good));
    all
}

/// Which of the checks a title is about.
type IsMeant = fn(&Found) -> bool;

/// The answer, ending in a line feed: the releases, then each break, then what has no answer.
pub fn render(found: &FirstBad, style: &Style) -> String {
    let FirstBad { releases, breaks } = found;
    let mut out = String::new();
    write_wrapped(
        &mut out,
        style,
        0,
        &format!("{}, the oldest first", text::count(releases.releases.len(), "release")),
        2,
    );
    for (at, release) in releases.releases.iter().enumerate() {
        write_wrapped(&mut out, style, 2, &format!("{}  {}", at + 1, named(release)), 2);
    }
    for number in releases.out_of_order() {
        let words = format!("release {number} was made before release {}: is the order right?", number - 1);
        write_titled(&mut out, style, 0, "note:", &words);
    }
    for (number, first) in releases.twice() {
        let words = format!("release {number} is the same image as release {first}");
        write_titled(&mut out, style, 0, "note:", &words);
    }
    out.push('\n');
    for one in breaks {
        write_break(&mut out, releases, one, style);
    }
    let rest: [(&str, IsMeant); 3] = [
        ("failing in the oldest release that they apply to:", |found| matches!(found, Found::Always { .. })),
        ("passing and failing intermittently, so that no release is the first bad one:", |found| {
            *found == Found::Unsteady
        }),
        ("undecided:", |found| *found == Found::Undecided),
    ];
    for (title, is_meant) in rest {
        let tracks: Vec<&Track> = releases.checks.iter().filter(|track| is_meant(&track.found)).collect();
        if !tracks.is_empty() {
            let title = format!("{} {title}", text::count(tracks.len(), "check"));
            write_checks(&mut out, &title, &tracks, style);
        }
    }
    let pass = text::count(releases.always_pass, "check");
    match (breaks.len(), releases.checks.len()) {
        (_, 0) if releases.always_pass > 0 => write_wrapped(
            &mut out,
            style,
            0,
            &format!("no release is bad: {pass} passed in each that they apply to"),
            2,
        ),
        (_, 0) => write_wrapped(&mut out, style, 0, "no check was run on the releases", 2),
        _ => write_wrapped(&mut out, style, 0, &format!("{pass} passed in every release that they apply to"), 2),
    }
    out
}

/// `ami-…  name  2026-10-28`.
fn named(release: &Release) -> String {
    match &release.ami {
        None => format!("{}: no image was found", release.variant),
        Some(ami) => {
            let created = ami.created.map(|created| created.strftime("%Y-%m-%d").to_string());
            [Some(ami.id.to_string()), Some(ami.name.clone()), created]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("  ")
        }
    }
}

fn write_break(out: &mut String, releases: &Releases, one: &Break, style: &Style) {
    let is_here = |track: &&Track| match track.found {
        Found::FirstBad { last_good, first_bad, .. } | Found::Between { last_good, first_bad } => {
            (last_good, first_bad) == (one.last_good, one.first_bad)
        }
        _ => false,
    };
    let tracks: Vec<&Track> = releases.checks.iter().filter(is_here).collect();
    let image = releases.releases.get(one.first_bad - 1).map(named).unwrap_or_default();
    let is_exact = tracks.iter().all(|track| matches!(track.found, Found::FirstBad { .. }));
    let title = if is_exact { "first bad:" } else { "known to be bad:" };
    let words = format!("release {}, {image}; release {} is good", one.first_bad, one.last_good);
    write_titled(out, style, 0, title, &words);
    if !is_exact {
        write_undecided(out, &tracks, one, style);
    }
    write_names(out, &tracks.iter().map(|track| &track.check).collect::<Vec<_>>(), style);
    write_fixed(out, &tracks, style);
    for (_, line, values) in one.comparison.cause_lines() {
        write_titled(out, style, 2, "cause:", &line);
        write_wrapped(out, style, 4, &values, 2);
    }
    let facts: Vec<String> =
        one.comparison.variants.iter().flat_map(|variant| &variant.facts).map(FactChange::sentence).collect();
    if !facts.is_empty() {
        let title =
            format!("changed between {} and {}: {}", one.last_good, one.first_bad, text::count(facts.len(), "fact"));
        write_wrapped(out, style, 2, &title, 2);
        for fact in facts.iter().take(FACTS) {
            write_wrapped(out, style, 4, fact, 2);
        }
        let more = facts.len().saturating_sub(FACTS);
        if more > 0 {
            write_wrapped(out, style, 4, &format!("and {more} more, with --output json"), 2);
        }
    }
    out.push('\n');
}

/// Why the releases between a good one and a bad one decided nothing.
fn write_undecided(out: &mut String, tracks: &[&Track], one: &Break, style: &Style) {
    for number in one.last_good + 1..one.first_bad {
        let why = tracks.iter().filter_map(|track| track.releases.get(number - 1)).find_map(reason);
        if let Some(why) = why {
            write_wrapped(out, style, 2, &format!("release {number} is undecided: {why}"), 3);
        }
    }
}

/// In which releases checks pass that failed before, and which of them, if not all do.
fn write_fixed(out: &mut String, tracks: &[&Track], style: &Style) {
    let mut all: BTreeMap<usize, Vec<&CheckId>> = BTreeMap::new();
    for track in tracks {
        if let Found::FirstBad { fixed: Some(number), .. } | Found::Always { fixed: Some(number), .. } = track.found {
            all.entry(number).or_default().push(&track.check);
        }
    }
    for (number, checks) in all {
        let which = if checks.len() == tracks.len() { String::new() } else { format!(": {}", listed(&checks)) };
        write_wrapped(out, style, 2, &format!("passing from release {number} on{which}"), usize::MAX);
    }
}

fn write_checks(out: &mut String, title: &str, tracks: &[&Track], style: &Style) {
    write_wrapped(out, style, 0, title, 2);
    write_names(out, &tracks.iter().map(|track| &track.check).collect::<Vec<_>>(), style);
    write_fixed(out, tracks, style);
    let why = tracks.iter().flat_map(|track| &track.releases).find_map(reason);
    if let Some(why) = why.filter(|_| tracks.iter().all(|track| track.found == Found::Undecided)) {
        write_wrapped(out, style, 2, &why, 3);
    }
    out.push('\n');
}

/// Why a release decided nothing.
fn reason(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Undecided(why) => Some(text::short_line(why, 160)),
        Standing::Manual(look_at) => Some(format!("for a person to judge: {}", text::short_line(look_at, 160))),
        Standing::Passes | Standing::Fails | Standing::NotApplicable => None,
    }
}

fn write_names(out: &mut String, checks: &[&CheckId], style: &Style) {
    write_wrapped(out, style, 2, &listed(checks), usize::MAX);
}

fn listed(checks: &[&CheckId]) -> String {
    let shown: Vec<&str> = checks.iter().take(CHECKS).map(|check| check.as_str()).collect();
    let more = checks.len().saturating_sub(CHECKS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_again_is_named_unless_all_of_it_does() {
        let track = |check: &str, fixed| Track {
            check: check.parse().unwrap(),
            releases: Vec::new(),
            found: Found::FirstBad { last_good: 1, first_bad: 2, fixed },
        };
        let shown = |tracks: &[Track]| {
            let mut out = String::new();
            write_fixed(&mut out, &tracks.iter().collect::<Vec<_>>(), &Style::default());
            out
        };
        let (web, dns) = (track("workload/web-service", Some(4)), track("workload/cluster-dns", None));
        assert_eq!(shown(&[web.clone(), dns]), "  passing from release 4 on: workload/web-service\n");
        assert_eq!(shown(&[web.clone(), track("workload/redis", Some(4))]), "  passing from release 4 on\n");
        let others = [web.clone(), track("workload/redis", Some(5)), track("workload/postgres", Some(4))];
        assert_eq!(
            shown(&others),
            "  passing from release 4 on: workload/web-service, workload/postgres\n  passing from release 5 on: workload/redis\n"
        );
    }
}
