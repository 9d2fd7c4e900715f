//! The CIS scan of Amazon Inspector: one configuration per variant, its results per control over all nodes.
//!
//! The sequence is that of the Inspector user guide ("CIS scans for Amazon EC2 instances") with what the field learned: one
//! configuration at a time per instance, a tag that no other variant has, and nothing believed that was not evaluated. The
//! judgement is pure ([`assess`]); this file only asks.

mod api;
mod assess;

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::matrix::{Family, Variant};
use amiproof_model::name::{Benchmark, Level, NameError, RunId};
use amiproof_model::report::{NodeRecord, ScanRecord, Subject};
use amiproof_model::verdict::{Evidence, Verdict};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use self::api::{configurations, delete_configuration};
pub use self::assess::{Detail, NodeScan, Summary, TargetState, assess_nodes, assess_rows, assess_summary};
use crate::aws::error::AwsError;
use crate::aws::evidence::evidence;
use crate::aws::names::{self, Tags};
use crate::aws::{Clients, ssm};
use crate::check::{CheckError, Decision, ScanAnswer, ScanRow};
use crate::context::Context;
use crate::ledger::{self, Ledger, Resource, ResourceKind};

/// The scanner's name in rows and records.
pub const SCANNER: &str = "inspector";

/// The id of the scan as a whole: what is reported when there are no rows.
pub const CHECK: &str = "os-cis/inspector";

/// A scan takes minutes, so looking more often finds nothing sooner.
const POLL: Duration = Duration::from_secs(30);
/// How often to look whether the SSM agent answers.
const ONLINE_POLL: Duration = Duration::from_secs(10);
/// How long an agent may take on a node that is Ready already.
const ONLINE_DEADLINE: Duration = Duration::from_secs(10 * 60);
/// Two configurations that match one instance at the same time end with zero checks; a deleted one needs a moment.
const AFTER_STALE: Duration = Duration::from_secs(15);

/// What went wrong while asking; what Inspector would not evaluate is a verdict, not an error.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("no terminal state")]
    Late,
    #[error("interrupted")]
    Cancelled,
}

/// How a scan ended.
enum Ended {
    Rows(Vec<ScanRow>),
    NotEvaluated(String, Vec<Evidence>),
}

/// What is to be scanned.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The variant.
    pub variant: &'a Variant,
    /// Its nodes.
    pub nodes: &'a [NodeRecord],
    /// The record of what is made.
    pub ledger: &'a Ledger,
    /// Fires when the run is interrupted.
    pub cancel: &'a CancellationToken,
}

/// Scans the nodes of a check's variant and answers every control.
///
/// # Errors
/// As [`scan_nodes`].
pub async fn scan(context: &Context) -> Result<ScanAnswer, CheckError> {
    let Some(clients) = &context.aws else {
        let reason = "Inspector needs an AWS account, and this run has none".to_owned();
        return Ok(answer(&context.variant, whole(Verdict::NotEvaluated(reason.clone()), Vec::new())?, reason));
    };
    let request = Request {
        run: &context.run,
        variant: &context.variant,
        nodes: &context.nodes,
        ledger: &context.ledger,
        cancel: &context.cancel,
    };
    scan_nodes(clients, &request).await
}

/// Scans nodes and answers every control.
///
/// # Errors
/// When an API does not answer, or the scan has no end within the variant's `timeouts.os_scan`. What Inspector does not evaluate is
/// one row with [`Verdict::NotEvaluated`].
pub async fn scan_nodes(clients: &Clients, request: &Request<'_>) -> Result<ScanAnswer, CheckError> {
    let not_evaluated = |reason: String, evidence| {
        Ok(answer(request.variant, whole(Verdict::NotEvaluated(reason.clone()), evidence)?, reason))
    };
    let doing = || format!("the Inspector CIS scan of variant {}", request.variant.name);
    if let Some(reason) = unsupported(request.variant.family) {
        return not_evaluated(reason.to_owned(), Vec::new());
    }
    match run(request, clients).await {
        Ok(Ended::Rows(rows)) => Ok(answer(request.variant, rows, String::new())),
        Ok(Ended::NotEvaluated(reason, evidence)) => not_evaluated(reason, evidence),
        Err(Error::Cancelled) => Err(CheckError::Cancelled),
        Err(Error::Late) => {
            Err(CheckError::Timeout { doing: format!("{} to end", doing()), after: request.variant.timeouts.os_scan })
        }
        Err(error) => Err(CheckError::api(doing(), error)),
    }
}

