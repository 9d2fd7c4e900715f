//! `amiproof iam-policy`: a least-privilege policy for amiproof.

use amiproof_core::iam::policy::{LIMIT, documents, size};
use amiproof_core::iam::{Goal, Place};
use amiproof_model::exit::ExitCode;
use serde_json::Value;

use crate::args::IamPolicy;
use crate::files;
use crate::output::{Failure, Output};

/// Prints the policy: one document, or a list of documents if one managed policy is too small.
pub(crate) fn run(args: &IamPolicy, output: &Output) -> Result<ExitCode, Failure> {
    let goals: Vec<Goal> = match args.goals.as_slice() {
        [] => Goal::OF_RUNS.to_vec(),
        some => some.to_vec(),
    };
    let documents = documents(&goals, &place(args, output)?);
    let count = documents.len();
    if let Some(part) = args.part {
        let Some(document) = documents.get(usize::from(part) - 1) else {
            let parts = crate::output::count(count, "document");
            return Err(Failure::usage(format!("--part {part}: the policy has {parts}"), ""));
        };
        output.json(format_args!("{document:#}"));
        return Ok(ExitCode::Passed);
    }
    match documents.as_slice() {
        [one] => output.json(format_args!("{one:#}")),
        many => {
            let sizes: Vec<String> = many.iter().map(|document| size(document).to_string()).collect();
            output.json(format_args!("{:#}", Value::Array(many.to_vec())));
            output.note(format_args!(
                "note: a managed policy holds at most {LIMIT} characters, so this is a list of {count} policies ({} characters). Create and \
                 attach each of them; `amiproof iam-policy --part N` prints one",
                sizes.join(" and ")
            ));
        }
    }
    Ok(ExitCode::Passed)
}

fn place(args: &IamPolicy, output: &Output) -> Result<Place, Failure> {
    let place = match &args.file {
        Some(file) => {
            let inputs = files::read_offline(file, output)?;
            Place::of(&inputs.matrix).with_store(inputs.history.as_ref().map(|history| &history.store))
        }
        None => Place::default(),
    };
    let place = place.in_region(args.region.as_deref());
    Ok(match &args.account {
        Some(account) => place.in_account(account),
        None => place,
    })
}
