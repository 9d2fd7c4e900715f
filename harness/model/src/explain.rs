//! From failed cells to causes: the fewest changed settings that explain what hardening broke.
//!
//! A setting changed if a node of the variant has a harmful value ([`crate::setting`]) and the reference does not. It
//! fits a failed cell if it takes away something that the cell exercises, and if nothing that passed on a node with it
//! contradicts that. The smallest set of fitting settings that covers the explainable cells is taken; among equals, the
//! one whose effects are the surest. Cells that nothing fits stay unexplained: an explanation is never forced.
//!
//! Assumptions: results are settled (origins are known), and facts of a node are those of the time of its checks. Pure; the time is
//! that of comparing each changed setting with each cell.

mod cover;
mod fit;
mod lost;
mod proven;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use self::fit::{Alive, Cell, Changed, Fit, Surety, Working};
use crate::controls::Controls;
use crate::judge::disposition::Origin;
use crate::name::{CheckId, ControlId, VariantName};
use crate::report::cause::{Cause, Certainty, Explanation, Hidden, RuledOut};
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::report::{NodeRecord, Report, VariantRecord};
use crate::setting::{Effect, Extent, Setting};
use crate::verdict::Outcome;

/// Explains the failures of every variant that has a reference and failures that its hardening caused. Replaces what the report said
/// before.
pub fn explain(report: &mut Report, settings: &[Setting], controls: &[Controls]) {
    let explained = |variant| of_variant(report, variant, settings, controls);
    let explanations = report.variants.iter().filter_map(explained).collect();
    report.explanations = explanations;
    proven::mark(report, settings);
}

/// The facts of nodes that joined, or else of instances that booted: both were read by the same script.
fn nodes_of(variant: &VariantRecord) -> &[NodeRecord] {
    if variant.nodes.is_empty() { &variant.never_joined } else { &variant.nodes }
}

fn of_variant(
    report: &Report,
    variant: &VariantRecord,
    settings: &[Setting],
    controls: &[Controls],
) -> Option<Explanation> {
    let subject = Subject::Variant(variant.name.clone());
    let own = || report.results.iter().filter(|result| result.subject == subject && !result.is_gate());
    let is_broken = |result: &&CheckResult| {
        matches!(result.outcome, Outcome::Fail { .. }) && result.origin == Some(Origin::Hardening)
    };
    let failed: Vec<&CheckResult> = own().filter(is_broken).collect();
    if failed.is_empty() {
        return None;
    }
    let reference = report.variants.iter().find(|other| Some(&other.name) == variant.reference.as_ref());
    let passed = own().filter(|result| result.outcome == Outcome::Pass).collect();
    let twins = reference.map_or(&[][..], nodes_of);
    Some(with_lost(
        explained(variant, twins, "reference", failed.clone(), passed, settings),
        controls,
        &failed,
        variant,
        twins,
    ))
}

/// Adds which facts cost the variant a control, and takes those rows out of what is unexplained.
fn with_lost(
    mut explanation: Explanation,
    controls: &[Controls],
    failed: &[&CheckResult],
    variant: &VariantRecord,
    twins: &[NodeRecord],
) -> Explanation {
    explanation.lost = lost::of(controls, failed, nodes_of(variant), twins);
    let Explanation { lost, unexplained, .. } = &mut explanation;
    unexplained.retain(|check| !lost.iter().any(|one| one.check == *check));
    explanation
}

/// Explains what is worse than in an earlier run: of each variant of both, the cells that passed in the earlier run and fail in the later one,
/// by the settings of its nodes that changed between the two.
pub fn between(earlier: &Report, later: &Report, settings: &[Setting], controls: &[Controls]) -> Vec<Explanation> {
    let (earlier_results, later_results) = (by_variant(earlier), by_variant(later));
    let of_variant = |variant: &VariantRecord| {
        let before = earlier.variants.iter().find(|known| known.name == variant.name)?;
        let passed_before: BTreeSet<(&str, Option<&str>)> = earlier_results
            .get(&variant.name)
            .into_iter()
            .flatten()
            .filter(|result| result.outcome == Outcome::Pass)
            .map(|result| (result.check.as_str(), result.scanner.as_deref()))
            .collect();
        let own = || later_results.get(&variant.name).into_iter().flatten().copied().filter(|result| !result.is_gate());
        let is_new = |result: &&CheckResult| {
            matches!(result.outcome, Outcome::Fail { .. })
                && passed_before.contains(&(result.check.as_str(), result.scanner.as_deref()))
        };
        let (scanned, failed): (Vec<&CheckResult>, Vec<&CheckResult>) =
            own().filter(is_new).partition(|result| result.scanner.is_some());
        let twins = nodes_of(before);
        let passed = own().filter(|result| result.outcome == Outcome::Pass).collect();
        let explanation = explained(variant, twins, "earlier run", failed.clone(), passed, settings);
        let explanation = with_lost(explanation, controls, &scanned, variant, twins);
        (!failed.is_empty() || !explanation.lost.is_empty()).then_some(explanation)
    };
    later.variants.iter().filter_map(of_variant).collect()
}

