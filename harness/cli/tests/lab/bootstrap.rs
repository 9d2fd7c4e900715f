//! The bootstrap container of Bottlerocket: pushed once, and named by its digest.

use std::path::Path;
use std::process::{Command, Output};

use crate::examples::accepts;
use crate::moto::Moto;
use crate::process::{root, stderr};

/// Stands in for docker: what it pushes is kept in the ECR of moto.
const DOCKER: &str = r#"#!/bin/sh
set -eu
echo "$*" >> "$STANDIN_LOG"
case $1 in
login) cat > /dev/null ;;
build) test -f "$6/Dockerfile" ;;
push)
  repository=${2%:*} tag=${2##*:}
  aws ecr put-image --region us-west-2 --repository-name "${repository#*/}" --image-tag "$tag" \
    --image-manifest-media-type application/vnd.docker.distribution.manifest.v2+json \
    --image-manifest "{\"schemaVersion\": 2, \"tag\": \"$tag\"}" > /dev/null
  ;;
*) exit 1 ;;
esac
"#;

const REPOSITORY: &str = "123456789012.dkr.ecr.us-west-2.amazonaws.com/bottlerocket-cis-bootstrap";

/// The folder of a user with a copy of the example, and programs of their own.
struct Desk<'a> {
    dir: tempfile::TempDir,
    moto: &'a Moto,
}

impl<'a> Desk<'a> {
    fn new(moto: &'a Moto) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let example = root().join("harness/examples/packer/bottlerocket");
        accepts("cp", Command::new("cp").arg("-r").arg(example).arg(dir.path().join("container")));
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        let docker = dir.path().join("bin/docker");
        std::fs::write(&docker, DOCKER).unwrap();
        accepts("chmod", Command::new("chmod").arg("755").arg(&docker));
        Self { dir, moto }
    }

    fn command(&self, program: &str) -> Command {
        let aws = std::env::var("AMIPROOF_AWS_CLI").unwrap_or_else(|_| "aws".to_owned());
        let aws = Path::new(&aws).parent().map(|folder| format!("{}:", folder.display())).unwrap_or_default();
        let own = self.dir.path().join("bin");
        let path = format!("{}:{aws}{}", own.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env("PATH", path).env_remove("AWS_PROFILE");
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.moto.port));
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-west-2");
        command.env("STANDIN_LOG", self.dir.path().join("docker.log"));
        command
    }

    fn push(&self, arguments: &[&str]) -> Output {
        self.command("container/push.sh").args(arguments).output().unwrap()
    }

    /// The lines that docker was called with since the last time.
    fn docker(&self) -> Vec<String> {
        let log = self.dir.path().join("docker.log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        std::fs::write(log, "").unwrap();
        text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }
}

#[test]
fn the_container_is_pushed_once_for_each_content_and_named_by_its_digest() {
    let Some(moto) = Moto::start() else { return };
    let desk = Desk::new(&moto);
    let settings = || std::fs::read_to_string(desk.dir.path().join("container/user-data.toml")).unwrap();

    let refused = |arguments: &[&str], why: &str| {
        let output = desk.push(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(why) && stderr(&output).contains("= help: "), "{}", stderr(&output));
        assert_eq!(desk.docker(), [""; 0], "{arguments:?}");
    };
    refused(&["docker.io/library/busybox"], "is not a repository of ECR");
    refused(&[], "'' is not a repository of ECR");
    refused(&[REPOSITORY, "elsewhere"], "elsewhere has no Dockerfile");
    refused(&[REPOSITORY], "there is no repository bottlerocket-cis-bootstrap in us-west-2");
    let create = ["ecr", "create-repository", "--repository-name", "bottlerocket-cis-bootstrap"];
    accepts("create", desk.command("aws").args(create));
    refused(&[REPOSITORY, "container", "container/bootstrap.sh"], "names no image of bottlerocket-cis-bootstrap");

    let push = || {
        let output = desk.push(&[REPOSITORY, "container", "container/user-data.toml"]);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let first = push();
    assert!(first.starts_with(&format!("{REPOSITORY}@sha256:")), "{first}");
    assert_eq!(desk.docker(), ["login", "build", "push"]);
    assert!(settings().contains(&format!("source = \"{first}\"\nmode = ")), "{}", settings());
    assert_eq!(push(), first, "the same content is the same image");
    assert_eq!(desk.docker(), [""; 0]);
    let script = desk.dir.path().join("container/bootstrap.sh");
    let changed = format!("{}# changed\n", std::fs::read_to_string(&script).unwrap());
    std::fs::write(script, changed).unwrap();
    let second = push();
    assert_ne!(second, first);
    assert_eq!(desk.docker(), ["login", "build", "push"]);
    assert!(settings().contains(&second) && !settings().contains(&first), "{}", settings());
}
