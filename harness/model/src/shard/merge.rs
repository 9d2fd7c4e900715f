//! One report from those of several shards.
//!
//! A merged report is a function of the set of shards in it: the results of each are restored as its checks returned
//! them, and everything that follows from them (origins, waivers, gates, causes) is evaluated again over all rows. So
//! the order in which reports are merged does not matter, nor whether some are merged first, nor whether one is there
//! twice.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::unsettled;
use crate::controls::Controls;
use crate::name::{NameError, RunId, VariantName};
use crate::report::order::Order;
use crate::report::{
    CheckResult, Cleanup, ClusterRecord, Cost, Impact, Proof, Report, RunRecord, ScanRecord, ShardColumn, ShardPart,
    Shards, Subject, VariantRecord,
};
use crate::setting::Setting;
use crate::waiver::Waiver;
use crate::{explain, settle};

/// The name of a merged run until it gets one of its own.
pub const MERGED: &str = "merged";

/// Why reports are not of one run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// There is nothing to merge.
    #[error("there is no report to merge")]
    Nothing,
    /// A report of a run in one piece.
    #[error("run {run} is not a shard: it was not started with --shard")]
    Whole {
        /// The run.
        run: RunId,
    },
    /// Two reports differ in something that all shards of a run have in common.
    #[error("runs {one} and {other} do not belong together: {what} differs ({left} and {right})")]
    Different {
        /// A run.
        one: RunId,
        /// Another one.
        other: RunId,
        /// `the number of shards`, `the matrix`.
        what: &'static str,
        /// What it is in the first.
        left: String,
        /// What it is in the other.
        right: String,
    },
    /// Two runs of the same shard.
    #[error("shard {shard} was run twice, as {one} and as {other}: leave one of them out")]
    Twice {
        /// `2/3`.
        shard: String,
        /// A run.
        one: RunId,
        /// Another one.
        other: RunId,
    },
    /// A report that names a shard or a column that it does not have.
    #[error("the report of run {run} is incomplete: {what}; restore the file as amiproof wrote it")]
    Incomplete {
        /// The run.
        run: RunId,
        /// What is missing in it.
        what: String,
    },
}

/// What a report has of one shard.
#[derive(Clone)]
struct Piece {
    part: ShardPart,
    variants: Vec<VariantRecord>,
    results: Vec<CheckResult>,
    scans: Vec<ScanRecord>,
    proofs: Vec<Proof>,
    impacts: Vec<Impact>,
}

/// Merges the reports of shards of one run, some of which may be merged already. The run is called [`MERGED`]. Of two reports of one shard by
/// the same run, the one that ended later counts. Variants of shards that are missing have columns without results, and a row that
/// says so.
///
/// # Errors
/// When the reports are not of one run, or two runs are of the same shard.
pub fn merge(reports: &[Report], settings: &[Setting], controls: &[Controls]) -> Result<Report, Mismatch> {
    let first = reports.first().ok_or(Mismatch::Nothing)?;
    let mut pieces: BTreeMap<u32, Piece> = BTreeMap::new();
    for report in reports {
        alike(first, report)?;
        for piece in taken_apart(report)? {
            let Some(known) = pieces.get(&piece.part.shard) else {
                pieces.insert(piece.part.shard, piece);
                continue;
            };
            if known.part.run != piece.part.run {
                let (one, other) =
                    (known.part.run.clone().min(piece.part.run.clone()), known.part.run.clone().max(piece.part.run));
                let shard = format!("{}/{}", piece.part.shard, of(report)?.count);
                return Err(Mismatch::Twice { shard, one, other });
            }
            if is_newer(&piece, known) {
                pieces.insert(piece.part.shard, piece);
            }
        }
    }
    put_together(reports, first, pieces, settings, controls)
}

/// Which of two states of one shard counts: the one that ended later, else the one with more rows, to which something was imported. Any other
/// difference is decided by the text, so that it does not depend on the order.
fn is_newer(one: &Piece, other: &Piece) -> bool {
    let rank = |piece: &Piece| (ended(&piece.part), piece.results.len());
    let text = |piece: &Piece| serde_json::to_string(&piece.results).unwrap_or_default();
    match rank(one).cmp(&rank(other)) {
        Ordering::Equal => one.results != other.results && text(one) > text(other),
        unequal => unequal == Ordering::Greater,
    }
}

