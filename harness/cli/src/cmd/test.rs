//! `amiproof test` and `amiproof workload test`: tests without a matrix file, and of single workloads.

use std::fmt::Write as _;

use amiproof_core::cluster::groups::Group;
use amiproof_model::exit::ExitCode;
use amiproof_model::workload::Workload;

use crate::args::{Global, Resumed};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output, count};
use crate::runtime::block_on;
use crate::session::{self, Goal};

/// The default name of a matrix file.
const USUAL: &str = "amiproof.yaml";

/// The matrix for a lab without a matrix file: a stock image and its hardened counterpart.
const LAB: &str = r#"apiVersion: amiproof/v1
kind: Matrix
metadata: {name: lab}
cluster: {name: lab, region: us-west-2, kubernetesVersion: "1.35", create: true}
variants:
  - {name: stock, family: al2023, ami: {ssm: recommended}}
  - name: hardened
    family: al2023
    reference: stock
    hardening: {benchmark: cis-al2023-1.0.0, level: 1}
    ami: {filter: {owner: self, name: "al2023-cis-l1-eks-*"}}
"#;

/// Runs the tests, or only the given workloads.
pub(crate) fn run(global: &Global, args: &Resumed, workloads: &[String], output: &Output) -> Result<ExitCode, Failure> {
    let mut args = args.clone();
    let only_workloads = !workloads.is_empty();
    let file = &args.selection.file;
    let inputs = if file != USUAL || file.exists() {
        let inputs = files::read(file, output)?;
        Inputs { workloads: chosen(workloads, &inputs.workloads)?, ..inputs }
    } else {
        // A misspelt workload is reported before any request to a cluster.
        let workloads = chosen(workloads, files::catalogue()?)?;
        Inputs { workloads, ..stand_in(global, &mut args, only_workloads, output)? }
    };
    super::run::resumed(global, &args, Inputs { only_workloads, ..inputs }, Goal::Test, output)
}

/// The workloads with these names: from the matrix, from the catalogue, or on disk. Without names all workloads of the matrix.
fn chosen(names: &[String], known: &[Workload]) -> Result<Vec<Workload>, Failure> {
    let mut all = known.to_vec();
    if names.is_empty() {
        return Ok(all);
    }
    let is_new = |workload: &&Workload| known.iter().all(|other| other.name != workload.name);
    all.extend(files::catalogue()?.iter().filter(is_new).cloned());
    files::named_workloads(names, &all)
}

/// What to test without a matrix file: the node groups of a kubeconfig, or a pair of images in a lab.
fn stand_in(global: &Global, args: &mut Resumed, only_workloads: bool, output: &Output) -> Result<Inputs, Failure> {
    if args.given.kubeconfig.is_some() {
        let groups = block_on(session::groups(&args.given, output))??;
        if groups.is_empty() {
            return Err(Failure::usage("the cluster has no nodes", "see `kubectl get nodes`"));
        }
        output.note(format_args!("there is no {USUAL} here, so the node groups of the cluster are the variants:"));
        for group in &groups {
            let nodes = count(group.nodes, "node");
            output.note(format_args!("  {:<32} {nodes} '{}'", group.name, group.selector));
        }
        return files::without_file("the matrix of node groups", &matrix_of(&groups));
    }
    let names_aws = global.aws_is_named || args.target.profile.is_some() || args.target.endpoint_url.is_some();
    if !args.target.lab && (!only_workloads || names_aws) {
        return Err(Failure::usage(
            format!("there is no matrix file {USUAL} here, and no option names what to test"),
            "give --file, --kubeconfig (its node groups become the variants) or --lab, or write a matrix with `amiproof init`",
        ));
    }
    if !args.target.lab {
        output.note(format_args!(
            "there is no {USUAL} here and no --kubeconfig: this runs on the lab, which emulates a stock and a hardened node group \
             (--lab)"
        ));
        args.target.lab = true;
    }
    files::without_file("the matrix of the lab", LAB)
}

/// A matrix in which each group is a variant.
fn matrix_of(groups: &[Group]) -> String {
    let mut text =
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: node-groups}\ncluster: {name: given}\nvariants:\n"
            .to_owned();
    for group in groups {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  - {{name: \"{}\", family: {}, nodes: {{selector: \"{}\"}}}}",
            group.name,
            group.family.as_str(),
            group.selector
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use amiproof_model::matrix::Family;

    use super::*;

    #[test]
    fn what_stands_in_for_a_matrix_file_is_a_legal_matrix() {
        let lab = files::without_file("lab", LAB).unwrap();
        assert_eq!(lab.matrix.variants.len(), 2);
        assert_eq!(lab.workloads.len(), files::catalogue().unwrap().len());
        let group = |name: &str, family, selector: &str| Group {
            name: name.parse().unwrap(),
            family,
            selector: selector.to_owned(),
            nodes: 1,
        };
        let groups = [
            group("on", Family::Al2, "eks.amazonaws.com/nodegroup=on,kubernetes.io/os=linux"),
            group("windows", Family::Windows, "kubernetes.io/os=windows,!karpenter.sh/nodepool"),
        ];
        let given = files::without_file("given", &matrix_of(&groups)).unwrap();
        assert_eq!(
            given.matrix.variants.iter().map(|it| it.family).collect::<Vec<_>>(),
            [Family::Al2, Family::Windows]
        );
        assert_eq!(given.matrix.variants[1].selector().unwrap().as_str(), groups[1].selector);
    }
}
