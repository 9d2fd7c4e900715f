//! `amiproof schema`: the JSON Schema of a file format.

use amiproof_model::exit::ExitCode;
use amiproof_model::schema;

use crate::args::Schema;
use crate::output::{Failure, Output};

/// Prints the schema of a kind.
pub(crate) fn run(args: &Schema, output: &Output) -> Result<ExitCode, Failure> {
    let all = schema::all();
    let Some((_, found)) = all.iter().find(|(kind, _)| *kind == args.kind) else {
        let kinds: Vec<&str> = all.iter().map(|(kind, _)| *kind).collect();
        return Err(Failure::usage(
            format!("there is no schema '{}'", args.kind),
            format!("use one of {}", kinds.join(", ")),
        ));
    };
    output.json(schema::pretty(found));
    Ok(ExitCode::Passed)
}
