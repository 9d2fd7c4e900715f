//! `amiproof bisect --releases`: the first of several images of a variant that breaks a check, by a run with a column for each.

use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::{AmiSource, ReleasesError};

use super::run::{self, Ending};
use crate::args::{Bisect, Global, InCluster, Run, Selection};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output};
use crate::session::Goal;

/// Checks that run on every release: a release whose nodes never join is bad, too, and the facts of the nodes show
/// why.
const ALWAYS: [&str; 2] = ["node/joined", "node/facts"];

/// Runs the checks on every release, and says which is the first bad one.
pub(super) fn run(global: &Global, args: &Bisect, inputs: Inputs, output: &Output) -> Result<ExitCode, Failure> {
    let variant = match (&args.variant, inputs.matrix.variants.as_slice()) {
        (Some(name), _) => files::variant(&inputs.matrix, name)?,
        (None, [only]) => only.name.clone(),
        (None, _) => {
            let message = "--releases: the matrix has several variants, and the releases belong to one of them";
            return Err(Failure::usage(message, "name the variant with --variant"));
        }
    };
    let [_, _, ..] = args.releases.as_slice() else {
        return Err(Failure::usage(
            "--releases needs at least two releases",
            "give them from the oldest to the newest",
        ));
    };
    let images: Result<Vec<AmiSource>, Failure> = args.releases.iter().map(|text| image(text)).collect();
    let images = images?;
    if let Some(twice) = images.iter().enumerate().find(|(at, image)| images[..*at].contains(image)) {
        let message = format!("--releases: {} is given twice", args.releases[twice.0]);
        return Err(Failure::usage(message, "give each release once, from the oldest to the newest"));
    }
    let (matrix, columns) = inputs.matrix.of_releases(&variant, &images).map_err(|error| {
        let hint = match &error {
            ReleasesError::Existing(_) => {
                "name a variant with 'ami' in the matrix: its node groups are created for each release"
            }
            ReleasesError::Taken(_) | ReleasesError::Name(_) => {
                "give the variant a shorter or another name in the matrix"
            }
            ReleasesError::Unknown(_) => "the matrix lists the variants",
        };
        Failure::usage(format!("--releases: {error}"), hint)
    })?;
    let waivers = inputs.waivers.into_iter().map(|waiver| waiver.of_releases(&variant, &columns)).collect();
    let inputs = Inputs { matrix, waivers, ..inputs };
    let mut checks = args.checks.clone();
    if !checks.is_empty() {
        checks.extend(ALWAYS.map(str::to_owned));
    }
    let whole = Run {
        shard: None,
        store: None,
        in_cluster: InCluster::default(),
        selection: Selection { file: args.on.file.clone(), variants: Vec::new(), checks },
        target: args.on.target.clone(),
        given: args.on.given.clone(),
        options: args.on.options.clone(),
        money: args.money.clone(),
        run: args.on.run.clone(),
        only: None,
    };
    run::complete(global, &whole, inputs, Goal::All, Ending::Releases(columns), output).map(|(exit, _)| exit)
}

fn image(text: &str) -> Result<AmiSource, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(
            format!("--releases {text}: {error}"),
            "give ids of images, or names of Systems Manager parameters that hold one each",
        )
    })
}
