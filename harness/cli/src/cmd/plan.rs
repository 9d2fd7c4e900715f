//! `amiproof plan`: what a run would create. Changes nothing, and calls AWS only if the command line names an account.

use amiproof_core::aws::{names, network};
use amiproof_core::check::{Applies, Check, Scope};
use amiproof_core::cost::untouched;
use amiproof_core::run::preflight::{Preflight, preflight};
use amiproof_model::cost::Estimate;
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::{Matrix, Variant};
use serde::Serialize;
use serde_json::Value;

use super::{cost, selected};
use crate::args::{self, OutputForm, Plan, Target};
use crate::files;
use crate::output::{Failure, Output, count};
use crate::runtime::block_on;
use crate::session::Connection;

/// What a run would create and run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    cluster: String,
    region: Option<String>,
    kubernetes_version: Option<String>,
    create: Vec<String>,
    /// The resources of the network stack, as in its template.
    network: Vec<Part>,
    variants: Vec<PlannedVariant>,
    cluster_checks: usize,
    /// Maximum number of pods of the run at a time; absent if it creates none.
    max_pods: Option<u32>,
    /// What the run will cost.
    cost: Estimate,
    /// What it leaves alone, one clause each.
    untouched: Vec<String>,
    /// What is missing in the account, one sentence each; absent if the account was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<String>>,
}

/// One resource of the network stack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    /// `subnet`.
    kind: String,
    /// Its name in the template.
    name: String,
    /// What distinguishes it from others: its address range, or the policies of a role.
    detail: String,
}

/// What it would create and run for one variant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedVariant {
    name: String,
    family: &'static str,
    /// Number of nodes to create; absent if they already exist.
    nodes: Option<u32>,
    instance_type: Option<String>,
    /// The selector of existing nodes.
    selector: Option<String>,
    reference: Option<String>,
    create: Vec<String>,
    checks: usize,
}

/// Prints the plan.
pub(crate) fn run(args: &Plan, output: &Output) -> Result<ExitCode, Failure> {
    let mut is_hopeless = false;
    let inputs = files::read_offline(&args.selection.file, output)?;
    let matrix = files::narrowed(&inputs.matrix, &args.selection.variants)?;
    let checks = selected::checks(&matrix, &inputs, &args.selection.checks)?;
    let prices = cost::prices(&args.money.prices)?;
    let of_cost = cost::planned(&matrix, &checks, args.only == Some(args::Part::Network));
    let of_cost = amiproof_core::cost::Planned { deadline: args.deadline, ..of_cost };
    let estimate = amiproof_core::cost::estimate(&of_cost, &prices, amiproof_time::now());
    let too_much = args.money.max_cost.and_then(|max| Some((estimate.exceeds(max)?, max)));
    let mut planned = planned(&matrix, &checks, args.only, estimate)?;
    if args.profile.is_some() || args.endpoint_url.is_some() {
        let asked = block_on(ask(args, &matrix, &checks, output))??;
        planned.missing = Some(asked.missing.into_iter().chain(asked.doubts).chain(asked.unknown).collect());
        is_hopeless = asked.is_hopeless;
    }
    match args.output {
        OutputForm::Json => {
            let text = serde_json::to_string_pretty(&planned)
                .map_err(|error| Failure::error(format!("cannot write the plan as JSON: {error}"), ""))?;
            output.json(text);
        }
        OutputForm::Text => output.data(text(&planned, &of_cost)),
    }
    if let Some((too_much, max)) = too_much {
        return Err(cost::refusal(&too_much, max, &planned.cost, &of_cost));
    }
    Ok(if is_hopeless { ExitCode::Error } else { ExitCode::Passed })
}

/// Checks what is missing in the account that the command line names.
async fn ask(args: &Plan, matrix: &Matrix, checks: &[Check], output: &Output) -> Result<Preflight, Failure> {
    let target = Target::aws(args.profile.clone(), args.endpoint_url.clone());
    let connection = Connection::open(&target, files::region(matrix)?, output).await?;
    let base = args.selection.file.parent().map(ToOwned::to_owned).unwrap_or_default();
    let asked = preflight(connection.aws()?, matrix, &base, selected::scans_by_inspector(checks)).await;
    connection.close().await;
    Ok(asked)
}