/// The results of each variant.
fn by_variant(report: &Report) -> BTreeMap<&VariantName, Vec<&CheckResult>> {
    let mut results: BTreeMap<&VariantName, Vec<&CheckResult>> = BTreeMap::new();
    for result in &report.results {
        if let Subject::Variant(name) = &result.subject {
            results.entry(name).or_default().push(result);
        }
    }
    results
}

/// Explains failures of a variant by what differs from other nodes, which are called `others` in the reason why there is no explanation.
fn explained<'a>(
    variant: &'a VariantRecord,
    twins: &'a [NodeRecord],
    others: &str,
    failed: Vec<&'a CheckResult>,
    passed: Vec<&'a CheckResult>,
    settings: &'a [Setting],
) -> Explanation {
    let nodes = nodes_of(variant);
    let none = |note: String| {
        let unexplained = unique(failed.iter().map(|result| &result.check));
        let variant = variant.name.clone();
        Explanation {
            variant,
            causes: Vec::new(),
            unexplained,
            lost: Vec::new(),
            hidden: Vec::new(),
            ruled_out: Vec::new(),
            note: Some(note),
        }
    };
    if nodes.iter().all(|node| node.facts.is_empty()) {
        return none("no node of the variant could be read".to_owned());
    }
    if twins.iter().all(|node| node.facts.is_empty()) {
        return none(format!("no node of the {others} could be read"));
    }
    let changed = settings.iter().filter_map(|setting| Changed::of(setting, nodes, twins)).collect();
    Case { variant, nodes, twins, failed, passed, changed }.explained()
}

/// One variant with what is known of it.
struct Case<'a> {
    variant: &'a VariantRecord,
    nodes: &'a [NodeRecord],
    twins: &'a [NodeRecord],
    failed: Vec<&'a CheckResult>,
    passed: Vec<&'a CheckResult>,
    changed: Vec<Changed<'a>>,
}

