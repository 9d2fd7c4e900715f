//! From the bytes of a matrix file to a [`Matrix`]: every default filled in, every rule checked, every problem reported.

use camino::{Utf8Path, Utf8PathBuf};

use super::file::{MatrixFile, SuitesSection};
use super::history::{self, HistorySpec};
use super::resolver::{Resolver, list, transposed};
use super::sources::ReadFile;
use super::spec::{Matrix, SuiteSelection, WorkloadSource};
use super::{cluster, cross, nodes, scans, thresholds, variant};
use crate::form::{self, List};
use crate::name::CheckId;
use crate::problem::{Problem, closest, instead};
use crate::waiver::Waiver;
use crate::workload::Workload;
use crate::yaml::{self, Limits};
use crate::{schema, waiver_file, workload_file};

/// A matrix with the content of the files that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The matrix.
    pub matrix: Matrix,
    /// Its waivers; empty without a waiver file.
    pub waivers: Vec<Waiver>,
    /// The workloads of the user's own folders, in the order of [`Matrix::workloads`]; the built-in ones are not among them.
    pub own_workloads: Vec<Workload>,
    /// Where its nights are kept; `None` without a history.
    pub history: Option<HistorySpec>,
    /// Warnings: valid, but probably not intended.
    pub warnings: Vec<Problem>,
}

/// Reads a matrix file and everything that it names.
///
/// `file` is what problems call the matrix file; files beside it are looked up through `files`, relative to it. `suites` are the
/// names of all suites that exist.
///
/// # Errors
/// All problems, in the order of files and lines, each with its place and a suggested fix.
pub fn resolve(file: &str, bytes: &[u8], files: &dyn ReadFile, suites: &[&str]) -> Result<Resolved, Vec<Problem>> {
    let tree = yaml::document(file, bytes, Limits::MATRIX).map_err(|problem| vec![problem])?;
    let (raw, form_problems) = form::read::<MatrixFile>(file, &tree, schema::matrix());
    let mut resolver = Resolver { file, tree: &tree, files, problems: form_problems, warnings: Vec::new() };
    let resolved = raw.and_then(|raw| matrix(&mut resolver, raw, suites));
    let Resolver { mut problems, mut warnings, .. } = resolver;
    problems.sort_by(|one, other| {
        (one.file != file, &one.file, one.place).cmp(&(other.file != file, &other.file, other.place))
    });
    problems.dedup();
    warnings.sort_by_key(|warning| warning.place);
    match resolved {
        Some((matrix, waivers, own_workloads, history)) if problems.is_empty() => {
            Ok(Resolved { matrix, waivers, own_workloads, history, warnings })
        }
        _ if problems.is_empty() => Err(vec![Problem::of_file(
            file,
            "this file cannot be read, for an unknown reason",
            "report it as a bug in amiproof, with the file",
        )]),
        _ => Err(problems),
    }
}

/// A matrix with what it names.
type Whole = (Matrix, Vec<Waiver>, Vec<Workload>, Option<HistorySpec>);

fn matrix(resolver: &mut Resolver<'_>, raw: MatrixFile, suites: &[&str]) -> Option<Whole> {
    let name = raw.metadata.and_then(|metadata| metadata.name).and_then(|name| {
        let rule = "1 to 40 lower-case letters, digits and '-', starting with a letter";
        resolver.text("metadata.name", name, "matrix name", rule, |text| crate::name::is_label(text, 40))
    });
    let sections = raw.variants.unwrap_or_default();
    let has_made = sections.iter().any(|section| section.as_ref().is_none_or(|section| !nodes::is_selected(section)));
    let cluster = raw.cluster.and_then(|section| cluster::resolve(resolver, section, has_made));
    let defaults = raw.defaults.unwrap_or_default();
    let variants = variant::all(resolver, sections, &defaults, cluster.as_ref());
    cross::check(resolver, &variants, cluster.as_ref());
    let scans = scans::resolve(resolver, raw.scans, &variants);
    let selection = suite_selection(resolver, raw.suites.unwrap_or_default(), suites);
    let judged = thresholds::Judged { suites, selection: &selection, scans: &scans, variants: &variants };
    let thresholds = thresholds::all(resolver, raw.thresholds.unwrap_or_default(), &judged);
    let (sources, own_workloads) = workloads(resolver, raw.workloads);
    let (waiver_path, waivers) = waivers(resolver, raw.waivers, &variants);
    let history = transposed(raw.history.map(|section| history::resolve(resolver, section)));
    let variants = variants.into_iter().map(|named| named.variant).collect::<Option<Vec<_>>>();
    let matrix = Matrix {
        name: name?,
        cluster: cluster?,
        variants: variants?,
        suites: selection,
        scans,
        thresholds,
        workloads: sources,
        waivers: waiver_path,
    };
    Some((matrix, waivers, own_workloads, history?))
}

