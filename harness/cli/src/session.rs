//! What every command that talks to AWS or the lab has in common: the target, the clients, the run's folder, the listener.

use amiproof_core::aws::{Clients, Settings};
use amiproof_core::cluster::Access;
use amiproof_core::cluster::groups::{self, Group};
use amiproof_core::pace::Pace;
use amiproof_core::run::event::chain;
use amiproof_lab::scenario::Scenario;
use amiproof_lab::{Lab, LabOptions};

use crate::args::{Given, Target};
use crate::output::Failure;

/// What a command wants to come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Cluster, node groups, smoke tests; all of it stays.
    Apply,
    /// Smoke tests on what is there.
    Test,
    /// Scans on what is there.
    Scan,
    /// Everything, and nothing stays.
    All,
    /// Everything, compared with the last night.
    Nightly,
}

/// AWS, or what stands in for it, and the cluster where it is known by a kubeconfig.
pub(crate) struct Connection {
    /// AWS; `None` for a cluster by kubeconfig alone.
    pub(crate) clients: Option<Clients>,
    /// The cluster of a kubeconfig.
    pub(crate) access: Option<Access>,
    /// How patient polling is.
    pub(crate) pace: Pace,
    /// Whether a lab answers.
    pub(crate) is_lab: bool,
    /// The lab inside this process, if there is one.
    lab: Option<Lab>,
}

impl Connection {
    /// Connects to AWS, to the endpoint that was given, or to a lab of its own.
    pub(crate) async fn open(target: &Target, region: &str) -> Result<Self, Failure> {
        if target.lab {
            return Self::embedded(target, region).await;
        }
        let scale = match &target.endpoint_url {
            Some(url) => lab_scale(url).await,
            None => None,
        };
        let pace = scale.map_or(Pace::REAL, Pace::faster);
        let settings = Settings {
            region: Some(region.to_owned()),
            profile: target.profile.clone(),
            only_profile: false,
            endpoint: target.endpoint_url.clone(),
            credentials: None,
            pace,
        };
        let clients = connect(settings).await?;
        Ok(Self { clients: Some(clients), access: None, pace, is_lab: scale.is_some(), lab: None })
    }

    /// Takes the cluster of a kubeconfig. AWS only where the command line names it: for diagnosis, nothing is made there.
    pub(crate) async fn given(
        given: &Given,
        target: &Target,
        region: Option<&str>,
        aws: bool,
    ) -> Result<Self, Failure> {
        let access = access(given).await?;
        let scale = amiproof_core::endpoint::lab_behind(&access).await;
        let pace = scale.map_or(Pace::REAL, Pace::faster);
        let clients = if aws {
            let settings = Settings {
                region: region.map(str::to_owned),
                profile: target.profile.clone(),
                only_profile: false,
                endpoint: target.endpoint_url.clone(),
                credentials: None,
                pace,
            };
            Some(connect(settings).await?)
        } else {
            None
        };
        Ok(Self { clients, access: Some(access), pace, is_lab: scale.is_some(), lab: None })
    }

    /// AWS.
    pub(crate) fn aws(&self) -> Result<&Clients, Failure> {
        let hint = "run it without --kubeconfig, or name the account with --profile";
        self.clients.as_ref().ok_or_else(|| Failure::usage("this needs an AWS account", hint))
    }

    async fn embedded(target: &Target, region: &str) -> Result<Self, Failure> {
        let scenario = scenario(target.scenario.as_deref())?;
        let options =
            LabOptions { region: region.to_owned(), time_scale: target.time_scale, scenario, ..LabOptions::default() };
        let lab =
            Lab::start(options).await.map_err(|error| Failure::error(format!("cannot start the lab: {error}"), ""))?;
        let pace = Pace::faster(target.time_scale);
        let (key, secret) = Lab::credentials();
        let settings = Settings {
            region: Some(region.to_owned()),
            profile: None,
            only_profile: false,
            endpoint: Some(lab.endpoint()),
            credentials: Some((key.to_owned(), secret.to_owned())),
            pace,
        };
        let clients = connect(settings).await?;
        Ok(Self { clients: Some(clients), access: None, pace, is_lab: true, lab: Some(lab) })
    }

    /// Stops the lab inside this process.
    pub(crate) async fn close(self) {
        if let Some(lab) = self.lab {
            lab.stop().await;
        }
    }
}

/// The node groups of the cluster of a kubeconfig.
pub(crate) async fn groups(given: &Given) -> Result<Vec<Group>, Failure> {
    let access = access(given).await?;
    groups::of_cluster(&access).await.map_err(|error| Failure::error(chain(&error), ""))
}

async fn access(given: &Given) -> Result<Access, Failure> {
    let Some(path) = &given.kubeconfig else {
        return Err(Failure::usage("which cluster?", "name its kubeconfig with --kubeconfig"));
    };
    Access::kubeconfig(path, given.context.as_deref())
        .await
        .map_err(|error| Failure::usage(chain(&error), format!("does `kubectl --kubeconfig {path} get nodes` work?")))
}

/// A scenario by file or by the name of a built-in one; nothing goes wrong without.
pub(crate) fn scenario(which: Option<&str>) -> Result<Scenario, Failure> {
    which.map_or_else(
        || Ok(Scenario::default()),
        |which| Scenario::find(which).map_err(|error| Failure::usage(chain(&error), "")),
    )
}

async fn connect(settings: Settings) -> Result<Clients, Failure> {
    let clients = Clients::connect(settings).await.map_err(|error| {
        Failure::error(
            chain(&error),
            "set credentials and region as for the aws CLI, or try it without an account: add --lab",
        )
    })?;
    Ok(clients)
}

/// How fast the lab at this endpoint runs; nothing when it is no lab.
async fn lab_scale(url: &str) -> Option<f64> {
    amiproof_core::endpoint::lab_time_scale(url).await
}
