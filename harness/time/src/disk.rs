//! The disk that runs are recorded on. In a simulation it can be full.

use std::cell::Cell;
use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write as _};

thread_local! {
    static IS_FULL: Cell<bool> = const { Cell::new(false) };
}

/// Fills the disk of the simulation of this thread, or makes space on it. Without a simulation nothing happens.
pub fn set_full(is_full: bool) {
    IS_FULL.set(is_full);
}

/// Writes all bytes at the end of a file.
///
/// # Errors
/// What the system says. A part of the bytes may have been written.
pub fn append(file: &mut File, bytes: &[u8]) -> Result<()> {
    if crate::is_simulated() && IS_FULL.get() {
        // What fits into the last block is written.
        file.write_all(&bytes[..bytes.len() / 2])?;
        return Err(Error::from(ErrorKind::StorageFull));
    }
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_a_part_and_refuses_until_there_is_space() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = File::create(&path).unwrap();
        let (before, refused) = crate::simulate(1, || async {
            append(&mut file, b"one\n").unwrap();
            set_full(true);
            let refused = append(&mut file, b"and two\n").unwrap_err();
            set_full(false);
            append(&mut file, b"!\n").unwrap();
            (std::fs::read_to_string(&path).unwrap(), refused.kind())
        })
        .unwrap();
        assert_eq!(refused, ErrorKind::StorageFull);
        assert_eq!(before, "one\nand !\n");
        set_full(true);
        assert!(append(&mut File::create(&path).unwrap(), b"no simulation").is_ok());
    }
}
