//! Reads everything that the questions need, once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use amiproof_core::cluster::{Access, RUN_LABEL, pages};
use amiproof_core::context::Context;
use amiproof_model::name::KubernetesVersion;
use futures::StreamExt as _;
use k8s_openapi::api::admissionregistration::v1 as registration;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::api::storage::v1::CSIDriver;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::facts::account::Account;
use super::facts::admission::{Admission, looks_at_pods, pod_webhooks};
use super::facts::kubernetes::{AwsAuth, Exposed, Namespace, Node, ServiceAccount};
use super::facts::pods::{Workload, of_pod, together};
use super::facts::rbac::Rbac;
use super::facts::{Facts, Reading, Unreadable};
use super::{access_policies, account, kubelet_protect_kernel_defaults};
use crate::benchmark::Catalogue;

/// Number of kubelets that are read concurrently.
const KUBELETS: usize = 8;

/// Reads everything. Parts that cannot be read are marked in the facts and do not prevent the rest.
pub(crate) async fn everything(context: &Context, catalogue: &Catalogue, version: KubernetesVersion) -> Facts {
    let reader = Reader::new(context).await;
    let (workloads, service_accounts, rbac, policies, exposed, nodes, admission) = futures::join!(
        reader.workloads(),
        reader.service_accounts(),
        reader.rbac(),
        reader.network_policies(),
        reader.exposed(),
        reader.nodes(),
        reader.admission()
    );
    let (default_services, csi_drivers, opaque_secrets, aws_auth) =
        futures::join!(reader.default_services(), reader.csi_drivers(), reader.opaque_secrets(), reader.aws_auth());
    let asks_kubelets = catalogue.asking(kubelet_protect_kernel_defaults::QUESTION.id).is_some();
    let protects_kernel = reader.protects_kernel(&nodes, asks_kubelets).await;
    let account = match &context.aws {
        Some(clients) => Ok(account::read(clients, &context.matrix.cluster.name, &version, &workloads).await),
        None => Err(Unreadable::NoAccount),
    };
    let rbac = with_access_entries(rbac, &account);
    Facts {
        cluster: context.matrix.cluster.name.clone(),
        made_by_us: context.matrix.cluster.create,
        approved_registries: Some(context.matrix.scans.approved_registries.clone()).filter(|list| !list.is_empty()),
        namespaces: reader.namespaces.clone(),
        workloads,
        service_accounts,
        rbac,
        network_policies: policies,
        exposed,
        default_services,
        nodes,
        admission,
        csi_drivers,
        opaque_secrets,
        aws_auth,
        protects_kernel,
        account,
    }
}

/// The permissions of RBAC and of access entries. If entries may not be read, it is unknown who holds a right.
fn with_access_entries(rbac: Reading<Rbac>, account: &Reading<Account>) -> Reading<Rbac> {
    let mut rbac = rbac?;
    if let Ok(account) = account {
        access_policies::add(&mut rbac, super::facts::seen(&account.associations)?);
    }
    Ok(rbac)
}

/// Reads Kubernetes, without the objects of runs of amiproof: those with its label, and those in a namespace with it.
struct Reader {
    client: Client,
    access: Access,
    namespaces: Reading<Vec<Namespace>>,
}

impl Reader {
    async fn new(context: &Context) -> Self {
        let client = context.cluster.client();
        let params = ListParams::default();
        let listed = list::<core::Namespace, _>(&client, "list namespaces", &params, |namespace| {
            let labels = namespace.labels().clone();
            (!labels.contains_key(RUN_LABEL)).then(|| Namespace { name: namespace.name_any(), labels })
        });
        Self { namespaces: listed.await, client, access: context.cluster.clone() }
    }

