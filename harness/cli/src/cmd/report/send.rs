//! `amiproof report --output asff --send`: the findings of a run in Security Hub.

use amiproof_core::aws::security_hub::{self, Sent};
use amiproof_core::aws::{AwsError, Class, Identity};
use amiproof_model::exit::ExitCode;
use amiproof_model::report::Report;
use amiproof_reports::{Format, Options};
use serde_json::Value;

use crate::args::{self, Target};
use crate::output::{Failure, Output};
use crate::runtime::block_on;
use crate::session::Connection;

/// How many refused findings are listed; there may be thousands, all for the same reason.
const NAMED: usize = 20;

/// Sends them, and says how many Security Hub took. If it refused one, the exit code is 3.
pub(super) fn run(
    args: &args::Report,
    report: &Report,
    baseline: Option<&Report>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if args.format != Some(Format::Asff) {
        return Err(Failure::usage("only findings can be sent", "give --output asff with --send"));
    }
    let cluster = &report.cluster;
    if cluster.lab {
        return Err(Failure::usage(
            format!("run {} ran in the lab, which has no Security Hub", report.run.id),
            "leave --send out to print the findings",
        ));
    }
    if cluster.account.is_empty() || cluster.region.is_empty() {
        return Err(Failure::usage(
            format!("run {} has no AWS account, so its findings belong to none", report.run.id),
            "leave --send out to print the findings",
        ));
    }
    let options = Options { baseline, ..Options::default() };
    let text = amiproof_reports::render(Format::Asff, report, &options)
        .map_err(|error| Failure::error(error.to_string(), ""))?;
    let findings: Vec<Value> = serde_json::from_str(&text)
        .map_err(|error| Failure::error(format!("cannot read the rendered findings again: {error}"), ""))?;
    block_on(send(args, report, &findings, output))?
}

async fn send(args: &args::Report, report: &Report, findings: &[Value], output: &Output) -> Result<ExitCode, Failure> {
    let target = Target::aws(args.profile.clone(), args.endpoint_url.clone());
    let connection = Connection::open(&target, &report.cluster.region, output).await?;
    let mut sent = Sent::default();
    let ended = match of_other_account(report, connection.identity.as_ref()) {
        Some(failure) => Err(failure),
        None => match connection.aws() {
            Ok(clients) => {
                let imported = security_hub::import(clients, findings, &mut sent).await;
                imported.map_err(|error| failure(&error, &sent, findings.len()))
            }
            Err(failure) => Err(failure),
        },
    };
    connection.close().await;
    say_refused(&sent, output);
    ended?;
    output.data(format_args!(
        "{} of {} findings of run {} are in Security Hub ({}, account {})",
        sent.accepted,
        findings.len(),
        report.run.id,
        report.cluster.region,
        report.cluster.account
    ));
    Ok(if sent.refused.is_empty() { ExitCode::Passed } else { ExitCode::Error })
}

/// Security Hub takes an account's own findings from itself only.
fn of_other_account(report: &Report, caller: Option<&Identity>) -> Option<Failure> {
    let account = caller.map(|identity| identity.account.as_str()).unwrap_or_default();
    (report.cluster.account != account).then(|| {
        Failure::usage(
            format!(
                "run {} tested in account {}, and the caller is in {account}",
                report.run.id, report.cluster.account
            ),
            "use credentials of that account, for example with --profile",
        )
    })
}

fn say_refused(sent: &Sent, output: &Output) {
    // What it says of each finding of an account that has not enabled it (user guide, "BatchImportFindings for finding providers").
    if sent.refused.iter().any(|refused| refused.reason.starts_with("InvalidAccess")) {
        output.alert("hint: enable Security Hub in that account and region");
    }
    for refused in sent.refused.iter().take(NAMED) {
        output.alert(format_args!("error: Security Hub did not take {}: {}", refused.id, refused.reason));
    }
    if sent.refused.len() > NAMED {
        output.alert(format_args!("error: nor {} more findings", sent.refused.len() - NAMED));
    }
}

fn failure(error: &AwsError, sent: &Sent, all: usize) -> Failure {
    let hint = match (error.class, error.code.as_deref()) {
        (Class::AccessDenied, _) => "`amiproof iam-policy --for report` prints what it needs",
        (_, Some("InvalidAccessException")) => "enable Security Hub in that account and region",
        _ if error.is_infrastructure() => "run the same command again: what is there already is only updated",
        _ => "",
    };
    Failure::error(format!("{error}; {} of {all} findings were sent before", sent.accepted), hint)
}
