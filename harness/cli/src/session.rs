//! What every command that talks to AWS or the lab has in common: the target, the clients, the run's folder, the listener.

use amiproof_core::aws::{Clients, Settings};
use amiproof_core::pace::Pace;
use amiproof_lab::scenario::Scenario;
use amiproof_lab::{Lab, LabOptions};

use crate::args::Target;
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

/// AWS, or what stands in for it.
pub(crate) struct Connection {
    /// The clients.
    pub(crate) clients: Clients,
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
            endpoint: target.endpoint_url.clone(),
            credentials: None,
            pace,
        };
        let clients = connect(settings).await?;
        Ok(Self { clients, pace, is_lab: scale.is_some(), lab: None })
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
            endpoint: Some(lab.endpoint()),
            credentials: Some((key.to_owned(), secret.to_owned())),
            pace,
        };
        let clients = connect(settings).await?;
        Ok(Self { clients, pace, is_lab: true, lab: Some(lab) })
    }

    /// Stops the lab inside this process.
    pub(crate) async fn close(self) {
        if let Some(lab) = self.lab {
            lab.stop().await;
        }
    }
}

/// A scenario by file or by the name of a built-in one; nothing goes wrong without.
pub(crate) fn scenario(which: Option<&str>) -> Result<Scenario, Failure> {
    which.map_or_else(
        || Ok(Scenario::default()),
        |which| Scenario::find(which).map_err(|error| Failure::usage(amiproof_core::run::event::chain(&error), "")),
    )
}

async fn connect(settings: Settings) -> Result<Clients, Failure> {
    let clients = Clients::connect(settings).await.map_err(|error| {
        Failure::error(
            amiproof_core::run::event::chain(&error),
            "set credentials and region as for the aws CLI, or try it without an account: add --lab",
        )
    })?;
    Ok(clients)
}

/// How fast the lab at this endpoint runs; nothing when it is no lab.
async fn lab_scale(url: &str) -> Option<f64> {
    amiproof_core::endpoint::lab_time_scale(url).await
}
