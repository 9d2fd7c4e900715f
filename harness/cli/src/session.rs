//! What every command that talks to AWS or the lab has in common: the target, the clients, and the first question to both.

use amiproof_core::aws::{AwsError, Clients, Identity, Settings};
use amiproof_core::cluster::Access;
use amiproof_core::cluster::explain::chain;
use amiproof_core::cluster::groups::{self, Group};
use amiproof_core::transport::Transport;
use amiproof_lab::listen::{MemoryNetwork, Network};
use amiproof_lab::profile::{HostProfile, load_folder};
use amiproof_lab::scenario::Scenario;
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::problem::closest;
use camino::Utf8Path;

use crate::args::{Given, Target};
use crate::output::{Failure, Output};

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Create the cluster and node groups, run smoke tests, keep everything.
    Apply,
    /// Run smoke tests on what exists.
    Test,
    /// Run checks on what exists, then change settings of its nodes and run them again.
    Experiment,
    /// Run scans on what exists.
    Scan,
    /// Everything, and delete it afterwards.
    All,
    /// Everything, compared with the last good nightly run.
    Nightly,
}

/// AWS (or another endpoint), and the cluster of a kubeconfig. Each has answered one request for its identity, so an open
/// connection is known to work.
pub(crate) struct Connection {
    /// AWS; `None` for a cluster by kubeconfig alone.
    pub(crate) clients: Option<Clients>,
    /// The caller according to AWS.
    pub(crate) identity: Option<Identity>,
    /// The cluster of a kubeconfig.
    pub(crate) access: Option<Access>,
    /// Whether a lab answers.
    pub(crate) is_lab: bool,
    /// The lab inside this process, if there is one.
    lab: Option<Lab>,
}

impl Connection {
    /// Connects to AWS, to the endpoint that was given, or to a lab of its own. Prints where it connects to before it waits for the answer.
    pub(crate) async fn open(target: &Target, region: &str, output: &Output) -> Result<Self, Failure> {
        if target.lab {
            return Self::embedded(target, region).await;
        }
        output.note(format_args!("connecting to {} ...", place(target, Some(region))));
        let settings = settings(target, Some(region.to_owned()));
        let (scale, answer) = match &target.endpoint_url {
            // Both go to the same endpoint: run together, an endpoint that does not answer is waited for only once.
            Some(url) => tokio::join!(amiproof_core::endpoint::lab_time_scale(url), ask(settings)),
            None => (None, ask(settings).await),
        };
        let (clients, identity) = answer?;
        adopt_clock(scale);
        warn_of_the_clock(&clients, output);
        let identity = Some(identity);
        Ok(Self { clients: Some(clients), identity, access: None, is_lab: scale.is_some(), lab: None })
    }

    /// Connects to the cluster of a kubeconfig, and to AWS only if the command line names it: for diagnosis, nothing is created there.
    pub(crate) async fn given(
        given: &Given,
        target: &Target,
        region: Option<&str>,
        aws: bool,
        output: &Output,
    ) -> Result<Self, Failure> {
        let access = access(given, output).await?;
        let scale = amiproof_core::endpoint::lab_behind(&access).await;
        adopt_clock(scale);
        let (clients, identity) = if aws {
            output.note(format_args!("connecting to {} ...", place(target, region)));
            let (clients, identity) = ask(settings(target, region.map(str::to_owned))).await?;
            warn_of_the_clock(&clients, output);
            (Some(clients), Some(identity))
        } else {
            (None, None)
        };
        Ok(Self { clients, identity, access: Some(access), is_lab: scale.is_some(), lab: None })
    }

    /// AWS.
    pub(crate) fn aws(&self) -> Result<&Clients, Failure> {
        let hint = "run it without --kubeconfig, or name the account with --profile";
        self.clients.as_ref().ok_or_else(|| Failure::usage("this needs an AWS account", hint))
    }

    async fn embedded(target: &Target, region: &str) -> Result<Self, Failure> {
        let scenario = scenario(target.scenario.as_deref())?;
        let profiles = profiles(target.host_profiles.as_deref())?;
        let network = MemoryNetwork::default();
        let options = LabOptions {
            region: region.to_owned(),
            network: Network::Memory(network.clone()),
            scenario,
            profiles,
            ..LabOptions::default()
        };
        let lab =
            Lab::start(options).await.map_err(|error| Failure::error(format!("cannot start the lab: {error}"), ""))?;
        let (key, secret) = Lab::credentials();
        let settings = Settings {
            region: Some(region.to_owned()),
            profile: None,
            only_profile: false,
            endpoint: Some(lab.endpoint()),
            credentials: Some((key.to_owned(), secret.to_owned())),
            transport: Transport::memory(move |authority| network.dial(authority)),
        };
        let clients = connect(settings).await?;
        let identity = clients.whoami().await.map_err(|error| refusal(&error))?;
        let identity = Some(identity);
        Ok(Self { clients: Some(clients), identity, access: None, is_lab: true, lab: Some(lab) })
    }

