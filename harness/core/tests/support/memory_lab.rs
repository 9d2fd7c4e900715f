//! A lab in this process, on an in-memory network, with clients for it. Tests of several packages include this file by its path: it is about
//! the product and the lab, and neither of them depends on the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use amiproof_core::aws::{AwsError, Clients, Settings};
use amiproof_core::ledger::{self, Header};
use amiproof_core::transport::Transport;
use amiproof_lab::inject::Injector;
use amiproof_lab::listen::{MemoryNetwork, Network};
use amiproof_lab::{Lab, LabError, LabOptions};
use amiproof_model::name::RunId;
use tokio::io::DuplexStream;

/// How long after its start a run has expired.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// Starts a lab whose calls `injector` disturbs; `options` say everything but the network.
pub(crate) async fn start(injector: Arc<Injector>, options: LabOptions) -> Result<(Lab, MemoryNetwork), LabError> {
    let network = MemoryNetwork::with(injector);
    let lab = Lab::start(LabOptions { network: Network::Memory(network.clone()), ..options }).await?;
    Ok((lab, network))
}

/// Clients with the credentials of a lab, which connect as `dial` says.
pub(crate) async fn clients(
    lab: &Lab,
    dial: impl Fn(&str) -> io::Result<DuplexStream> + Send + Sync + 'static,
) -> Result<Clients, AwsError> {
    let (key, secret) = Lab::credentials();
    let settings = Settings {
        region: Some(lab.region().to_owned()),
        endpoint: Some(lab.endpoint()),
        credentials: Some((key.to_owned(), secret.to_owned())),
        transport: Transport::memory(dial),
        ..Settings::default()
    };
    Clients::connect(settings).await
}

/// The header of the ledger of a run that begins now.
pub(crate) async fn header(clients: &Clients, run: RunId, matrix: &str) -> Result<Header, AwsError> {
    let started = amiproof_time::now();
    Ok(Header {
        version: ledger::VERSION,
        run,
        matrix: matrix.to_owned(),
        account: clients.whoami().await?.account,
        region: clients.region().to_owned(),
        endpoint: clients.endpoint().map(str::to_owned),
        kubeconfig: None,
        started,
        expires: started + LIFE,
        keep: false,
    })
}