fn suite_selection(resolver: &mut Resolver<'_>, raw: SuitesSection, known: &[&str]) -> SuiteSelection {
    let mut entry = |resolver: &mut Resolver<'_>, path: &str, text: String| {
        let suite = text.split_once('/').map_or(text.as_str(), |(suite, _)| suite);
        if !known.contains(&suite) {
            resolver.problem(path, format!("there is no suite '{suite}'"), instead(suite, known));
            return None;
        }
        if suite != text && text.parse::<CheckId>().is_err() {
            let help = format!("write {suite} for the whole suite, or a check like node/ready");
            resolver.problem(path, format!("'{text}' is not a valid check id"), help);
            return None;
        }
        Some(text)
    };
    let include = list(resolver, "suites.include", raw.include, &mut entry);
    let with = list(resolver, "suites.with", raw.with, &mut entry);
    let exclude = list(resolver, "suites.exclude", raw.exclude, &mut entry);
    for (field, names) in [("include", &include), ("with", &with)] {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| exclude.contains(name)) {
            resolver.warning(
                &format!("suites.{field}[{index}]"),
                format!("'{name}' is also excluded, so it does not run"),
                "keep one of the two",
            );
        }
    }
    SuiteSelection { include, with, exclude }
}

fn workloads(resolver: &mut Resolver<'_>, raw: Option<List<String>>) -> (Vec<WorkloadSource>, Vec<Workload>) {
    if raw.is_none() {
        return (vec![WorkloadSource::Builtin], Vec::new());
    }
    let mut own: Vec<Workload> = Vec::new();
    let sources = list(resolver, "workloads", raw, |resolver, path, text| {
        if text == "builtin" {
            return Some(WorkloadSource::Builtin);
        }
        let folder = Utf8PathBuf::from(&text);
        let files = match resolver.files.workload_files(&folder) {
            Ok(files) => files,
            Err(reason) => {
                let help = match closest(&text, ["builtin"]) {
                    Some(_) => "did you mean 'builtin'?".to_owned(),
                    None => "write builtin, or a folder beside the matrix file".to_owned(),
                };
                resolver.problem(path, format!("the folder {folder} cannot be read: {reason}"), help);
                return None;
            }
        };
        if files.is_empty() {
            resolver.problem(
                path,
                format!("the folder {folder} holds no workload file"),
                "put *.yaml files into it, or remove it here",
            );
        }
        for file in files {
            if let Some(workload) = own_workload(resolver, path, &file, &own) {
                own.push(workload);
            }
        }
        Some(WorkloadSource::Folder(folder))
    });
    (sources, own)
}

fn own_workload(resolver: &mut Resolver<'_>, path: &str, file: &Utf8Path, earlier: &[Workload]) -> Option<Workload> {
    let (_, bytes) = resolver.read(path, file.as_str(), "check the file's permissions")?;
    let root = Utf8Path::new(resolver.file).parent().unwrap_or(Utf8Path::new(""));
    let folder = file.parent().unwrap_or(Utf8Path::new(""));
    let beside = workload_file::OfFiles { files: resolver.files, folder, shown: root };
    match workload_file::parse_beside(&resolver.shown(file), &bytes, &beside) {
        Ok(workload) if earlier.iter().any(|other| other.name == workload.name) => {
            resolver.problem(
                path,
                format!("two workload files are named '{}'", workload.name),
                format!("rename the one in {file}"),
            );
            None
        }
        Ok(workload) => Some(workload),
        Err(problems) => {
            resolver.problems.extend(problems);
            None
        }
    }
}

fn waivers(
    resolver: &mut Resolver<'_>,
    raw: Option<String>,
    variants: &[variant::Named],
) -> (Option<Utf8PathBuf>, Vec<Waiver>) {
    let help = "write the path of the waiver file, relative to the matrix file, or remove the key";
    let Some((path, bytes)) = raw.and_then(|file| resolver.read("waivers", &file, help)) else {
        return (None, Vec::new());
    };
    let shown = resolver.shown(&path);
    let waivers = match waiver_file::parse(&shown, &bytes) {
        Ok(waivers) => waivers,
        Err(problems) => {
            resolver.problems.extend(problems);
            return (Some(path), Vec::new());
        }
    };
    let names: Vec<&str> = variants.iter().filter_map(|named| named.name()).collect();
    for name in waivers.iter().flat_map(|waiver| &waiver.variants).filter(|name| !names.contains(&name.as_str())) {
        resolver.warning(
            "waivers",
            format!("{path} has a waiver for the variant '{name}', which is not in this matrix"),
            instead(name, &names),
        );
    }
    (Some(path), waivers)
}
