//! Changes since the baseline: regressions by name, with the differences of the nodes.

use super::failures::encoded;
use crate::compare::comparison::Comparison;
use crate::compare::facts::FactChange;
use crate::compare::state::Change;
use crate::text;

/// How many regressions of a variant are listed; a filter shows the rest.
const NAMED: usize = 12;

/// The card of the page.
pub(super) struct Since {
    pub(super) run: String,
    pub(super) started: String,
    pub(super) regression: bool,
    pub(super) headline: String,
    /// Place plus one in [`Change::ALL`], word, meaning, number.
    pub(super) changes: Vec<(usize, &'static str, &'static str, usize)>,
    pub(super) regressions: Vec<VariantRegressions>,
    pub(super) notes: Vec<String>,
    /// Changed facts of all variants: variant, fact, was, is.
    pub(super) facts: Vec<(String, String, String, String)>,
}

/// The regressions of one variant.
pub(super) struct VariantRegressions {
    pub(super) name: String,
    /// Address, check, what it means and why.
    pub(super) items: Vec<(String, String, String)>,
    pub(super) left_out: usize,
    /// The differences of its nodes.
    pub(super) facts: Vec<String>,
}

impl Since {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let mut facts = Vec::new();
        for variant in &comparison.variants {
            facts.extend(variant.facts.iter().map(|fact| {
                (
                    variant.variant.to_string(),
                    text::line(&fact.fact),
                    text::line(&fact.base),
                    text::line(&fact.candidate),
                )
            }));
        }
        Self {
            run: comparison.base.run.to_string(),
            started: text::moment(comparison.base.started),
            regression: comparison.has_regression(),
            headline: text::line(&comparison.headline()),
            changes: (1..)
                .zip(Change::ALL.iter().copied())
                .map(|(at, change)| (at, change.as_str(), change.meaning(), comparison.count(change)))
                .filter(|(.., number)| *number > 0)
                .collect(),
            regressions: regressions(comparison),
            notes: notes(comparison),
            facts,
        }
    }
}

fn regressions(comparison: &Comparison) -> Vec<VariantRegressions> {
    let mut regressions: Vec<VariantRegressions> = Vec::new();
    for change in Change::ALL.iter().copied().filter(|change| change.is_worse()) {
        for (subject, changes) in comparison.by_subject(change) {
            let name = subject.as_str();
            let at = regressions.iter().position(|one| one.name == name).unwrap_or_else(|| {
                let facts = comparison.facts_of(subject).iter().map(FactChange::sentence).collect();
                regressions.push(VariantRegressions { name: name.to_owned(), items: Vec::new(), left_out: 0, facts });
                regressions.len() - 1
            });
            let Some(one) = regressions.get_mut(at) else { continue };
            for change in changes {
                if one.items.len() == NAMED {
                    one.left_out += 1;
                    continue;
                }
                let why = text::short_line(&change.reason, 300);
                let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                one.items.push((
                    format!("#{}@{}", encoded(change.check.as_str()), encoded(name)),
                    change.check.to_string(),
                    format!("{}{why}", change.change.as_str()),
                ));
            }
        }
    }
    regressions
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let caveats = [(false, "not comparable"), (true, "compared, although the runs differ")].into_iter().flat_map(
        |(compared, title)| comparison.caveat_lines(compared).into_iter().map(move |line| format!("{title}: {line}")),
    );
    let mut notes: Vec<String> = caveats.collect();
    for variant in &comparison.variants {
        let presence = variant.presence.sentence();
        if !presence.is_empty() {
            notes.push(format!("{}: {presence}", variant.variant));
        }
        if let Some(broken) = &variant.newly_broken {
            notes.push(format!("{}: newly broken at {}", variant.variant, text::short_line(broken, 300)));
        }
    }
    notes
}
