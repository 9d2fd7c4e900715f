//! Reads the matrix with every file that it names, and reports all problems at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;

use amiproof_core::check::Check;
use amiproof_core::cluster::pull_secret::PullSecret;
use amiproof_core::run::Experiment;
use amiproof_model::matrix::{AmiSource, HistorySpec, Matrix, ReadFile, WorkloadSource, resolve};
use amiproof_model::name::VariantName;
use amiproof_model::problem::Problem;
use amiproof_model::waiver::Waiver;
use amiproof_model::workload::Workload;
use amiproof_model::workload_file::{Chart, OfFiles, parse_beside};
use camino::{Utf8Path, Utf8PathBuf};

use crate::helm;
use crate::output::{Failure, Output, count};
use crate::suggest;

/// Maximum size of a file; bytes beyond it are not even read.
const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// A matrix with all files that it names.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// The matrix.
    pub(crate) matrix: Matrix,
    /// The waivers.
    pub(crate) waivers: Vec<Waiver>,
    /// The workloads of the catalogue and of the user's folders.
    pub(crate) workloads: Vec<Workload>,
    /// Where its nights are kept.
    pub(crate) history: Option<HistorySpec>,
    /// Whether only these workloads run.
    pub(crate) only_workloads: bool,
    /// What to try on the nodes on top.
    pub(crate) experiment: Option<Experiment>,
    /// Warnings: valid, but probably not intended.
    pub(crate) warnings: Vec<Problem>,
}

/// Reads everything; warnings go to standard error.
pub(crate) fn read(file: &Utf8Path, output: &Output) -> Result<Inputs, Failure> {
    report_problems(file, problems(file), output)
}

/// As [`read`], without the network.
pub(crate) fn read_offline(file: &Utf8Path, output: &Output) -> Result<Inputs, Failure> {
    report_problems(file, problems_offline(file), output)
}

fn report_problems(file: &Utf8Path, inputs: Result<Inputs, Vec<Problem>>, output: &Output) -> Result<Inputs, Failure> {
    let inputs = inputs.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let problems = count(lines.len(), "problem");
        Failure::usage(format!("{problems} in {file}\n\n{}", lines.join("\n")), "nothing was created")
    })?;
    for warning in &inputs.warnings {
        output.note(format_args!("warning: {warning}"));
    }
    Ok(inputs)
}

/// A matrix that is not a file, with the whole catalogue; `shown` is what problems call it.
pub(crate) fn without_file(shown: &str, text: &str) -> Result<Inputs, Failure> {
    let resolved = resolve(shown, text.as_bytes(), &Disk::at(Utf8Path::new("")), amiproof_suites::SUITES);
    let resolved = resolved.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::error(lines.join("\n"), "this is a bug in amiproof; write a matrix with `amiproof init` instead")
    })?;
    let workloads = catalogue()?.to_vec();
    let (matrix, waivers, history, warnings) = (resolved.matrix, resolved.waivers, resolved.history, resolved.warnings);
    Ok(Inputs { matrix, waivers, workloads, history, only_workloads: false, experiment: None, warnings })
}

/// Reads everything, or reports all problems.
pub(crate) fn problems(file: &Utf8Path) -> Result<Inputs, Vec<Problem>> {
    read_with(file, false)
}

/// As [`problems`], without the network: workloads with a remote chart have no objects, and a warning says so.
pub(crate) fn problems_offline(file: &Utf8Path) -> Result<Inputs, Vec<Problem>> {
    let mut inputs = read_with(file, true)?;
    let unseen = inputs.workloads.iter().filter(|workload| workload.objects.is_empty());
    let warning = |workload: &Workload| {
        let message = format!("the chart of workload {} is remote, and this command fetches nothing", workload.name);
        Problem::of_file(file.as_str(), message, "`amiproof workload render` with its file shows what a run applies")
    };
    let warnings: Vec<Problem> = unseen.map(warning).collect();
    inputs.warnings.extend(warnings);
    Ok(inputs)
}

fn read_with(file: &Utf8Path, offline: bool) -> Result<Inputs, Vec<Problem>> {
    let disk = Disk { root: file.parent().map(Utf8Path::to_owned).unwrap_or_default(), offline };
    let bytes = read_limited(file).map_err(|why| {
        let help = "give the matrix with --file, or write a starter with `amiproof init`";
        vec![Problem::of_file(file.as_str(), format!("cannot be read: {why}"), help)]
    })?;
    let mut resolved = resolve(file.as_str(), &bytes, &disk, amiproof_suites::SUITES)?;
    let user_data = amiproof_core::user_data::review(file.as_str(), &resolved.matrix);
    if !user_data.problems.is_empty() {
        return Err(user_data.problems);
    }
    resolved.warnings.extend(user_data.warnings);
    let mut workloads = Vec::new();
    if resolved.matrix.workloads.contains(&WorkloadSource::Builtin) {
        let catalogue = amiproof_workloads::catalogue().map_err(|error| {
            vec![Problem::of_file("the built-in catalogue", error.to_string(), "this is a bug in amiproof")]
        })?;
        workloads.extend(catalogue.iter().cloned());
    }
    workloads.extend(resolved.own_workloads);
    let (matrix, waivers, history, warnings) = (resolved.matrix, resolved.waivers, resolved.history, resolved.warnings);
    Ok(Inputs { matrix, waivers, workloads, history, only_workloads: false, experiment: None, warnings })
}