/// The benchmark whose numbers the results carry: what the variant is hardened to, else what Inspector judges the family by.
pub fn benchmark(variant: &Variant) -> Result<Benchmark, NameError> {
    if let Some(hardening) = &variant.hardening {
        return Ok(hardening.benchmark.clone());
    }
    match variant.family {
        Family::Windows => "cis-windows-2022-5.0.0",
        Family::Al2023 | Family::Al2 | Family::Bottlerocket => "cis-al2023-1.0.0",
    }
    .parse()
}

/// Families that Inspector has no CIS benchmark for (Inspector user guide, "Supported operating systems: CIS scanning").
fn unsupported(family: Family) -> Option<&'static str> {
    match family {
        Family::Al2 => Some(
            "Inspector does not scan Amazon Linux 2 any more, whose support ended on 2026-06-30: scan it with OpenSCAP and import the \
             XCCDF results",
        ),
        Family::Bottlerocket => {
            Some("Inspector does not scan Bottlerocket, which has a report of its own: `apiclient report cis`")
        }
        Family::Al2023 | Family::Windows => None,
    }
}

fn whole(verdict: Verdict, evidence: Vec<Evidence>) -> Result<Vec<ScanRow>, CheckError> {
    let check = CHECK.parse().map_err(|error: NameError| CheckError::Undecided(error.to_string()))?;
    Ok(vec![ScanRow {
        check,
        title: "Amazon Inspector scans the operating system by its CIS benchmark".to_owned(),
        control: None,
        level: None,
        severity: None,
        scanner: SCANNER.to_owned(),
        decision: Decision { evidence, ..verdict.into() },
    }])
}

/// The rows with who judged by what. How many controls a benchmark has is not said by Inspector, so `expected` stays open.
fn answer(variant: &Variant, rows: Vec<ScanRow>, note: String) -> ScanAnswer {
    let scanned = rows.iter().any(|row| row.control.is_some());
    let record = ScanRecord {
        subject: Subject::Variant(variant.name.clone()),
        suite: "os-cis".to_owned(),
        scanner: SCANNER.to_owned(),
        scanner_version: None,
        benchmark: if scanned { benchmark(variant).ok() } else { None },
        level: variant.hardening.as_ref().map_or(Some(Level::One), |hardening| Some(hardening.level)),
        expected: None,
        note,
    };
    ScanAnswer { scans: vec![record], rows }
}

async fn run(request: &Request<'_>, clients: &Clients) -> Result<Ended, Error> {
    let deadline = Instant::now() + request.variant.timeouts.os_scan;
    let nodes: Vec<NodeScan> = request.nodes.iter().filter_map(NodeScan::of).collect();
    if nodes.is_empty() {
        return Ok(Ended::NotEvaluated("no node of the variant has an EC2 instance id".to_owned(), Vec::new()));
    }
    if let Some(reason) = api::why_not_enabled(clients).await? {
        return Ok(Ended::NotEvaluated(reason, Vec::new()));
    }
    let offline = wait_online(request, clients, &nodes, deadline).await?;
    if offline.len() == nodes.len() {
        let reason = assess::offline_reason(&nodes, &offline);
        return Ok(Ended::NotEvaluated(reason, Vec::new()));
    }
    let name = names::scan_configuration(&request.run, &request.variant.name);
    if api::delete_stale(clients, &name).await? > 0 {
        clients.pause(AFTER_STALE).await;
    }
    let tags = Tags::of_run(request.run.clone(), request.ledger.header().expires).for_variant(&request.variant.name);
    let level = request.variant.hardening.as_ref().map_or(Level::One, |hardening| hardening.level);
    let resource = Resource::new(ResourceKind::CisScanConfiguration, &name)
        .in_region(clients.region())
        .for_variant(&request.variant.name);
    let created = request
        .ledger
        .create_resource(resource, || async {
            let value = names::scan_tag_value(&request.run, &request.variant.name);
            let create = || api::create_configuration(clients, &name, level, &value, &tags);
            clients.patiently(create).await.map_err(Error::from)
        })
        .await?;
    let ended = watch_and_read(request, clients, &created.id, &nodes, &offline, deadline).await;
    // In every path, also when reading failed. What cannot be deleted now stays in the ledger, and destroy tries again.
    match api::delete_configuration(clients, &created.id).await {
        Ok(()) => request.ledger.gone(created.key).await?,
        Err(error) => tracing::warn!(%error, "the scan configuration stays until the run is destroyed"),
    }
    ended
}

