//! Nights on machines that keep nothing: what one run leaves in a store, the next one is compared with.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::moto::Moto;
use crate::process::{amiproof, finish, report, run, stderr};

/// The image of `al2023`, and the same one with forwarding switched off.
const GOOD: &str = "ami-0a2c4e6f8b1d3a5c7";
const BAD: &str = "ami-03c5e7a9f1b2d4e6a";

/// A matrix whose variant `golden` has this image.
fn matrix(image: &str) -> String {
    format!(
        r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {{name: nightly}}
cluster: {{name: nightly, region: us-west-2, kubernetesVersion: "1.35", create: true}}
variants:
  - {{name: stock, family: al2023, ami: {{ssm: recommended}}}}
  - {{name: golden, family: al2023, reference: stock, ami: {{id: {image}}}}}
suites: {{include: [node, workload]}}
"#
    )
}

/// A machine with nothing but a matrix and its environment.
struct Machine {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Machine {
    fn new(matrix: &str, environment: &[(String, String)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("amiproof.yaml"), matrix).unwrap();
        Self { dir, environment: environment.to_vec() }
    }

    fn amiproof(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = amiproof(self.dir.path());
        command.envs(self.environment.iter().cloned()).args(arguments);
        said(&finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    fn night(&self, store: &str, more: &[&str]) -> (Option<i32>, String) {
        let file = self.dir.path().join("amiproof.yaml");
        let checks = "node,workload/web-service,workload/pod-to-pod,workload/non-root-read-only";
        let all = ["nightly", "--lab", "--file", file.to_str().unwrap(), "--store", store, "--checks", checks];
        self.amiproof(&[&all, more].concat())
    }

    /// The folder of the only run.
    fn folder(&self) -> PathBuf {
        self.dir.path().join("runs").join(report(self.dir.path()).run.id.as_str())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(output)))
}

/// The checks of `golden` that passed on one machine and fail on the other.
fn planted(before: &Machine, after: &Machine) -> BTreeSet<String> {
    let rows = |machine: &Machine, wanted: &str| {
        let report = report(machine.dir.path());
        let rows = report.results.into_iter().filter(|row| row.disposition.as_str() == wanted);
        rows.map(|row| format!("{} {}", row.subject.as_str(), row.check)).collect::<BTreeSet<_>>()
    };
    rows(before, "passed").intersection(&rows(after, "failed")).cloned().collect()
}

/// What each format of a comparison calls a new failure.
fn forms(machine: &Machine) -> [(&'static str, BTreeSet<String>); 4] {
    let json: Value = serde_json::from_str(&machine.read("compare.json")).unwrap();
    let changes = json["changes"].as_array().unwrap().iter().filter(|change| change["change"] == "newFailure");
    let subject = |change: &Value| change["subject"]["variant"].as_str().unwrap_or("cluster").to_owned();
    let json = changes.map(|change| format!("{} {}", subject(change), change["check"].as_str().unwrap())).collect();
    let xml = quick_junit::Report::deserialize_from_str(&machine.read("compare.xml")).unwrap();
    let cases = xml.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let failed = cases.filter(|case| {
        matches!(
            case.status,
            quick_junit::TestCaseStatus::NonSuccess { kind: quick_junit::NonSuccessKind::Failure, .. }
        )
    });
    let name = |name: &str| {
        let (subject, rest) = name.strip_prefix('[').unwrap().split_once("] ").unwrap();
        format!("{subject} {}", rest.split_once(':').unwrap().0)
    };
    let xml = failed.map(|case| name(case.name.as_str())).collect();
    let section = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?} in {text}"));
        rest.split_once(to).map_or(rest, |(section, _)| section).to_owned()
    };
    let markdown = section(&machine.read("compare.md"), "### New failure (", "\n### ");
    let rows = markdown.lines().filter(|line| line.starts_with("| ") && line.contains('/'));
    let cell = |line: &str, index: usize| line.split('|').nth(index).unwrap().trim().trim_matches('`').to_owned();
    let markdown = rows.map(|line| format!("{} {}", cell(line, 1), cell(line, 2))).collect();
    let html = section(&machine.read("compare.html"), "<h2 id=\"new-failure\">", "</section>");
    let rows = html.split("<tr><th scope=\"row\">").skip(1);
    let html = rows
        .map(|row| {
            let (subject, rest) = row.split_once("</th><td><code>").unwrap();
            format!("{subject} {}", rest.split_once("</code>").unwrap().0)
        })
        .collect();
    [("json", json), ("xml", xml), ("md", markdown), ("html", html)]
}

/// Two nights with one store, wherever it is.
fn two_nights(store: &str, environment: &[(String, String)]) -> [Machine; 2] {
    let first = Machine::new(&matrix(GOOD), environment);
    let (code, text) = first.night(store, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("first nightly run in {store}: there is nothing to compare with")), "{text}");
    assert!(text.contains(&format!("added to {store}")), "{text}");
    assert!(!first.folder().join("compare.json").exists());