/// The shards of a report.
fn of(report: &Report) -> Result<&Shards, Mismatch> {
    report.run.shards.as_deref().ok_or_else(|| Mismatch::Whole { run: report.run.id.clone() })
}

/// Checks that two reports belong to one run.
fn alike(one: &Report, other: &Report) -> Result<(), Mismatch> {
    let (left, right) = (of(one)?, of(other)?);
    let cluster = |report: &Report| {
        let ClusterRecord { name, region, account, .. } = &report.cluster;
        let account = if report.cluster.lab { "a lab" } else { account.as_str() };
        [name.as_str(), region, account].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" in ")
    };
    let different = |what, left: String, right: String| {
        let (one, other) = (one.run.id.clone(), other.run.id.clone());
        if left == right { Ok(()) } else { Err(Mismatch::Different { one, other, what, left, right }) }
    };
    different("the matrix", one.run.matrix.clone(), other.run.matrix.clone())?;
    different("the version of amiproof", one.tool.version.clone(), other.tool.version.clone())?;
    different("the number of shards", left.count.to_string(), right.count.to_string())?;
    different("the cluster", cluster(one), cluster(other))?;
    let version = |report: &Report| report.cluster.kubernetes_version.as_ref().map(ToString::to_string);
    if let (Some(left), Some(right)) = (version(one), version(other)) {
        different("the version of Kubernetes", left, right)?;
    }
    for (check, digest) in &one.run.definitions {
        if let Some(digest) = other.run.definitions.get(check).filter(|other| *other != digest) {
            let left = format!("{check} as {}", short(one.run.definitions.get(check).map_or("", String::as_str)));
            different("the definition of a workload", left, format!("{check} as {}", short(digest)))?;
        }
    }
    let inputs = |shards: &Shards| format!("digest {}", short(&shards.inputs));
    let what = "what they check (the matrix file, its waivers or workloads, --variants, --checks or another option)";
    different(what, inputs(left), inputs(right))?;
    let columns = |shards: &Shards| texts(&shards.columns);
    let waivers = |report: &Report| texts(report.waivers.iter().map(|record| &record.waiver));
    for (what, left, right) in [
        ("the division into shards", columns(left), columns(right)),
        ("the list of checks", texts(&left.checks), texts(&right.checks)),
        ("the list of thresholds", texts(&one.thresholds), texts(&other.thresholds)),
        ("the list of waivers", waivers(one), waivers(other)),
    ] {
        let length = left.len().max(right.len());
        let at = |list: &[String], index: usize| list.get(index).cloned().unwrap_or_else(|| "nothing".to_owned());
        if let Some(index) = (0..length).find(|index| left.get(*index) != right.get(*index)) {
            different(what, at(&left, index), at(&right, index))?;
        }
    }
    Ok(())
}

/// Each item as JSON.
fn texts<'a, T: Serialize + 'a>(items: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    items.into_iter().map(|item| serde_json::to_string(item).unwrap_or_else(|error| error.to_string())).collect()
}

/// The beginning of a digest: enough to tell two apart.
fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

/// What a report has of each of its shards, as their checks left it.
fn taken_apart(report: &Report) -> Result<Vec<Piece>, Mismatch> {
    let mut report = report.clone();
    unsettled::restore(&mut report);
    let shards = of(&report)?;
    let incomplete = |what: String| Mismatch::Incomplete { run: report.run.id.clone(), what };
    let parts = match shards.shard {
        Some(_) => part_of(&report).into_iter().collect(),
        None => shards.parts.clone(),
    };
    if parts.is_empty() {
        return Err(incomplete("it has no shard".to_owned()));
    }
    let mut pieces = Vec::new();
    for part in parts {
        if part.shard == 0 || part.shard > shards.count {
            return Err(incomplete(format!("there is no shard {}/{}", part.shard, shards.count)));
        }
        let is_own = |name: &VariantName| shards.of(&Subject::Variant(name.clone())) == Some(part.shard);
        // Rows about the cluster belong to the first shard, or to the only one if the report is not merged.
        let has_cluster = part.shard == 1 || shards.shard.is_some();
        let is_about = |subject: &Subject| match subject {
            Subject::Cluster => has_cluster,
            Subject::Variant(name) => is_own(name),
        };
        let variants: Vec<VariantRecord> =
            report.variants.iter().filter(|variant| is_own(&variant.name)).cloned().collect();
        let named = shards.columns.iter().filter(|column| column.shard == part.shard);
        if let Some(lost) = named.map(|column| &column.name).find(|name| variants.iter().all(|one| one.name != **name))
        {
            return Err(incomplete(format!("it has no variant {lost}")));
        }
        let rows = report.results.iter().filter(|row| !row.is_gate() && is_about(&row.subject));
        pieces.push(Piece {
            variants,
            results: rows.cloned().collect(),
            scans: report.scans.iter().filter(|scan| is_about(&scan.subject)).cloned().collect(),
            proofs: report.proofs.iter().filter(|proof| is_own(&proof.variant)).cloned().collect(),
            impacts: report.impacts.iter().filter(|impact| is_own(&impact.variant)).cloned().collect(),
            part,
        });
    }
    Ok(pieces)
}

