//! `amiproof doctor`: whether a run has what it needs of its account, of registries and of this machine. Creates nothing.

mod tools;

use amiproof_core::doctor::{
    Finding, Status, conclude, endpoints, permissions, preparation, quotas, registry, version,
};
use amiproof_core::iam::{Goal, Place};
use amiproof_model::exit::ExitCode;
use amiproof_model::history::Location;
use amiproof_model::matrix::Matrix;
use serde_json::json;

use super::selected;
use super::workload::images::pulled;
use crate::args::{Doctor, OutputForm};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output, count};
use crate::runtime;
use crate::session::Connection;
use crate::signals::Signals;

/// Asks for everything and says one line of each.
pub(crate) fn run(args: &Doctor, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read_offline(&args.selection.file, output)?;
    let matrix = files::narrowed(&inputs.matrix, &args.selection.variants)?;
    runtime::run(&args.target, || interruptible(args, &inputs, &matrix, output))?
}

async fn interruptible(args: &Doctor, inputs: &Inputs, matrix: &Matrix, output: &Output) -> Result<ExitCode, Failure> {
    let signals = Signals::listen(|_| ())
        .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let Some(findings) = signals.cancel.run_until_cancelled(examine(args, inputs, matrix, output)).await else {
        output.note("interrupted; nothing was created");
        return Ok(ExitCode::Interrupted);
    };
    let findings = findings?;
    let exit = conclude(&findings);
    match args.output {
        OutputForm::Json => {
            let answer = json!({"ready": exit == ExitCode::Passed, "findings": findings});
            output.json(format_args!("{answer:#}"));
        }
        OutputForm::Text => output.data(text(&findings)),
    }
    Ok(exit)
}

async fn examine(args: &Doctor, inputs: &Inputs, matrix: &Matrix, output: &Output) -> Result<Vec<Finding>, Failure> {
    let checks = selected::checks(matrix, inputs, &args.selection.checks)?;
    let base = args.selection.file.parent().map(ToOwned::to_owned).unwrap_or_default();
    let images = pulled(&checks, matrix, args.image_registry.as_deref());
    let mut is_lab = false;
    let mut findings = Vec::new();
    match &matrix.cluster.region {
        None => findings.push(Finding::ok("credentials", "the matrix needs no AWS account")),
        Some(region) => match Connection::open(&args.target, region, output).await {
            Err(failure) => {
                let help =
                    "with working credentials and a reachable endpoint, `amiproof doctor` makes the remaining checks";
                findings.push(Finding::problem("credentials", failure.message, help));
            }
            Ok(connection) => {
                is_lab = connection.is_lab;
                findings.extend(
                    of_account(&connection, inputs, matrix, &base, selected::scans_by_inspector(&checks)).await,
                );
                connection.close().await;
            }
        },
    }
    if is_lab {
        let images = count(images.len(), "image");
        let message = format!("{images} not checked: nodes of the lab pull from no registry");
        findings.push(Finding::unknown("registries", message, ""));
    } else {
        findings.extend(registry::examine(&images).await);
    }
    findings.extend(tools::examine(matrix, inputs, &base));
    Ok(findings)
}

/// The checks of the account, made concurrently and listed in the order in which a run needs them.
async fn of_account(
    connection: &Connection,
    inputs: &Inputs,
    matrix: &Matrix,
    base: &camino::Utf8Path,
    scans: bool,
) -> Vec<Finding> {
    let (Some(clients), Some(identity)) = (&connection.clients, &connection.identity) else { return Vec::new() };
    let store = inputs.history.as_ref().map(|history| &history.store);
    let place = Place::of(matrix).with_store(store).in_region(Some(clients.region())).in_account(&identity.account);
    let creates = matrix.cluster.create || matrix.variants.iter().any(|variant| variant.made().is_some());
    let mut goals =
        if creates { vec![Goal::Apply, Goal::Test, Goal::Scan, Goal::Destroy] } else { vec![Goal::Test, Goal::Scan] };
    if matches!(store, Some(Location::S3 { .. })) {
        goals.push(Goal::Nightly);
    }
    let (endpoints, permissions, images, inspector, systems_manager, version, quotas) = tokio::join!(
        endpoints::examine(clients),
        permissions::examine(clients, identity, &goals, &place),
        preparation::images(clients, matrix, base),
        preparation::inspector(clients, matrix, scans),
        preparation::systems_manager(clients),
        version::examine(clients, matrix),
        quotas::examine(clients, matrix),
    );
    let clock = match clients.clock_skew() {
        None => Finding::ok("clock", "this machine's clock agrees with AWS"),
        Some(skew) => {
            Finding::problem("clock", skew.to_string(), "set it, for example with `timedatectl set-ntp true`")
        }
    };
    let caller = format!("{} in account {}, {}", identity.arn, identity.account, clients.region());
    let mut findings = vec![Finding::ok("credentials", caller), clock];
    findings.extend(endpoints);
    findings.push(permissions);
    findings.extend(images);
    findings.extend(version);
    findings.extend(inspector);
    findings.push(systems_manager);
    findings.extend(quotas);
    findings
}

fn text(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for Finding { check, status, message, help, .. } in findings {
        lines.push(format!("{:<8} {check:<16} {message}", status.as_str()));
        if !help.is_empty() {
            lines.push(format!("{:<8} {:<16} help: {help}", "", ""));
        }
    }
    let count = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
    let parts =
        [(Status::Problem, "problem"), (Status::Unknown, "unknown"), (Status::Warning, "warning"), (Status::Ok, "ok")];
    let parts: Vec<String> = parts
        .iter()
        .map(|(status, word)| (count(*status), *word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| {
            format!("{count} {word}{}", if count > 1 && !matches!(word, "ok" | "unknown") { "s" } else { "" })
        })
        .collect();
    let verdict = match conclude(findings) {
        ExitCode::Passed => "ready",
        ExitCode::Failed => "not ready",
        _ => "undecided",
    };
    lines.push(format!("\n{verdict}: {}", parts.join(", ")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_how_it_is_and_what_to_do() {
        let findings = [
            Finding::ok("credentials", "arn:aws:iam::111122223333:user/ci in account 111122223333, us-west-2"),
            Finding::problem("quotas", "VPCs: 1 needed, 5 in use, 5 allowed", "ask for more"),
            Finding::undecided("permissions", "not known", "attach the policy"),
            Finding::warning("kubernetes", "Kubernetes 1.32 is in extended support", "use 1.35"),
            Finding::warning("inspector", "off", ""),
        ];
        insta::assert_snapshot!(text(&findings), @r"
        ok       credentials      arn:aws:iam::111122223333:user/ci in account 111122223333, us-west-2
        problem  quotas           VPCs: 1 needed, 5 in use, 5 allowed
                                  help: ask for more
        unknown  permissions      not known
                                  help: attach the policy
        warning  kubernetes       Kubernetes 1.32 is in extended support
                                  help: use 1.35
        warning  inspector        off

        not ready: 1 problem, 1 unknown, 2 warnings, 1 ok
        ");
    }
}
