//! Builds images with the user's own Packer. Its output is shown as it comes, and kept.

use std::io::Write as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use amiproof_model::matrix::Build;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::output::{Failure, Output};
use crate::signals::Signals;

/// The first version with `packer init`.
const OLDEST: (u32, u32) = (1, 7);

/// How long the output is read after the end of a command.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A Packer that can be run.
#[derive(Debug)]
pub(crate) struct Packer {
    program: String,
    /// The folder of the matrix file, which paths in it are relative to.
    folder: Utf8PathBuf,
    /// The environment variables that point it at the account, endpoint and region of the command.
    environment: Vec<(String, String)>,
    /// `1.11.2`.
    pub(crate) version: String,
}

/// How a command of Packer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With 0.
    Succeeded,
    /// With another code, or by a signal.
    Failed,
    /// It was interrupted, and has cleaned up.
    Interrupted,
}

impl Packer {
    /// Finds Packer and asks for its version.
    ///
    /// # Errors
    /// If it does not exist, is not HashiCorp's Packer, or is too old.
    pub(crate) async fn find(
        program: &str,
        folder: &Utf8Path,
        environment: Vec<(String, String)>,
    ) -> Result<Self, Failure> {
        // It runs in the folder of the matrix, but a path is relative to the current folder.
        let here = Utf8Path::new(program);
        let program = match here.canonicalize_utf8() {
            Ok(path) if program.contains('/') => path.into_string(),
            _ => program.to_owned(),
        };
        let help = "install Packer 1.7 or newer, or name it with --packer";
        let answer = Command::new(&program)
            .arg("version")
            .env("CHECKPOINT_DISABLE", "1")
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Failure::usage(format!("{program} is not installed"), help),
                _ => Failure::usage(format!("{program} cannot be started: {error}"), help),
            })?;
        let stdout = String::from_utf8_lossy(&answer.stdout).into_owned();
        // On Linux distributions with cracklib another program of this name answers with nothing.
        let version = stdout.lines().find_map(|line| line.trim().strip_prefix("Packer v")).map(str::to_owned);
        let Some(version) = version else {
            return Err(Failure::usage(
                format!("{program} is not HashiCorp's Packer: it does not report a version"),
                help,
            ));
        };
        let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
        if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST {
            return Err(Failure::usage(format!("Packer {version} is too old: it has no `packer init`"), help));
        }
        let folder = if folder.as_str().is_empty() { Utf8PathBuf::from(".") } else { folder.to_owned() };
        Ok(Self { program, folder, environment, version })
    }

    /// Installs the plugins that a template requires. One in JSON requires none that could be named.
    pub(crate) async fn init(&self, build: &Build, job: &Job<'_>) -> Result<Ended, Failure> {
        if build.template.extension() == Some("json") && !build.template.as_str().ends_with(".pkr.json") {
            return Ok(Ended::Succeeded);
        }
        self.run(&["init".to_owned(), template(build)], job).await
    }

    /// Validates a template with the values of its variables.
    pub(crate) async fn validate(&self, build: &Build, job: &Job<'_>) -> Result<Ended, Failure> {
        self.run(&arguments("validate", build), job).await
    }

    /// Builds.
    pub(crate) async fn build(&self, build: &Build, job: &Job<'_>) -> Result<Ended, Failure> {
        let mut arguments = arguments("build", build);
        arguments.insert(1, "-color=false".to_owned());
        self.run(&arguments, job).await
    }

    async fn run(&self, arguments: &[String], job: &Job<'_>) -> Result<Ended, Failure> {
        let mut child = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .env("CHECKPOINT_DISABLE", "1")
            .env("PACKER_NO_COLOR", "1")
            .envs(self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            // A terminal sends an interrupt to every process of its group. Packer abandons its cleanup at the second signal, so that it must
            // get exactly the one that is passed on.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Failure::error(
                    format!("{} cannot be started: {error}", self.program),
                    "install Packer, or name the program with --packer",
                )
            })?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let streams = async { tokio::join!(job.follow(out), job.follow(err)) };
        tokio::pin!(streams);
        let ended = waited(&mut child, job);
        tokio::pin!(ended);
        let mut read = None;
        let ended = loop {
            tokio::select! {
                ended = &mut ended => break ended,
                streams = &mut streams, if read.is_none() => read = Some(streams),
            }
        };
        let (status, was_interrupted) =
            ended.map_err(|error| Failure::error(format!("cannot wait for {}: {error}", self.program), ""))?;
        // A plugin that outlives Packer keeps its output open.
        let read = match read {
            Some(read) => Some(read),
            None => tokio::time::timeout(LAST_WORDS, streams).await.ok(),
        };
        let kept = read.map_or(Ok(()), |(out, err)| out.and(err));
        kept.map_err(|error| Failure::error(format!("cannot write Packer's output to {}: {error}", job.log), ""))?;
        Ok(match (was_interrupted, status) {
            (_, Some(status)) if status.success() => Ended::Succeeded,
            (true, _) => Ended::Interrupted,
            (false, _) => Ended::Failed,
        })
    }
}

