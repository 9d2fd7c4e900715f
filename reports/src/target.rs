//! Where a form is written.

use std::io::{self, Seek, Write};

use crate::error::RenderError;

/// Where a form is written, from its beginning to its end. One form may turn out too long when it is written, and is written again.
pub trait Target: Write {
    /// Forgets what was written.
    ///
    /// # Errors
    /// When that cannot be done.
    fn restart(&mut self) -> io::Result<()>;
}

impl Target for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

impl Target for io::BufWriter<&std::fs::File> {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.get_ref().set_len(0)
    }
}

/// What is written, as text.
pub(crate) fn text(write: impl FnOnce(&mut dyn Target) -> Result<(), RenderError>) -> Result<String, RenderError> {
    let mut bytes: Vec<u8> = Vec::new();
    write(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| RenderError::Write(io::Error::new(io::ErrorKind::InvalidData, error)))
}
