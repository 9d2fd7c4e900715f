//! What comes with the binary: manual pages that a reader of them accepts, completions that complete, and where a release comes from.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::examples::{accepts, has, python};
use crate::process::{root, run, stderr};

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

/// What others read of a statement about the files of a release: the model of SLSA, and the signature over it.
#[test]
fn provenance_names_the_commit_and_the_files_and_is_signed() {
    const READ: &str = r#"
import base64, hashlib, json, pathlib, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

folder, key, commit = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
signed = json.loads((folder / "amiproof-0.1.0-any.provenance.intoto.json").read_text())
public = SSlibKey.from_crypto(load_pem_private_key(key.read_bytes(), None).public_key())
envelope = Envelope.from_dict(signed)
envelope.verify([public], 1)
statement = json.loads(envelope.payload)
assert [(one["name"], one["digest"]["sha256"]) for one in statement["subject"]] == [
    ("amiproof.tar.gz", hashlib.sha256(b"an archive").hexdigest())], statement
predicate = ParseDict(statement["predicate"], provenance_pb2.Provenance())
source = predicate.build_definition.resolved_dependencies[0]
assert source.digest["gitCommit"] == commit, source
assert predicate.run_details.builder.id == "https://ci.example.com/release", predicate

envelope.payload = envelope.payload.replace(commit.encode(), b"0" * len(commit))
try:
    envelope.verify([public], 1)
except VerificationError:
    sys.exit(0)
sys.exit("another commit has the same signature")
"#;
    let root = root();
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(&root).output();
    let commit = commit.ok().filter(|output| output.status.success());
    let (Some(commit), true) = (commit, has("in_toto_attestation")) else {
        eprintln!("skipped: this is not a clone, or there is no in_toto_attestation");
        return;
    };
    let commit = String::from_utf8(commit.stdout).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (folder, key) = (dir.path().join("artifacts"), dir.path().join("key.pem"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("amiproof.tar.gz"), "an archive").unwrap();
    let curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    accepts("openssl", Command::new("openssl").args(curve).arg(&key));

    let mut state = Command::new(python());
    state.arg("harness/deploy/provenance.py").current_dir(&root).env("SOURCE_DATE_EPOCH", "1796037346");
    state.env("DIST_BUILDER", "https://ci.example.com/release").arg("--folder").arg(&folder).arg("--key").arg(&key);
    state.args(["--name", "amiproof-0.1.0-any", "--target", "any", "--started", "2026-11-30T12:00:00Z"]);
    accepts("the statement is written", &mut state);
    accepts("it is read", Command::new(python()).args(["-c", READ]).arg(&folder).arg(&key).arg(commit.trim()));
}