    let second = Machine::new(&matrix(BAD), environment);
    let (code, text) = second.night(store, &[]);
    assert_eq!(code, Some(5), "{text}");
    let before = report(first.dir.path()).run.id;
    assert!(text.contains(&format!("comparing with run {before} of ")), "{text}");
    let planted = planted(&first, &second);
    assert!(planted.contains("golden workload/web-service"), "{planted:?}");
    assert!(planted.iter().all(|row| row.starts_with("golden ")), "{planted:?}");
    assert!(text.contains("history.html"), "{text}");
    let nights = second.read("history.html");
    // Both runs start at the same simulated time, so which of them is the newer one is not asked.
    for row in &planted {
        let (subject, check) = row.split_once(' ').unwrap();
        let row = format!("<th scope=\"row\">{subject}</th><td><code>{check}</code></td><td><svg");
        assert!(nights.contains(&row), "{row}: {nights}");
    }
    assert!(
        second.read("matrix.html").contains("its last 2 nightly runs, "),
        "the nightly runs are shown beside the rows"
    );
    for (form, found) in forms(&second) {
        assert_eq!(found, planted, "{form}");
    }
    [first, second]
}

#[test]
fn the_second_night_on_an_empty_folder_finds_what_the_image_broke() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("nights");
    let store = store.to_str().unwrap();
    let [_, second] = two_nights(store, &[]);

    // The same run again is in the store already, and is not compared with itself.
    let (code, text) = second.night(store, &[]);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("is already in"), "{text}");

    let history = |more: &[&str]| {
        let all = ["history", "--store", store, "--matrix", "nightly"];
        said(&run(Path::new("/nowhere"), &[&all, more].concat()))
    };
    let (code, text) = history(&["--variant", "golden", "--check", "workload/web-service", "--output", "json"]);
    assert_eq!(code, Some(0), "{text}");
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["nights"].as_array().unwrap().len(), 2, "{text}");
    let strip: BTreeSet<char> = json["rows"][0]["strip"].as_str().unwrap().chars().collect();
    assert_eq!(strip, BTreeSet::from(['.', 'F']));
    for (more, meant) in [
        (&["--check", "no-such"][..], "no nightly run of nightly has a check that begins with 'no-such'"),
        (&["--check", "workload/web-services"], "did you mean 'workload/web-service'?"),
        (&["--variant", "goldem"], "did you mean 'golden'?"),
    ] {
        let (code, text) = history(more);
        assert!(code == Some(2) && text.contains(meant), "{more:?}: {text}");
    }
}

#[test]
fn a_store_that_is_none_costs_the_run_nothing_but_its_silence() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("nights");
    std::fs::write(&store, "a file").unwrap();
    let machine = Machine::new(&matrix(GOOD), &[]);
    let (code, text) = machine.night(store.to_str().unwrap(), &[]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("the history in ") && text.contains("the run is not compared with an earlier one"), "{text}");
    assert!(text.contains("exit code 3: the run passed, but the history store could not be read or written"), "{text}");
    assert!(machine.folder().join("report.json").exists());

    // A failure is not hidden by it.
    let (code, text) = Machine::new(&matrix(BAD), &[]).night(store.to_str().unwrap(), &[]);
    assert_eq!(code, Some(1), "{text}");

    // What could not be added is added later.
    let other = folder.path().join("other");
    let report = machine.folder().join("report.json");
    let add = ["history", "--store", other.to_str().unwrap(), "--add", report.to_str().unwrap()];
    let (code, text) = said(&run(machine.dir.path(), &add));
    assert_eq!((code, text.contains("added to")), (Some(0), true), "{text}");
}

