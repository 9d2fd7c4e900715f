//! `amiproof sweep`: the janitor. Removes what runs of any machine left behind, by their expiry tags.

use amiproof_core::destroy;
use amiproof_model::exit::ExitCode;

use crate::args::Sweep;
use crate::output::{Failure, Output};
use crate::session::Connection;

/// Removes what has expired; says what it found.
pub(crate) fn run(args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    super::runtime()?.block_on(sweep(args, output))
}

async fn sweep(args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    let connection = Connection::open(&args.target, &args.region, output).await?;
    let now = connection.aws()?.now();
    if args.dry_run {
        let (found, unasked) = destroy::expired(connection.aws()?, now).await;
        connection.close().await;
        for target in &found {
            output.data(format_args!("{} {}", target.kind.word(), target.name));
        }
        for problem in &unasked {
            output.note(format_args!("warning: {problem}"));
        }
        let count = found.len();
        output.note(format_args!("{count} expired; nothing was removed"));
        return Ok(if unasked.is_empty() { ExitCode::Passed } else { ExitCode::Error });
    }
    let swept = destroy::sweep(connection.aws()?, now, destroy::Deadlines::default()).await;
    connection.close().await;
    output.note(format_args!("{} expired, {} removed", swept.created, swept.gone));
    for leftover in &swept.leftovers {
        output.data(format_args!("left: {} {}: {}\n  {}", leftover.kind, leftover.id, leftover.reason, leftover.mend));
    }
    Ok(if swept.leftovers.is_empty() { ExitCode::Passed } else { ExitCode::LeftBehind })
}
