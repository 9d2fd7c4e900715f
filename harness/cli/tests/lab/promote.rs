//! Promotion of a tested image, verification, and taking it back, as whoever releases images does it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::process::{LabProcess, amiproof, finish, run, stderr};

/// The image `cis-al2023-l1` of the lab.
const IMAGE: &str = "ami-0f7b9d1e3a5c6b8d0";
/// The image `bottlerocket` of the lab.
pub(crate) const UNTESTED: &str = "ami-0c4e6a8b0d2f3e5a7";
/// The stock image of the lab.
const STOCK: &str = "ami-0a2c4e6f8b1d3a5c7";

/// A report that ended an hour ago and says that an image passes, in a folder of its own.
pub(crate) fn passing(dir: &Path, image: &str) -> String {
    reported(dir, "r-passing", image, &json!("pass"), "passed")
}

fn reported(dir: &Path, run: &str, image: &str, outcome: &Value, disposition: &str) -> String {
    let started = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1)).to_string();
    let report = json!({
        "schemaVersion": 1,
        "tool": {"name": "amiproof", "version": "0.1.0"},
        "run": {"id": run, "matrix": "nightly", "started": started, "seconds": 60.0, "criticalPathSeconds": 60.0, "interrupted": false},
        "cluster": {"name": "nightly", "region": "us-west-2", "account": "111122223333", "lab": true},
        "variants": [{"name": "l1", "family": "al2023", "ami": {"id": image, "source": "id"},
                      "nodes": [{"index": 1, "name": "n1", "amiId": image}]}],
        "results": [{"check": "node/ready", "title": "the node is ready", "subject": {"variant": "l1"}, "outcome": outcome,
                     "disposition": disposition, "started": started, "seconds": 1.0}],
        "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
    });
    let folder = dir.join("runs").join(run);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("report.json");
    std::fs::write(&path, report.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A key pair of openssl: the files of its halves.
fn keys(dir: &Path, name: &str) -> [PathBuf; 2] {
    let [private, public] = ["pem", "pub.pem"].map(|end| dir.join(format!("{name}.{end}")));
    let openssl = |arguments: &[&str]| {
        let made = Command::new("openssl").args(arguments).output().unwrap();
        assert!(made.status.success(), "{}", stderr(&made));
    };
    let curve =
        ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private.to_str().unwrap()];
    openssl(&curve);
    openssl(&["pkey", "-in", private.to_str().unwrap(), "-pubout", "-out", public.to_str().unwrap()]);
    [private, public]
}

/// Whoever releases images, with a lab as the account.
struct Desk {
    lab: LabProcess,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { lab: LabProcess::start(None), dir: tempfile::tempdir().unwrap() }
    }

    fn amiproof(&self, arguments: &[&str]) -> Output {
        let mut command = amiproof(self.dir.path());
        self.lab.target(&mut command).args(arguments);
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// What a command prints, and the exit code that it must have.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.amiproof(arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    fn promote(&self, code: i32, more: &[&str]) -> String {
        let all = ["promote", "l1", "--except", "node,kubelet-path,workload"];
        self.says(code, &[&all, more].concat())
    }
}

