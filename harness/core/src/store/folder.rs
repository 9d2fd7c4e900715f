//! A store in a folder.

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::Error;
use super::written::Written;
use crate::bounded;

/// What the name of a file begins with while it is written.
const PART: &str = ".part-";

/// A store in a folder.
#[derive(Debug)]
pub(super) struct Folder(Utf8PathBuf);

impl Folder {
    pub(super) fn new(path: &Utf8Path) -> Self {
        Self(path.to_owned())
    }

    /// The names of files, or of folders.
    pub(super) fn list(&self, folder: &str, folders: bool) -> Result<Vec<String>, Error> {
        let path = self.0.join(folder);
        let failed = |source| Error::File { what: "read", path: path.clone(), source };
        let entries = match path.read_dir_utf8() {
            Ok(entries) => entries,
            // A store without a night.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let is_folder = entry.path().is_dir();
            if is_folder == folders && !entry.file_name().starts_with(PART) {
                names.push(entry.file_name().to_owned());
            }
        }
        Ok(names)
    }

    pub(super) fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.0.join(name);
        match bounded::bytes(&path, most) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { what: "read", path, source }),
        }
    }

    /// Written beside its name, flushed, and given the name only if that is free.
    pub(super) fn put_new(&self, name: &str, bytes: &[u8]) -> Result<Written, Error> {
        let path = self.0.join(name);
        let folder = path.parent().unwrap_or(&self.0);
        let write = || -> std::io::Result<Written> {
            fs::create_dir_all(folder)?;
            // What the user's umask says, as for every other file of his.
            let mut part =
                tempfile::Builder::new().prefix(PART).permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
            part.write_all(bytes)?;
            part.as_file().sync_all()?;
            match part.persist_noclobber(&path) {
                Ok(_) => Ok(Written::New),
                Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(Written::Exists),
                Err(failed) => Err(failed.error),
            }
        };
        write().map_err(|source| Error::File { what: "write", path: path.clone(), source })
    }

    /// Deletes a file, and its folder if that is empty then.
    pub(super) fn delete(&self, name: &str) -> Result<(), Error> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(Error::File { what: "delete", path, source }),
        }
        match path.parent().map(fs::remove_dir) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => Ok(()),
            Some(Err(source)) => Err(Error::File { what: "delete the folder of", path, source }),
        }
    }
}
