//! Files, written whole or not at all.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::error::RenderError;
use crate::target::Target;

/// How much of a file is in memory before it is written, bytes.
const BUFFER: usize = 64 * 1024;

/// Writes a file atomically, so that a reader sees the old or the new one and never a part of it: a temporary file of its own name in the
/// same folder, flushed to the disk, then renamed. Two that write at once do not disturb each other, and a link that is there is replaced
/// and not followed. Only its owner can read the file, because evidence of nodes is in it.
///
/// # Errors
/// [`RenderError::File`] with the path of the file that was to be written.
pub fn write_file(folder: &Path, name: &str, text: &str) -> Result<PathBuf, RenderError> {
    write_with(folder, name, |out| out.write_all(text.as_bytes()).map_err(RenderError::Write))
}

/// As [`write_file`], with what `fill` writes.
///
/// # Errors
/// [`RenderError::File`] with the path of the file that was to be written, and what `fill` returns.
pub fn write_with(
    folder: &Path,
    name: &str,
    fill: impl FnOnce(&mut dyn Target) -> Result<(), RenderError>,
) -> Result<PathBuf, RenderError> {
    let path = folder.join(name);
    let write = || -> Result<(), RenderError> {
        let part = tempfile::Builder::new().prefix(&format!(".{name}.")).tempfile_in(folder);
        let part = part.map_err(RenderError::Write)?;
        let mut out = BufWriter::with_capacity(BUFFER, part.as_file());
        fill(&mut out)?;
        out.flush().map_err(RenderError::Write)?;
        drop(out);
        part.as_file().sync_all().map_err(RenderError::Write)?;
        part.persist(&path).map_err(|failed| RenderError::Write(failed.error))?;
        Ok(())
    };
    match write() {
        Ok(()) => Ok(path),
        Err(RenderError::Write(source)) => Err(RenderError::File { path, source }),
        Err(other) => Err(other),
    }
}