#[test]
fn an_image_is_promoted_verified_and_revoked() {
    let desk = Desk::new();
    let report = passing(desk.dir.path(), IMAGE);
    let [private, public] = keys(desk.dir.path(), "release");
    let (key, verifier) = (private.to_str().unwrap(), public.to_str().unwrap());

    let planned = desk.promote(0, &["--run", "r-passing", "--key", key, "--dry-run"]);
    assert!(planned.contains(&format!("would promote {IMAGE} (l1 of run r-passing)")), "{planned}");
    let folder = desk.dir.path().join("runs/r-passing/promotions/l1");
    assert!(!folder.exists());

    let promoted = desk.promote(0, &["--run", "r-passing", "--key", key]);
    assert!(promoted.contains(&format!("create parameter /amiproof/nightly/l1/image-id with {IMAGE}")), "{promoted}");
    assert_eq!(std::fs::read(folder.join("report.json")).unwrap(), std::fs::read(&report).unwrap());
    let again = desk.promote(0, &["--run", "r-passing", "--key", key]);
    assert!(again.contains("nothing to change"), "{again}");

    let verify = ["verify", folder.to_str().unwrap(), "--key", verifier, "--ami", IMAGE, "--region", "us-west-2"];
    let verified = desk.says(0, &verify);
    for line in
        ["test-result/v0.1", "svr/v0.2", "verification_summary/v1", "is promoted since", "was promoted by this report"]
    {
        assert!(verified.contains(line), "no {line} in {verified}");
    }
    // Without an account, and by another key.
    desk.says(0, &["verify", folder.to_str().unwrap(), "--key", verifier, "--lab"]);
    let lab = desk.says(1, &["verify", folder.to_str().unwrap(), "--key", verifier]);
    assert!(lab.contains("the report is from a run in the lab"), "{lab}");
    let [_, other] = keys(desk.dir.path(), "other");
    let refuted = desk.says(1, &["verify", folder.to_str().unwrap(), "--key", other.to_str().unwrap()]);
    assert_eq!(refuted.matches("no signature was made with this key").count(), 3, "{refuted}");
    let refuted = desk.says(1, &["verify", folder.to_str().unwrap(), "--key", verifier, "--ami", STOCK]);
    assert!(refuted.contains(&format!("the statements are about {IMAGE}, not {STOCK}")), "{refuted}");

    // One byte of the report.
    let text = std::fs::read_to_string(folder.join("report.json")).unwrap();
    std::fs::write(folder.join("report.json"), text.replacen("the node is ready", "the node is Ready", 1)).unwrap();
    let refuted = desk.says(1, &verify);
    assert!(refuted.contains("it is about another report than the report.json beside it"), "{refuted}");
    std::fs::write(folder.join("report.json"), text).unwrap();

    let revoked = desk.says(0, &["promote", "--revoke", IMAGE, "--reason", "CVE-2026-1", "--region", "us-west-2"]);
    assert!(
        revoked.contains("delete parameter /amiproof/nightly/l1/image-id: no earlier image of nightly/l1 is promoted"),
        "{revoked}"
    );
    let refuted = desk.says(1, &verify);
    assert!(refuted.contains("is revoked since") && refuted.contains(": CVE-2026-1"), "{refuted}");
    assert_eq!(desk.lab.resources(), [""; 0]);
}

