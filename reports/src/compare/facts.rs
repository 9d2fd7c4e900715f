//! Differences of the variants themselves: image, kernel, kubelet and facts of their nodes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use amiproof_model::name::VariantName;
use amiproof_model::report::{PhaseEnd, Report, VariantRecord};
use indexmap::IndexMap;
use serde::Serialize;

use crate::text;

/// How one variant differs between two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VariantChange {
    /// Which variant.
    pub variant: VariantName,
    /// Which of the runs has it.
    pub presence: Presence,
    /// The phase that fails now, with its message, if no phase failed in the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newly_broken: Option<String>,
    /// Facts with other values; none where only one run has the variant.
    pub facts: Vec<FactChange>,
}

/// Which of two runs has a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// Both.
    Both,
    /// The baseline: the candidate's matrix no longer has it.
    OnlyBase,
    /// The candidate: it is new.
    OnlyCandidate,
}

impl Presence {
    /// The clause for reports; empty for both.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Both => "",
            Self::OnlyBase => "in the baseline only",
            Self::OnlyCandidate => "new, nothing to compare with",
        }
    }
}

/// A fact with another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FactChange {
    /// Its name: `kernel`, `sysctl net.ipv4.ip_forward`.
    pub fact: String,
    /// The values of the baseline's nodes, each once, joined by a comma; empty if none says it.
    pub base: String,
    /// The values of the candidate's nodes.
    pub candidate: String,
}

impl FactChange {
    /// `kernel: 6.12.55 -> 6.12.58`; what only one of the runs says is `none` in the other.
    pub(crate) fn sentence(&self) -> String {
        let shown = |value: &str| if value.is_empty() { "none".to_owned() } else { text::short_line(value, 200) };
        format!("{}: {} -> {}", text::short_line(&self.fact, 200), shown(&self.base), shown(&self.candidate))
    }
}

/// The variants that differ, in the order of the candidate, then those that only the baseline has.
pub(super) fn variant_changes(base: &Report, candidate: &Report) -> Vec<VariantChange> {
    let find = |report: &'_ Report, name: &VariantName| report.variants.iter().position(|v| &v.name == name);
    let mut changes = Vec::new();
    for new in &candidate.variants {
        let old = find(base, &new.name).and_then(|at| base.variants.get(at));
        let broken_now = broken(&new.phases);
        let broken_before = old.is_some_and(|old| broken(&old.phases).is_some());
        let change = VariantChange {
            variant: new.name.clone(),
            presence: if old.is_some() { Presence::Both } else { Presence::OnlyCandidate },
            newly_broken: broken_now.filter(|_| old.is_some() && !broken_before),
            facts: old.map(|old| fact_changes(old, new)).unwrap_or_default(),
        };
        if change.presence != Presence::Both || change.newly_broken.is_some() || !change.facts.is_empty() {
            changes.push(change);
        }
    }
    let gone = base.variants.iter().filter(|old| find(candidate, &old.name).is_none());
    changes.extend(gone.map(|old| VariantChange {
        variant: old.name.clone(),
        presence: Presence::OnlyBase,
        newly_broken: None,
        facts: Vec::new(),
    }));
    changes
}

fn fact_changes(old: &VariantRecord, new: &VariantRecord) -> Vec<FactChange> {
    let (before, after) = (facts(old), facts(new));
    let none = Values::new();
    let mut changes = Vec::new();
    for (fact, values) in &before {
        let now = after.get(fact).unwrap_or(&none);
        // A variant without nodes says nothing about its kernel; that it has none is shown by 'nodes'.
        if values != now && !(is_of_nodes(fact) && (old.nodes.is_empty() || new.nodes.is_empty())) {
            changes.push(FactChange { fact: (*fact).to_owned(), base: join(values), candidate: join(now) });
        }
    }
    let is_told = |fact: &str| before.contains_key(fact) || is_of_nodes(fact) && old.nodes.is_empty();
    let appeared = after.iter().filter(|(fact, _)| !is_told(fact));
    changes.extend(appeared.map(|(fact, now)| FactChange {
        fact: (*fact).to_owned(),
        base: String::new(),
        candidate: join(now),
    }));
    changes
}

const OF_VARIANT: [&str; 9] =
    ["ami", "ami name", "architecture", "benchmark", "bootstrap image", "level", "family", "nodes", "user data"];

fn is_of_nodes(fact: &str) -> bool {
    !OF_VARIANT.contains(&fact)
}

/// The values of a fact.
type Values<'a> = BTreeSet<Cow<'a, str>>;

/// Every fact with its values over all nodes. Times differ from run to run and are not facts.
fn facts<'a>(variant: &'a VariantRecord) -> IndexMap<&'a str, Values<'a>> {
    let mut facts: IndexMap<&'a str, Values<'a>> = IndexMap::new();
    let mut say = |fact: &'a str, value: Cow<'a, str>| {
        if !value.is_empty() {
            facts.entry(fact).or_default().insert(value);
        }
    };
    say("family", variant.family.as_str().into());
    if let Some(ami) = &variant.ami {
        say("ami", ami.id.as_str().into());
        say("ami name", ami.name.as_str().into());
        say("architecture", ami.architecture.as_str().into());
    }
    if let Some(benchmark) = &variant.benchmark {
        say("benchmark", benchmark.as_str().into());
    }
    if let Some(level) = variant.level {
        say("level", level.to_string().into());
    }
    if let Some(user_data) = &variant.user_data {
        say("user data", format!("sha256:{}", user_data.sha256).into());
        user_data.bootstrap_images.iter().for_each(|image| say("bootstrap image", image.as_str().into()));
    }
    say("nodes", variant.nodes.len().to_string().into());
    for node in &variant.nodes {
        say("os image", node.os_image.as_str().into());
        say("kernel", node.kernel.as_str().into());
        say("kubelet", node.kubelet.as_str().into());
        say("container runtime", node.runtime.as_str().into());
        node.facts.iter().for_each(|(fact, value)| say(fact, value.as_str().into()));
    }
    facts
}

fn join(values: &Values<'_>) -> String {
    values.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
}

/// The failed phase of a variant, without teardown, which leftovers describe better.
pub(super) fn broken(phases: &[amiproof_model::report::PhaseRecord]) -> Option<String> {
    phases.iter().find_map(|phase| match &phase.ended {
        PhaseEnd::Error { message, .. } if phase.phase != amiproof_model::report::Phase::Teardown => {
            Some(format!("{}: {message}", phase.phase.as_str()))
        }
        _ => None,
    })
}
