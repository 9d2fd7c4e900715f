//! How long a run waits for what all variants share.

use std::time::Duration;

/// For the network stack. From aws-k8s-tester: infrastructure and cluster get 15 minutes each, twice that here, because giving up early gains
/// nothing.
pub(crate) const NETWORK_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// For the cluster.
pub(crate) const CLUSTER_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// For its add-ons. CoreDNS needs a node first, so this covers the slowest node group, too.
pub(crate) const ADDON_DEADLINE: Duration = Duration::from_secs(20 * 60);