/// What the report of one shard says of it as a whole.
fn part_of(report: &Report) -> Option<ShardPart> {
    Some(ShardPart {
        shard: report.run.shards.as_ref()?.shard?,
        run: report.run.id.clone(),
        started: report.run.started,
        seconds: report.run.seconds,
        critical_path_seconds: report.run.critical_path_seconds,
        interrupted: report.run.interrupted,
        phases: report.run.phases.clone(),
        cleanup: report.cleanup.clone(),
        cost: report.cost.clone(),
    })
}

/// When a shard ended.
fn ended(part: &ShardPart) -> Timestamp {
    let took = SignedDuration::try_from_secs_f64(part.seconds).unwrap_or_default();
    part.started.checked_add(took).unwrap_or(part.started)
}

/// The report of these shards, which are from these reports. `alike` is one of them.
fn put_together(
    reports: &[Report],
    alike: &Report,
    pieces: BTreeMap<u32, Piece>,
    settings: &[Setting],
    controls: &[Controls],
) -> Result<Report, Mismatch> {
    let shards = of(alike)?;
    let waivers: Vec<Waiver> = alike.waivers.iter().map(|record| record.waiver.clone()).collect();
    let parts: Vec<ShardPart> = pieces.values().map(|piece| piece.part.clone()).collect();
    let now = parts.iter().map(ended).max().unwrap_or(alike.run.started);
    let mut report = Report::new(&alike.tool.version, record(reports, alike, &parts, now)?, cluster(reports, alike));
    report.tool = alike.tool.clone();
    report.thresholds.clone_from(&alike.thresholds);
    report.cleanup = cleanup(&parts);
    report.cost = cost(&shards.columns, &parts);
    let mut columns: BTreeMap<VariantName, VariantRecord> = BTreeMap::new();
    for piece in pieces.into_values() {
        columns.extend(piece.variants.into_iter().map(|variant| (variant.name.clone(), variant)));
        report.results.extend(piece.results);
        report.scans.extend(piece.scans);
        report.proofs.extend(piece.proofs);
        report.impacts.extend(piece.impacts);
    }
    let column = |column: &ShardColumn| columns.remove(&column.name).unwrap_or_else(|| blank(column));
    report.variants = shards.columns.iter().map(column).collect();
    sort(&mut report, shards);
    settle::settle(&mut report, &waivers, now);
    explain::explain(&mut report, settings, controls);
    Ok(report)
}

/// The column of a variant whose shard is missing.
fn blank(column: &ShardColumn) -> VariantRecord {
    VariantRecord {
        reference: column.reference.clone(),
        benchmark: column.benchmark.clone(),
        level: column.level,
        ..VariantRecord::new(column.name.clone(), column.family)
    }
}

