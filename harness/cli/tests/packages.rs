//! The packages as a team installs them: the Debian package in a bare Debian, and the container image without any
//! privileges.
//!
//! `fixtures/containers/run-tests.sh` makes both of the development build, and names them: `AMIPROOF_IMAGE`, `AMIPROOF_DEB` and
//! `AMIPROOF_DEBIAN_IMAGE`. Where they are missing the tests report themselves as ignored, unless `AMIPROOF_REQUIRE_DOCKER` is set.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue ends there")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use amiproof_model::report::Report;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// The UID that the image runs as, which must not exist on a host.
const USER: u32 = 65532;

fn main() {
    let arguments = Arguments::from_args();
    let trials = vec![
        Trial::ignorable_test(
            "container: the image needs no privileges and writes only to its folder",
            image_without_privileges,
        ),
        Trial::ignorable_test("container: the image reports where it could not write", image_without_a_folder),
        Trial::ignorable_test("container: the Debian package installs, runs and is removed", debian_package),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// What the script has made, or that the test is ignored.
fn given(name: &str) -> Result<Result<String, Completion>, Failed> {
    match std::env::var(name) {
        Ok(value) => Ok(Ok(value)),
        Err(_) if std::env::var_os("AMIPROOF_REQUIRE_DOCKER").is_some() => Err(format!("{name} is not set").into()),
        Err(_) => Ok(Err(Completion::ignored_with(format!("{name} is not set; `make test-containers` sets it")))),
    }
}

fn matrices() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/matrices").canonicalize().unwrap()
}

/// `docker run` without a network.
fn docker(more: &[&str]) -> Output {
    Command::new("docker").args(["run", "--rm", "--network", "none"]).args(more).output().unwrap()
}

/// The arguments that drop every privilege of a container.
const UNPRIVILEGED: [&str; 5] = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The report of the only run in a folder, which must be that of the demo.
fn demo(runs: &Path) -> Report {
    let folders: Vec<PathBuf> = runs.join("runs").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    for file in ["junit.xml", "matrix.html", "matrix.md", "matrix.csv"] {
        assert!(folders[0].join(file).is_file(), "{file}");
    }
    let report = Report::parse(&std::fs::read_to_string(folders[0].join("report.json")).unwrap()).unwrap();
    assert_eq!(report.variants.len(), 8);
    assert!(report.results.len() > 200, "{}", report.results.len());
    assert!(report.cleanup.ran && report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
    report
}

fn image_without_privileges() -> Result<Completion, Failed> {
    let image = match given("AMIPROOF_IMAGE")? {
        Ok(image) => image,
        Err(ignored) => return Ok(ignored),
    };
    let runs = tempfile::tempdir()?;
    std::os::unix::fs::chown(runs.path(), Some(USER), Some(USER))?;
    std::fs::set_permissions(runs.path(), std::fs::Permissions::from_mode(0o700))?;
    let (matrix, folder) = (format!("{}:/matrix:ro", matrices().display()), format!("{}:/runs", runs.path().display()));
    let arguments = ["-v", &matrix, "-v", &folder, &image, "run", "--lab", "--file", "demo.yaml", "--no-fail"];
    let output = docker(&[&UNPRIVILEGED[..], &arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    demo(runs.path());
    assert_eq!(std::fs::metadata(runs.path().join("runs"))?.uid(), USER);
    Ok(Completion::Completed)
}

fn image_without_a_folder() -> Result<Completion, Failed> {
    let image = match given("AMIPROOF_IMAGE")? {
        Ok(image) => image,
        Err(ignored) => return Ok(ignored),
    };
    let matrix = format!("{}:/matrix:ro", matrices().display());
    let arguments = ["-v", &matrix, &image, "--dir", "/elsewhere", "run", "--lab", "--file", "demo.yaml"];
    let output = docker(&[&UNPRIVILEGED[..], &arguments].concat());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("/elsewhere") && text.contains("Read-only file system"), "{text}");
    Ok(Completion::Completed)
}

/// What a user does on a fresh machine. The script stops at the first line that fails.
const INSTALL: &str = r#"
set -eu
dpkg --install /packages/amiproof.deb >/dev/null
dpkg --audit
test "$(amiproof --version)" = "amiproof $(dpkg-query --show --showformat '${Version}' amiproof | cut -d- -f1)"
test "$(gzip -dc /usr/share/man/man1/amiproof.1.gz)" = "$(amiproof man)"
gzip -t /usr/share/man/man1/amiproof-waiver-audit.1.gz /usr/share/doc/amiproof/changelog.Debian.gz
test "$(cat /usr/share/bash-completion/completions/amiproof)" = "$(amiproof completions bash)"
test "$(cat /usr/share/zsh/vendor-completions/_amiproof)" = "$(amiproof completions zsh)"
test "$(cat /usr/share/fish/vendor_completions.d/amiproof.fish)" = "$(amiproof completions fish)"
su --shell /bin/sh nobody --command '
  set -eu
  cd /usr/share/doc/amiproof/examples
  amiproof check --file demo.yaml
  amiproof --dir /runs run --lab --file demo.yaml --no-fail'
dpkg --verify amiproof
dpkg --purge amiproof >/dev/null
left=$(find / -xdev -iname '*amiproof*' -not -path '/runs/*' -not -path '/packages/*' -not -path '/proc/*' -not -path '/var/lib/dpkg/*')
test -z "$left" || { echo "left: $left"; exit 1; }
"#;

fn debian_package() -> Result<Completion, Failed> {
    let (image, package) = match (given("AMIPROOF_DEBIAN_IMAGE")?, given("AMIPROOF_DEB")?) {
        (Ok(image), Ok(package)) => (image, package),
        (Err(ignored), _) | (_, Err(ignored)) => return Ok(ignored),
    };
    let runs = tempfile::tempdir()?;
    std::fs::set_permissions(runs.path(), std::fs::Permissions::from_mode(0o777))?;
    let (package, folder) =
        (format!("{package}:/packages/amiproof.deb:ro"), format!("{}:/runs", runs.path().display()));
    let output = docker(&["-v", &package, "-v", &folder, &image, "sh", "-c", INSTALL]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    demo(runs.path());
    Ok(Completion::Completed)
}
