//! `namespaces`: whether workloads of different owners are in separate namespaces.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};
use super::question::{Question, manual, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "namespaces", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let workloads = facts.own_workloads()?;
    let lines = facts.own_namespaces()?.into_iter().map(|namespace| {
        let inside: Vec<&str> = workloads
            .iter()
            .filter(|workload| workload.namespace == namespace.name)
            .map(|workload| workload.name.as_str())
            .collect();
        match inside.len() {
            0 => format!("{}: nothing runs", namespace.name),
            count => format!("{}: {count} workloads ({})", namespace.name, inside.join(", ")),
        }
    });
    let lines: Vec<String> = lines.collect();
    let look_at = "whether the workloads of each namespace belong to one team and one purpose, so that permissions can be granted by namespace";
    Ok(with_evidence(manual(look_at), "namespaces and what runs in them", &lines))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{asked, clean, outcome_of};
    use super::*;

    #[test]
    fn it_is_for_a_human_who_sees_what_runs_where() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "manual");
        assert_eq!(asked(&QUESTION, &clean()).evidence[0].text, "default: nothing runs\nweb: 1 workloads (front)");
    }
}