    /// Stops the lab inside this process.
    pub(crate) async fn close(self) {
        if let Some(lab) = self.lab {
            lab.stop().await;
        }
    }
}

/// The node groups of the cluster of a kubeconfig.
pub(crate) async fn groups(given: &Given, output: &Output) -> Result<Vec<Group>, Failure> {
    let access = access(given, output).await?;
    groups::of_cluster(&access).await.map_err(|error| Failure::error(chain(&error), ""))
}

/// The cluster of a kubeconfig, which has answered a first request.
pub(crate) async fn access(given: &Given, output: &Output) -> Result<Access, Failure> {
    let Some(path) = &given.kubeconfig else {
        return Err(Failure::usage("no cluster is given", "name its kubeconfig with --kubeconfig"));
    };
    let context = given.context.as_ref().map_or_else(String::new, |name| format!(", context {name}"));
    output.note(format_args!("connecting to the cluster of {path}{context} ..."));
    let hint = || format!("does `kubectl --kubeconfig {path} get nodes` work?");
    let access = Access::kubeconfig(path, given.context.as_deref())
        .await
        .map_err(|error| Failure::usage(chain(&error), hint()))?;
    access.preflight().await.map_err(|why| Failure::error(format!("cluster {}: {why}", access.name()), hint()))?;
    Ok(access)
}

/// The scenario of a file, or a built-in one by its name; without a name one without faults.
pub(crate) fn scenario(which: Option<&str>) -> Result<Scenario, Failure> {
    which.map_or_else(
        || Ok(Scenario::default()),
        |which| {
            Scenario::find(which).map_err(|error| {
                let meant = closest(which, Scenario::built_in()).filter(|meant| *meant != which);
                let hint = meant.map_or_else(String::new, |meant| format!("did you mean '{meant}'?"));
                Failure::usage(chain(&error), hint)
            })
        },
    )
}

/// The host profiles of a folder, if one is given. An empty folder is an error: the images that a matrix names would be missing.
pub(crate) fn profiles(folder: Option<&Utf8Path>) -> Result<Vec<HostProfile>, Failure> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let profiles = load_folder(folder.as_std_path()).map_err(|error| Failure::usage(chain(&error), ""))?;
    if profiles.is_empty() {
        return Err(Failure::usage(format!("{folder} holds no host profile"), "a host profile is a file NAME.yaml"));
    }
    Ok(profiles)
}

/// A lab in another process tells the speed of its clock, by which all waiting is then timed.
fn adopt_clock(scale: Option<f64>) {
    if let Some(scale) = scale {
        amiproof_time::set_scale(scale);
    }
}

fn settings(target: &Target, region: Option<String>) -> Settings {
    Settings {
        region,
        profile: target.profile.clone(),
        only_profile: target.profile_is_named,
        endpoint: target.endpoint_url.clone(),
        credentials: None,
        transport: Transport::Sockets,
    }
}

/// The settings of a history store. It is never in the lab: with `--lab` the environment says how to reach it.
pub(crate) fn of_store(target: &Target, region: Option<&str>) -> Settings {
    let own = settings(target, region.map(str::to_owned));
    Settings { endpoint: own.endpoint.filter(|_| target.endpoint_is_named), ..own }
}

async fn connect(settings: Settings) -> Result<Clients, Failure> {
    Clients::connect(settings).await.map_err(|error| refusal(&error))
}

async fn ask(settings: Settings) -> Result<(Clients, Identity), Failure> {
    let clients = connect(settings).await?;
    let identity = clients.preflight().await.map_err(|error| match clients.clock_skew() {
        Some(skew) => Failure::error(format!("{skew}: {}", chain(&error)), NOTHING),
        None => refusal(&error),
    })?;
    Ok((clients, identity))
}

const NOTHING: &str = "nothing was created or deleted";

fn refusal(error: &AwsError) -> Failure {
    Failure::error(format!("cannot connect to AWS: {}", chain(error)), NOTHING)
}

fn warn_of_the_clock(clients: &Clients, output: &Output) {
    if let Some(skew) = clients.clock_skew() {
        output.note(format_args!("warning: {skew}; timestamps in reports use this machine's clock"));
    }
}

/// Where a command connects to, and with which credentials, for the line that it prints first.
fn place(target: &Target, region: Option<&str>) -> String {
    let region = region.unwrap_or("the configured region");
    let place = match &target.endpoint_url {
        Some(url) => format!("{url} ({region})"),
        None => format!("AWS {region}"),
    };
    let has_keys = std::env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|key| !key.is_empty());
    match &target.profile {
        // Keys in the environment take precedence over a profile in it, and a profile on the command line over both.
        Some(profile) if target.profile_is_named || !has_keys => format!("{place} as profile {profile}"),
        _ if has_keys => format!("{place} with AWS_ACCESS_KEY_ID of the environment"),
        _ => format!("{place} with the default credentials"),
    }
}
