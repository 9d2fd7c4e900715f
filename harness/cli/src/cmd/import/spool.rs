//! An imported file that can be read more than once: to detect its kind, to parse it, and to keep a copy.

use std::fs::File;
use std::io::{Read, Seek, Write};

use amiproof_core::scan::import;
use camino::{Utf8Path, Utf8PathBuf};

use crate::output::Failure;
use crate::rundir;

/// How much of an imported file is kept as evidence, bytes.
pub(super) const MAX_KEPT: u64 = 256 * 1024 * 1024;

/// The file, or standard input in a temporary file that only this user can read and that is deleted with the process.
pub(super) struct Spool {
    path: Utf8PathBuf,
    standard_input: Option<tempfile::NamedTempFile>,
}

impl Spool {
    pub(super) fn of(path: &Utf8Path) -> Result<Self, Failure> {
        if path != "-" {
            return Ok(Self { path: path.to_owned(), standard_input: None });
        }
        let failure =
            |error: std::io::Error| rundir::cannot("read standard input into a file in", &temporary(), &error);
        let mut file = tempfile::NamedTempFile::with_prefix("amiproof-import-").map_err(failure)?;
        let mut input = std::io::stdin().lock().take(import::guard::MAX_BYTES);
        std::io::copy(&mut input, &mut file).map_err(failure)?;
        file.flush().map_err(failure)?;
        Ok(Self { path: path.to_owned(), standard_input: Some(file) })
    }

    /// The file from its start.
    pub(super) fn open(&self) -> Result<File, Failure> {
        let cannot = |error: std::io::Error| rundir::cannot("read", &self.path, &error);
        let file = match &self.standard_input {
            Some(file) => {
                let mut file = file.reopen().map_err(cannot)?;
                file.rewind().map_err(cannot)?;
                return Ok(file);
            }
            None => File::open(&self.path).map_err(cannot)?,
        };
        match file.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                Err(Failure::usage(format!("{} is a folder", self.path), "name a file in it"))
            }
            _ => Ok(file),
        }
    }

    /// What identifies the file: its path, or a digest of its content for standard input.
    pub(super) fn file(&self) -> Result<import::File, Failure> {
        if self.standard_input.is_some() {
            let place = import::digest_of(self.open()?).map_err(|error| rundir::cannot("read", &self.path, &error))?;
            return Ok(import::File { name: "stdin".to_owned(), place });
        }
        let place = self.path.canonicalize_utf8().unwrap_or_else(|_| self.path.clone()).into_string();
        Ok(import::File { name: self.path.file_stem().unwrap_or("file").to_owned(), place })
    }

    /// Copies the file, at most [`MAX_KEPT`] bytes of it, into the folder of a run. Returns whether the copy is complete.
    pub(super) fn keep(&self, folder: &Utf8Path, copy: &str) -> Result<bool, Failure> {
        let copy = folder.join(copy);
        let failure = |error: std::io::Error| rundir::cannot("keep a copy as", &copy, &error);
        let mut from = self.open()?;
        // The imported file is the kept copy itself, so there is nothing to copy.
        if copy.exists() && copy.canonicalize_utf8().ok() == self.path.canonicalize_utf8().ok() {
            return Ok(true);
        }
        let parent = copy.parent().unwrap_or(folder);
        make_folders(folder, parent)?;
        let mut to = tempfile::NamedTempFile::with_prefix_in(".part-", parent).map_err(failure)?;
        let kept = std::io::copy(&mut Read::by_ref(&mut from).take(MAX_KEPT), &mut to).map_err(failure)?;
        let is_whole = from.read(&mut [0]).map_err(failure)? == 0;
        to.as_file().sync_all().map_err(failure)?;
        to.persist(&copy).map_err(|error| failure(error.error))?;
        tracing::debug!(%copy, kept, "the imported file is kept");
        Ok(is_whole)
    }
}

fn temporary() -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap_or_else(|_| Utf8PathBuf::from("the temporary folder"))
}

/// Creates folders below that of a run. Links are rejected: they could lead out of it.
fn make_folders(run: &Utf8Path, wanted: &Utf8Path) -> Result<(), Failure> {
    let mut path = run.to_owned();
    for part in wanted.strip_prefix(run).unwrap_or(wanted) {
        path.push(part);
        if path.is_symlink() {
            return Err(Failure::usage(
                format!("{path} is a symbolic link, and links in a run's folder are not followed"),
                "remove the link; amiproof creates the folder itself",
            ));
        }
        if !path.is_dir() {
            std::fs::create_dir(&path).or_else(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(rundir::cannot("create", &path, &error)),
            })?;
        }
    }
    Ok(())
}