/// Waits for the end of a process. At the first signal Packer is told to stop, and is waited for: it terminates its
/// instance. After a second interrupt amiproof no longer waits for it, so its exit status stays unknown.
async fn waited(child: &mut Child, job: &Job<'_>) -> std::io::Result<(Option<ExitStatus>, bool)> {
    tokio::select! {
        status = child.wait() => return Ok((Some(status?), false)),
        () = job.signals.cancel.cancelled() => {}
    }
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    // Packer runs itself in a child, to which it passes on TERM and not INT.
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, Signal::TERM)
    {
        tracing::debug!("cannot ask Packer to stop: {error}");
    }
    tokio::select! {
        status = child.wait() => Ok((Some(status?), true)),
        () = job.signals.abort.cancelled() => {
            let pid = child.id().unwrap_or_default();
            job.output.note(format_args!(
                "Packer (process {pid}) keeps running without amiproof; make sure that it terminates its instance: {}",
                job.log
            ));
            Ok((None, true))
        }
    }
}

/// Context of a command of Packer.
pub(crate) struct Job<'a> {
    /// The variant.
    pub(crate) variant: &'a str,
    /// The file that keeps its output.
    pub(crate) log: &'a Utf8Path,
    pub(crate) signals: &'a Signals,
    pub(crate) output: &'a Output,
}

impl Job<'_> {
    /// Shows and keeps every line.
    async fn follow(&self, stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<()> {
        let Some(stream) = stream else { return Ok(()) };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.log)?;
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Some(line) = lines.next_segment().await? {
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            writeln!(file, "{line}")?;
            self.output.note(format_args!("{:<24} {line}", self.variant));
        }
        Ok(())
    }
}

/// The arguments of a command on a template.
fn arguments(command: &str, build: &Build) -> Vec<String> {
    let mut arguments = vec![command.to_owned()];
    arguments.extend(build.only.iter().map(|only| format!("-only={only}")));
    arguments.extend(build.variable_files.iter().map(|file| format!("-var-file={file}")));
    for (name, value) in &build.variables {
        arguments.extend(["-var".to_owned(), format!("{name}={value}")]);
    }
    arguments.push(template(build));
    arguments
}

/// The template as an argument: what the matrix names is never an option.
fn template(build: &Build) -> String {
    let template = build.template.as_str();
    if template.starts_with('-') { format!("./{template}") } else { template.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_build_names_its_source_and_its_variables_before_the_template() {
        let build = Build {
            template: "-odd.pkr.hcl".into(),
            only: Some("amazon-ebs.al2023".to_owned()),
            variables: BTreeMap::from([("level".to_owned(), "1".to_owned()), ("motd".to_owned(), "a b=c".to_owned())]),
            variable_files: vec!["common.pkrvars.hcl".into()],
            parameter: None,
        };
        let expected = [
            "build",
            "-only=amazon-ebs.al2023",
            "-var-file=common.pkrvars.hcl",
            "-var",
            "level=1",
            "-var",
            "motd=a b=c",
            "./-odd.pkr.hcl",
        ];
        assert_eq!(arguments("build", &build), expected);
    }
}
