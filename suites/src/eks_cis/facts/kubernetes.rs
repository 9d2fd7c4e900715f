//! Namespaces, service accounts, nodes and what is exposed, as far as questions look.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt as _;
use serde::Deserialize;

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// Its name.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceAccount {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// `automountServiceAccountToken`.
    pub(crate) automount: Option<bool>,
}

impl From<core::ServiceAccount> for ServiceAccount {
    fn from(account: core::ServiceAccount) -> Self {
        Self {
            namespace: account.namespace().unwrap_or_default(),
            name: account.name_any(),
            automount: account.automount_service_account_token,
        }
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// Its addresses of type ExternalIP.
    pub(crate) external_ips: Vec<String>,
    /// Its address of type Hostname.
    pub(crate) hostname: String,
    /// Whether it runs Windows.
    pub(crate) is_windows: bool,
}

impl From<core::Node> for Node {
    fn from(node: core::Node) -> Self {
        let addresses = node.status.as_ref().and_then(|status| status.addresses.as_deref()).unwrap_or_default();
        let of_type = |kind: &str| -> Vec<String> {
            let of_kind = addresses.iter().filter(|address| address.type_ == kind);
            of_kind.map(|address| address.address.clone()).collect()
        };
        let hostname = of_type("Hostname").into_iter().next().unwrap_or_default();
        let external_ips = of_type("ExternalIP");
        let is_windows = node.labels().get("kubernetes.io/os").is_some_and(|os| os == "windows");
        Self { name: node.name_any(), external_ips, hostname, is_windows }
    }
}

/// A Service of type LoadBalancer, or an Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exposed {
    /// `Service` or `Ingress`.
    pub(crate) kind: &'static str,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Whether it names a certificate: an annotation of the AWS controllers, or `spec.tls`.
    pub(crate) has_certificate: bool,
    /// Its ports; none for an Ingress.
    pub(crate) ports: Vec<i32>,
}

impl Exposed {
    /// A Service, if it is of type LoadBalancer.
    pub(crate) fn service(service: &core::Service) -> Option<Self> {
        let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() == Some("LoadBalancer"))?;
        // AWS Load Balancer Controller documentation, Service annotations.
        let certificate = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert";
        Some(Self {
            kind: "Service",
            namespace: service.namespace().unwrap_or_default(),
            name: service.name_any(),
            has_certificate: service.annotations().contains_key(certificate),
            ports: spec.ports.iter().flatten().map(|port| port.port).collect(),
        })
    }

    /// An Ingress.
    pub(crate) fn ingress(ingress: &Ingress) -> Self {
        // AWS Load Balancer Controller documentation, Ingress annotations.
        let certificate = "alb.ingress.kubernetes.io/certificate-arn";
        let tls = ingress.spec.as_ref().and_then(|spec| spec.tls.as_ref()).is_some_and(|tls| !tls.is_empty());
        Self {
            kind: "Ingress",
            namespace: ingress.namespace().unwrap_or_default(),
            name: ingress.name_any(),
            has_certificate: tls || ingress.annotations().contains_key(certificate),
            ports: Vec::new(),
        }
    }
}

/// The ConfigMap aws-auth: IAM principals that the cluster lets in without an access entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AwsAuth {
    /// Each principal with its groups.
    pub(crate) entries: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Deserialize)]
struct AuthEntry {
    #[serde(alias = "userarn")]
    rolearn: String,
    #[serde(default)]
    groups: Vec<String>,
}

impl AwsAuth {
    /// Reads `mapRoles`, `mapUsers` and `mapAccounts`.
    ///
    /// # Errors
    /// When they are no YAML of that form: what aws-iam-authenticator then lets in is not known.
    pub(crate) fn read(data: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut entries = Vec::new();
        for key in ["mapRoles", "mapUsers"] {
            let Some(text) = data.get(key).filter(|text| !text.trim().is_empty()) else { continue };
            let read: Vec<AuthEntry> =
                serde_saphyr::from_str(text).map_err(|error| format!("{key} of kube-system/aws-auth: {error}"))?;
            entries.extend(read.into_iter().map(|entry| (entry.rolearn, entry.groups)));
        }
        let Some(text) = data.get("mapAccounts").filter(|text| !text.trim().is_empty()) else {
            return Ok(Self { entries });
        };
        let accounts: Vec<String> =
            serde_saphyr::from_str(text).map_err(|error| format!("mapAccounts of kube-system/aws-auth: {error}"))?;
        entries.extend(accounts.into_iter().map(|account| (format!("account {account}"), Vec::new())));
        Ok(Self { entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_auth_is_read_with_roles_users_and_accounts() {
        let data = BTreeMap::from([
            (
                "mapRoles".to_owned(),
                "- rolearn: arn:aws:iam::1:role/node\n  username: x\n  groups: [\"system:nodes\"]\n".to_owned(),
            ),
            ("mapUsers".to_owned(), "- userarn: arn:aws:iam::1:user/a\n  groups: [system:masters]\n".to_owned()),
            ("mapAccounts".to_owned(), "- \"123456789012\"\n".to_owned()),
        ]);
        let read = AwsAuth::read(&data).unwrap();
        let names: Vec<&str> = read.entries.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["arn:aws:iam::1:role/node", "arn:aws:iam::1:user/a", "account 123456789012"]);
        assert_eq!(read.entries[1].1, ["system:masters"]);
        assert!(AwsAuth::read(&BTreeMap::from([("mapRoles".to_owned(), "no list".to_owned())])).is_err());
        assert_eq!(AwsAuth::read(&BTreeMap::new()).unwrap(), AwsAuth::default());
    }

    #[test]
    fn a_service_is_exposed_only_as_a_load_balancer_and_a_certificate_is_seen() {
        let service = |kind: &str, annotations: serde_json::Value| {
            let object = serde_json::json!({"metadata": {"namespace": "a", "name": "b", "annotations": annotations},
                "spec": {"type": kind, "ports": [{"port": 443}]}});
            Exposed::service(&serde_json::from_value(object).unwrap())
        };
        assert_eq!(service("ClusterIP", serde_json::json!({})), None);
        let plain = service("LoadBalancer", serde_json::json!({})).unwrap();
        assert_eq!((plain.has_certificate, plain.ports), (false, vec![443]));
        let key = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert";
        assert!(service("LoadBalancer", serde_json::json!({key: "arn"})).unwrap().has_certificate);
    }
}
