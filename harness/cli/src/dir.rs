//! The folder that holds all runs: which one it is unless the user names it, and how it is made.

use std::fs::File;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

/// Its name, in the current folder.
pub(crate) const NAME: &str = "amiproof-runs";

/// Its name before 0.1.0. Many CI systems leave a hidden folder out of what they keep.
const FORMER_NAME: &str = ".amiproof";

/// The folder that is used unless `--dir` or `AMIPROOF_DIR` names one: the former one only if runs are there and none are in the present one,
/// so that a run that still owns resources is found by the next `destroy`.
pub(crate) fn default_in(current: &Utf8Path) -> Utf8PathBuf {
    let has_only_former = !current.join(NAME).exists() && current.join(FORMER_NAME).join("runs").is_dir();
    Utf8PathBuf::from(if has_only_former { FORMER_NAME } else { NAME })
}

/// Makes the folder unless it exists. A new one tells git to ignore what is in it: evidence reveals much about a host, and nobody should commit
/// it by accident.
///
/// # Errors
/// The folder cannot be made, or not be written to.
pub(crate) fn make(dir: &Utf8Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir)?;
    match File::create_new(dir.join(".gitignore")).and_then(|mut file| file.write_all(b"*\n")) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_in_the_former_folder_are_used_until_there_is_a_present_one() {
        let current = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(current.path()).unwrap();
        assert_eq!(default_in(path), NAME);
        std::fs::create_dir(path.join(FORMER_NAME)).unwrap();
        assert_eq!(default_in(path), NAME, "a folder without runs");
        std::fs::create_dir(path.join(FORMER_NAME).join("runs")).unwrap();
        assert_eq!(default_in(path), FORMER_NAME);
        std::fs::create_dir(path.join(NAME)).unwrap();
        assert_eq!(default_in(path), NAME);
    }

    #[test]
    fn git_ignores_a_new_folder_and_an_existing_one_is_left_as_it_is() {
        let current = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(current.path()).unwrap();
        make(&path.join("new/runs")).unwrap();
        assert_eq!(std::fs::read_to_string(path.join("new/runs/.gitignore")).unwrap(), "*\n");
        std::fs::write(path.join("new/runs/.gitignore"), "").unwrap();
        make(&path.join("new/runs")).unwrap();
        assert_eq!(std::fs::read_to_string(path.join("new/runs/.gitignore")).unwrap(), "");
        make(&path.join("new")).unwrap();
        assert!(!path.join("new/.gitignore").exists());
    }
}
