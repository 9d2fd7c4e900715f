//! `amiproof resume` and `amiproof rerun`: run the command of an earlier run again, without the checks that have a
//! result.

use amiproof_core::run::Keep;
use camino::Utf8PathBuf;

use super::request::Request;
use super::started::{self, FILE_NAME, Started};
use crate::args::{Cli, Global};
use crate::output::{Failure, Output};
use crate::resumption::Resumption;
use crate::rundir::{self, RunDir};

/// The command of a run, to be run again; without a name, of the only one that still has resources, or else of the latest.
pub(crate) fn command(global: &Global, id: Option<&str>, keep: Keep, output: &Output) -> Result<Cli, Failure> {
    let (run, _) = RunDir::open_live(&global.dir, id)?;
    let started = started::read(&run)?;
    let here = directory()?;
    if here != started.directory {
        return Err(Failure::usage(
            format!("run '{}' was started in {}, and its paths are relative to that folder", run.id, started.directory),
            format!("cd {} and run the command again", started.directory),
        ));
    }
    let mut cli = Cli::read(started.arguments.iter().cloned()).map_err(|error| {
        let version = &started.version;
        Failure::usage(
            format!(
                "this version of amiproof does not know the command of run '{}' (it was started by {version}): {error}",
                run.id
            ),
            "use that version",
        )
    })?;
    if cli.command.target().is_some_and(|target| target.lab) {
        return Err(Failure::usage(
            format!("run '{}' was in a lab inside its process, which is gone with it", run.id),
            "run its command again: the lab gives the same results",
        ));
    }
    // The folder is the one of this command: AMIPROOF_DIR may have been another one.
    cli.global = Global {
        dir: global.dir.clone(),
        color: global.color,
        quiet: global.quiet,
        verbose: global.verbose,
        ..cli.global
    };
    cli.global.resumption = Some(Resumption { run: run.id.to_string(), keep, inputs: started.inputs });
    output.note(format_args!("$ amiproof {}", started.arguments.join(" ")));
    Ok(cli)
}

/// Records the command of a run. One that cannot be recorded cannot be resumed, which is no reason not to run it.
pub(super) fn record(global: &Global, run: &RunDir, request: &Request, output: &Output) {
    let written = directory().and_then(|directory| {
        let started = Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            arguments: global.arguments.clone(),
            directory,
            inputs: request.digest(),
        };
        let text = serde_json::to_vec_pretty(&started).map_err(|error| Failure::error(error.to_string(), ""))?;
        rundir::write_new(&run.path().join(FILE_NAME), &text)
    });
    if let Err(failure) = written {
        output.note(format_args!("warning: {}; `amiproof resume` will not know this run", failure.message));
    }
}

/// Checks that nothing that goes into the run has changed since it started: answers of another matrix would be taken for answers of this
/// one.
pub(super) fn check(resumption: &Resumption, request: &Request) -> Result<(), Failure> {
    if request.digest() == resumption.inputs {
        return Ok(());
    }
    let id = &resumption.run;
    Err(Failure::usage(
        format!(
            "the matrix, its waivers or its workloads have changed since run '{id}' started, or amiproof itself has"
        ),
        format!("undo the change, or delete the run with `amiproof destroy --run {id}` and start a new one"),
    ))
}

fn directory() -> Result<Utf8PathBuf, Failure> {
    let here = std::env::current_dir().and_then(|path| {
        Utf8PathBuf::from_path_buf(path)
            .map_err(|path| std::io::Error::other(format!("{} is not UTF-8", path.display())))
    });
    here.map_err(|error| Failure::error(format!("cannot determine the working folder: {error}"), ""))
}
