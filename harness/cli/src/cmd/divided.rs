//! `--shard`: the part of a run that one shard does.

use amiproof_core::check::Scope;
use amiproof_model::matrix::Matrix;
use amiproof_model::report::{ShardColumn, Shards};
use amiproof_model::shard::{Shard, Work, partition};
use sha2::{Digest as _, Sha256};

use super::request::Request;
use crate::args::Run;
use crate::files;
use crate::output::Failure;
use crate::session::Goal;

/// Narrows a request to one shard. Returns the sentence to end with if the shard has nothing to do.
///
/// # Errors
/// When the request cannot be divided.
pub(super) fn divide(request: &mut Request, shard: Shard) -> Result<Option<String>, Failure> {
    if let Some(check) = request.checks.iter().find(|check| check.disturbs) {
        return Err(Failure::usage(
            format!(
                "{} disturbs nodes, so it waits until all other checks of the run are over, and shards do not wait for each other",
                check.id
            ),
            "run it without --shard, or leave it out with --checks or suites.exclude",
        ));
    }
    // What is about the cluster as a whole is not divided.
    let is_divided = request.checks.iter().any(|check| check.scope == Scope::Variant);
    let work: Vec<Work<'_>> = request.matrix.variants.iter().map(Work::from).collect();
    let numbers = partition(&work, if is_divided { shard.count } else { 1 });
    let columns: Vec<ShardColumn> = request.matrix.variants.iter().zip(numbers).map(column).collect();
    let own = columns.iter().filter(|column| column.shard == shard.index);
    let own: Vec<String> = own.map(|column| column.name.to_string()).collect();
    if own.is_empty() {
        let used = columns.iter().map(|column| column.shard).max().unwrap_or(0);
        let shards = if used == 1 { "shard 1 has".to_owned() } else { format!("shards 1 to {used} have") };
        return Ok(Some(format!(
            "shard {shard} has nothing to do: {shards} all variants (a variant stays with a reference that the run creates); merge without \
             this shard"
        )));
    }
    let inputs = inputs(request);
    let checks = request.checks.iter().map(|check| check.id.clone()).collect();
    request.matrix = files::narrowed(&request.matrix, &own)?;
    if shard.index != 1 {
        request.checks.retain(|check| check.scope != Scope::Cluster);
    }
    let (parts, unsettled) = (Vec::new(), Vec::new());
    request.shards =
        Some(Shards { count: shard.count, inputs, checks, columns, shard: Some(shard.index), parts, unsettled });
    Ok(None)
}

/// Checks that the shards of a run do not disturb each other: the first to end would delete what the others still use.
pub(super) fn check_shard(args: &Run, goal: Goal, matrix: &Matrix) -> Result<(), Failure> {
    if goal != Goal::All {
        return Err(Failure::usage(
            "'apply' and 'nightly' keep one state for all variants, which --shard cannot divide",
            "use 'amiproof run --shard', or 'test' or 'scan' with --kubeconfig; add the merged report to a history with 'history --add'",
        ));
    }
    if matrix.cluster.create && args.given.kubeconfig.is_none() && !args.target.lab {
        return Err(Failure::usage(
            format!("every shard would create cluster {}, and the first to end would delete it", matrix.cluster.name),
            "create the cluster beforehand, and leave cluster.create out of the matrix",
        ));
    }
    Ok(())
}

/// A digest of what all shards have in common.
fn inputs(request: &Request) -> String {
    let (retries, registry) = (request.options.retries, &request.options.image_registry);
    let text = format!("{} {retries} {registry:?}", request.digest());
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn column((variant, shard): (&amiproof_model::matrix::Variant, u32)) -> ShardColumn {
    ShardColumn {
        name: variant.name.clone(),
        family: variant.family,
        reference: variant.reference.clone(),
        benchmark: variant.hardening.as_ref().map(|hardening| hardening.benchmark.clone()),
        level: variant.hardening.as_ref().map(|hardening| hardening.level),
        shard,
    }
}
