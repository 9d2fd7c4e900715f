//! Bottlerocket's own CIS reports, `apiclient report cis` and `apiclient report cis-k8s`: used instead of Inspector, which does not
//! scan Bottlerocket.
//!
//! Systems Manager reaches the control container, where `apiclient` is; if its agent does not answer, a privileged pod runs it on the
//! host (Bottlerocket documentation, "CIS reports"; EKS user guide, "Validate Kubernetes CIS Benchmark for Bottlerocket").

mod kind;
pub mod parse;
pub mod rows;

use std::time::Duration;

use amiproof_model::name::{Benchmark, Level, NameError};
use amiproof_model::report::{NodeRecord, ScanRecord};
use amiproof_model::verdict::{Placement, Verdict};

pub use self::kind::Kind;
use self::parse::Report;
use super::kube_bench::merge::merge;
use crate::aws::ssm;
use crate::check::{CheckError, Decision, ScanAnswer, ScanRow};
use crate::context::Context;
use crate::probe;

/// The id of the scan as a whole, for rows about a report that is not available.
pub const CHECK: &str = "os-cis/bottlerocket";

/// Deadline of one report, which takes a second or two.
const DEADLINE: Duration = Duration::from_secs(90);

/// Both reports of every node of the context's variant, one row per control over all nodes. `apiclient report` only reads; it is run once
/// per node and report.
///
/// # Errors
/// If the run is interrupted. A report that is not available is a row that is not evaluated.
pub async fn scan(context: &Context) -> Result<ScanAnswer, CheckError> {
    let level = context.variant.hardening.as_ref().map_or(Level::One, |hardening| hardening.level);
    let mut answer = ScanAnswer::default();
    for kind in [Kind::Os, Kind::Kubernetes] {
        let (record, rows) = one(context, kind, level).await?;
        answer.scans.push(record);
        answer.rows.extend(rows);
    }
    Ok(answer)
}

async fn one(context: &Context, kind: Kind, level: Level) -> Result<(ScanRecord, Vec<ScanRow>), CheckError> {
    let asked = context.nodes.iter().map(|node| async move { (node, of_node(context, kind, level, node).await) });
    let (mut of_nodes, mut silent, mut known) = (Vec::new(), Vec::new(), None::<(Benchmark, usize)>);
    for (node, report) in futures::future::join_all(asked).await {
        let resource = format!("node {}", node.index);
        let read = report.and_then(|report| {
            let rows = rows::rows(kind, &report, &resource, &placement(node))
                .map_err(|error| NoReport::Silent(error.to_string()))?;
            let benchmark = rows::benchmark(kind, &report).map_err(|error| NoReport::Silent(error.to_string()))?;
            Ok((rows, benchmark, report.total))
        });
        match read {
            Ok((rows, benchmark, total)) => {
                known.get_or_insert((benchmark, total));
                of_nodes.push((resource, rows));
            }
            Err(NoReport::Cancelled) => return Err(CheckError::Cancelled),
            Err(NoReport::Silent(why)) => silent.push(format!("{resource}: {why}")),
        }
    }
    let mut rows = merge(of_nodes);
    if rows.is_empty() && silent.is_empty() {
        silent.push("the variant has no node".to_owned());
    }
    if !silent.is_empty() {
        keep_from_green(&mut rows, &silent);
        rows.push(summary_row(kind, &silent.join("; ")).map_err(|error| CheckError::Undecided(error.to_string()))?);
    }
    let record = ScanRecord {
        subject: context.subject.clone(),
        suite: "os-cis".to_owned(),
        scanner: kind.scanner().to_owned(),
        // The report is part of the operating system, and has no version of its own.
        scanner_version: None,
        benchmark: known.as_ref().map(|(benchmark, _)| benchmark.clone()),
        level: Some(level),
        expected: known.map(|(_, total)| total),
        source: None,
        note: silent.join("; "),
    };
    Ok((record, rows))
}

