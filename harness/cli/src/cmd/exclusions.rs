//! `amiproof exclusions`: the controls to leave out of a hardened image, in the format that its build takes.

use amiproof_model::exit::ExitCode;
use amiproof_model::explain;
use amiproof_model::name::VariantName;
use amiproof_model::report::{Certainty, Explanation};
use amiproof_reports::exclusions::{self, Responsible};
use amiproof_suites::{controls, settings};

use crate::args::{Exclusions, Global};
use crate::output::{Failure, Output};
use crate::rundir;
use crate::suggest;

/// Prints the list. It is empty, with the reason on standard error, if no setting explains a failure.
pub(crate) fn run(global: &Global, args: &Exclusions, output: &Output) -> Result<ExitCode, Failure> {
    let responsible = match (&args.owner, args.expires) {
        (Some(owner), Some(expires)) => Some(Responsible { owner, expires }),
        _ if args.format.is_owned() => {
            let format = args.format.as_str();
            let help = "add --owner NAME and --expires YYYY-MM-DD";
            return Err(Failure::usage(format!("--output {format} needs an owner and a last day"), help));
        }
        _ => None,
    };
    let (mut report, _) = rundir::read_report(&global.dir, args.run.as_deref())?;
    explain::explain(&mut report, settings::all(), controls::all());
    let variant = chosen(&report.explanations, args.variant.as_deref(), report.run.id.as_str())?;
    if let (Some(file), Some(responsible)) = (&args.apply, responsible) {
        let found = exclusions::of(&report, &variant, Certainty::Proven);
        let waivers = exclusions::waivers_of(&variant, &found, responsible);
        if waivers.is_empty() {
            let message = format!("no control is a proven cause of a failure of {variant}, so nothing is waived");
            return Err(Failure::usage(message, format!("prove it with `amiproof bisect --variant {variant}`")));
        }
        super::waiver::add(file, &waivers, output)?;
        return Ok(ExitCode::Passed);
    }
    let least = if args.possible { Certainty::Possible } else { Certainty::Likely };
    let found = exclusions::of(&report, &variant, least);
    if found.is_empty() {
        let more = if args.possible { "" } else { "; --possible also lists possible causes" };
        output.note(format_args!("nothing to leave out of {variant}: no setting is a likely cause of a failure{more}"));
    }
    for line in exclusions::remaining(&report, &variant) {
        output.note(line);
    }
    let list = exclusions::render(args.format, &variant, &found, responsible);
    if !list.is_empty() {
        output.data(list);
    }
    Ok(ExitCode::Passed)
}

/// The variant that is named, or the only one with failures to explain.
pub(super) fn chosen(explanations: &[Explanation], wanted: Option<&str>, run: &str) -> Result<VariantName, Failure> {
    let known: Vec<&VariantName> = explanations.iter().map(|explanation| &explanation.variant).collect();
    let names: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
    let none = || format!("no failure in run {run} has the origin 'hardening'");
    match (wanted, known.as_slice()) {
        (None, [only]) => Ok((*only).clone()),
        (None, []) => Err(Failure::usage(none(), "there is nothing to leave out")),
        (None, _) => Err(Failure::usage(
            format!("{} variants of run {run} have failures to explain", known.len()),
            format!("choose one with --variant: {}", names.join(", ")),
        )),
        (Some(name), _) => known.into_iter().find(|known| known.as_str() == name).cloned().ok_or_else(|| {
            let help =
                if names.is_empty() { none() } else { suggest::instead(name, &names, "variants with such failures:") };
            Failure::usage(format!("no failure of variant {name} in run {run} has the origin 'hardening'"), help)
        }),
    }
}
