//! The command and a lab in processes of their own, as a user has them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use amiproof_model::report::Report;

/// How long anything may take on a busy machine before a test gives up on it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(300);

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A matrix of `fixtures/matrices`.
pub(crate) fn matrix(name: &str) -> PathBuf {
    root().join("fixtures/matrices").join(name)
}

/// The command, with a folder of its own for runs and nothing of the caller's AWS configuration.
pub(crate) fn amiproof(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amiproof"));
    for name in [
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AMIPROOF_FILE",
        "AMIPROOF_DIR",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "https_proxy",
        "http_proxy",
        "no_proxy",
        "RUST_LOG",
        "CLICOLOR_FORCE",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").arg("--dir").arg(dir);
    command
}

/// Its exit code and everything that it printed; panics when it takes longer than [`TIMEOUT`].
pub(crate) fn finish(mut child: Child) -> Output {
    let started = Instant::now();
    let drains: Vec<_> = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .map(|pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(&mut bytes).unwrap();
            }
            bytes
        })
    })
    .collect();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if started.elapsed() > TIMEOUT => {
                child.kill().unwrap();
                panic!("the command did not finish within {TIMEOUT:?}");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut read = drains.into_iter().map(|drain| drain.join().unwrap());
    let (stdout, stderr) = (read.next().unwrap(), read.next().unwrap());
    Output { status, stdout, stderr }
}

/// The command with these arguments, run to its end.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Output {
    finish(amiproof(dir).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// What it printed on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The only run of a folder.
pub(crate) fn report(dir: &Path) -> Report {
    let runs: Vec<PathBuf> = std::fs::read_dir(dir.join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    Report::parse(&std::fs::read_to_string(runs[0].join("report.json")).unwrap()).unwrap()
}

/// A lab in a process of its own; it ends with the test.
pub(crate) struct LabProcess {
    child: Child,
    exports: Vec<(String, String)>,
}

impl LabProcess {
    /// Starts one on a free port.
    pub(crate) fn start(scenario: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amiproof"));
        command.args(["lab", "--port", "0", "--time-scale", "200"]);
        if let Some(scenario) = scenario {
            command.args(["--scenario", scenario]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let exports: Vec<(String, String)> = lines
            .map(Result::unwrap)
            .filter_map(|line| {
                let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            // The last of the five lines; the lab continues and the pipe stays open.
            .take(5)
            .collect();
        assert_eq!(exports.len(), 5, "{exports:?}");
        Self { child, exports }
    }

    /// Points a command at it.
    pub(crate) fn target<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.exports.iter().cloned())
    }

    /// Everything that exists in it beyond what it started with, as `service kind id`.
    pub(crate) fn resources(&self) -> Vec<String> {
        let resources = self.get("/_lab/resources");
        let text = |resource: &serde_json::Value, key: &str| resource[key].as_str().unwrap_or_default().to_owned();
        resources
            .as_array()
            .unwrap()
            .iter()
            .map(|resource| {
                format!("{} {} {}", text(resource, "service"), text(resource, "kind"), text(resource, "id"))
            })
            .collect()
    }

    /// How often each operation was called.
    pub(crate) fn requests(&self) -> serde_json::Value {
        self.get("/_lab/requests")
    }

    /// A kubeconfig of a cluster's administrator.
    pub(crate) fn kubeconfig(&self, cluster: &str) -> String {
        self.fetch(&format!("/_lab/kubeconfig/{cluster}"))
    }

    /// Waits until something exists whose line in [`LabProcess::resources`] begins so.
    pub(crate) fn wait_for_resource(&self, start: &str) {
        let started = Instant::now();
        while !self.resources().iter().any(|resource| resource.starts_with(start)) {
            assert!(started.elapsed() < TIMEOUT, "there never was a '{start}'");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> serde_json::Value {
        let body = self.fetch(path);
        let json = body.find(['{', '[']).map_or(body.as_str(), |start| &body[start..]);
        let end = json.rfind(['}', ']']).map_or(json.len(), |end| end + 1);
        serde_json::from_str(&json[..end]).unwrap()
    }

    /// A request to a service of the lab in the name of its administrator: the body of the answer, which must be one of success.
    pub(crate) fn send(&self, method: &str, path: &str, service: &str, form: &str) -> String {
        let scope = format!("AKIALABLABLABLABLAB0/20261121/us-west-2/{service}/aws4_request");
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let head = format!(
            "Authorization: {signed}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        );
        self.exchange(method, path, &head, form)
    }

    fn fetch(&self, path: &str) -> String {
        self.exchange("GET", path, "", "")
    }

    fn exchange(&self, method: &str, path: &str, head: &str, body: &str) -> String {
        let url = &self.exports.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").unwrap().1;
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{head}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for LabProcess {
    fn drop(&mut self) {
        // Nothing of value is in it, and a test that failed has already said so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run whose progress a test watches.
pub(crate) struct Watched {
    child: Child,
    seen: Arc<(Mutex<String>, Condvar)>,
    reader: std::thread::JoinHandle<()>,
}

impl Watched {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let seen = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (pipe, shared) = (child.stderr.take().unwrap(), Arc::clone(&seen));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut text = shared.0.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
                shared.1.notify_all();
            }
        });
        Self { child, seen, reader }
    }

    /// Waits until a line of its progress holds all of `words`.
    pub(crate) fn wait_for(&self, words: &[&str]) {
        let holds = |text: &str| text.lines().any(|line| words.iter().all(|word| line.contains(word)));
        let text = self.seen.0.lock().unwrap();
        let (text, timeout) = self.seen.1.wait_timeout_while(text, TIMEOUT, |text| !holds(text)).unwrap();
        assert!(!timeout.timed_out(), "never saw {words:?} in:\n{text}");
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end: exit code (`None` when a signal ended it) and its progress.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if started.elapsed() > TIMEOUT => {
                    self.child.kill().unwrap();
                    panic!("the run did not end:\n{}", self.seen.0.lock().unwrap());
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        self.reader.join().unwrap();
        let text = self.seen.0.lock().unwrap().clone();
        (status.code(), text)
    }
}
