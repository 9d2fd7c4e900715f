//! Reads files that others may have written, up to a limit: a report may come from a CI artifact, a manifest from a build, and an endless
//! one must not exhaust memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use camino::Utf8Path;

const MIB: u64 = 1024 * 1024;

/// Maximum size of a `report.json`, bytes. A run of a hundred variants with every scan has about a tenth of it.
pub const REPORT: u64 = 512 * MIB;
/// Maximum size of a ledger, bytes: enough for a hundred thousand resources.
pub const LEDGER: u64 = 64 * MIB;
/// Maximum size of other files, bytes: waiver files, Packer manifests.
pub const MANIFEST: u64 = 16 * MIB;

/// A file of limited size, to be read piece by piece.
#[derive(Debug)]
pub struct Bounded {
    file: File,
    most: u64,
    /// How much was read since it was opened or rewound, bytes.
    read: u64,
}

/// Opens a file of limited size. Reading more than that is an error, too: a pipe does not say how long it is.
///
/// # Errors
/// As [`bytes()`].
pub fn open(path: &Utf8Path, most: u64) -> io::Result<Bounded> {
    let file = File::open(path)?;
    if file.metadata()?.len() > most {
        return Err(too_large(most));
    }
    Ok(Bounded { file, most, read: 0 })
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(into)?;
        self.read += length as u64;
        if self.read > self.most { Err(too_large(self.most)) } else { Ok(length) }
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.read = self.file.seek(to)?;
        Ok(self.read)
    }
}

/// The bytes of a file of limited size.
///
/// # Errors
/// When it cannot be read, or is larger ([`ErrorKind::FileTooLarge`]), which the message says with the limit. Not retried.
pub fn bytes(path: &Utf8Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    // A file is rejected by its length without reading it; a pipe or a device has none.
    if file.metadata()?.len() > most {
        return Err(too_large(most));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large(most)) } else { Ok(bytes) }
}

/// The bytes of a file of limited size from a position on; none if it is shorter.
///
/// # Errors
/// As [`bytes()`].
pub fn bytes_from(path: &Utf8Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut file = open(path, most)?;
    if from >= file.file.metadata()?.len() {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file of limited size.
///
/// # Errors
/// As [`bytes()`], and when it is not UTF-8.
pub fn text(path: &Utf8Path, most: u64) -> io::Result<String> {
    String::from_utf8(bytes(path, most)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}

fn too_large(most: u64) -> io::Error {
    let mebibytes = most.div_ceil(MIB);
    io::Error::new(
        ErrorKind::FileTooLarge,
        format!("it is larger than {mebibytes} MiB, the limit for this kind of file"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(length: u64) -> (tempfile::TempDir, camino::Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("report.json");
        File::create(&path).unwrap().set_len(length).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read_and_the_limit_is_said() {
        let (_folder, path) = sparse(REPORT + 1);
        let refused = text(&path, REPORT).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        insta::assert_snapshot!(refused, @"it is larger than 512 MiB, the limit for this kind of file");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_an_end_is_read_up_to_the_limit() {
        let refused = bytes(Utf8Path::new("/dev/zero"), MIB).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        let mut endless = open(Utf8Path::new("/dev/zero"), MIB).unwrap();
        let refused = io::copy(&mut endless, &mut io::sink()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_fits_is_read_whole() {
        let (_folder, path) = sparse(3);
        assert_eq!(text(&path, 3).unwrap(), "\0\0\0");
        assert_eq!([0, 2, 3, 9].map(|from| bytes_from(&path, from, 3).unwrap().len()), [3, 1, 0, 0]);
        assert_eq!(text(&path, 2).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(open(&path, 2).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let mut file = open(&path, 3).unwrap();
        for _ in 0..2 {
            assert_eq!(io::copy(&mut file, &mut io::sink()).unwrap(), 3);
            file.rewind().unwrap();
        }
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(text(&path, 3).unwrap_err().to_string(), "it is not text in UTF-8");
    }
}
