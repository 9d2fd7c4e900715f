//! `amiproof plan`: what a run would make and do. Changes nothing and asks nobody.

use amiproof_core::aws::names;
use amiproof_core::check::{Applies, Check, Scope};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::{Matrix, Variant};
use amiproof_model::name::RunId;
use serde::Serialize;

use crate::args::{OutputForm, Part, Plan};
use crate::cmd::run::is_named;
use crate::files;
use crate::output::{Failure, Output};

/// What a run would make and do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    cluster: String,
    region: Option<String>,
    kubernetes_version: Option<String>,
    create: Vec<String>,
    variants: Vec<PlannedVariant>,
    cluster_checks: usize,
    /// How many pods of the run are alive at a time.
    max_pods: u32,
}

/// What it would make and do for one variant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedVariant {
    name: String,
    family: &'static str,
    /// How many nodes would be made; absent where they are there already.
    nodes: Option<u32>,
    instance_type: Option<String>,
    /// Which nodes are taken as they are.
    selector: Option<String>,
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
        .filter(|check| matrix.suites.selects(&check.id, check.opt_in && !is_named(check, prefixes)))
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
        kubernetes_version: matrix.cluster.kubernetes_version.as_ref().map(ToString::to_string),
        create,
        variants,
        cluster_checks,
        max_pods: matrix.most_pods(),
    }
}

fn planned_variant(variant: &Variant, checks: &[Check]) -> PlannedVariant {
    let applies = |check: &&Check| check.scope == Scope::Variant && (check.applies)(variant) == Applies::Yes;
    let made = variant.made();
    let create = match "run".parse::<RunId>() {
        Ok(run) if made.is_some() => vec![
            format!("launch template {}", names::launch_template(&run, &variant.name)),
            format!("node group {}", names::node_group(&run, &variant.name)),
        ],
        _ => Vec::new(),
    };
    PlannedVariant {
        name: variant.name.to_string(),
        family: variant.family.word(),
        nodes: made.map(|made| made.count),
        instance_type: made.and_then(|made| made.instance_types.first().cloned()),
        selector: variant.selector().map(ToString::to_string),
        reference: variant.reference.as_ref().map(ToString::to_string),
        create,
        checks: checks.iter().filter(applies).count(),
    }
}

fn text(planned: &Planned) -> String {
    let place = planned.region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
    let version = planned.kubernetes_version.as_ref().map_or_else(String::new, |it| format!(", Kubernetes {it}"));
    let mut lines = vec![format!("cluster {}{place}{version}", planned.cluster)];
    if planned.create.is_empty() {
        lines.push("  is used as it is; nothing of it is made or removed".to_owned());
    }
    lines.extend(planned.create.iter().map(|what| format!("  + {what}")));
    for variant in &planned.variants {
        let twin = variant.reference.as_ref().map_or_else(String::new, |name| format!(", compared with {name}"));
        let nodes = match (&variant.selector, variant.nodes, &variant.instance_type) {
            (None, Some(count), Some(kind)) => format!("{count} x {kind}"),
            (selector, ..) => format!("the nodes '{}'", selector.as_deref().unwrap_or_default()),
        };
        lines.push(format!("{}: {}, {nodes}{twin}, {} checks and scans", variant.name, variant.family, variant.checks));
        lines.extend(variant.create.iter().map(|what| format!("  + {what}")));
    }
    if planned.cluster_checks > 0 {
        lines.push(format!("once per cluster: {} checks and scans", planned.cluster_checks));
    }
    let made: Vec<u32> = planned.variants.iter().filter_map(|variant| variant.nodes).collect();
    lines.push(match made.as_slice() {
        [] => "in all no node group: every node is there already".to_owned(),
        made => format!("in all {} node groups with {} nodes", made.len(), made.iter().sum::<u32>()),
    });
    lines.push(format!("at most {} pods of the run are alive at a time (--max-pods)", planned.max_pods));
    lines.join("\n")
}
