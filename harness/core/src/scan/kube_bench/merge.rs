//! One row per control from the rows of several nodes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::verdict::Verdict;

use crate::check::{Decision, ScanRow};

/// One row per control, in the order in which the first node that has it lists it.
///
/// A control fails when any node fails it, with a finding per node. Otherwise what is not evaluated on any node is not evaluated, what
/// needs a human on any node needs a human, and it passes where every node passes it.
pub fn merge(of_nodes: Vec<(String, Vec<ScanRow>)>) -> Vec<ScanRow> {
    if let [(_, _)] = &of_nodes[..] {
        return of_nodes.into_iter().flat_map(|(_, rows)| rows).collect();
    }
    let mut order = Vec::new();
    let mut by_check: BTreeMap<String, Vec<(String, ScanRow)>> = BTreeMap::new();
    for (node, rows) in of_nodes {
        for row in rows {
            let id = row.check.to_string();
            if !by_check.contains_key(&id) {
                order.push(id.clone());
            }
            by_check.entry(id).or_default().push((node.clone(), row));
        }
    }
    order.into_iter().filter_map(|id| one(by_check.remove(&id)?)).collect()
}

/// Gives every run a row for each control that another one has and it lacks: without a result it is not evaluated.
pub fn complete(of_runs: &mut [(String, Vec<ScanRow>)]) {
    let all: Vec<ScanRow> = of_runs.iter().flat_map(|(_, rows)| rows.iter().cloned()).collect();
    for (run, rows) in of_runs {
        let mut known: BTreeSet<String> = rows.iter().map(|row| row.check.to_string()).collect();
        for row in all.iter().filter(|row| known.insert(row.check.to_string())) {
            let verdict = Verdict::NotEvaluated(format!("{run} has no result, but others in the file have one"));
            rows.push(ScanRow { decision: verdict.into(), ..row.clone() });
        }
    }
}

fn one(of_nodes: Vec<(String, ScanRow)>) -> Option<ScanRow> {
    let (mut findings, mut open, mut manual, mut not_applicable) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut evidence, mut placements, mut traffic) = (Vec::new(), Vec::new(), Vec::new());
    let mut passed = false;
    let mut first: Option<ScanRow> = None;
    for (node, row) in of_nodes {
        let decision = row.decision.clone();
        match decision.verdict {
            Verdict::Pass => passed = true,
            Verdict::Fail(own) => findings.extend(own),
            Verdict::NotEvaluated(why) => open.push((node.clone(), why)),
            Verdict::Manual(look_at) => manual.push((node.clone(), look_at)),
            Verdict::NotApplicable(why) => not_applicable.push((node.clone(), why)),
        }
        evidence.extend(decision.evidence.into_iter().map(|mut piece| {
            if !piece.name.contains(&node) {
                piece.name = format!("{} ({node})", piece.name);
            }
            piece
        }));
        placements.extend(decision.placements);
        traffic.extend(decision.traffic);
        first.get_or_insert(row);
    }
    let verdict = if !findings.is_empty() {
        Verdict::Fail(findings)
    } else if !open.is_empty() {
        Verdict::NotEvaluated(listed(&open))
    } else if !manual.is_empty() {
        Verdict::Manual(listed(&manual))
    } else if passed {
        Verdict::Pass
    } else {
        Verdict::NotApplicable(listed(&not_applicable))
    };
    first.map(|row| ScanRow { decision: Decision { verdict, evidence, placements, traffic }, ..row })
}

/// The texts of the nodes; only one if they are all the same.
fn listed(of_nodes: &[(String, String)]) -> String {
    let Some((_, first)) = of_nodes.first() else { return String::new() };
    if of_nodes.iter().all(|(_, text)| text == first) {
        let nodes: Vec<&str> = of_nodes.iter().map(|(node, _)| node.as_str()).collect();
        return format!("{first} ({})", nodes.join(", "));
    }
    let each = of_nodes
        .iter()
        .map(|(node, text)| if text.starts_with(node.as_str()) { text.clone() } else { format!("{node}: {text}") });
    each.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use amiproof_model::verdict::{Evidence, Finding};

    use super::*;

    fn row(check: &str, verdict: Verdict) -> ScanRow {
        let evidence = vec![Evidence { name: "value found".to_owned(), text: String::new(), file: None }];
        ScanRow {
            check: format!("kube-bench/{check}").parse().unwrap(),
            title: String::new(),
            control: None,
            level: None,
            severity: None,
            scanner: "kube-bench".to_owned(),
            decision: Decision { evidence, ..verdict.into() },
        }
    }

    fn merged(one: Verdict, two: Verdict) -> Verdict {
        let nodes = [("node 1".to_owned(), vec![row("a", one)]), ("node 2".to_owned(), vec![row("a", two)])];
        let [row] = &merge(nodes.into())[..] else { panic!("one row per control") };
        assert_eq!(row.decision.evidence[1].name, "value found (node 2)");
        row.decision.verdict.clone()
    }

    #[test]
    fn nothing_is_greener_than_the_worst_node() {
        let fail = |node: &str| Verdict::Fail(vec![Finding::new(node, "no")]);
        let silent = |why: &str| Verdict::NotEvaluated(why.to_owned());
        let human = Verdict::Manual("look".to_owned());
        let skipped = Verdict::NotApplicable("skipped".to_owned());
        assert_eq!(merged(Verdict::Pass, Verdict::Pass), Verdict::Pass);
        let Verdict::Fail(findings) = merged(fail("node 1"), fail("node 2")) else { panic!() };
        assert_eq!(findings.len(), 2, "a finding per node");
        assert!(matches!(merged(silent("late"), fail("node 2")), Verdict::Fail(_)));
        assert_eq!(merged(Verdict::Pass, silent("late")), silent("late (node 2)"));
        assert_eq!(merged(silent("late"), silent("cut")), silent("node 1: late; node 2: cut"));
        assert_eq!(merged(silent("late"), silent("late")), silent("late (node 1, node 2)"));
        assert!(matches!(merged(Verdict::Pass, human.clone()), Verdict::Manual(_)));
        assert!(matches!(merged(silent("late"), human), Verdict::NotEvaluated(_)));
        assert_eq!(merged(skipped.clone(), Verdict::Pass), Verdict::Pass);
        assert!(matches!(merged(skipped.clone(), skipped), Verdict::NotApplicable(_)));
    }

    #[test]
    fn controls_keep_their_order_and_those_of_one_node_only_stay() {
        let nodes = [
            ("node 1".to_owned(), vec![row("b", Verdict::Pass), row("a", Verdict::Pass)]),
            ("node 2".to_owned(), vec![row("a", Verdict::Pass), row("c", Verdict::Pass)]),
        ];
        let ids: Vec<String> = merge(nodes.into()).iter().map(|row| row.check.to_string()).collect();
        assert_eq!(ids, ["kube-bench/b", "kube-bench/a", "kube-bench/c"]);
    }
}
