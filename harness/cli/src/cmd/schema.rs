//! `amiproof schema`: the JSON Schema of a file format.

use amiproof_model::exit::ExitCode;
use amiproof_model::schema;

use crate::args::{Schema, SchemaKind};
use crate::output::{Failure, Output};

/// Prints the schema of a kind.
pub(crate) fn run(args: &Schema, output: &Output) -> Result<ExitCode, Failure> {
    let found = match args.kind {
        SchemaKind::Matrix => schema::matrix(),
        SchemaKind::Workload => schema::workload(),
        SchemaKind::Waivers => schema::waivers(),
        SchemaKind::Report => schema::report(),
    };
    output.json(schema::pretty(found));
    Ok(ExitCode::Passed)
}