/// The bytes of a matrix file and of every file that it names, by their paths in its folder: what another machine needs to run it.
///
/// # Errors
/// When a file cannot be read, or a workload is a chart, which only a machine with helm can render.
pub(crate) fn beside(file: &Utf8Path) -> Result<BTreeMap<Utf8PathBuf, Vec<u8>>, Failure> {
    let unread =
        |path: &Utf8Path, why: String| Failure::usage(format!("{path} cannot be read: {why}"), "nothing was created");
    let bytes = read_limited(file).map_err(|why| unread(file, why))?;
    let root = file.parent().map(Utf8Path::to_owned).unwrap_or_default();
    let recording = Recording { disk: Disk::at(&root), read: RefCell::default() };
    let resolved = resolve(file.as_str(), &bytes, &recording, amiproof_suites::SUITES).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::usage(lines.join("\n"), "nothing was created")
    })?;
    let mut read = recording.read.into_inner();
    for made in resolved.matrix.variants.iter().filter_map(|variant| variant.made()) {
        if let AmiSource::PackerManifest { path, .. } = &made.ami {
            read.insert(path.clone(), read_limited(&root.join(path)).map_err(|why| unread(path, why))?);
        }
    }
    read.insert(Utf8PathBuf::from(file.file_name().unwrap_or_default()), bytes);
    Ok(read)
}

/// The AWS region of the matrix.
pub(crate) fn region(matrix: &Matrix) -> Result<&str, Failure> {
    matrix.cluster.region.as_deref().ok_or_else(|| {
        Failure::usage(
            "the matrix names no AWS region, so the cluster can be reached by its kubeconfig only",
            "add --kubeconfig, or cluster.region to the matrix",
        )
    })
}

/// Every check there is, workloads included.
pub(crate) fn checks(workloads: &[Workload]) -> Result<Vec<Check>, Failure> {
    amiproof_suites::all(workloads)
        .map_err(|error| Failure::usage(error.to_string(), "rename the workload: its name becomes part of a check id"))
}

/// The variant that `--variant` names.
pub(crate) fn variant(matrix: &Matrix, name: &str) -> Result<VariantName, Failure> {
    let variants = &matrix.variants;
    variants.iter().map(|variant| &variant.name).find(|known| known.as_str() == name).cloned().ok_or_else(|| {
        let known: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
        Failure::usage(
            format!("--variant: there is no variant '{name}'"),
            suggest::instead(name, &known, "the matrix has"),
        )
    })
}

/// The matrix with only the named variants and the references that they need; all of it when none is named.
pub(crate) fn narrowed(matrix: &Matrix, names: &[String]) -> Result<Matrix, Failure> {
    if names.is_empty() {
        return Ok(matrix.clone());
    }
    let known: Vec<&str> = matrix.variants.iter().map(|variant| variant.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::usage(
            format!("--variants: there is no variant '{unknown}'"),
            suggest::instead(unknown, &known, "the matrix has"),
        ));
    }
    let wanted = |name: &str| names.iter().any(|wanted| wanted == name);
    let needed = |name: &str| {
        let uses =
            |reference: Option<&amiproof_model::name::VariantName>| reference.is_some_and(|it| it.as_str() == name);
        matrix.variants.iter().any(|variant| wanted(variant.name.as_str()) && uses(variant.reference.as_ref()))
    };
    let mut narrowed = matrix.clone();
    narrowed.variants.retain(|variant| wanted(variant.name.as_str()) || needed(variant.name.as_str()));
    Ok(narrowed)
}

/// The workloads that a user names on the command line: names of those that are known, workload files, and folders of them.
pub(crate) fn named_workloads(names: &[String], known: &[Workload]) -> Result<Vec<Workload>, Failure> {
    let mut workloads: Vec<Workload> = Vec::new();
    for name in names {
        let found = match known.iter().find(|workload| workload.name == *name) {
            Some(workload) => vec![workload.clone()],
            None => on_disk(name, known)?,
        };
        for workload in found {
            if workloads.iter().all(|known| known.name != workload.name) {
                workloads.push(workload);
            }
        }
    }
    Ok(workloads)
}

