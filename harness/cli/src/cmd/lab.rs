//! `amiproof lab`: serves the lab until Ctrl-C and prints what to export.

use amiproof_lab::listen::Network;
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::exit::ExitCode;

use crate::args;
use crate::output::{Failure, Output};
use crate::runtime::runtime;
use crate::signals::Signals;

/// Serves until a signal comes.
pub(crate) fn run(args: &args::Lab, output: &Output) -> Result<ExitCode, Failure> {
    runtime()?.block_on(serve(args, output))
}

async fn serve(args: &args::Lab, output: &Output) -> Result<ExitCode, Failure> {
    let signals = Signals::listen(|_| ())
        .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let options = LabOptions {
        address: std::net::SocketAddr::new(args.bind, args.port),
        region: args.region.clone(),
        network: Network::Sockets,
        time_scale: args.time_scale,
        scenario: crate::session::scenario(args.scenario.as_deref())?,
        profiles: crate::session::profiles(args.host_profiles.as_deref())?,
        ..LabOptions::default()
    };
    let lab = Lab::start(options).await.map_err(|error| {
        Failure::error(
            format!("cannot start the lab: {error}"),
            "is another one running? give another --port, or 0 for a free one",
        )
    })?;
    output.data(exports(&lab));
    output.note("the lab runs until Ctrl-C; its state is lost then");
    signals.cancel.cancelled().await;
    lab.stop().await;
    Ok(ExitCode::Passed)
}

fn exports(lab: &Lab) -> String {
    let (key, secret) = Lab::credentials();
    format!(
        "export AWS_ENDPOINT_URL={}\nexport AWS_ACCESS_KEY_ID={key}\nexport AWS_SECRET_ACCESS_KEY={secret}\n\
         export AWS_REGION={region}\nexport AWS_DEFAULT_REGION={region}\n",
        lab.endpoint(),
        region = lab.region(),
    )
}
