//! The calls of a scan in order, from the prerequisites to the deletion of the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::verdict::Evidence;
use tokio::time::Instant;

use super::assess::{self, NodeScan, Summary, TargetState, assess_nodes, assess_rows, assess_summary};
use super::prerequisites::{self, Missing};
use super::{Ended, Error, Request, Scanned, api, judged_by, report};
use crate::aws::names::{self, SCAN_TAG, Tags};
use crate::aws::{Clients, ssm};
use crate::evidence::evidence;
use crate::finish;
use crate::resource::{self, NotCreated, cis_scan_configuration};

/// The polling interval of a scan, which takes minutes.
const POLL: Duration = Duration::from_secs(60);
/// The polling interval for the prerequisites of a node.
const READY_POLL: Duration = Duration::from_secs(30);
/// How long agent and coverage may take on a node that is Ready already.
const READY_DEADLINE: Duration = Duration::from_secs(10 * 60);
/// Two configurations that match one instance at the same time end with zero checks; a deleted one needs a moment.
const AFTER_STALE: Duration = Duration::from_secs(15);

/// Runs the scan of a variant.
///
/// # Errors
/// When an API does not answer, or the run is interrupted.
pub(super) async fn run(request: &Request<'_>, clients: &Clients) -> Result<Ended, Error> {
    let deadline = Instant::now() + amiproof_time::limit(request.variant.timeouts.os_scan);
    let nodes: Vec<NodeScan> = request.nodes.iter().filter_map(NodeScan::of).collect();
    if nodes.is_empty() {
        return Ok(Ended::NotEvaluated("no node of the variant has an EC2 instance id".to_owned(), Vec::new()));
    }
    let missing = missing(request, clients, &nodes, deadline).await?;
    let notes = (!missing.unknown.is_empty())
        .then(|| evidence("prerequisites that could not be checked", missing.unknown.join("\n")));
    if let Some(reason) = missing.reason(&nodes) {
        return Ok(Ended::NotEvaluated(reason, notes.into_iter().collect()));
    }
    let value = names::scan_tag_value(request.run, &request.variant.name);
    let subject = (request.run, &request.variant.name);
    let standing = cis_scan_configuration::standing(clients, request.ledger, subject, request.level()).await?;
    let prefix = format!("{}{}", names::scan_prefix(request.run), request.variant.name);
    // A configuration is in the ledger before it is created.
    let may_be_stale = standing.is_none()
        && (!request.ledger.torn().is_empty()
            || request.ledger.entries().iter().any(|entry| {
                entry.resource.kind == cis_scan_configuration::KIND
                    && entry.resource.variant.as_ref() == Some(&request.variant.name)
            }));
    if may_be_stale && api::delete_stale(clients, &prefix, &value).await? > 0 {
        clients.pause(AFTER_STALE).await;
    }
    let tags = Tags::of_run(request.run.clone(), request.ledger.header().expires);
    let tags = tags.for_variant(&request.variant.name).with(request.tags);
    // Runs to completion, so that the configuration is deleted even if the run is interrupted; watching the scan ends
    // then.
    let ended = finish::run_to_completion(async {
        let created = match standing {
            Some(created) => created,
            None => {
                let created =
                    cis_scan_configuration::create(clients, request.ledger, subject, request.level(), &tags).await;
                created.map_err(NotCreated::split::<Error>)?
            }
        };
        let ended = watch_and_read(request, clients, &created.id, &nodes, &missing.nodes, deadline).await;
        // In every path, even when reading failed. What cannot be deleted now stays in the ledger, and destroy tries again.
        match api::delete_configuration(clients, &created.id).await {
            Ok(()) => request.ledger.gone(created.key).await?,
            Err(error) => tracing::warn!(%error, "the scan configuration stays until the run is destroyed"),
        }
        ended
    });
    ended.await.map(|ended| with_notes(ended, notes))
}

fn with_notes(ended: Ended, notes: Option<Evidence>) -> Ended {
    match ended {
        Ended::Rows(mut scanned) => {
            if let Some(row) = scanned.rows.first_mut() {
                row.decision.evidence.extend(notes);
            }
            Ended::Rows(scanned)
        }
        Ended::NotEvaluated(reason, mut evidence) => {
            evidence.extend(notes);
            Ended::NotEvaluated(reason, evidence)
        }
    }
}

/// What is missing for a scan, after waiting for what appears by itself. Does not wait if the account or the role prevents the scan of all
/// nodes.
async fn missing(
    request: &Request<'_>,
    clients: &Clients,
    nodes: &[NodeScan],
    deadline: Instant,
) -> Result<Missing, Error> {
    let mut all = prerequisites::of_account(clients, nodes).await?;
    let until = deadline.min(Instant::now() + READY_DEADLINE);
    loop {
        let (of_nodes, settled) = prerequisites::of_nodes(clients, nodes).await?;
        if settled || !all.whole.is_empty() || Instant::now() >= until {
            all.nodes = of_nodes.nodes;
            all.unknown.extend(of_nodes.unknown);
            return Ok(all);
        }
        pause(request, clients, READY_POLL).await?;
    }
}

/// Watches a scan to its end and reads it. An interruption stops it at once.
async fn watch_and_read(
    request: &Request<'_>,
    clients: &Clients,
    configuration: &str,
    nodes: &[NodeScan],
    offline: &BTreeMap<String, String>,
    deadline: Instant,
) -> Result<Ended, Error> {
    let work = watched(request, clients, configuration, nodes, offline, deadline);
    request.cancel.run_until_cancelled(work).await.unwrap_or(Err(Error::Cancelled))
}

