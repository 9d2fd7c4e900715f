//! Causes that a bisection proved: they replace what facts alone suggested for the same cell.

use crate::report::Report;
use crate::report::cause::{Cause, Certainty, Explanation};
use crate::report::proof::{Proof, ProofEnd, ProvenSetting};
use crate::setting::Setting;

/// Marks what is proven in the explanations of a report. A proven setting takes its cell from causes that only fit.
pub(super) fn mark(report: &mut Report, settings: &[Setting]) {
    for proof in report.proofs.iter().filter(|proof| proof.end == ProofEnd::Proven) {
        if let Some(own) = report.explanations.iter_mut().find(|own| own.variant == proof.variant) {
            mark_one(own, proof, settings);
        }
    }
}

fn mark_one(own: &mut Explanation, proof: &Proof, settings: &[Setting]) {
    let is_known =
        own.unexplained.contains(&proof.check) || own.causes.iter().any(|cause| cause.cells.contains(&proof.check));
    if !is_known {
        return;
    }
    for cause in own.causes.iter_mut().filter(|cause| cause.certainty != Certainty::Proven) {
        cause.cells.retain(|cell| *cell != proof.check);
    }
    own.unexplained.retain(|cell| *cell != proof.check);
    for one in &proof.necessary {
        // Only this check was run: what the setting does to other cells is as likely as before.
        let likely = own.causes.iter().find(|cause| is_about(cause, one)).cloned();
        match own.causes.iter_mut().find(|cause| is_about(cause, one) && cause.certainty == Certainty::Proven) {
            Some(cause) if cause.cells.contains(&proof.check) => {}
            Some(cause) => cause.cells.push(proof.check.clone()),
            None => own.causes.push(Cause {
                certainty: Certainty::Proven,
                cells: vec![proof.check.clone()],
                alternatives: Vec::new(),
                ..likely.unwrap_or_else(|| cause(one, proof, settings))
            }),
        }
    }
    own.causes.retain(|cause| !cause.cells.is_empty());
    own.hidden.retain(|hidden| proof.necessary.iter().all(|one| one.setting.as_ref() != Some(&hidden.setting)));
    own.ruled_out.retain(|out| proof.necessary.iter().all(|one| one.setting.as_ref() != Some(&out.setting)));
    own.causes.sort_by(|one, other| {
        let order = |cause: &Cause| {
            (std::cmp::Reverse(cause.cells.len()), cause.setting.clone(), std::cmp::Reverse(cause.certainty))
        };
        order(one).cmp(&order(other))
    });
}

fn is_about(cause: &Cause, one: &ProvenSetting) -> bool {
    match &one.setting {
        Some(name) => cause.setting == *name,
        None => cause.fact == one.fact,
    }
}

fn cause(one: &ProvenSetting, proof: &Proof, settings: &[Setting]) -> Cause {
    let known = settings.iter().find(|setting| Some(&setting.name) == one.setting.as_ref());
    let value = one.value.clone().unwrap_or_else(|| "not there".to_owned());
    let name = one.fact.split_once('.').map_or(one.fact.as_str(), |(_, name)| name);
    let compensation = known.map(|setting| setting.compensation.clone()).filter(|text| !text.is_empty());
    Cause {
        setting: one.setting.clone().unwrap_or_else(|| one.fact.clone()),
        title: known.map_or_else(|| format!("{name} is {value}"), |setting| setting.title.clone()),
        label: one.label.clone(),
        fact: one.fact.clone(),
        value,
        reference: one.reference.clone(),
        nodes: Vec::new(),
        controls: one.controls.clone(),
        certainty: Certainty::Proven,
        cells: vec![proof.check.clone()],
        alternatives: Vec::new(),
        against: Vec::new(),
        help: compensation.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::CheckId;

    fn check(id: &str) -> CheckId {
        id.parse().unwrap()
    }

    fn likely(setting: &str, cells: &[&str]) -> Cause {
        Cause {
            setting: setting.to_owned(),
            title: String::new(),
            label: String::new(),
            fact: format!("sysctl.{setting}"),
            value: "0".to_owned(),
            reference: None,
            nodes: Vec::new(),
            controls: Vec::new(),
            certainty: Certainty::Likely,
            cells: cells.iter().map(|id| check(id)).collect(),
            alternatives: vec!["other".to_owned()],
            against: Vec::new(),
            help: Vec::new(),
        }
    }

    fn proof(id: &str, necessary: &[(Option<&str>, &str)]) -> Proof {
        let necessary = necessary.iter().map(|(setting, fact)| ProvenSetting {
            setting: setting.map(str::to_owned),
            label: (*fact).to_owned(),
            fact: (*fact).to_owned(),
            value: Some("0".to_owned()),
            reference: Some("1".to_owned()),
            controls: Vec::new(),
        });
        Proof {
            variant: "l2".parse().unwrap(),
            reference: "stock".parse().unwrap(),
            check: check(id),
            end: ProofEnd::Proven,
            necessary: necessary.collect(),
            sufficient: Vec::new(),
            settings: 3,
            runs: 8,
            trials: Vec::new(),
            out_of_reach: Vec::new(),
            not_restored: Vec::new(),
        }
    }

    /// `setting certainty cells`, and what stays unexplained.
    fn marked(causes: Vec<Cause>, unexplained: &[&str], proof: &Proof) -> (Vec<String>, Vec<String>) {
        let mut own = Explanation {
            variant: "l2".parse().unwrap(),
            causes,
            unexplained: unexplained.iter().map(|id| check(id)).collect(),
            lost: Vec::new(),
            hidden: Vec::new(),
            ruled_out: Vec::new(),
            note: None,
        };
        mark_one(&mut own, proof, &[]);
        let line = |cause: &Cause| {
            let cells: Vec<&str> = cause.cells.iter().map(CheckId::as_str).collect();
            format!("{} {} {}", cause.setting, cause.certainty.as_str(), cells.join(" "))
        };
        (own.causes.iter().map(line).collect(), own.unexplained.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_proven_takes_its_cell_and_leaves_the_others_as_they_were() {
        let causes = || vec![likely("forward", &["workload/a", "workload/b"]), likely("input", &["workload/c"])];
        let forward = proof("workload/a", &[(Some("forward"), "sysctl.forward")]);
        assert_eq!(
            marked(causes(), &["workload/d"], &forward),
            (
                vec![
                    "forward proven workload/a".to_owned(),
                    "forward likely workload/b".to_owned(),
                    "input likely workload/c".to_owned()
                ],
                vec!["workload/d".to_owned()]
            )
        );
        let other = proof("workload/c", &[(Some("forward"), "sysctl.forward")]);
        assert_eq!(
            marked(causes(), &[], &other).0,
            ["forward likely workload/a workload/b", "forward proven workload/c"]
        );
        let unknown = proof("workload/d", &[(None, "sysctl.vm.swappiness")]);
        let (causes, open) = marked(causes(), &["workload/d"], &unknown);
        assert!(causes.contains(&"sysctl.vm.swappiness proven workload/d".to_owned()), "{causes:?}");
        assert!(open.is_empty());
    }

    #[test]
    fn a_proof_of_a_cell_that_does_not_fail_changes_nothing() {
        let causes = vec![likely("forward", &["workload/a"])];
        let stray = proof("workload/z", &[(Some("forward"), "sysctl.forward")]);
        assert_eq!(marked(causes, &[], &stray).0, ["forward likely workload/a"]);
    }
}
