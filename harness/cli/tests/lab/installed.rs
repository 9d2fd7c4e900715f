//! What a package installs beside the binary: manual pages that a reader of them accepts, and completions that complete.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{run, stderr};

/// What mandoc says of pages; without it the test says that it was skipped.
fn lint(folder: &Path) -> Option<String> {
    let mut pages: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    match Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&pages).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) => {
            assert!(std::env::var_os("AMIPROOF_REQUIRE_SHELLS").is_none(), "mandoc is needed: {error}");
            eprintln!("skipped: no mandoc, so nothing reads the manual pages ({error})");
            None
        }
    }
}

#[test]
fn manual_pages_are_sound() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("share/man1");
    let output = run(dir.path(), &["man", pages.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let first = std::fs::read_to_string(pages.join("amiproof.1")).unwrap();
    assert_eq!(String::from_utf8_lossy(&run(dir.path(), &["man"]).stdout), first, "one page goes to standard output");
    let Some(said) = lint(&pages) else { return };
    // Pages of one version are the same, whenever they are made, so they have no date. Line breaks around empty lines are harmless.
    let known = ["cannot parse date, using it verbatim: TH  \n", "skipping paragraph macro: br "];
    let wrong: Vec<&str> =
        said.lines().filter(|line| !known.iter().any(|known| format!("{line}\n").contains(known))).collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    std::fs::write(pages.join("amiproof.1"), first.replace(".SH OPTIONS", ".SHH OPTIONS")).unwrap();
    assert!(lint(&pages).unwrap().contains("skipping unknown macro: .SHH"), "a page that is not sound is seen");
}

#[test]
fn pages_that_cannot_be_written_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("occupied");
    std::fs::write(&file, "").unwrap();
    let output = run(dir.path(), &["man", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&format!("cannot create {}", file.display())), "{}", stderr(&output));
}

#[test]
fn bash_completes_commands_and_options() {
    let dir = tempfile::tempdir().unwrap();
    let script = run(dir.path(), &["completions", "bash"]);
    let file = dir.path().join("amiproof.bash");
    std::fs::write(&file, &script.stdout).unwrap();
    for (words, current, expected) in [
        ("amiproof no", "no", &[][..]),
        ("amiproof swe", "swe", &["sweep"]),
        ("amiproof waiver au", "au", &["audit"]),
        ("amiproof destroy --dry", "--dry", &["--dry-run"]),
    ] {
        let index = words.split(' ').count() - 1;
        let ask = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={index}; _amiproof amiproof '{current}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        let output = Command::new("bash").args(["-c", &ask]).stdin(Stdio::null()).output().unwrap();
        let replies = String::from_utf8(output.stdout).unwrap();
        let replies: Vec<&str> = replies.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(replies, expected, "{words}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
