//! `amiproof init`: a commented matrix file to start from.

use amiproof_model::exit::ExitCode;

use crate::args::Init;
use crate::output::{Failure, Output};
use crate::rundir::cannot;

/// Writes the file; an existing one is only overwritten with `--force`.
pub(crate) fn run(args: &Init, output: &Output) -> Result<ExitCode, Failure> {
    if args.file.exists() && !args.force {
        return Err(Failure::usage(
            format!("{} exists already", args.file),
            "give another name, or --force to overwrite it",
        ));
    }
    // Inside a checkout the editor reads the committed schema; elsewhere `amiproof schema` writes one.
    let starter = amiproof_model::matrix::init::starter("amiproof.schema.json");
    std::fs::write(&args.file, starter).map_err(|error| cannot("write", &args.file, &error))?;
    output.note(format_args!(
        "wrote {0}; for completion in editors run `amiproof schema > amiproof.schema.json` in the same folder\n\nnext: edit it, then `amiproof check --file {0}`, then `amiproof run --lab --file {0}` to see it work \
         without an account",
        args.file
    ));
    Ok(ExitCode::Passed)
}