    /// Objects that no run created. Other runs create and delete namespaces in the meantime, so namespaces are listed before and after
    /// each list: an object whose namespace is in neither list belongs to no run.
    async fn all<K, T>(&self, what: &str, mut keep: impl FnMut(K) -> Option<T>) -> Reading<Vec<T>>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let before = self.namespaces_of_runs().await?;
        let params = ListParams::default();
        let found = list(&self.client, what, &params, |object: K| {
            if object.labels().contains_key(RUN_LABEL) {
                return None;
            }
            let namespace = object.namespace();
            keep(object).map(|kept| (namespace, kept))
        });
        let found = found.await?;
        let after = self.namespaces_of_runs().await?;
        let is_own = |namespace: &Option<String>| {
            namespace.as_ref().is_some_and(|name| before.contains(name) || after.contains(name))
        };
        Ok(found.into_iter().filter(|(namespace, _)| !is_own(namespace)).map(|(_, kept)| kept).collect())
    }

    /// The namespaces with the label of a run.
    async fn namespaces_of_runs(&self) -> Reading<BTreeSet<String>> {
        let labelled = ListParams::default().labels(RUN_LABEL);
        let names = list(&self.client, "list namespaces", &labelled, |space: core::Namespace| Some(space.name_any()));
        Ok(names.await?.into_iter().collect())
    }

    async fn workloads(&self) -> Reading<Vec<Workload>> {
        let pods = self.all("list pods in all namespaces", |pod: core::Pod| of_pod(&pod)).await?;
        Ok(together(pods))
    }

    async fn service_accounts(&self) -> Reading<Vec<ServiceAccount>> {
        self.all("list serviceaccounts in all namespaces", |account: core::ServiceAccount| Some(account.into())).await
    }

    async fn rbac(&self) -> Reading<Rbac> {
        let mut roles = self.all("list clusterroles", |role: rbac::ClusterRole| Some(role.into())).await?;
        roles.extend(self.all("list roles in all namespaces", |role: rbac::Role| Some(role.into())).await?);
        let of_cluster = |binding: rbac::ClusterRoleBinding| Some(binding.into());
        let mut bindings = self.all("list clusterrolebindings", of_cluster).await?;
        let of_namespace = |binding: rbac::RoleBinding| Some(binding.into());
        bindings.extend(self.all("list rolebindings in all namespaces", of_namespace).await?);
        Ok(Rbac { roles, bindings })
    }

    async fn network_policies(&self) -> Reading<BTreeMap<String, usize>> {
        let namespaces =
            self.all("list networkpolicies in all namespaces", |policy: NetworkPolicy| policy.namespace()).await?;
        Ok(counted(namespaces))
    }

    async fn exposed(&self) -> Reading<Vec<Exposed>> {
        let services = |service: core::Service| Exposed::service(&service);
        let mut exposed = self.all("list services in all namespaces", services).await?;
        let ingresses = |ingress: Ingress| Some(Exposed::ingress(&ingress));
        exposed.extend(self.all("list ingresses in all namespaces", ingresses).await?);
        Ok(exposed)
    }

    /// All nodes, including those that a run created: they are tested, unlike its namespaces.
    async fn nodes(&self) -> Reading<Vec<Node>> {
        list(&self.client, "list nodes", &ListParams::default(), |node: core::Node| Some(node.into())).await
    }

    async fn admission(&self) -> Reading<Admission> {
        let webhooks = |configuration: registration::ValidatingWebhookConfiguration| Some(pod_webhooks(&configuration));
        let pod_webhooks = self.all("list validatingwebhookconfigurations", webhooks).await?.concat();
        let kinds = |kind: CustomResourceDefinition| Some(kind.name_any());
        let kinds = self.all("list customresourcedefinitions", kinds).await?;
        Ok(Admission { pod_webhooks, pod_policies: self.pod_policies().await?, kinds })
    }

    /// Policies about pods that have a binding. Clusters older than 1.30 do not have the kind.
    async fn pod_policies(&self) -> Reading<Vec<String>> {
        let policies =
            |policy: registration::ValidatingAdmissionPolicy| looks_at_pods(&policy).then(|| policy.name_any());
        let policies = self.all("list validatingadmissionpolicies", policies).await;
        let Some(policies) = absent_is_empty(policies)? else { return Ok(Vec::new()) };
        let bound = |binding: registration::ValidatingAdmissionPolicyBinding| Some(binding.spec.policy_name);
        let bound = self.all("list validatingadmissionpolicybindings", bound).await?;
        Ok(policies.into_iter().filter(|policy| bound.contains(policy)).collect())
    }

    async fn default_services(&self) -> Reading<Vec<String>> {
        let services: Api<core::Service> = Api::namespaced(self.client.clone(), "default");
        let kept = pages::kept(&services, &ListParams::default(), |service| Some(service.name_any())).await;
        kept.map_err(|error| Unreadable::kube("list services in the namespace default", &error))
    }

    async fn csi_drivers(&self) -> Reading<Vec<String>> {
        self.all("list csidrivers", |driver: CSIDriver| Some(driver.name_any())).await
    }

    /// Only metadata is asked for, so that no secret leaves the cluster.
    async fn opaque_secrets(&self) -> Reading<BTreeMap<String, usize>> {
        let secrets: Api<core::Secret> = Api::all(self.client.clone());
        let mut page = ListParams::default().fields("type=Opaque").limit(500);
        let mut namespaces = Vec::new();
        let own = self.namespaces_of_runs().await?;
        loop {
            let list = secrets.list_metadata(&page).await;
            let list = list.map_err(|error| Unreadable::kube("list secrets in all namespaces", &error))?;
            let others = list.items.iter().filter(|secret| !secret.labels().contains_key(RUN_LABEL));
            namespaces.extend(others.filter_map(ResourceExt::namespace));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) if page.continue_token.as_ref() != Some(&token) => page.continue_token = Some(token),
                _ => break,
            }
        }
        Ok(counted(namespaces.into_iter().filter(|namespace| !own.contains(namespace)).collect()))
    }

    async fn aws_auth(&self) -> Reading<Option<AwsAuth>> {
        let maps: Api<core::ConfigMap> = Api::namespaced(self.client.clone(), "kube-system");
        let map = maps.get_opt("aws-auth").await;
        let map = map.map_err(|error| Unreadable::kube("get the configmap kube-system/aws-auth", &error))?;
        map.map(|map| AwsAuth::read(&map.data.unwrap_or_default()).map_err(Unreadable::Unavailable)).transpose()
    }

    async fn protects_kernel(
        &self,
        nodes: &Reading<Vec<Node>>,
        is_asked: bool,
    ) -> Reading<Vec<(String, Reading<bool>)>> {
        if !is_asked {
            return Ok(Vec::new());
        }
        let linux = super::facts::seen(nodes)?.iter().filter(|node| !node.is_windows);
        let names: Vec<String> = linux.map(|node| node.name.clone()).collect();
        let asked = names.into_iter().map(|name| {
            let access = self.access.clone();
            async move {
                let answer = kubelet_protect_kernel_defaults::ask(&access, &name).await;
                (name, answer)
            }
        });
        Ok(futures::stream::iter(asked).buffered(KUBELETS).collect().await)
    }
}

async fn list<K, T>(
    client: &Client,
    what: &str,
    params: &ListParams,
    keep: impl FnMut(K) -> Option<T>,
) -> Reading<Vec<T>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    pages::kept(&Api::all(client.clone()), params, keep).await.map_err(|error| match &error {
        // The API server does not serve this kind.
        kube::Error::Api(status) if status.code == 404 => Unreadable::Unavailable(format!("{ABSENT} to {what}")),
        error => Unreadable::kube(what, error),
    })
}

/// The start of the API server's response for a kind that it does not serve.
const ABSENT: &str = "the API server has no kind";

fn absent_is_empty<T>(listed: Reading<T>) -> Reading<Option<T>> {
    match listed {
        Err(Unreadable::Unavailable(reason)) if reason.starts_with(ABSENT) => Ok(None),
        listed => listed.map(Some),
    }
}

fn counted(namespaces: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for namespace in namespaces {
        *counts.entry(namespace).or_default() += 1;
    }
    counts
}