/// Waits until the SSM agent of every node answers; gives the instances whose agent does not, with its status.
async fn wait_online(
    request: &Request<'_>,
    clients: &Clients,
    nodes: &[NodeScan],
    deadline: Instant,
) -> Result<BTreeMap<String, String>, Error> {
    let ids: Vec<String> = nodes.iter().map(|node| node.instance_id.clone()).collect();
    let until = deadline.min(Instant::now() + ONLINE_DEADLINE);
    loop {
        let status = ssm::ping_status(clients, &ids).await?;
        let of = |id: &String| status.get(id).map_or("not managed by SSM", String::as_str).to_owned();
        let offline: BTreeMap<String, String> =
            ids.iter().map(|id| (id.clone(), of(id))).filter(|(_, status)| status != "Online").collect();
        if offline.is_empty() || Instant::now() >= until {
            return Ok(offline);
        }
        pause(request, clients, ONLINE_POLL).await?;
    }
}

async fn watch_and_read(
    request: &Request<'_>,
    clients: &Clients,
    configuration: &str,
    nodes: &[NodeScan],
    offline: &BTreeMap<String, String>,
    deadline: Instant,
) -> Result<Ended, Error> {
    let summary = loop {
        // No row for a while after the configuration was made is normal.
        match api::find_scan(clients, configuration).await? {
            Some(summary) if summary.is_terminal() => break summary,
            _ if Instant::now() >= deadline => return Err(Error::Late),
            _ => pause(request, clients, POLL).await?,
        }
    };
    let targets = api::targets(clients, &summary.scan_arn).await?;
    let proof = evidence("Inspector scan", assess::describe(&summary, &targets));
    if let Err(reason) = assess_summary(&summary, nodes, &targets) {
        let mut evidence = vec![proof];
        evidence.extend(plugin_log(request, clients, nodes).await);
        return Ok(Ended::NotEvaluated(reason, evidence));
    }
    let nodes = assess_nodes(nodes, offline, &targets);
    let mut details = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.not_scanned.is_none()) {
        let account = targets.get(&node.instance_id).map(|target| target.account.as_str()).unwrap_or_default();
        let account = if account.is_empty() { request.ledger.header().account.as_str() } else { account };
        details.insert(node.index, api::details(clients, &summary.scan_arn, &node.instance_id, account).await?);
    }
    let mut rows = assess_rows(&benchmark(&request.variant)?, &nodes, &details)?;
    if rows.is_empty() {
        let reason = "Inspector says that it ran checks, but has no result for any of the variant's nodes".to_owned();
        return Ok(Ended::NotEvaluated(reason, vec![proof]));
    }
    rows[0].decision.evidence.push(proof);
    Ok(Ended::Rows(rows))
}

/// The log of Inspector's plugin on the first node: it says why a scan ended without checks. Never fails.
async fn plugin_log(request: &Request<'_>, clients: &Clients, nodes: &[NodeScan]) -> Option<Evidence> {
    const DEADLINE: Duration = Duration::from_secs(45);
    const COMMAND: &str = "tail -n 100 /var/log/amazon/inspector/*.log";
    let node = nodes.first().filter(|_| request.variant.family.is_linux())?;
    let answer = ssm::run(clients, &node.instance_id, "AWS-RunShellScript", &[COMMAND], DEADLINE).await;
    let text = answer.map_or_else(|error| format!("not had: {error}"), |output| output.stdout + &output.stderr);
    Some(evidence(format!("log of Inspector's plugin on node {}", node.index), text))
}

async fn pause(request: &Request<'_>, clients: &Clients, interval: Duration) -> Result<(), Error> {
    let slept = request.cancel.run_until_cancelled(clients.pause(interval)).await;
    slept.ok_or(Error::Cancelled)
}
