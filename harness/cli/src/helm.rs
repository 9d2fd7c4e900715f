//! Renders Helm charts with the user's own helm. amiproof does not render them itself: a second implementation would differ.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use amiproof_model::workload_file::Chart;
use camino::Utf8Path;

/// Deadline for rendering, including the download of a remote chart.
const DEADLINE: Duration = Duration::from_secs(120);

/// Maximum size of the output; the rest is not read.
const MAX_BYTES: u64 = 5 << 20;

/// What `helm template` prints for a chart, whose paths are relative to `root`.
pub(crate) fn template(root: &Utf8Path, chart: &Chart) -> Result<Vec<u8>, String> {
    let place = if chart.is_elsewhere() { chart.chart.clone() } else { local(root, &chart.chart)? };
    let mut command = Command::new("helm");
    command.arg("template");
    for file in &chart.values {
        command.arg(format!("--values={}", root.join(file)));
    }
    // What a file names is never an option.
    command.args(["--", &chart.release, &place]);
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = started.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            "helm is not installed: install it, or run `helm template` on another machine and pipe its output into `amiproof workload new NAME --from -`"
                .to_owned()
        }
        _ => format!("helm cannot be started: {error}"),
    })?;
    finish(child)
}

/// A chart on this machine. For a path that does not exist, Helm would search repositories over the network.
fn local(root: &Utf8Path, chart: &str) -> Result<String, String> {
    let path = root.join(chart);
    if !path.exists() {
        return Err(format!("there is no folder or archive {path}"));
    }
    // With a folder in front it is not an option and no name of a repository.
    Ok(if path.is_absolute() { path.into_string() } else { Utf8Path::new(".").join(path).into_string() })
}

fn finish(mut child: Child) -> Result<Vec<u8>, String> {
    let out = reader(child.stdout.take());
    let err = reader(child.stderr.take());
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        match child.try_wait().map_err(|error| format!("cannot wait for helm: {error}"))? {
            Some(status) => break status,
            None if Instant::now() >= deadline => {
                // It may be gone by now, and then there is nothing to stop or to collect.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("helm did not finish within {} s", DEADLINE.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if status.success() {
        return Ok(out);
    }
    let message = String::from_utf8_lossy(&err);
    let message = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason");
    Err(format!("helm: {message}"))
}

fn reader(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What cannot be read is missing, and the parser of the manifests says so; the rest is read, so that helm can end.
            let _ = stream.by_ref().take(MAX_BYTES + 1).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        bytes
    })
}
