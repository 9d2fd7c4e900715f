//! The files that a matrix names, read by the caller so that this package does no I/O.

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use crate::workload_file::chart::Chart;

/// Reads files by their paths relative to the matrix file.
pub trait ReadFile {
    /// The bytes of a file. A reader may stop after 5 MiB: no larger file is accepted.
    ///
    /// # Errors
    /// A clause that says why there are none: `no such file`, `permission denied`.
    fn read(&self, path: &Utf8Path) -> Result<Vec<u8>, String>;

    /// The workload files (`*.yaml`, `*.yml`) right inside a folder, sorted by name; the paths begin with the folder's.
    ///
    /// # Errors
    /// A clause that says why it cannot be listed: `no such folder`.
    fn workload_files(&self, folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, String>;

    /// Whether remote charts are not fetched: their workloads are read without objects.
    fn is_offline(&self) -> bool {
        false
    }

    /// What a Helm chart renders to; its paths are relative to the matrix file.
    ///
    /// # Errors
    /// A clause that says why it cannot be rendered: `helm is not installed`, or what helm says.
    fn chart(&self, chart: &Chart) -> Result<Vec<u8>, String> {
        Err(format!("charts cannot be rendered here ({})", chart.chart))
    }
}

/// Files that are in memory already.
pub type Files = IndexMap<Utf8PathBuf, Vec<u8>>;

impl ReadFile for Files {
    fn read(&self, path: &Utf8Path) -> Result<Vec<u8>, String> {
        self.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn workload_files(&self, folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, String> {
        if !self.keys().any(|path| path.starts_with(folder)) {
            return Err("no such folder".to_owned());
        }
        let mut files: Vec<_> =
            self.keys().filter(|path| is_workload_file(path) && path.parent() == Some(folder)).cloned().collect();
        files.sort();
        Ok(files)
    }
}

/// Whether a file in a workload folder is a workload, going by its name.
fn is_workload_file(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("yaml" | "yml"))
}