#[test]
fn the_matrix_names_the_store_and_how_many_nights_it_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("nights");
    let named = |image: &str| format!("{}history: {{store: {}, keep: 1}}\n", matrix(image), store.to_str().unwrap());
    let night = |machine: &Machine| {
        let file = machine.dir.path().join("amiproof.yaml");
        machine.amiproof(&["nightly", "--lab", "--file", file.to_str().unwrap(), "--checks", "node/ready"])
    };
    let (code, text) = night(&Machine::new(&named(GOOD), &[]));
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = night(&Machine::new(&named(BAD), &[]));
    assert_eq!(code, Some(0), "{text}");
    // Both began at the same second of the simulation: the one whose name comes last is the newest.
    assert!(text.contains("comparing with run "), "{text}");
    assert!(text.contains(" deleted from "), "{text}");
    assert_eq!(std::fs::read_dir(store.join("index/nightly")).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(store.join("runs/nightly")).unwrap().count(), 1);
}

#[test]
fn junit_has_only_what_is_new_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("nights");
    let night = |image: &str| {
        let machine = Machine::new(&matrix(image), &[]);
        let (code, text) = machine.night(store.to_str().unwrap(), &["--junit", "new"]);
        (machine, code, text)
    };
    let (first, code, text) = night(GOOD);
    assert_eq!(code, Some(0), "{text}");
    let cases = |machine: &Machine, name: &str| {
        let report = quick_junit::Report::deserialize_from_str(&machine.read(name)).unwrap();
        report.test_suites.iter().map(|suite| suite.test_cases.len()).sum::<usize>()
    };
    assert!(cases(&first, "junit.xml") > 20, "the first night has every result");
    let (second, code, text) = night(BAD);
    assert_eq!(code, Some(5), "{text}");
    assert_eq!(second.read("junit.xml"), second.read("compare.xml"));
    assert!(cases(&second, "junit.xml") < cases(&first, "junit.xml"));
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn two_empty_machines_share_their_nights_in_a_bucket() {
    let Some(moto) = Moto::start() else { return };
    moto.make_bucket("nights");
    let endpoint = format!("http://127.0.0.1:{}", moto.port);
    let environment = pairs(&[
        ("AWS_ENDPOINT_URL_S3", &endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", "session"),
    ]);
    let [_, second] = two_nights("s3://nights/team-a", &environment);
    let history =
        ["history", "--store", "s3://nights/team-a", "--region", "us-west-2", "--check", "workload/web-service"];
    let (code, text) = second.amiproof(&history);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("nightly 2 nightly runs, "), "{text}");
    // A bucket that is not there is an error, and the night still counts.
    let (code, text) = Machine::new(&matrix(GOOD), &environment).night("s3://other-bucket", &[]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("NoSuchBucket") && text.contains("hint: create the bucket"), "{text}");
}

/// Answers requests for lists with an empty one; gives the heads of all requests, once `count` have come.
fn empty_bucket(count: usize) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = std::thread::spawn(move || {
        let mut heads = Vec::new();
        while heads.len() < count {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            heads.push(String::from_utf8(head).unwrap());
            let body = "<ListBucketResult><Name>b</Name><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>";
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).unwrap();
        }
        heads
    });
    (port, answers)
}

#[test]
fn a_bucket_is_reached_with_the_profile_its_session_token_and_the_endpoint_of_the_command_line() {
    // Whether it answers, the nights, and the other matrices.
    let (port, heads) = empty_bucket(3);
    let machine = Machine::new(&matrix(GOOD), &[]);
    let credentials = machine.dir.path().join("credentials");
    let profile = "[nights]\naws_access_key_id = AKIANIGHTS\naws_secret_access_key = secret\naws_session_token = of-the-session\n";
    std::fs::write(&credentials, profile).unwrap();
    let environment = pairs(&[
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap()),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_PROFILE", "nights"),
        // Nobody listens there: the command line counts more.
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"),
    ]);
    let machine = Machine { environment, ..machine };
    let endpoint = format!("http://127.0.0.1:{port}");
    let all = ["history", "--store", "s3://golden.nights/team-a", "--matrix", "nightly", "--region", "eu-west-1"];
    let (code, text) = machine.amiproof(&[&all[..], &["--endpoint-url", &endpoint]].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("nightly: no nightly run yet\nreading the history in s3://golden.nights/team-a ..."),
        "{text}"
    );
    for head in heads.join().unwrap() {
        let head = head.to_lowercase();
        assert!(head.starts_with("get /golden.nights?"), "the bucket is in the path: {head}");
        assert!(head.contains("x-amz-security-token: of-the-session"), "{head}");
        assert!(head.contains("credential=akianights/") && head.contains("/eu-west-1/s3/aws4_request"), "{head}");
    }
}
