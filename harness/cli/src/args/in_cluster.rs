//! Arguments of `run --in-cluster`.

use clap::Args;

/// The heading in help of a run in Kubernetes.
const KUBERNETES: &str = "A run in Kubernetes";

/// How a run is divided among pods.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct InCluster {
    /// Run as N shards, each in a pod of an Indexed Job, follow them and merge their reports. With --kubeconfig, the
    /// Job is in that cluster and tests its nodes; otherwise it is in the cluster of KUBECONFIG. Needs --store in S3
    #[arg(
        long = "in-cluster",
        value_name = "N",
        requires_all = ["image", "store"],
        conflicts_with_all = ["shard", "lab", "only"],
        value_parser = clap::value_parser!(u32).range(1..=1000),
        help_heading = KUBERNETES
    )]
    pub(crate) shards: Option<u32>,
    /// Image of amiproof for the pods (`make image` builds one), preferably with its digest
    #[arg(long, requires = "shards", value_name = "IMAGE", help_heading = KUBERNETES)]
    pub(crate) image: Option<String>,
    /// Namespace of the Job, which must exist
    #[arg(long, requires = "shards", default_value = "amiproof", value_name = "NAME", help_heading = KUBERNETES)]
    pub(crate) namespace: String,
    /// Service account of the pods, which must exist
    #[arg(long, requires = "shards", default_value = "amiproof", value_name = "NAME", help_heading = KUBERNETES)]
    pub(crate) service_account: String,
    /// Secret in that namespace whose keys become environment variables of the pods, for credentials where there is no Pod Identity, or a proxy
    #[arg(long, requires = "shards", value_name = "SECRET", help_heading = KUBERNETES)]
    pub(crate) env_from: Option<String>,
}
