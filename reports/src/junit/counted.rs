//! The length of what is written.

use std::io::{self, Write};

use crate::target::Target;

/// Counts what is written, and passes on no more than a limit.
pub(super) struct Counted<'a> {
    out: &'a mut dyn Target,
    length: usize,
    limit: usize,
}

impl<'a> Counted<'a> {
    pub(super) fn new(out: &'a mut dyn Target, limit: usize) -> Self {
        Self { out, length: 0, limit }
    }

    /// How much was written, passed on or not, bytes.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.length <= self.limit {
            self.out.write_all(bytes)?;
        }
        self.length += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
