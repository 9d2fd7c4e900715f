//! `amiproof impact`: measures what each control of a benchmark breaks, one at a time on running nodes, and puts everything back.

use std::time::Duration;

use amiproof_core::check::Check;
use amiproof_core::impact::Wanted;
use amiproof_core::run::Experiment;
use amiproof_model::controls::{Controls, Entry};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::{Hardening, Variant};
use amiproof_model::name::Level;
use amiproof_suites::controls;

use crate::args::{Global, Impact};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output};
use crate::session::Goal;
use crate::suggest;

/// Measures, and prints the table.
pub(crate) fn run(global: &Global, args: &Impact, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read(&args.on.file, output)?;
    let variant = variant(args, &inputs)?.clone();
    let (controls, level) = benchmark(args, &inputs, &variant)?;
    for number in &args.controls {
        if !controls.entries.iter().any(|entry| entry.controls.iter().any(|own| own.number() == number)) {
            let message = format!("--control: {} has no control {number}", controls.benchmark);
            let numbers = controls.entries.iter().flat_map(|entry| &entry.controls).map(|own| own.number());
            let numbers: Vec<&str> = numbers.collect();
            let hint = suggest::instead(number, &numbers, "give only the number; it has");
            return Err(Failure::usage(message, hint));
        }
    }
    let all = amiproof_suites::all(&inputs.workloads)
        .map_err(|error| Failure::usage(error.to_string(), "rename the workload"))?;
    let is_tried = |entry: &&Entry| {
        let is_named = |number: &String| entry.controls.iter().any(|own| own.number() == number);
        entry.level <= level && (args.controls.is_empty() || args.controls.iter().any(is_named))
    };
    let entries: Vec<&Entry> = controls.entries.iter().filter(is_tried).collect();
    let (core, noticing) = if args.checks.is_empty() {
        (controls::core(&all, &variant), controls::noticing(&entries, &all, &variant))
    } else {
        (args.checks.iter().map(|name| named(name, &all, &variant)).collect::<Result<_, _>>()?, Vec::new())
    };
    let time = args.max_minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
    let wanted = Wanted {
        variant: variant.name.clone(),
        controls,
        level,
        only: args.controls.clone(),
        core,
        noticing,
        pairs: args.pairs,
        time,
        nodes: args.on.nodes.clone(),
    };
    let inputs = Inputs { experiment: Some(Experiment::Impact(Box::new(wanted))), ..inputs };
    super::run::resumed(
        global,
        &args.on.as_test(variant.name.as_str(), vec![FIRST.to_owned()]),
        inputs,
        Goal::Experiment,
        output,
    )
}

/// The check that decides whether the nodes can be used at all.
const FIRST: &str = "node/ready";

/// A check that the user names.
fn named(name: &str, all: &[Check], variant: &Variant) -> Result<Check, Failure> {
    let found = all.iter().find(|check| check.id.as_str() == name);
    let check = found.ok_or_else(|| {
        let ids: Vec<&str> = all.iter().map(|check| check.id.as_str()).collect();
        Failure::usage(format!("--check: there is no check '{name}'"), suggest::check(name, &ids))
    })?;
    match controls::can_be_repeated(check, variant) {
        true => Ok(check.clone()),
        false => Err(Failure::usage(
            format!("--check: {name} cannot be run again and again on nodes of {}", variant.name),
            "name a check of workloads, kubelet-path, node or addon that applies to the variant",
        )),
    }
}

/// The variant whose nodes are changed.
fn variant<'a>(args: &Impact, inputs: &'a Inputs) -> Result<&'a Variant, Failure> {
    let variants = &inputs.matrix.variants;
    let found = match &args.variant {
        Some(name) => variants.iter().find(|variant| variant.name.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
            let hint = suggest::instead(name, &known, "the matrix has");
            Failure::usage(format!("--variant: there is no variant '{name}'"), hint)
        })?,
        None => {
            let stock: Vec<&Variant> =
                variants.iter().filter(|variant| variant.hardening.is_none() && variant.family.is_linux()).collect();
            match stock.as_slice() {
                [only] => *only,
                [] => {
                    let message = "every variant of the matrix is hardened".to_owned();
                    return Err(Failure::usage(message, "name the one whose nodes may be changed with --variant"));
                }
                several => {
                    let names: Vec<&str> = several.iter().map(|variant| variant.name.as_str()).collect();
                    return Err(Failure::usage(
                        format!("{} variants are not hardened: {}", several.len(), names.join(", ")),
                        "name one with --variant",
                    ));
                }
            }
        }
    };
    if found.family.is_linux() {
        return Ok(found);
    }
    let message = format!("variant {} runs Windows, whose settings cannot be changed", found.name);
    Err(Failure::usage(message, "name a Linux variant with --variant"))
}

/// The benchmark and its level: those that are named, or those of the variants that have the measured one as their reference.
fn benchmark(args: &Impact, inputs: &Inputs, variant: &Variant) -> Result<(&'static Controls, Level), Failure> {
    let known = || format!("known benchmarks: {}", controls::benchmarks().collect::<Vec<_>>().join(", "));
    let is_about = |own: &&Variant| own.name == variant.name || own.reference.as_ref() == Some(&variant.name);
    let hardened: Vec<&Hardening> =
        inputs.matrix.variants.iter().filter(is_about).filter_map(|own| own.hardening.as_ref()).collect();
    let name = match &args.benchmark {
        Some(name) => name.clone(),
        None => {
            let mut names: Vec<String> = hardened.iter().map(|one| one.benchmark.to_string()).collect();
            names.sort();
            names.dedup();
            match names.as_slice() {
                [only] => only.clone(),
                _ => {
                    let message = format!("the matrix names no benchmark for which {} is the reference", variant.name);
                    return Err(Failure::usage(message, format!("name it with --benchmark; {}", known())));
                }
            }
        }
    };
    let controls = controls::of(&name).ok_or_else(|| {
        let names: Vec<&str> = controls::benchmarks().collect();
        let hint = suggest::instead(&name, &names, "known benchmarks:");
        Failure::usage(format!("--benchmark: nothing is known of what the controls of '{name}' require"), hint)
    })?;
    let of_variants = hardened.iter().filter(|one| one.benchmark == controls.benchmark).map(|one| one.level).max();
    let level = args.level.and_then(|level| Level::try_from(level).ok()).or(of_variants).unwrap_or(Level::Two);
    Ok((controls, level))
}
