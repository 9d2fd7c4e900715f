//! Files, written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::error::RenderError;

/// Writes a file atomically, so that a reader sees the old or the new one and never a part of it: a temporary file of its own name in the
/// same folder, flushed to the disk, then renamed. Two that write at once do not disturb each other, and a link that is there is replaced
/// and not followed. Only its owner can read the file, because evidence of nodes is in it.
///
/// # Errors
/// [`RenderError::File`] with the path of the file that was to be.
pub fn write_file(folder: &Path, name: &str, text: &str) -> Result<PathBuf, RenderError> {
    let path = folder.join(name);
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(&format!(".{name}.")).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|failed| failed.error)?;
        Ok(())
    };
    match write() {
        Ok(()) => Ok(path),
        Err(source) => Err(RenderError::File { path, source }),
    }
}
