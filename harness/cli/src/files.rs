//! Reads the matrix with every file that it names, and says all that is wrong with them at once.

use std::io::Read;

use amiproof_core::check::Check;
use amiproof_model::matrix::{Matrix, ReadFile, WorkloadSource, resolve};
use amiproof_model::problem::Problem;
use amiproof_model::waiver::Waiver;
use amiproof_model::workload::Workload;
use camino::{Utf8Path, Utf8PathBuf};

use crate::output::{Failure, Output};

/// No file that amiproof reads is larger; what is behind this many bytes is not even read.
const MOST_BYTES: u64 = 5 * 1024 * 1024;

/// A matrix with everything that it points to.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// The matrix.
    pub(crate) matrix: Matrix,
    /// Exceptions.
    pub(crate) waivers: Vec<Waiver>,
    /// The workloads of the catalogue and of the user's folders.
    pub(crate) workloads: Vec<Workload>,
    /// What is legal, but probably not meant.
    pub(crate) warnings: Vec<Problem>,
}

/// Reads everything; warnings go to standard error.
pub(crate) fn read(file: &Utf8Path, output: &Output) -> Result<Inputs, Failure> {
    let inputs = problems(file).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let count = match lines.len() {
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        };
        Failure::usage(format!("{count} in {file}\n\n{}", lines.join("\n")), "nothing was created")
    })?;
    for warning in &inputs.warnings {
        output.note(format_args!("warning: {warning}"));
    }
    Ok(inputs)
}

/// Reads everything, or says all that is wrong.
pub(crate) fn problems(file: &Utf8Path) -> Result<Inputs, Vec<Problem>> {
    let disk = Disk { root: file.parent().map(Utf8Path::to_owned).unwrap_or_default() };
    let bytes = read_limited(file).map_err(|why| {
        let mend = "give the matrix with --file, or write a starter with `amiproof init`";
        vec![Problem::of_file(file.as_str(), format!("cannot be read: {why}"), mend)]
    })?;
    let resolved = resolve(file.as_str(), &bytes, &disk, amiproof_suites::SUITES)?;
    let mut workloads = Vec::new();
    if resolved.matrix.workloads.contains(&WorkloadSource::Builtin) {
        let catalogue = amiproof_workloads::catalogue().map_err(|error| {
            vec![Problem::of_file("the built-in catalogue", error.to_string(), "this is a defect of amiproof")]
        })?;
        workloads.extend(catalogue.iter().cloned());
    }
    workloads.extend(resolved.own_workloads);
    Ok(Inputs { matrix: resolved.matrix, waivers: resolved.waivers, workloads, warnings: resolved.warnings })
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

/// The matrix with only the named variants and the references that they need; all of it when none is named.
pub(crate) fn narrowed(matrix: &Matrix, names: &[String]) -> Result<Matrix, Failure> {
    if names.is_empty() {
        return Ok(matrix.clone());
    }
    let known: Vec<&str> = matrix.variants.iter().map(|variant| variant.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let list = known.join(", ");
        return Err(Failure::usage(
            format!("--variants: there is no variant '{unknown}'"),
            format!("the matrix has {list}"),
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

/// The files beside the matrix.
struct Disk {
    root: Utf8PathBuf,
}

impl ReadFile for Disk {
    fn read(&self, path: &Utf8Path) -> Result<Vec<u8>, String> {
        read_limited(&self.root.join(path))
    }

    fn workload_files(&self, folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, String> {
        let listing = self.root.join(folder).read_dir_utf8().map_err(|error| clause(&error))?;
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
}

/// The bytes of a file, at most [`MOST_BYTES`] and one more, so that the reader can say that it is too large.
pub(crate) fn read_limited(path: &Utf8Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| clause(&error))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| clause(&error))?;
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