/// A control that passed on some nodes is not evaluated while other nodes have no report.
fn keep_from_green(rows: &mut [ScanRow], silent: &[String]) {
    for row in rows.iter_mut().filter(|row| row.decision.verdict == Verdict::Pass) {
        row.decision.verdict = Verdict::NotEvaluated(silent.join("; "));
    }
}

/// The row of a report that is not available.
fn summary_row(kind: Kind, reason: &str) -> Result<ScanRow, NameError> {
    let id = match kind {
        Kind::Os => CHECK.to_owned(),
        Kind::Kubernetes => format!("{CHECK}-k8s"),
    };
    Ok(ScanRow {
        check: id.parse()?,
        title: format!("{} answers on every node", kind.command()),
        control: None,
        level: None,
        severity: None,
        scanner: kind.scanner().to_owned(),
        decision: Decision::from(Verdict::NotEvaluated(reason.to_owned())),
    })
}

/// Why a node has no report.
enum NoReport {
    Cancelled,
    Silent(String),
}

/// The report of a node, through Systems Manager if its agent answers, otherwise by a privileged pod.
async fn of_node(context: &Context, kind: Kind, level: Level, node: &NodeRecord) -> Result<Report, NoReport> {
    let command = format!("{} -f json -l {}", kind.command(), u8::from(level));
    let through_agent = match through_agent(context, node, &command).await {
        Ok(text) => match parse::parse(&text) {
            Ok(report) => return kept(context, kind, node, report, &text).await,
            Err(error) => error.to_string(),
        },
        Err(why) => why,
    };
    let output = match probe::read(context, node, &command, DEADLINE).await {
        Ok(output) => output,
        Err(probe::Error::Cancelled) => return Err(NoReport::Cancelled),
        Err(error) => return Err(NoReport::Silent(format!("{through_agent}; {error}"))),
    };
    if output.exit_code != 0 && output.stdout.trim().is_empty() {
        let stderr = output.stderr.trim();
        return Err(NoReport::Silent(format!("{command} ended with exit code {}: {stderr}", output.exit_code)));
    }
    match parse::parse(&output.stdout) {
        Ok(report) => kept(context, kind, node, report, &output.stdout).await,
        Err(error) => Err(NoReport::Silent(error.to_string())),
    }
}

async fn through_agent(context: &Context, node: &NodeRecord, command: &str) -> Result<String, String> {
    let clients = context.aws.as_ref().ok_or("this run has no AWS account")?;
    let instance = node.instance_id.as_deref().ok_or("the node is not an EC2 instance")?;
    let online = ssm::recent_status(clients, &[instance.to_owned()]).await.map_err(|error| error.to_string())?;
    if online.get(instance).map(String::as_str) != Some("Online") {
        return Err(format!("the SSM agent of {instance} does not answer"));
    }
    let output = ssm::run(clients, instance, "AWS-RunShellScript", &[command], DEADLINE).await;
    let output = output.map_err(|error| error.to_string())?;
    match (output.code, output.stdout.trim()) {
        (0, _) => Ok(output.stdout),
        (code, "") => Err(format!("{command} ended with exit code {code}: {}", output.stderr.trim())),
        (_, _) => Ok(output.stdout),
    }
}

/// Saves the report as evidence; the results do not depend on it.
async fn kept(
    context: &Context,
    kind: Kind,
    node: &NodeRecord,
    report: Report,
    text: &str,
) -> Result<Report, NoReport> {
    let name = format!("{}-node-{}.json", kind.scanner(), node.index);
    let path = context.evidence.join(&name);
    if let Err(error) = amiproof_time::write_file(&path, text).await {
        tracing::warn!(%path, %error, "Bottlerocket's report could not be kept");
    }
    Ok(report)
}

fn placement(node: &NodeRecord) -> Placement {
    Placement {
        pod: None,
        node: node.name.clone(),
        instance_id: node.instance_id.clone(),
        ami_id: node.ami_id.as_ref().map(ToString::to_string),
    }
}
