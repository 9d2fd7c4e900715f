//! `amiproof sweep`: the janitor. Removes what runs of any machine left behind, by their expiry tags.

use amiproof_model::exit::ExitCode;
use jiff::Timestamp;

use crate::args::Sweep;
use crate::output::{Failure, Output};
use crate::session::Connection;

/// Removes what has expired; says what it found.
pub(crate) fn run(args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    super::runtime()?.block_on(sweep(args, output))
}

async fn sweep(args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    let connection = Connection::open(&args.target, &args.region).await?;
    let swept =
        amiproof_core::destroy::sweep(&connection.clients, Timestamp::now(), args.dry_run, connection.pace).await;
    connection.close().await;
    let swept = swept.map_err(|error| Failure::error(amiproof_core::run::event::chain(&error), ""))?;
    for found in &swept.found {
        output.data(found);
    }
    for leftover in &swept.leftovers {
        output.data(format_args!("left: {} {}: {}\n  {}", leftover.kind, leftover.id, leftover.reason, leftover.mend));
    }
    if swept.found.is_empty() {
        output.note("nothing of amiproof has expired here");
    }
    Ok(if swept.leftovers.is_empty() { ExitCode::Passed } else { ExitCode::LeftBehind })
}
