//! Checks that a teardown has the same target as the run: account, region, endpoint and cluster.

use amiproof_model::name::RunId;

use super::plan::Plan;
use crate::aws::error::AwsError;
use crate::cluster::identity;
use crate::ledger::ClusterIdentity;

/// The target of the teardown is not that of the run. Nothing was touched, and nothing was recorded as deleted.
#[derive(Debug, thiserror::Error)]
pub enum WrongTarget {
    /// Another account, region or endpoint.
    #[error("run {run} is in {what} {theirs}, but the credentials are for {ours}: nothing was touched")]
    Aws {
        /// The run.
        run: RunId,
        /// `account`, `region`, `endpoint`.
        what: &'static str,
        /// The value of the run.
        theirs: String,
        /// The value of the caller.
        ours: String,
    },
    /// Another cluster.
    #[error("run {run} was in the cluster at {theirs}, but this is the cluster at {ours}: nothing was touched")]
    Cluster {
        /// The run.
        run: RunId,
        /// The server that the run spoke to.
        theirs: String,
        /// The server that answers now.
        ours: String,
    },
    /// The account of the caller is unknown.
    #[error("cannot determine the account of the credentials, and run {run} is in account {account}: {source}")]
    Unknown {
        /// The run.
        run: RunId,
        /// Its account.
        account: String,
        /// Why.
        #[source]
        source: AwsError,
    },
}

/// How the cluster relates to that of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cluster {
    /// The run's cluster, as far as is known.
    Same,
    /// A new cluster of the same name: the run's cluster is deleted, with everything in it.
    Replaced,
    /// A kubeconfig's cluster whose identity is not in the ledger: objects that are not found may be in another cluster.
    Unrecorded,
}

/// Compares the target of the run with that of the teardown.
///
/// # Errors
/// [`WrongTarget`].
pub(super) async fn check(plan: &Plan<'_>) -> Result<Cluster, WrongTarget> {
    let header = plan.ledger.header();
    let elsewhere = |what, theirs: &str, ours: &str| WrongTarget::Aws {
        run: header.run.clone(),
        what,
        theirs: theirs.to_owned(),
        ours: ours.to_owned(),
    };
    if let Some(clients) = plan.clients.filter(|_| !header.account.is_empty()) {
        let none = "AWS itself";
        let (theirs, ours) = (header.endpoint.as_deref().unwrap_or(none), clients.endpoint().unwrap_or(none));
        if theirs.trim_end_matches('/') != ours.trim_end_matches('/') {
            return Err(elsewhere("endpoint", theirs, ours));
        }
        if header.region != clients.region() {
            return Err(elsewhere("region", &header.region, clients.region()));
        }
        // The process that started the run has checked this before it wrote the header.
        if plan.ledger.inherited().is_some() {
            let identity = clients.whoami().await.map_err(|source| WrongTarget::Unknown {
                run: header.run.clone(),
                account: header.account.clone(),
                source,
            })?;
            if identity.account != header.account {
                return Err(elsewhere("account", &header.account, &identity.account));
            }
        }
    }
    // The process that started the run still has its own connection.
    let Some(access) = plan.access.filter(|_| plan.ledger.inherited().is_some()) else { return Ok(Cluster::Same) };
    let recorded = plan.ledger.clusters();
    let recorded = recorded.iter().find(|known| known.name == access.name()).or(recorded.first());
    let by_kubeconfig = header.kubeconfig.is_some();
    let Some(recorded) = recorded else {
        return Ok(if by_kubeconfig { Cluster::Unrecorded } else { Cluster::Same });
    };
    let now = identity::read(access, recorded.name.clone()).await;
    let is_same = recorded.is_same(&now) || is_unread(recorded, &now);
    match (is_same, by_kubeconfig) {
        (true, _) => Ok(Cluster::Same),
        (false, false) => Ok(Cluster::Replaced),
        (false, true) => {
            Err(WrongTarget::Cluster { run: header.run.clone(), theirs: recorded.server.clone(), ours: now.server })
        }
    }
}

/// The UID cannot be read now, so server and authority decide.
fn is_unread(recorded: &ClusterIdentity, now: &ClusterIdentity) -> bool {
    now.uid.is_none() && recorded.server == now.server && recorded.authority == now.authority
}