async fn watched(
    request: &Request<'_>,
    clients: &Clients,
    configuration: &str,
    nodes: &[NodeScan],
    offline: &BTreeMap<String, String>,
    deadline: Instant,
) -> Result<Ended, Error> {
    let summary = loop {
        pause(request, clients, POLL).await?;
        // No row for a while after the configuration was made is normal.
        match api::find_scan(clients, configuration).await? {
            Some(summary) if summary.is_terminal() => break summary,
            last if Instant::now() >= deadline => return Ok(late(request, clients, nodes, last).await),
            _ => {}
        }
    };
    let targets = api::targets(clients, &summary.scan_arn).await?;
    let proof = evidence("Inspector scan", assess::describe(&summary, &targets));
    if let Err(reason) = assess_summary(&summary, nodes, &targets) {
        let mut evidence = vec![proof];
        evidence.extend(rivals(request, clients, configuration).await);
        evidence.extend(plugin_log(request, clients, nodes).await);
        return Ok(Ended::NotEvaluated(reason, evidence));
    }
    read(request, clients, &summary, &assess_nodes(nodes, offline, &targets), &targets, proof).await
}

/// A scan that evaluated something: its results per control, and its own reports.
async fn read(
    request: &Request<'_>,
    clients: &Clients,
    summary: &Summary,
    nodes: &[NodeScan],
    targets: &BTreeMap<String, TargetState>,
    proof: Evidence,
) -> Result<Ended, Error> {
    let mut details = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.not_scanned.is_none()) {
        let account = targets.get(&node.instance_id).map(|target| target.account.as_str()).unwrap_or_default();
        let account = if account.is_empty() { request.ledger.header().account.as_str() } else { account };
        details.insert(node.index, api::details(clients, &summary.scan_arn, &node.instance_id, account).await?);
    }
    let platform = targets.values().map(|target| target.platform.as_str()).find(|platform| !platform.is_empty());
    let benchmark = judged_by(request.variant.family, platform.unwrap_or_default())?;
    let mut rows = assess_rows(&benchmark, nodes, &details)?;
    let Some(first) = rows.first_mut() else {
        let reason =
            "Inspector reports that it ran checks, but has no result for any of the variant's nodes".to_owned();
        return Ok(Ended::NotEvaluated(reason, vec![proof]));
    };
    first.decision.evidence.push(proof);
    if let Some(folder) = request.evidence {
        first.decision.evidence.extend(report::keep(clients, &summary.scan_arn, folder).await);
    }
    let hardened = request.variant.hardening.as_ref().map(|hardening| &hardening.benchmark);
    let note = match hardened.filter(|hardened| **hardened != benchmark) {
        Some(hardened) => {
            format!("hardened to {hardened}, but evaluated against {benchmark}, the version that Inspector has")
        }
        None => String::new(),
    };
    let expected = assess::expected(summary, details.len());
    Ok(Ended::Rows(Scanned { rows, benchmark, expected, note }))
}

/// The deadline has passed, and nothing was evaluated. That says nothing about the image.
async fn late(request: &Request<'_>, clients: &Clients, nodes: &[NodeScan], last: Option<Summary>) -> Ended {
    let within = request.variant.timeouts.os_scan.as_secs();
    let seen = match last {
        Some(summary) => format!("the scan was still {}", summary.status),
        None => "Inspector did not list the scan".to_owned(),
    };
    let reason = format!("{seen} after {within}s (timeouts.osScan), so nothing was evaluated; run it again");
    Ended::NotEvaluated(reason, plugin_log(request, clients, nodes).await.into_iter().collect())
}

/// Other configurations that match the same instances, which is one reason for zero checks. Never fails.
async fn rivals(request: &Request<'_>, clients: &Clients, own: &str) -> Option<Evidence> {
    let mut tags = BTreeMap::from([
        (SCAN_TAG.to_owned(), names::scan_tag_value(request.run, &request.variant.name)),
        ("eks:nodegroup-name".to_owned(), names::node_group(request.run, &request.variant.name)),
    ]);
    tags.extend(request.ledger.entries().into_iter().find_map(|entry| {
        let cluster = entry.resource.kind == resource::cluster::KIND;
        cluster.then(|| ("eks:cluster-name".to_owned(), entry.resource.name.clone()))
    }));
    let text = match api::rivals(clients, own, &tags).await {
        Ok(rivals) if rivals.is_empty() => return None,
        Ok(rivals) => format!(
            "{}: two that scan one instance at the same time both end with zero checks; move their schedule",
            rivals.join(", ")
        ),
        Err(error) => format!("not available: {error}"),
    };
    Some(evidence("other scan configurations for the same instances", text))
}

/// The log of Inspector's plugin on the first node: it says why a scan ended without checks. Never fails.
async fn plugin_log(request: &Request<'_>, clients: &Clients, nodes: &[NodeScan]) -> Option<Evidence> {
    const DEADLINE: Duration = Duration::from_secs(45);
    const COMMAND: &str = "tail -n 100 /var/log/amazon/inspector/*.log";
    let node = nodes.first().filter(|_| request.variant.family.is_linux())?;
    let answer = ssm::run(clients, &node.instance_id, "AWS-RunShellScript", &[COMMAND], DEADLINE).await;
    let text = answer.map_or_else(|error| format!("not available: {error}"), |output| output.stdout + &output.stderr);
    Some(evidence(format!("log of Inspector's plugin on node {}", node.index), text))
}

async fn pause(request: &Request<'_>, clients: &Clients, interval: Duration) -> Result<(), Error> {
    let slept = request.cancel.run_until_cancelled(clients.pause(interval)).await;
    slept.ok_or(Error::Cancelled)
}
