//! The configuration that an add-on accepts, and the permissions that it needs: `DescribeAddonConfiguration`.

use serde_json::{Value, json};

use crate::aws::Clients;
use crate::aws::error::{AwsError, Explain as _};
use crate::cluster::addons;

/// How far references within a schema are followed.
const DEPTH: usize = 8;

/// EKS's description of one version of an add-on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Configuration {
    /// The JSON schema of `configurationValues`; null where there is none.
    schema: Value,
    /// The service accounts that call AWS, each with the managed policies that AWS recommends for it.
    pub(crate) identities: Vec<Identity>,
}

/// A service account that calls AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `ebs-csi-controller-sa`.
    pub(crate) service_account: String,
    /// ARNs of managed policies.
    pub(crate) policies: Vec<String>,
}

/// Reads the description from EKS.
///
/// # Errors
/// [`AwsError`] of [DescribeAddonConfiguration](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonConfiguration.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub(crate) async fn describe(clients: &Clients, addon: &str, version: &str) -> Result<Configuration, AwsError> {
    let answer = clients
        .read(|| async {
            let request = clients.eks.describe_addon_configuration().addon_name(addon).addon_version(version);
            request.send().await.explain("DescribeAddonConfiguration", format!("add-on {addon} {version}"))
        })
        .await?;
    let identities = answer.pod_identity_configuration().iter().filter_map(|identity| {
        let policies = identity.recommended_managed_policies().to_vec();
        let service_account = identity.service_account()?.to_owned();
        (!policies.is_empty()).then_some(Identity { service_account, policies })
    });
    let identities = identities.collect();
    // A schema that is not JSON does not tell amiproof which values are accepted.
    let schema = answer.configuration_schema().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Ok(Configuration { schema, identities })
}

impl Configuration {
    /// The `configurationValues` that keep the controllers of an add-on on nodes with a label; `None` for an add-on without
    /// controllers, or one that does not accept it.
    pub(crate) fn controllers_on(&self, addon: &str, label: (&str, &str)) -> Option<Value> {
        let known = addons::ADD_ONS.iter().find(|known| known.name == addon)?;
        let selector = json!({"nodeSelector": {(label.0): label.1}});
        if known.controllers.is_empty() {
            return None;
        }
        if self.accepts(&["controller", "nodeSelector"]) {
            return Some(json!({"controller": selector}));
        }
        // At the top it is for the add-on's DaemonSets, too.
        (known.daemons.is_empty() && self.accepts(&["nodeSelector"])).then_some(selector)
    }

    /// Whether the schema names a property.
    pub(crate) fn accepts(&self, path: &[&str]) -> bool {
        let mut place = self.followed(&self.schema);
        for name in path {
            match place.and_then(|place| place["properties"].get(*name)) {
                Some(property) => place = self.followed(property),
                None => return false,
            }
        }
        place.is_some()
    }

    /// A part of the schema, references followed.
    fn followed<'a>(&'a self, mut place: &'a Value) -> Option<&'a Value> {
        for _ in 0..DEPTH {
            match place["$ref"].as_str() {
                None => return Some(place),
                Some(reference) => place = self.schema.pointer(reference.strip_prefix('#')?)?,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: (&str, &str) = ("stock", "true");

    fn summary_of(addon: &str, schema: Value) -> Option<Value> {
        Configuration { schema, identities: Vec::new() }.controllers_on(addon, LABEL)
    }

    #[test]
    fn controllers_are_kept_where_the_schema_lets_them_be_kept() {
        let selector = json!({"nodeSelector": {"stock": "true"}});
        let flat = json!({"properties": {"nodeSelector": {"type": "object"}}});
        let referring = json!({"$ref": "#/definitions/Coredns", "definitions": {"Coredns": flat}});
        assert_eq!(summary_of("coredns", flat.clone()), Some(selector.clone()));
        assert_eq!(summary_of("coredns", referring), Some(selector.clone()));
        let driver = json!({"properties": {
            "controller": {"$ref": "#/definitions/Controller"}, "nodeSelector": {"type": "object"}},
            "definitions": {"Controller": flat}});
        assert_eq!(summary_of("aws-ebs-csi-driver", driver), Some(json!({"controller": selector})));
    }

    #[test]
    fn daemons_stay_everywhere_and_what_cannot_be_told_is_left_alone() {
        let flat = json!({"properties": {"nodeSelector": {"type": "object"}}});
        assert_eq!(summary_of("vpc-cni", flat.clone()), None, "a DaemonSet belongs on every node");
        assert_eq!(summary_of("aws-ebs-csi-driver", flat), None, "it would move the node part, too");
        assert_eq!(summary_of("coredns", Value::Null), None);
        assert_eq!(summary_of("coredns", json!({"$ref": "#"})), None, "a schema that refers to itself ends");
        assert_eq!(summary_of("nobody-knows", json!({"properties": {"nodeSelector": {}}})), None);
    }
}
