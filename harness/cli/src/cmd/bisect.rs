//! `amiproof bisect`: proves which settings break checks of a variant, by exchanging them on running nodes, or finds the first bad of
//! several releases ([`releases`]).

use amiproof_core::bisect::Wanted;
use amiproof_core::run::Experiment;
use amiproof_model::bisect::Limits;
use amiproof_model::exit::ExitCode;
use amiproof_model::explain;
use amiproof_model::name::{CheckId, VariantName};
use amiproof_model::report::{Explanation, Report};
use amiproof_suites::{controls, settings};

use super::releases;
use crate::args::{Bisect, Global};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output};
use crate::rundir;
use crate::session::Goal;
use crate::suggest;

/// Maximum number of unexplained cells that are bisected unless the user names them.
const UNEXPLAINED: usize = 5;

/// Bisects, and prints what is proven.
pub(crate) fn run(global: &Global, args: &Bisect, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read(&args.on.file, output)?;
    if !args.releases.is_empty() {
        return releases::run(global, args, inputs, output);
    }
    let known = known(global, args)?;
    let (variant, explanation) = match (&args.variant, &known) {
        (Some(name), _) => (files::variant(&inputs.matrix, name)?, known.as_ref().and_then(|report| of(report, name))),
        (None, Some(report)) => {
            let only = super::exclusions::chosen(&report.explanations, None, report.run.id.as_str())?;
            let explanation = of(report, only.as_str());
            (only, explanation)
        }
        (None, None) => {
            return Err(Failure::usage("there is no report with the failures", "give --variant and --check"));
        }
    };
    let reference = inputs.matrix.variants.iter().find(|one| one.name == variant).map(|one| one.reference.is_some());
    if reference != Some(true) {
        return Err(Failure::usage(
            format!(
                "variant {variant} has no reference in {}: there is nothing to exchange settings with",
                args.on.file
            ),
            "name the unhardened counterpart with 'reference:'",
        ));
    }
    if inputs.matrix.variants.iter().any(|one| one.name == variant && !one.family.is_linux()) {
        let message = format!("variant {variant} runs Windows, whose settings cannot be exchanged");
        return Err(Failure::usage(message, "see `amiproof explain`"));
    }
    let all = files::checks(&inputs.workloads)?;
    let ids: Vec<&str> = all.iter().map(|check| check.id.as_str()).collect();
    if let Some(unknown) = args.checks.iter().find(|name| !ids.contains(&name.as_str())) {
        let message = format!("--check: there is no check '{unknown}'");
        return Err(Failure::usage(message, suggest::check(unknown, &ids)));
    }
    let checks = checks(args, &variant, explanation)?;
    let suspects = checks.iter().map(|check| (check.clone(), suspects(explanation, check))).collect();
    let limits = Limits { runs: usize::try_from(args.max_runs).unwrap_or(usize::MAX) };
    let ids: Vec<String> = checks.iter().map(ToString::to_string).collect();
    let wanted = Wanted { variant: variant.clone(), checks, suspects, limits, nodes: args.on.nodes.clone() };
    let inputs = Inputs { experiment: Some(Experiment::Bisect(wanted)), ..inputs };
    super::run::resumed(global, &args.on.as_test(variant.as_str(), ids), inputs, Goal::Experiment, output)
}

/// The report that is named, or else the latest; `None` if there is none and none is named.
fn known(global: &Global, args: &Bisect) -> Result<Option<Report>, Failure> {
    let read = rundir::read_report(&global.dir, args.report.as_deref());
    let mut report = match (read, &args.report) {
        (Ok((report, _)), _) => report,
        (Err(failure), Some(_)) => return Err(failure),
        (Err(_), None) => return Ok(None),
    };
    explain::explain(&mut report, settings::all(), controls::all());
    Ok(Some(report))
}

fn of<'a>(report: &'a Report, variant: &str) -> Option<&'a Explanation> {
    report.explanations.iter().find(|one| one.variant.as_str() == variant)
}