impl Case<'_> {
    fn explained(&self) -> Explanation {
        let working = Working::of(&self.passed, self.nodes);
        let (alive, ruled_out) = self.ruled_out(&working);
        let fits: Vec<Vec<Fit>> = self.failed.iter().map(|result| self.fits(result, &alive)).collect();
        // Cells that the same settings explain are one group for the search.
        let mut groups: IndexMap<Vec<Fit>, Vec<usize>> = IndexMap::new();
        for (at, fits) in fits.into_iter().enumerate() {
            groups.entry(fits).or_default().push(at);
        }
        let unexplained = groups.swap_remove(&Vec::new()).unwrap_or_default();
        let wanted: Vec<cover::Group> = groups
            .iter()
            .map(|(fits, cells)| cover::Group {
                fits: fits.iter().map(|fit| (fit.setting, fit.surety)).collect(),
                cells: cells.len(),
            })
            .collect();
        let chosen = cover::smallest(&wanted);
        let doubted = |setting: usize| -> Vec<usize> {
            let effects = alive.iter().filter(|one| one.setting == setting).flat_map(|one| &one.effects);
            effects.filter(|(_, is_doubted)| *is_doubted).map(|(at, _)| *at).collect()
        };
        let mut causes: Vec<Cause> =
            chosen.iter().map(|setting| self.cause(*setting, &chosen, &groups, &working, &doubted(*setting))).collect();
        let hidden = self.hidden(&chosen, &causes, &groups);
        causes.sort_by(|one, other| (other.cells.len(), &one.setting).cmp(&(one.cells.len(), &other.setting)));
        Explanation {
            variant: self.variant.name.clone(),
            causes,
            unexplained: unique(unexplained.iter().map(|at| &self.failed[*at].check)),
            lost: Vec::new(),
            hidden,
            ruled_out,
            note: None,
        }
    }

    /// The changed settings that nothing refutes, by position, and those that something does.
    fn ruled_out(&self, working: &Working<'_>) -> (Vec<Alive>, Vec<RuledOut>) {
        let (mut alive, mut out) = (Vec::new(), Vec::new());
        for (at, changed) in self.changed.iter().enumerate() {
            let mut effects = Vec::new();
            let mut by = None;
            for (effect_at, effect) in changed.effects() {
                let against = working.refuting(effect, changed);
                match against.first() {
                    None => effects.push((effect_at, false)),
                    Some(_) if self.outvotes(effect, changed, against.len()) => effects.push((effect_at, true)),
                    Some(check) => by = by.or(Some(*check)),
                }
            }
            match by {
                Some(check) if effects.is_empty() => out.push(RuledOut {
                    setting: changed.setting.name.clone(),
                    title: changed.setting.title.clone(),
                    by: check.clone(),
                }),
                _ => alive.push(Alive { setting: at, effects, works: working.on(changed) }),
            }
        }
        (alive, out)
    }

    /// Whether so much of what an effect would break fails that a few passes do not refute it. What is all or nothing at any moment may
    /// change from one to the next: a network plugin turns forwarding on for each new pod, and an agent turns it off again.
    fn outvotes(&self, effect: (&Effect, fit::Capabilities), changed: &Changed<'_>, passed: usize) -> bool {
        /// How many failures there must be for each pass.
        const FAILURES: usize = 3;
        if effect.0.extent != Extent::AllOrNothing {
            return false;
        }
        let cells = self.failed.iter().filter(|result| Cell::of(result, self.nodes).is_hit_by(effect, changed));
        cells.count() >= FAILURES * passed
    }

    /// The settings that fit a failed cell; of these only the strongest kind of fit: a capability that demonstrably
    /// works cannot be the cause, unless the setting removes it only partly.
    fn fits(&self, result: &CheckResult, alive: &[Alive]) -> Vec<Fit> {
        let cell = Cell::of(result, self.nodes);
        let mut fits: Vec<Fit> = alive
            .iter()
            .filter_map(|Alive { setting, effects, works }| {
                let changed = self.changed.get(*setting)?;
                let surety = effects
                    .iter()
                    .filter_map(|(at, is_doubted)| cell.surety(changed.effect(*at)?, changed, *works, *is_doubted))
                    .max()?;
                Some(Fit { setting: *setting, surety })
            })
            .collect();
        let is_meant = |fit: &Fit| self.changed.get(fit.setting).is_some_and(|changed| changed.is_meant_by(&cell));
        if fits.iter().any(is_meant) {
            fits.retain(is_meant);
            fits.iter_mut().for_each(|fit| fit.surety = fit.surety.max(Surety::Wholly));
        }
        if fits.iter().any(|fit| fit.surety.is_strong()) {
            fits.retain(|fit| fit.surety.is_strong());
        }
        fits
    }

    /// The settings that nothing refutes and that fit cells of a cause, too. A setting that would explain all of its
    /// cells is an alternative and is not listed here.
    fn hidden(
        &self,
        chosen: &BTreeSet<usize>,
        causes: &[Cause],
        groups: &IndexMap<Vec<Fit>, Vec<usize>>,
    ) -> Vec<Hidden> {
        let is_alternative = |name: &String| causes.iter().any(|cause| cause.alternatives.contains(name));
        let mut all: Vec<Hidden> = Vec::new();
        for (at, changed) in self.changed.iter().enumerate() {
            if chosen.contains(&at) || is_alternative(&changed.setting.name) {
                continue;
            }
            let fits = |fits: &[Fit]| fits.iter().any(|fit| fit.setting == at && fit.surety.is_strong());
            let mut cells: Vec<usize> =
                groups.iter().filter(|(known, _)| fits(known)).flat_map(|(_, cells)| cells.iter().copied()).collect();
            cells.sort_unstable();
            if !cells.is_empty() {
                all.push(Hidden {
                    setting: changed.setting.name.clone(),
                    title: changed.setting.title.clone(),
                    label: changed.harmful.label.clone(),
                    controls: self.controls_of(changed),
                    cells: unique(cells.iter().map(|at| &self.failed[*at].check)),
                });
            }
        }
        all
    }

    /// The controls of the variant's benchmark that require a setting.
    fn controls_of(&self, changed: &Changed<'_>) -> Vec<ControlId> {
        self.variant.benchmark.as_ref().map(|benchmark| changed.harmful.controls_of(benchmark)).unwrap_or_default()
    }

    fn cause(
        &self,
        place: usize,
        chosen: &BTreeSet<usize>,
        groups: &IndexMap<Vec<Fit>, Vec<usize>>,
        working: &Working<'_>,
        doubted: &[usize],
    ) -> Cause {
        let changed = &self.changed[place];
        let has = |fits: &[Fit], setting: usize| fits.iter().any(|fit| fit.setting == setting);
        let cells: Vec<usize> =
            groups.iter().filter(|(fits, _)| has(fits, place)).flat_map(|(_, cells)| cells.iter().copied()).collect();
        // What no other chosen setting explains must be explained by this one, or by something in its place.
        let is_own =
            |fits: &[Fit]| has(fits, place) && !chosen.iter().any(|other| *other != place && has(fits, *other));
        let own: Vec<&Vec<Fit>> = groups.keys().filter(|fits| is_own(fits)).collect();
        let others = (0..self.changed.len()).filter(|other| !chosen.contains(other));
        let surety =
            |fits: &[Fit], setting: usize| fits.iter().find(|fit| fit.setting == setting).map(|fit| fit.surety);
        // Where a cell certainly fails because of this setting, a less certain one is no alternative.
        let is_certain = |fits: &[Fit], setting: usize| surety(fits, setting) == Some(Surety::Surely);
        let is_equal =
            |fits: &[Fit], other: usize| has(fits, other) && (is_certain(fits, other) || !is_certain(fits, place));
        let fits_all = |other: &usize| own.iter().all(|fits| is_equal(fits, *other));
        let alternatives: Vec<String> =
            others.filter(fits_all).map(|other| self.changed[other].setting.name.clone()).collect();
        let fits_well = own.iter().filter_map(|fits| surety(fits, place)).any(|surety| surety >= Surety::Mostly);
        let mut checks: Vec<usize> = cells;
        checks.sort_unstable();
        let (fact, value) = changed.quoted();
        let harmful = changed.harmful;
        let controls = self.controls_of(changed);
        let reference = self.twins.iter().find_map(|twin| twin.facts.get(fact)).cloned();
        let mut help = Vec::new();
        if let Some(command) = harmful.change.command(fact, reference.as_deref().unwrap_or_default()) {
            help.push(format!("try it on a node: {command}"));
        }
        if !changed.setting.compensation.is_empty() {
            help.push(changed.setting.compensation.clone());
        }
        Cause {
            setting: changed.setting.name.clone(),
            title: changed.setting.title.clone(),
            label: harmful.label.clone(),
            fact: fact.to_owned(),
            value: value.to_owned(),
            reference,
            nodes: if changed.nodes.len() == self.nodes.len() { Vec::new() } else { changed.indices(self.nodes) },
            controls,
            certainty: if alternatives.is_empty() && fits_well { Certainty::Likely } else { Certainty::Possible },
            cells: unique(checks.iter().map(|at| &self.failed[*at].check)),
            alternatives,
            against: working.against(changed, doubted),
            help,
        }
    }
}

/// Each check once, in the order given: two scanners of one control are one cell.
fn unique<'a>(checks: impl Iterator<Item = &'a CheckId>) -> Vec<CheckId> {
    let mut seen = BTreeSet::new();
    checks.filter(|check| seen.insert(check.as_str())).cloned().collect()
}

impl Report {
    /// What explains the failures of a subject, if anything does.
    pub fn explanation(&self, subject: &Subject) -> Option<&Explanation> {
        let Subject::Variant(name) = subject else { return None };
        self.explanations.iter().find(|explanation| explanation.variant == *name)
    }

    /// The cause of a failed result: of several the one that explains most cells.
    pub fn explained_by(&self, result: &CheckResult) -> Option<&Cause> {
        if !matches!(result.outcome, Outcome::Fail { .. }) {
            return None;
        }
        self.explanation(&result.subject)?.causes.iter().find(|cause| cause.cells.contains(&result.check))
    }
}

#[cfg(test)]
mod tests;
