//! What `amiproof list` lists: the matrix with its checks, and the benchmarks that a check evaluates.

use amiproof_core::check::Check;
use amiproof_model::matrix::Matrix;
use amiproof_suites::benchmark;

use super::super::selected::Left;

/// The matrix, and the checks that `--checks` does not leave out, each with why it does not run.
pub(super) struct Selected<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) checks: Vec<(Check, Option<Left>)>,
}

/// Scans evaluate the controls of benchmarks: of the operating system by variant, of the cluster by its Kubernetes version.
pub(super) fn benchmarks(check: &Check, matrix: &Matrix) -> Vec<String> {
    let mut found: Vec<String> = match check.id.suite() {
        "os-cis" => {
            matrix.variants.iter().filter_map(|it| Some(it.hardening.as_ref()?.benchmark.to_string())).collect()
        }
        "kube-bench" | "eks-cis" => {
            let named = matrix.scans.kube_bench.benchmark.as_ref().map(ToString::to_string);
            let by_version = || {
                let version = matrix.cluster.kubernetes_version.as_ref()?;
                Some(benchmark::for_version(version).ok()??.benchmark.to_string())
            };
            named.or_else(by_version).into_iter().collect()
        }
        _ => Vec::new(),
    };
    found.sort();
    found.dedup();
    found
}