/// The checks that are named, or one for each cause and the first that are unexplained.
fn checks(args: &Bisect, variant: &VariantName, explanation: Option<&Explanation>) -> Result<Vec<CheckId>, Failure> {
    let mut checks: Vec<CheckId> = Vec::new();
    for name in &args.checks {
        let id = name
            .parse()
            .map_err(|error| Failure::usage(format!("--check {name}: {error}"), "`amiproof list` shows every check"))?;
        if !checks.contains(&id) {
            checks.push(id);
        }
    }
    if !checks.is_empty() {
        return Ok(checks);
    }
    let explanation = explanation.ok_or_else(|| {
        let message = format!("no report has checks that {variant} fails although its reference passes them");
        Failure::usage(message, "name them with --check, or run `amiproof test` first")
    })?;
    let can_run = |check: &&CheckId| !matches!(check.suite(), "kube-bench" | "os-cis" | "eks-cis");
    for cause in &explanation.causes {
        // One that only this cause explains shows it alone.
        let is_own =
            |check: &&CheckId| explanation.causes.iter().filter(|other| other.cells.contains(check)).count() == 1;
        let best = cause.cells.iter().filter(can_run).find(is_own).or_else(|| cause.cells.iter().find(can_run));
        checks.extend(best.filter(|check| !checks.contains(check)).cloned().into_iter().collect::<Vec<_>>());
    }
    checks.extend(explanation.unexplained.iter().filter(can_run).take(UNEXPLAINED).cloned());
    if checks.is_empty() {
        let message = format!("no check of {variant} that fails can be run again on its own");
        return Err(Failure::usage(message, "name one with --check"));
    }
    Ok(checks)
}

/// The settings that may break a check, according to a report: its causes, their alternatives, and what they hide.
fn suspects(explanation: Option<&Explanation>, check: &CheckId) -> Vec<String> {
    let Some(explanation) = explanation else { return Vec::new() };
    let mut all: Vec<String> = Vec::new();
    let causes = || explanation.causes.iter().filter(|cause| cause.cells.contains(check));
    all.extend(causes().map(|cause| cause.setting.clone()));
    all.extend(causes().flat_map(|cause| cause.alternatives.clone()));
    let hidden = explanation.hidden.iter().filter(|hidden| hidden.cells.contains(check));
    all.extend(hidden.map(|hidden| hidden.setting.clone()));
    all
}

#[cfg(test)]
mod tests {
    use amiproof_model::report::{Cause, Certainty};

    use super::*;

    fn cause(setting: &str, cells: &[&str], alternatives: &[&str]) -> Cause {
        Cause {
            setting: setting.to_owned(),
            title: String::new(),
            label: String::new(),
            fact: String::new(),
            value: String::new(),
            reference: None,
            nodes: Vec::new(),
            controls: Vec::new(),
            certainty: Certainty::Likely,
            cells: cells.iter().map(|id| id.parse().unwrap()).collect(),
            alternatives: alternatives.iter().map(|one| (*one).to_owned()).collect(),
            against: Vec::new(),
            help: Vec::new(),
        }
    }

    fn args() -> Bisect {
        let words = ["amiproof", "bisect"].map(str::to_owned);
        let cli = crate::args::Cli::read(words.into_iter().skip(1)).unwrap();
        match cli.command {
            crate::args::Command::Bisect(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_cause_is_shown_by_a_check_of_its_own_and_what_is_unexplained_is_tried() {
        let explanation = Explanation {
            variant: "l2".parse().unwrap(),
            causes: vec![
                cause("forward", &["os-cis/inspector", "workload/a", "workload/b"], &[]),
                cause("input", &["workload/a", "kubelet-path/logs"], &["output"]),
            ],
            unexplained: vec!["workload/z".parse().unwrap(), "kube-bench/node".parse().unwrap()],
            lost: Vec::new(),
            hidden: Vec::new(),
            ruled_out: Vec::new(),
            note: None,
        };
        let variant = "l2".parse().unwrap();
        let found = checks(&args(), &variant, Some(&explanation)).unwrap();
        let ids: Vec<&str> = found.iter().map(CheckId::as_str).collect();
        assert_eq!(ids, ["workload/b", "kubelet-path/logs", "workload/z"]);
        assert_eq!(suspects(Some(&explanation), &"workload/a".parse().unwrap()), ["forward", "input", "output"]);
        assert!(suspects(None, &found[0]).is_empty());
        let failure = checks(&args(), &variant, None).unwrap_err();
        assert!(failure.hint.contains("--check"), "{failure:?}");
    }
}
