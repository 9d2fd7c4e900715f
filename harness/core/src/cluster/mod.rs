//! Kubernetes: the only place that builds a kube client.

/// Access to one cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access {}
