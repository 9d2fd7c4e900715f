//! The file itself: complete lines or nothing, even when the disk is full.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use super::record::{Record, Sum};
use super::{Entry, Key};

/// The state of the ledger, and the file that it is written to.
#[derive(Debug)]
pub(super) struct LedgerFile {
    file: File,
    pub(super) sum: Sum,
    /// Lines that were torn before the file was opened.
    pub(super) torn: Vec<String>,
    /// Records that could not be written. They are written as soon as the file system accepts them.
    pending: Vec<Record>,
    /// The error of the first of them.
    refusal: Option<String>,
    /// Whether the file may end in half a line.
    stump: bool,
}

impl LedgerFile {
    pub(super) fn new(file: File, sum: Sum, torn: Vec<String>) -> Self {
        Self { file, sum, torn, pending: Vec::new(), refusal: None, stump: false }
    }

    pub(super) fn next_key(&self) -> Key {
        self.sum.entries.last_key_value().map_or(Key::FIRST, |(last, _)| last.next())
    }

    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.sum.entries.values()
    }

    /// Writes a record, then applies it.
    ///
    /// # Errors
    /// If it cannot be written: then the file is unchanged, and the record is not applied.
    pub(super) fn append(&mut self, record: &Record) -> std::io::Result<()> {
        self.flush()?;
        self.write(record)?;
        self.sum.apply(record);
        Ok(())
    }

    /// Applies a record, and writes it as soon as the file system accepts it: for what has happened already.
    pub(super) fn note(&mut self, record: Record) -> std::io::Result<()> {
        self.sum.apply(&record);
        self.pending.push(record);
        self.flush()
    }

    /// Which records are not on disk, in one sentence; `None` if all are.
    pub(super) fn problem(&self) -> Option<String> {
        let refusal = self.refusal.as_deref()?;
        Some(format!("{} of its records are not on disk: {refusal}", self.pending.len()))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        while let Some(record) = self.pending.first().cloned() {
            if let Err(error) = self.write(&record) {
                self.refusal.get_or_insert_with(|| error.to_string());
                return Err(error);
            }
            self.pending.remove(0);
        }
        self.refusal = None;
        Ok(())
    }

    fn write(&mut self, record: &Record) -> std::io::Result<()> {
        let metadata = self.file.metadata()?;
        if metadata.nlink() == 0 {
            return Err(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "the file was removed while it was written to",
            ));
        }
        let mut line = Vec::new();
        if self.stump {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, record)?;
        line.push(b'\n');
        let written = amiproof_time::disk::append(&mut self.file, &line).and_then(|()| self.file.sync_data());
        match &written {
            Ok(()) => self.stump = false,
            // A partial line would make the next one unreadable. If it cannot be truncated, the next record begins on a new line.
            Err(_) => self.stump = self.file.set_len(metadata.len()).is_err(),
        }
        written
    }
}
