//! `amiproof controls`: the controls of a benchmark, and what evaluates each of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use amiproof_model::exit::ExitCode;
use amiproof_suites::benchmark::{self, Catalogue, CatalogueError, Control, Judged};
use serde::Serialize;

use crate::args::{Controls, OutputForm};
use crate::output::{Failure, Output};
use crate::suggest;

/// Lists the controls of a benchmark, or the benchmarks.
pub(crate) fn run(args: &Controls, output: &Output) -> Result<ExitCode, Failure> {
    let all = benchmark::all().map_err(defect)?;
    let Some(name) = &args.benchmark else {
        match args.output {
            OutputForm::Text => output.data(benchmarks(all)),
            OutputForm::Json => output.json(json(&all.iter().map(Summary::of).collect::<Vec<_>>())?),
        }
        return Ok(ExitCode::Passed);
    };
    let Some(catalogue) = benchmark::find(name).map_err(defect)? else {
        let known: Vec<&str> = all.iter().map(|catalogue| catalogue.benchmark.as_str()).collect();
        let hint = suggest::instead(name, &known, "amiproof has lists for");
        return Err(Failure::usage(
            format!("--benchmark: there is no list of the controls of '{name}'"),
            format!("{hint}; `amiproof list controls` shows those of the operating systems of a matrix, too"),
        ));
    };
    match args.output {
        OutputForm::Text => output.data(table(catalogue)),
        OutputForm::Json => output.json(json(&Listing::of(catalogue, all))?),
    }
    Ok(ExitCode::Passed)
}

fn defect(error: &CatalogueError) -> Failure {
    Failure::error(error.to_string(), "this is a bug in amiproof")
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::error(error.to_string(), ""))
}

fn benchmarks(all: &[Catalogue]) -> String {
    let mut text = String::new();
    for catalogue in all {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<15} Kubernetes {} and newer: {}",
            catalogue.benchmark,
            catalogue.from_kubernetes,
            summary(catalogue)
        );
    }
    text
}

fn summary(catalogue: &Catalogue) -> String {
    format!(
        "{} controls: {} evaluated by amiproof, {} by kube-bench on each variant, {} are manual",
        catalogue.controls.len(),
        catalogue.count(Judged::Amiproof),
        catalogue.count(Judged::KubeBench),
        catalogue.count(Judged::Human)
    )
}

fn table(catalogue: &Catalogue) -> String {
    let mut text = format!("{:<8} {:<5} {:<12} {:<9} {}\n", "control", "level", "evaluated by", "CIS", "requirement");
    let mut section = "";
    for control in &catalogue.controls {
        let number = control.id.number();
        let of_section = number.rsplit_once('.').map_or(number, |(section, _)| section);
        if section != of_section {
            section = of_section;
            let _ = writeln!(text, "\n{section} {}", control.section);
        }
        let lead = if control.judged == Judged::Human { "check " } else { "" };
        let _ = write!(
            text,
            "{number:<8} {:<5} {:<12} {:<9} {}\n{:38}{lead}{}\n",
            control.level.to_string(),
            control.judged.description(),
            control.cis.as_str(),
            control.title,
            "",
            control.looks
        );
    }
    let _ = write!(text, "\n{}", summary(catalogue));
    text
}

/// The summary of a benchmark.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    benchmark: &'a str,
    from_kubernetes: &'a str,
    total: usize,
    by_amiproof: usize,
    by_kube_bench: usize,
    by_human: usize,
}

impl<'a> Summary<'a> {
    fn of(catalogue: &'a Catalogue) -> Self {
        Self {
            benchmark: catalogue.benchmark.as_str(),
            from_kubernetes: catalogue.from_kubernetes.as_str(),
            total: catalogue.controls.len(),
            by_amiproof: catalogue.count(Judged::Amiproof),
            by_kube_bench: catalogue.count(Judged::KubeBench),
            by_human: catalogue.count(Judged::Human),
        }
    }
}

/// A benchmark with its controls.
#[derive(Serialize)]
struct Listing<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    controls: Vec<Row<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    id: &'a str,
    number: &'a str,
    section: &'a str,
    title: &'a str,
    level: u8,
    cis: &'static str,
    judged_by: Judged,
    looks_at: &'a str,
    question: &'a str,
    /// The number of the same question in the other versions.
    elsewhere: BTreeMap<&'a str, &'a str>,
}

impl<'a> Listing<'a> {
    fn of(catalogue: &'a Catalogue, all: &'a [Catalogue]) -> Self {
        let controls = catalogue.controls.iter().map(|control| Row::of(control, catalogue, all)).collect();
        Self { summary: Summary::of(catalogue), controls }
    }
}

impl<'a> Row<'a> {
    fn of(control: &'a Control, own: &Catalogue, all: &'a [Catalogue]) -> Self {
        let others = all.iter().filter(|other| other.benchmark != own.benchmark);
        let elsewhere = others.filter_map(|other| {
            let same = other.asking(&control.question)?;
            Some((other.benchmark.as_str(), same.id.number()))
        });
        Self {
            id: control.id.as_str(),
            number: control.id.number(),
            section: &control.section,
            title: &control.title,
            level: control.level.into(),
            cis: control.cis.as_str(),
            judged_by: control.judged,
            looks_at: &control.looks,
            question: &control.question,
            elsewhere: elsewhere.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_of_version_1_0_1_says_how_it_is_judged() {
        insta::assert_snapshot!(table(benchmark::find("cis-eks-1.0.1").unwrap().unwrap()));
    }

    #[test]
    fn the_list_of_benchmarks_says_how_much_of_each_needs_a_human() {
        insta::assert_snapshot!(benchmarks(benchmark::all().unwrap()));
    }

    #[test]
    fn json_has_the_number_of_the_same_question_in_other_versions() {
        let all = benchmark::all().unwrap();
        let listing = Listing::of(benchmark::find("cis-eks-1.0.1").unwrap().unwrap(), all);
        let value: serde_json::Value = serde_json::from_str(&json(&listing).unwrap()).unwrap();
        let controls = value["controls"].as_array().unwrap();
        let chains = controls.iter().find(|control| control["number"] == "3.2.7").unwrap();
        let elsewhere =
            serde_json::json!({"cis-eks-1.5.0": "3.2.6", "cis-eks-1.7.0": "3.2.6", "cis-eks-1.8.0": "3.2.6"});
        assert_eq!(chains["elsewhere"], elsewhere);
        assert_eq!((&value["total"], &value["byHuman"]), (&52.into(), &6.into()));
    }
}
