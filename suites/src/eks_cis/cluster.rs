//! `eks-cis/cluster`: every control of the CIS Amazon EKS benchmark for the cluster's version, each a row.

use std::time::Duration;

use amiproof_core::check::{CheckError, Doing as _, ScanAnswer};
use amiproof_core::context::Context;
use amiproof_core::scan::kube_bench::benchmark as kube_bench;
use amiproof_model::name::{Benchmark, KubernetesVersion};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::{collect, rows};
use crate::benchmark::{self, Catalogue, CatalogueError};
use crate::definition::Definition;

/// Enough for thousands of pods and hundreds of repositories.
const ATTEMPT: Duration = Duration::from_secs(900);

/// See the module. Reported under this id only if the scan fails.
pub const CHECK: Definition = Definition::scan(
    "eks-cis/cluster",
    "the controls of the CIS Amazon EKS benchmark are met according to the AWS and Kubernetes APIs",
    Phase::KubeBench,
    |context| run(context).boxed(),
)
.per_cluster()
.within(ATTEMPT);

async fn run(context: &Context) -> Result<ScanAnswer, CheckError> {
    let version = version(context).await?;
    let wanted = context.matrix.scans.kube_bench.benchmark.as_ref();
    let catalogue = chosen(wanted, &version)?;
    let nodes_by = match kube_bench::choose(&version, wanted) {
        Ok(choice) => benchmark::find(choice.benchmark.as_str()).map_err(broken)?,
        Err(_) => None,
    };
    let facts = collect::everything(context, catalogue, version).await;
    rows::answer(catalogue, nodes_by, &facts)
}

/// The benchmark that the matrix sets for kube-bench, so that both evaluate the same controls, if it is an EKS benchmark; otherwise the
/// newest one for the cluster's version.
fn chosen(wanted: Option<&Benchmark>, version: &KubernetesVersion) -> Result<&'static Catalogue, CheckError> {
    let named = match wanted {
        Some(wanted) => benchmark::find(wanted.as_str()).map_err(broken)?,
        None => None,
    };
    let found = match named {
        Some(named) => Some(named),
        None => benchmark::for_version(version).map_err(broken)?,
    };
    found.ok_or_else(|| {
        CheckError::Undecided(format!(
            "there is no CIS EKS benchmark for Kubernetes {version}: `amiproof controls` lists those there are"
        ))
    })
}

fn broken(error: &CatalogueError) -> CheckError {
    CheckError::Undecided(error.to_string())
}

async fn version(context: &Context) -> Result<KubernetesVersion, CheckError> {
    let asked = context.cluster.client().apiserver_version().await;
    let info = asked.doing("asking the API server for its version")?;
    let minor: String = info.minor.chars().take_while(char::is_ascii_digit).collect();
    format!("{}.{minor}", info.major).parse().doing("the API server's version")
}
