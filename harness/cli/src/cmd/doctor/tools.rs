//! External programs that a run with this matrix starts.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;

use amiproof_core::doctor::Finding;
use amiproof_model::matrix::{AmiSource, Matrix};
use camino::Utf8Path;

use crate::files::Inputs;

const CHECK: &str = "tools";

/// Looks for the programs on PATH. `base` is the folder of the matrix file.
pub(super) fn examine(matrix: &Matrix, inputs: &Inputs, base: &Utf8Path) -> Vec<Finding> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| is_on(&path, program);
    let mut findings = Vec::new();
    // Local charts are rendered when the matrix is read; those in registries only during a run.
    if let Some(workload) = inputs.workloads.iter().find(|workload| workload.objects.is_empty()) {
        findings.push(if is_there("helm") {
            Finding::ok(CHECK, "helm is on PATH")
        } else {
            let message = format!("helm is not on PATH, and workload {} is a chart", workload.name);
            Finding::problem(CHECK, message, "install helm: https://helm.sh/docs/intro/install/")
        });
    }
    let unbuilt = matrix.variants.iter().find_map(|variant| match &variant.made()?.ami {
        AmiSource::PackerManifest { path, .. } if !base.join(path).exists() => Some((&variant.name, path)),
        _ => None,
    });
    if let Some((variant, manifest)) = unbuilt {
        findings.push(if is_there("packer") {
            Finding::ok(CHECK, "packer is on PATH")
        } else {
            let message =
                format!("packer is not on PATH, and {manifest}, which names the image of {variant}, does not exist");
            Finding::warning(CHECK, message, "install Packer, or build the image elsewhere and copy its manifest here")
        });
    }
    findings
}

/// Whether a folder of PATH contains an executable file of this name.
fn is_on(path: &OsStr, program: &str) -> bool {
    std::env::split_paths(path).any(|folder| {
        let file = folder.join(program).metadata();
        file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_file_that_may_be_executed() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("helm", 0o755), ("packer", 0o644)] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths([folder.path().join("nowhere"), folder.path().to_owned()]).unwrap();
        for (program, wanted) in [("helm", true), ("packer", false), ("kubectl", false)] {
            assert_eq!(is_on(&path, program), wanted, "{program}");
        }
    }
}