fn record(reports: &[Report], alike: &Report, parts: &[ShardPart], now: Timestamp) -> Result<RunRecord, Mismatch> {
    let shards = of(alike)?;
    let id: RunId = MERGED
        .parse()
        .map_err(|error: NameError| Mismatch::Incomplete { run: alike.run.id.clone(), what: error.to_string() })?;
    let started = parts.iter().map(|part| part.started).min().unwrap_or(now);
    let mut run = RunRecord::new(id, alike.run.matrix.clone(), started);
    run.seconds = now.duration_since(started).as_secs_f64().max(0.0);
    run.critical_path_seconds = parts.iter().map(|part| part.critical_path_seconds).fold(0.0, f64::max);
    run.interrupted = parts.iter().any(|part| part.interrupted);
    run.phases = parts.iter().flat_map(|part| part.phases.clone()).collect();
    run.definitions = reports.iter().flat_map(|report| report.run.definitions.clone()).collect();
    run.shards = Some(Box::new(Shards { shard: None, parts: parts.to_vec(), unsettled: Vec::new(), ..shards.clone() }));
    let order: BTreeMap<&str, usize> =
        shards.checks.iter().enumerate().map(|(at, check)| (check.as_str(), at)).collect();
    run.definitions.sort_by_cached_key(|check, _| (order.get(check.as_str()).copied(), check.clone()));
    Ok(run)
}

/// The cluster: what only some shards know of it counts for all.
fn cluster(reports: &[Report], alike: &Report) -> ClusterRecord {
    let mut cluster = alike.cluster.clone();
    cluster.kubernetes_version = reports.iter().find_map(|report| report.cluster.kubernetes_version.clone());
    cluster.made = reports.iter().any(|report| report.cluster.made);
    cluster
}

/// In the order of a run in one piece: checks as they are registered, then columns.
fn sort(report: &mut Report, shards: &Shards) {
    let order = Order::of(shards.checks.iter().map(ToString::to_string));
    let position: BTreeMap<&VariantName, usize> =
        shards.columns.iter().enumerate().map(|(at, column)| (&column.name, at)).collect();
    let column = |subject: &Subject| match subject {
        Subject::Cluster => usize::MAX,
        Subject::Variant(name) => position.get(name).copied().unwrap_or(usize::MAX),
    };
    report.results.sort_by_cached_key(|result| (order.place(result), column(&result.subject)));
    // Results of an imported file are about the cluster in any shard: the first that has them counts.
    let mut cluster = BTreeSet::new();
    report
        .results
        .retain(|row| row.subject != Subject::Cluster || cluster.insert((row.check.clone(), row.scanner.clone())));
    report.scans.sort_by_cached_key(|scan| (column(&scan.subject), scan.suite.clone(), scan.scanner.clone()));
    report.scans.dedup_by(|one, other| {
        one.subject == Subject::Cluster
            && (&one.subject, &one.suite, &one.scanner) == (&other.subject, &other.suite, &other.scanner)
    });
    report.proofs.sort_by_cached_key(|proof| (column(&Subject::Variant(proof.variant.clone())), proof.check.clone()));
    report
        .impacts
        .sort_by_cached_key(|impact| (column(&Subject::Variant(impact.variant.clone())), impact.benchmark.to_string()));
}

/// What all shards created. It is deleted if each of them deleted its own.
fn cleanup(parts: &[ShardPart]) -> Cleanup {
    let mut all = Cleanup { ran: !parts.is_empty() && parts.iter().all(|part| part.cleanup.ran), ..Cleanup::default() };
    for Cleanup { ran: _, created, deleted, leftovers, foreign, unverified } in parts.iter().map(|part| &part.cleanup) {
        all.created += created;
        all.deleted += deleted;
        all.leftovers.extend(leftovers.iter().cloned());
        all.foreign.extend(foreign.iter().cloned());
        all.unverified.extend(unverified.iter().cloned());
    }
    all
}

/// What all shards cost, by the oldest prices that any of them used.
fn cost(columns: &[ShardColumn], parts: &[ShardPart]) -> Option<Cost> {
    let costs = || parts.iter().filter_map(|part| part.cost.as_ref());
    let prices = costs().map(|cost| cost.prices.clone()).min()?;
    let place = |variant: &Option<VariantName>| {
        let name = variant.as_ref()?;
        columns.iter().position(|column| column.name == *name)
    };
    let mut lines: Vec<_> = costs().flat_map(|cost| cost.lines.clone()).collect();
    lines.sort_by_key(|line| place(&line.variant).unwrap_or(usize::MAX));
    let mut all = Cost::of(prices, lines, costs().map(|cost| cost.usd_per_hour).sum());
    all.not_counted = costs().next().map_or_else(Vec::new, |cost| cost.not_counted.clone());
    Some(all)
}
