//! Profiles that include others: InSpec lists each with all of its controls, and the results are only where the tests
//! are.

use std::collections::HashMap;

use super::{Control, Profile};

/// The controls of all profiles, those of wrappers and of what they wrap joined as InSpec itself does it for its other reports: title,
/// impact and tags are those of the outermost profile that gives them, results those of every profile.
///
/// A control of two profiles that have nothing to do with each other stays two.
pub(super) fn merged(profiles: Vec<Profile>) -> Vec<Control> {
    let roots = roots(&profiles);
    let mut order: Vec<(usize, usize, usize, Control)> = Vec::new();
    for (at, profile) in profiles.into_iter().enumerate() {
        let (root, depth) = roots[at];
        order.extend(profile.controls.0.into_iter().map(|control| (root, depth, at, control)));
    }
    // Outermost first; within a profile in the order of the report.
    order.sort_by_key(|(root, depth, at, _)| (*root, *depth, *at));
    let mut places: HashMap<(usize, String), usize> = HashMap::new();
    // Each control with its profile: one that a profile lists twice stays two rows.
    let mut controls: Vec<(usize, Control)> = Vec::new();
    for (root, _, at, control) in order {
        let key = (root, control.id.0.clone());
        match places.get(&key).and_then(|place| controls.get_mut(*place)) {
            // One that has results of its own wraps nothing: both count, and the worse one wins.
            Some((from, known)) if *from != at && known.results.0.is_empty() => join(known, control),
            _ => {
                places.entry(key).or_insert(controls.len());
                controls.push((at, control));
            }
        }
    }
    controls.into_iter().map(|(_, control)| control).collect()
}

fn join(outer: &mut Control, inner: Control) {
    outer.results.0.extend(inner.results.0);
    outer.impact = outer.impact.or(inner.impact);
    if outer.title.as_ref().is_none_or(|title| title.0.trim().is_empty()) {
        outer.title = inner.title;
    }
    if outer.tags.numbers().is_empty() {
        outer.tags = inner.tags;
    }
    outer.waiver_data = outer.waiver_data.take().or(inner.waiver_data);
}

/// For each profile the outermost one that includes it, and how deep it is nested.
fn roots(profiles: &[Profile]) -> Vec<(usize, usize)> {
    let parent = |at: usize| {
        let profile = &profiles[at];
        let named = profile.parent_profile.as_ref().filter(|name| !name.0.is_empty());
        let is_parent = |other: &Profile| match named {
            Some(name) => other.name == *name,
            None => other.depends.0.iter().any(|one| one.name.as_ref() == Some(&profile.name)),
        };
        // Reports older than InSpec 4 name no parent, and a wrapper may know what it wraps by another name.
        let wrappers: Vec<usize> = (0..profiles.len()).filter(|at| !profiles[*at].depends.0.is_empty()).collect();
        let only = match (named, wrappers.as_slice()) {
            (None, [only]) if profile.depends.0.is_empty() => Some(*only),
            _ => None,
        };
        profiles.iter().position(is_parent).or(only).filter(|found| *found != at)
    };
    (0..profiles.len())
        .map(|start| {
            let (mut at, mut depth) = (start, 0);
            // A profile cannot be nested deeper than there are profiles; if the file claims so, it has a cycle.
            while let Some(above) = parent(at).filter(|_| depth < profiles.len()) {
                (at, depth) = (above, depth + 1);
            }
            (at, depth)
        })
        .collect()
}
