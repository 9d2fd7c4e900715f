//! `amiproof plan`: what a run would make and do. Changes nothing and asks nobody.

use amiproof_core::aws::names;
use amiproof_core::check::{Applies, Check, Scope};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::{Matrix, Variant};
use amiproof_model::name::RunId;
use serde::Serialize;

use crate::args::{OutputForm, Part, Plan};
use crate::files;
use crate::output::{Failure, Output};

/// What a run would make and do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    cluster: String,
    region: String,
    kubernetes_version: String,
    create: Vec<String>,
    variants: Vec<PlannedVariant>,
    cluster_checks: usize,
}

/// What it would make and do for one variant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedVariant {
    name: String,
    family: &'static str,
    nodes: u32,
    instance_type: String,
    reference: Option<String>,
    create: Vec<String>,
    checks: usize,
}

/// Prints the plan.
pub(crate) fn run(args: &Plan, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read(&args.selection.file, output)?;
    let matrix = files::narrowed(&inputs.matrix, &args.selection.variants)?;
    let prefixes = &args.selection.checks;
    let checks: Vec<Check> = files::checks(&inputs.workloads)?
        .into_iter()
        .filter(|check| matrix.suites.selects(&check.id, check.opt_in))
        .filter(|check| {
            prefixes.is_empty() || prefixes.iter().any(|prefix| check.id.as_str().starts_with(prefix.as_str()))
        })
        .collect();
    let planned = planned(&matrix, &checks, args.only);
    match args.output {
        OutputForm::Json => {
            let text = serde_json::to_string_pretty(&planned)
                .map_err(|error| Failure::error(format!("cannot write the plan as JSON: {error}"), ""))?;
            output.data(text);
        }
        OutputForm::Text => output.data(text(&planned)),
    }
    Ok(ExitCode::Passed)
}

fn planned(matrix: &Matrix, checks: &[Check], only: Option<Part>) -> Planned {
    let network_only = only == Some(Part::Network);
    let mut create = Vec::new();
    if matrix.cluster.create {
        create.push(format!("CloudFormation stack {}", names::network_stack(&matrix.cluster.name)));
        if !network_only {
            create.push(format!("EKS cluster {}", matrix.cluster.name));
            create.extend(matrix.cluster.addons.iter().map(|addon| format!("EKS add-on {addon}")));
        }
    }
    let variants = if network_only {
        Vec::new()
    } else {
        matrix.variants.iter().map(|variant| planned_variant(variant, checks)).collect()
    };
    let cluster_checks = checks.iter().filter(|check| check.scope == Scope::Cluster && !network_only).count();
    Planned {
        cluster: matrix.cluster.name.clone(),
        region: matrix.cluster.region.clone(),
        kubernetes_version: matrix.cluster.kubernetes_version.to_string(),
        create,
        variants,
        cluster_checks,
    }
}

fn planned_variant(variant: &Variant, checks: &[Check]) -> PlannedVariant {
    let applies = |check: &&Check| check.scope == Scope::Variant && (check.applies)(variant) == Applies::Yes;
    let create = match "run".parse::<RunId>() {
        Ok(run) => vec![
            format!("launch template {}", names::launch_template(&run, &variant.name)),
            format!("node group {}", names::node_group(&run, &variant.name)),
        ],
        Err(_) => Vec::new(),
    };
    PlannedVariant {
        name: variant.name.to_string(),
        family: variant.family.word(),
        nodes: variant.nodes,
        instance_type: variant.instance_types.first().cloned().unwrap_or_default(),
        reference: variant.reference.as_ref().map(ToString::to_string),
        create,
        checks: checks.iter().filter(applies).count(),
    }
}

fn text(planned: &Planned) -> String {
    let mut lines =
        vec![format!("cluster {} in {}, Kubernetes {}", planned.cluster, planned.region, planned.kubernetes_version)];
    if planned.create.is_empty() {
        lines.push("  is used as it is; nothing of it is made or removed".to_owned());
    }
    lines.extend(planned.create.iter().map(|what| format!("  + {what}")));
    for variant in &planned.variants {
        let twin = variant.reference.as_ref().map_or_else(String::new, |name| format!(", compared with {name}"));
        lines.push(format!(
            "{}: {}, {} x {}{twin}, {} checks and scans",
            variant.name, variant.family, variant.nodes, variant.instance_type, variant.checks
        ));
        lines.extend(variant.create.iter().map(|what| format!("  + {what}")));
    }
    if planned.cluster_checks > 0 {
        lines.push(format!("once per cluster: {} checks and scans", planned.cluster_checks));
    }
    let nodes: u32 = planned.variants.iter().map(|variant| variant.nodes).sum();
    lines.push(format!("in all {} node groups with {nodes} nodes", planned.variants.len()));
    lines.join("\n")
}