/// The built-in workloads.
pub(crate) fn catalogue() -> Result<&'static [Workload], Failure> {
    amiproof_workloads::catalogue().map_err(|error| Failure::error(error.to_string(), "this is a bug in amiproof"))
}

/// `my-app` stands for the folder or file of that name, or for `my-app.yaml`.
fn on_disk(name: &str, known: &[Workload]) -> Result<Vec<Workload>, Failure> {
    let path = Utf8PathBuf::from(name);
    let with_ending = Utf8PathBuf::from(format!("{name}.yaml"));
    let files = if path.is_dir() {
        Disk::at(Utf8Path::new(""))
            .workload_files(&path)
            .map_err(|why| Failure::usage(format!("{path}: {why}"), "nothing was created"))?
    } else if path.is_file() {
        vec![path]
    } else if with_ending.is_file() {
        vec![with_ending]
    } else {
        let names: Vec<&str> = known.iter().map(|workload| workload.name.as_str()).collect();
        return Err(Failure::usage(
            format!("there is no workload '{name}', no folder {name} and no file {with_ending}"),
            format!(
                "{}; `amiproof workload new {name}` writes a new one",
                suggest::instead(name, &names, "available:")
            ),
        ));
    };
    if files.is_empty() {
        return Err(Failure::usage(
            format!("the folder {name} holds no workload file"),
            format!("`amiproof workload new my-app --folder {name}` writes one"),
        ));
    }
    files.iter().map(|file| workload_file(file)).collect()
}

fn workload_file(file: &Utf8Path) -> Result<Workload, Failure> {
    let bytes = read_limited(file)
        .map_err(|why| Failure::usage(format!("{file} cannot be read: {why}"), "nothing was created"))?;
    let folder = file.parent().unwrap_or(Utf8Path::new(""));
    let disk = Disk::at(Utf8Path::new(""));
    let beside = OfFiles { files: &disk, folder, shown: Utf8Path::new("") };
    parse_beside(file.as_str(), &bytes, &beside).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::usage(lines.join("\n"), "nothing was created")
    })
}

/// The files next to a matrix or a workload file.
pub(crate) struct Disk {
    root: Utf8PathBuf,
    offline: bool,
}

impl Disk {
    /// The files in a folder.
    pub(crate) fn at(folder: &Utf8Path) -> Self {
        Self { root: folder.to_owned(), offline: false }
    }
}

impl ReadFile for Disk {
    fn read(&self, path: &Utf8Path) -> Result<Vec<u8>, String> {
        read_limited(&self.root.join(path))
    }

    fn workload_files(&self, folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, String> {
        let folder_here = self.root.join(folder);
        let folder_here = if folder_here.as_str().is_empty() { Utf8PathBuf::from(".") } else { folder_here };
        let listing = folder_here.read_dir_utf8().map_err(|error| clause(&error))?;
        let mut files = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|error| clause(&error))?;
            if matches!(entry.path().extension(), Some("yaml" | "yml")) {
                files.push(folder.join(entry.file_name()));
            }
        }
        files.sort();
        Ok(files)
    }

    fn is_offline(&self) -> bool {
        self.offline
    }

    fn chart(&self, chart: &Chart) -> Result<Vec<u8>, String> {
        helm::template(&self.root, chart)
    }
}

/// Registry credentials for nodes: those for these images, and which registries were left out. Nothing else of the file is ever shown.
pub(crate) fn pull_secret(path: &Utf8Path, images: &[String]) -> Result<(PullSecret, Vec<String>), Failure> {
    const HINT: &str = "give a config.json as `docker login` writes it; nothing was created";
    let failure = |why: String| Failure::usage(format!("--image-pull-secret {path}: {why}"), HINT);
    let bytes = read_limited(path).map_err(failure)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failure("not text in UTF-8".to_owned()))?;
    PullSecret::parse(text, images).map_err(|error| failure(error.to_string()))
}

/// The files next to a matrix, and which of them were read.
struct Recording {
    disk: Disk,
    read: RefCell<BTreeMap<Utf8PathBuf, Vec<u8>>>,
}

impl ReadFile for Recording {
    fn read(&self, path: &Utf8Path) -> Result<Vec<u8>, String> {
        let bytes = self.disk.read(path)?;
        self.read.borrow_mut().insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }

    fn workload_files(&self, folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, String> {
        self.disk.workload_files(folder)
    }

    fn chart(&self, _chart: &Chart) -> Result<Vec<u8>, String> {
        Err("the image of amiproof has no helm: put what `helm template` prints into the workload file".to_owned())
    }
}

/// The bytes of a file, at most [`MAX_BYTES`] and one more, so that the reader can say that it is too large.
pub(crate) fn read_limited(path: &Utf8Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| clause(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| clause(&error))?;
    Ok(bytes)
}

fn clause(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}
