//! The setup before a run: its connection, folder, lock and ledger.

use amiproof_core::aws::Clients;
use amiproof_core::cluster::explain::chain;
use amiproof_core::ledger::{ByKubeconfig, Header, Ledger};
use amiproof_core::run::Steps;
use amiproof_core::run::preflight::{Preflight, preflight};
use amiproof_model::matrix::Matrix;
use jiff::Timestamp;

use super::request::Request;
use super::selected;
use crate::args::{Given, Global, RunOptions, Target};
use crate::files;
use crate::lock::RunLock;
use crate::output::{Failure, Output};
use crate::rundir::RunDir;
use crate::session::Connection;

/// The folder of a run.
pub(super) enum Folder {
    /// A new one, created only after the connection works, so that a failed invocation leaves nothing.
    New(RunDir),
    /// An existing one: the run continues.
    Old(RunDir),
}

impl Folder {
    /// The run.
    pub(super) fn run(&self) -> &RunDir {
        match self {
            Self::New(run) | Self::Old(run) => run,
        }
    }
}

/// Where a run takes place.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) target: &'a Target,
    pub(super) given: &'a Given,
}

impl Place<'_> {
    /// Checks that the matrix fits: a kubeconfig creates no node groups, and AWS needs a region.
    pub(super) fn check(self, matrix: &Matrix) -> Result<(), Failure> {
        if self.given.kubeconfig.is_none() {
            return files::region(matrix).map(|_| ());
        }
        match matrix.variants.iter().find(|variant| variant.made().is_some()) {
            None => Ok(()),
            Some(variant) => Err(Failure::usage(
                format!("--kubeconfig provisions nothing, but the nodes of {} would have to be created", variant.name),
                "write `nodes: {selector: ..}` for existing nodes, or leave the variant out with --variants",
            )),
        }
    }

    async fn connect(self, global: &Global, matrix: &Matrix, output: &Output) -> Result<Connection, Failure> {
        let region = matrix.cluster.region.as_deref();
        match self.given.kubeconfig {
            Some(_) => Connection::given(self.given, self.target, region, global.aws_is_named, output).await,
            None => Connection::open(self.target, files::region(matrix)?, output).await,
        }
    }

    /// What the ledger records about it.
    pub(super) fn by_kubeconfig(self) -> Result<Option<ByKubeconfig>, Failure> {
        let Some(path) = &self.given.kubeconfig else { return Ok(None) };
        let absolute = path.canonicalize_utf8().map_err(|error| {
            Failure::usage(format!("cannot read the kubeconfig {path}: {error}"), "nothing was created")
        })?;
        // Recorded by name, because another context may be the current one when the run is destroyed.
        let context = match &self.given.context {
            Some(context) => Some(context.clone()),
            None => amiproof_core::cluster::current_context(path),
        };
        Ok(Some(ByKubeconfig { path: absolute, context }))
    }
}

/// What a run needs before it starts.
pub(super) struct Setup {
    pub(super) connection: Connection,
    pub(super) ledger: Ledger,
    pub(super) lock: RunLock,
}

/// Sets up a run: connection, folder, lock and ledger.
pub(super) async fn begin(
    global: &Global,
    place: Place<'_>,
    request: &Request,
    folder: &Folder,
    steps: Steps,
    output: &Output,
) -> Result<Setup, Failure> {
    // An active run is reported before any request is made.
    let mut lock = match folder {
        Folder::Old(run) => Some(run.lock("run")?),
        Folder::New(_) => None,
    };
    let connection = place.connect(global, &request.matrix, output).await?;
    if let Some(skew) = connection.clients.as_ref().and_then(|clients| clients.clock_skew())
        && (steps.provision || steps.network_only)
    {
        // Resources carry their expiry, and `sweep` on another machine compares it with its own clock.
        let hint = "set the clock, for example with `timedatectl set-ntp true`; nothing was created";
        return Err(Failure::error(skew.to_string(), hint));
    }
    if steps.provision
        && !steps.network_only
        && let Some(clients) = &connection.clients
    {
        say_what_is_missing(clients, request, output).await?;
    }
    let run = folder.run();
    if lock.is_none() {
        run.make()?;
        lock = Some(run.lock("run")?);
    }
    let lock = match lock {
        Some(lock) => lock,
        None => run.lock("run")?,
    };
    if place.target.lab && matches!(folder, Folder::New(_)) {
        run.clear()?;
    }
    let ledger = ledger(request, run, place, steps, &connection)?;
    let goes_on = if matches!(folder, Folder::Old(_)) { ", continued" } else { "" };
    output.note(format_args!("run {}{goes_on}  ({})", run.id, run.path()));
    Ok(Setup { connection, ledger, lock })
}

/// Reports what is missing in the account.
///
/// # Errors
/// If no variant could get nodes, so that nothing should be created.
async fn say_what_is_missing(clients: &Clients, request: &Request, output: &Output) -> Result<(), Failure> {
    let Preflight { missing, doubts, unknown, is_hopeless } =
        preflight(clients, &request.matrix, &request.base, selected::scans_by_inspector(&request.checks)).await;
    if is_hopeless {
        let listed: Vec<String> = missing.iter().map(|what| format!("\n  {what}")).collect();
        return Err(Failure::error(format!("no variant can get nodes:{}", listed.concat()), "nothing was created"));
    }
    for what in missing.iter().chain(&doubts).chain(&unknown) {
        output.note(format_args!("warning: {what}"));
    }
    Ok(())
}

/// The ledger of a continued run, or a new one. A run on existing nodes may be either; a run that continues an 'apply' must have a
/// ledger.
fn ledger(
    request: &Request,
    folder: &RunDir,
    place: Place<'_>,
    steps: Steps,
    connection: &Connection,
) -> Result<Ledger, Failure> {
    let failure = |error: amiproof_core::ledger::Error| Failure::error(chain(&error), "");
    let account = connection.identity.as_ref().map_or_else(String::new, |identity| identity.account.clone());
    let clients = connection.clients.as_ref();
    let region = clients.map_or_else(String::new, |clients| clients.region().to_owned());
    let may_be_new = steps.provision || steps.network_only || steps.teardown;
    if folder.ledger().exists() || !may_be_new {
        let ledger = Ledger::open(folder.path()).map_err(failure)?;
        let header = ledger.header();
        for (what, there, here) in [("account", &header.account, &account), ("region", &header.region, &region)] {
            if !there.is_empty() && !here.is_empty() && there != here {
                return Err(Failure::usage(
                    format!("run {} belongs to {what} {there}, but this is {what} {here}", folder.id),
                    "use the profile and the matrix of that run, or give the new one a name with --run; nothing was created",
                ));
            }
        }
        return Ok(ledger);
    }
    let header = Header {
        version: amiproof_core::ledger::VERSION,
        run: folder.id.clone(),
        matrix: request.matrix.name.clone(),
        account,
        region,
        endpoint: clients.and_then(|clients| clients.endpoint()).map(str::to_owned),
        kubeconfig: place.by_kubeconfig()?,
        started: amiproof_time::now(),
        expires: expires(&request.options)?,
        keep: steps.network_only,
    };
    Ledger::create(folder.path(), header).map_err(failure)
}

/// When `sweep` may delete what a run that starts now creates.
pub(super) fn expires(options: &RunOptions) -> Result<Timestamp, Failure> {
    amiproof_time::now()
        .checked_add(options.expires)
        .map_err(|error| Failure::usage(format!("--expires: {error}"), "give a shorter time"))
}