fn planned(matrix: &Matrix, checks: &[Check], only: Option<args::Part>, cost: Estimate) -> Result<Planned, Failure> {
    let network_only = only == Some(args::Part::Network);
    let mut create = Vec::new();
    let mut network = Vec::new();
    if matrix.cluster.create || network_only {
        create.push(format!("CloudFormation stack {}", names::network_stack(&matrix.cluster.name)));
        network = parts()?;
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
    Ok(Planned {
        cluster: matrix.cluster.name.clone(),
        region: matrix.cluster.region.clone(),
        kubernetes_version: matrix.cluster.kubernetes_version.as_ref().map(ToString::to_string),
        create,
        network,
        variants,
        cluster_checks,
        max_pods: (!network_only).then(|| matrix.max_pods()),
        cost,
        untouched: untouched(matrix),
        missing: None,
    })
}

/// The resources of the network stack, read from the template that is sent to CloudFormation.
fn parts() -> Result<Vec<Part>, Failure> {
    let defect = |why: String| Failure::error(format!("the network template: {why}"), "this is a bug in amiproof");
    let template: Value = serde_json::from_str(network::TEMPLATE).map_err(|error| defect(error.to_string()))?;
    let resources = template["Resources"].as_object().ok_or_else(|| defect("it has no resources".to_owned()))?;
    let part = |(name, resource): (&String, &Value)| {
        let kind = resource["Type"].as_str().unwrap_or_default();
        Part { kind: word(kind).to_owned(), name: name.clone(), detail: detail(kind, &resource["Properties"]) }
    };
    Ok(resources.iter().map(part).collect())
}

/// The name of a resource type in AWS's documentation; the type itself if it is not known.
fn word(kind: &str) -> &str {
    match kind {
        "AWS::EC2::VPC" => "VPC",
        "AWS::EC2::Subnet" => "subnet",
        "AWS::EC2::InternetGateway" => "internet gateway",
        "AWS::EC2::VPCGatewayAttachment" => "internet gateway attachment",
        "AWS::EC2::EIP" => "Elastic IP address",
        "AWS::EC2::NatGateway" => "NAT gateway",
        "AWS::EC2::RouteTable" => "route table",
        "AWS::EC2::Route" => "route",
        "AWS::EC2::SubnetRouteTableAssociation" => "route table association",
        "AWS::IAM::Role" => "IAM role",
        "AWS::IAM::InstanceProfile" => "instance profile",
        other => other,
    }
}

fn detail(kind: &str, properties: &Value) -> String {
    let text = |key: &str| properties[key].as_str().unwrap_or_default().to_owned();
    match kind {
        "AWS::EC2::VPC" | "AWS::EC2::Subnet" => text("CidrBlock"),
        "AWS::EC2::Route" => format!("to {}", text("DestinationCidrBlock")),
        "AWS::EC2::NatGateway" => "billed by the hour and by the gigabyte".to_owned(),
        "AWS::IAM::Role" => {
            let policies = properties["ManagedPolicyArns"].as_array().into_iter().flatten();
            let names = policies.filter_map(|arn| {
                let arn = arn.as_str().or_else(|| arn["Fn::Sub"].as_str())?;
                arn.rsplit('/').next()
            });
            names.collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}

fn planned_variant(variant: &Variant, checks: &[Check]) -> PlannedVariant {
    let applies = |check: &&Check| check.scope == Scope::Variant && (check.applies)(variant) == Applies::Yes;
    let made = variant.made();
    // RUN stands for the ID of the run, as in `names::launch_template` and `names::node_group`.
    let create = if made.is_some() {
        vec![format!("launch template amiproof-RUN-{}", variant.name), format!("node group {}-RUN", variant.name)]
    } else {
        Vec::new()
    };
    PlannedVariant {
        name: variant.name.to_string(),
        family: variant.family.as_str(),
        nodes: made.map(|made| made.count),
        instance_type: made.and_then(|made| made.instance_types.first().cloned()),
        selector: variant.selector().map(ToString::to_string),
        reference: variant.reference.as_ref().map(ToString::to_string),
        create,
        checks: checks.iter().filter(applies).count(),
    }
}

fn text(planned: &Planned, of_cost: &amiproof_core::cost::Planned<'_>) -> String {
    let place = planned.region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
    let version = planned.kubernetes_version.as_ref().map_or_else(String::new, |it| format!(", Kubernetes {it}"));
    let mut lines = vec![format!("cluster {}{place}{version}", planned.cluster)];
    if planned.create.is_empty() {
        lines.push("  is used as is; nothing in it is created or deleted".to_owned());
    }
    for what in &planned.create {
        lines.push(format!("  + {what}"));
        if what.starts_with("CloudFormation stack") {
            let line = |part: &Part| format!("      {:<28} {:<26} {}", part.kind, part.name, part.detail);
            lines.extend(planned.network.iter().map(|part| line(part).trim_end().to_owned()));
        }
    }
    for variant in &planned.variants {
        let twin = variant.reference.as_ref().map_or_else(String::new, |name| format!(", compared with {name}"));
        let nodes = match (&variant.selector, variant.nodes, &variant.instance_type) {
            (None, Some(count), Some(kind)) => format!("{count} x {kind}"),
            (selector, ..) => format!("the nodes '{}'", selector.as_deref().unwrap_or_default()),
        };
        let checks = selected::checks_and_scans(variant.checks);
        lines.push(format!("{}: {}, {nodes}{twin}, {checks}", variant.name, variant.family));
        lines.extend(variant.create.iter().map(|what| format!("  + {what}")));
    }
    if planned.cluster_checks > 0 {
        lines.push(format!("once per cluster: {}", selected::checks_and_scans(planned.cluster_checks)));
    }
    if let Some(max_pods) = planned.max_pods {
        let made: Vec<u32> = planned.variants.iter().filter_map(|variant| variant.nodes).collect();
        lines.push(match made.as_slice() {
            [] => "total: no node groups, all nodes exist already".to_owned(),
            made => {
                let nodes: usize = made.iter().map(|nodes| *nodes as usize).sum();
                format!("total: {}, {}", count(made.len(), "node group"), count(nodes, "node"))
            }
        });
        lines.push(format!("at most {max_pods} pods run at a time (--max-pods)"));
    }
    lines.extend(cost::text(&planned.cost, of_cost, &planned.untouched));
    if let Some(missing) = &planned.missing {
        let found = if missing.is_empty() {
            "nothing that could be checked is missing in the account"
        } else {
            "missing in the account:"
        };
        lines.push(found.to_owned());
        lines.extend(missing.iter().map(|what| format!("  ! {what}")));
    }
    lines.join("\n")
}