#[test]
fn an_image_that_does_not_fit_is_refused_with_its_reason_and_nothing_is_written() {
    let desk = Desk::new();
    passing(desk.dir.path(), IMAGE);
    let failed = json!({"fail": {"findings": [{"resource": "node 1", "summary": "no"}]}});
    reported(desk.dir.path(), "r-failed", STOCK, &failed, "failed");
    let unsigned = |more: &[&str], code: i32| desk.promote(code, &[&["--unsigned"], more].concat());

    let said = unsigned(&["--run", "r-failed"], 1);
    assert!(said.contains("the verdict of l1 is failed"), "{said}");
    let said = unsigned(&["--run", "r-passing", "--ami", STOCK], 1);
    assert!(said.contains(&format!("run r-passing tested {IMAGE} as l1, not {STOCK}")), "{said}");
    let said = unsigned(&["--run", "r-passing", "--max-age", "10m"], 1);
    assert!(said.contains("the oldest result on l1 is ") && said.contains(" old, older than 10m"), "{said}");
    let said = desk.says(1, &["promote", "l1", "--run", "r-passing", "--unsigned"]);
    assert!(said.contains("the run has no result for ") && said.contains("--except PREFIX"), "{said}");
    let said = desk.says(2, &["promote", "l2", "--run", "r-passing", "--unsigned"]);
    assert!(said.contains("run r-passing has no variant l2"), "{said}");
    let said = desk.says(2, &["promote", "l1", "--run", "r-passing", "--unsigned", "--except", "workload/efs-volumes"]);
    assert!(said.contains("no check begins with 'workload/efs-volumes'") && said.contains("efs-volume'?"), "{said}");
    let said = desk.says(2, &["promote", "l1", "--run", "r-passing"]);
    assert!(said.contains("--key <KEY>"), "{said}");
    let said = desk.promote(2, &["--run", "r-passing", "--key", "/nowhere.pem"]);
    assert!(said.contains("cannot read the key /nowhere.pem"), "{said}");
    let said = desk.says(1, &["promote", "--revoke", IMAGE, "--reason", "x", "--region", "us-west-2"]);
    assert!(said.contains("was never promoted"), "{said}");
    let json = desk.amiproof(&["promote", "l1", "--run", "r-failed", "--unsigned", "--output", "json"]);
    let answer: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((answer["image"].as_str(), answer["changes"].as_array().map(Vec::len)), (Some(STOCK), Some(0)));
    assert!(answer["refusals"].as_array().unwrap().len() >= 2, "{answer}");

    // A report of the lab is none of an account: here of a server that is not a lab.
    assert!(!desk.dir.path().join("runs/r-passing/promotions").exists());
    assert_eq!(desk.lab.resources(), [""; 0]);
    let offline = run(desk.dir.path(), &["verify", "/nowhere", "--key", "/nowhere.pem"]);
    assert_eq!(offline.status.code(), Some(2));
}

/// The statements as others read them: securesystemslib verifies the signature, in-toto's own models the content.
#[test]
fn others_accept_the_statements_and_refuse_a_changed_one() {
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_library =
        Command::new(&python).args(["-c", "import securesystemslib, in_toto_attestation, sigstore_models"]).output();
    if !has_library.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(), "securesystemslib is needed and not there");
        eprintln!("skipped: {python} has no securesystemslib, in_toto_attestation or sigstore_models");
        return;
    }
    let desk = Desk::new();
    passing(desk.dir.path(), IMAGE);
    let [private, public] = keys(desk.dir.path(), "release");
    desk.promote(0, &["--run", "r-passing", "--key", private.to_str().unwrap()]);
    let folder = desk.dir.path().join("runs/r-passing/promotions/l1");
    const READ: &str = r#"
import hashlib, json, pathlib, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1 import statement_pb2
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from sigstore_models.bundle.v1 import Bundle

folder, key = pathlib.Path(sys.argv[1]), load_pem_public_key(pathlib.Path(sys.argv[2]).read_bytes())
digest = hashlib.sha256((folder / "report.json").read_bytes()).hexdigest()
for path in sorted(folder.glob("*.intoto.json")):
    written = json.loads(path.read_text())
    public = SSlibKey.from_crypto(key, keyid=written["signatures"][0]["keyid"])
    envelope = Envelope.from_dict(written)
    envelope.verify([public], 1)
    statement = json_format.Parse(envelope.payload, statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    assert statement.subject[0].digest["sha256"] == digest, path
    if "test-result" in path.name:
        predicate = json_format.ParseDict(json.loads(envelope.payload)["predicate"], test_result_pb2.TestResult())
        assert predicate.result == "PASSED" and list(predicate.passed_tests) == ["node/ready"], predicate
    bundle = Bundle.from_json((folder / path.name.replace("intoto", "sigstore")).read_text())
    assert bundle.dsse_envelope.payload_type == "application/vnd.in-toto+json", bundle
    envelope.payload = envelope.payload.replace(b"us-west-2", b"us-east-1")
    try:
        envelope.verify([public], 1)
    except VerificationError:
        print("accepted, and refused once changed:", path.name)
"#;
    let read = Command::new(&python)
        .args(["-W", "ignore", "-c", READ, folder.to_str().unwrap(), public.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", stderr(&read));
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    assert_eq!(said.lines().count(), 3, "{said}");
}
