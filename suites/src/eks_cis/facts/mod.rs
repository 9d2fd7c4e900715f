//! What was read of a cluster and its account, once, for all questions. What could not be read says why.

pub(crate) mod account;
pub(crate) mod admission;
pub(crate) mod kubernetes;
pub(crate) mod pods;
pub(crate) mod rbac;
mod seen;

pub(crate) use self::account::Account;
use self::admission::Admission;
use self::kubernetes::{AwsAuth, Exposed, Namespace, Node, ServiceAccount};
use self::pods::Workload;
use self::rbac::Rbac;
pub(crate) use self::seen::{Reading, Unreadable, seen};

#[cfg(test)]
pub(crate) mod testing;

/// Everything that the questions look at.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The cluster's name in EKS, or the kubeconfig context.
    pub(crate) cluster: String,
    /// Whether a run of amiproof made it: its settings are then amiproof's own.
    pub(crate) made_by_us: bool,
    /// Registries whose images are approved, as the matrix says; `None` if it says nothing.
    pub(crate) approved_registries: Option<Vec<String>>,
    /// Namespaces that are not this run's own.
    pub(crate) namespaces: Reading<Vec<Namespace>>,
    /// What runs, by the controller that runs it.
    pub(crate) workloads: Reading<Vec<Workload>>,
    /// Service accounts.
    pub(crate) service_accounts: Reading<Vec<ServiceAccount>>,
    /// Roles and bindings.
    pub(crate) rbac: Reading<Rbac>,
    /// How many NetworkPolicies each namespace has; those without any are not in it.
    pub(crate) network_policies: Reading<std::collections::BTreeMap<String, usize>>,
    /// Services of type LoadBalancer, and Ingresses.
    pub(crate) exposed: Reading<Vec<Exposed>>,
    /// Names of Services in the namespace default.
    pub(crate) default_services: Reading<Vec<String>>,
    /// Nodes.
    pub(crate) nodes: Reading<Vec<Node>>,
    /// What admits objects, and which kinds the cluster has.
    pub(crate) admission: Reading<Admission>,
    /// Names of CSI drivers.
    pub(crate) csi_drivers: Reading<Vec<String>>,
    /// How many Secrets of type Opaque each namespace has.
    pub(crate) opaque_secrets: Reading<std::collections::BTreeMap<String, usize>>,
    /// The ConfigMap kube-system/aws-auth; `None` if there is none.
    pub(crate) aws_auth: Reading<Option<AwsAuth>>,
    /// `protectKernelDefaults` of each Linux node's kubelet, by node; read only where a question asks for it.
    pub(crate) protects_kernel: Reading<Vec<(String, Reading<bool>)>>,
    /// The account.
    pub(crate) account: Reading<Account>,
}

impl Facts {
    /// Namespaces that people made: not the system's.
    pub(crate) fn own_namespaces(&self) -> Result<Vec<&Namespace>, Unreadable> {
        Ok(seen(&self.namespaces)?.iter().filter(|namespace| !super::system::is_namespace(&namespace.name)).collect())
    }

    /// What runs in namespaces that people made.
    pub(crate) fn own_workloads(&self) -> Result<Vec<&Workload>, Unreadable> {
        let workloads = seen(&self.workloads)?.iter();
        Ok(workloads.filter(|workload| !super::system::is_namespace(&workload.namespace)).collect())
    }

    /// The account, or why there is none.
    pub(crate) fn account(&self) -> Result<&Account, Unreadable> {
        seen(&self.account)
    }
}
