//! The load balancers that controllers created for a cluster, and the protocols of their listeners.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{ActionTypeEnum, Listener as SdkListener, LoadBalancer as SdkLoadBalancer};

use super::Clients;
use super::error::{AwsError, Explain as _, found};
use super::pages;

/// DescribeTags takes at most 20 load balancers.
const TAGS_AT_A_TIME: usize = 20;

/// A load balancer of any kind, with what shows its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tagged {
    /// Its ARN; of a Classic Load Balancer its name.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its VPC.
    pub(crate) vpc: Option<String>,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
}

/// A load balancer of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// Whether it can be reached from the internet.
    pub is_public: bool,
    /// The object it was created for, by its tags: `Service web/front`, `Ingress web/front`.
    pub made_for: Option<String>,
    /// Its listeners.
    pub listeners: Vec<Listener>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The port.
    pub port: i32,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`, `GENEVE`, `QUIC` …
    pub protocol: String,
    /// Whether it only redirects clients to HTTPS.
    pub redirects_to_https: bool,
}

/// The application and network load balancers of a cluster: those that its tags say it owns. The AWS Load Balancer Controller tags
/// with `elbv2.k8s.aws/cluster`, the older in-tree provider with `kubernetes.io/cluster/<name>`.
///
/// # Errors
/// [`AwsError`] of [DescribeLoadBalancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn of_cluster(clients: &Clients, cluster: &str) -> Result<Vec<LoadBalancer>, AwsError> {
    let mut found = Vec::new();
    for some in every(clients).await?.chunks(TAGS_AT_A_TIME) {
        let tags = tags(clients, some).await?;
        for balancer in some {
            let arn = balancer.load_balancer_arn().unwrap_or_default();
            let Some(tags) = tags.get(arn).filter(|tags| belongs(tags, cluster)) else { continue };
            found.push(LoadBalancer {
                name: balancer.load_balancer_name().unwrap_or_default().to_owned(),
                is_public: balancer.scheme().is_some_and(|scheme| scheme.as_str() == "internet-facing"),
                made_for: made_for(tags),
                listeners: listeners(clients, arn).await?,
            });
        }
    }
    Ok(found)
}

/// Every application and network load balancer of the region with its VPC and tags.
///
/// # Errors
/// As [`of_cluster`].
pub(crate) async fn all(clients: &Clients) -> Result<Vec<Tagged>, AwsError> {
    let mut all = Vec::new();
    for some in every(clients).await?.chunks(TAGS_AT_A_TIME) {
        let mut tags = tags(clients, some).await?;
        all.extend(some.iter().map(|balancer| {
            let id = balancer.load_balancer_arn().unwrap_or_default().to_owned();
            let tags = tags.remove(&id).unwrap_or_default();
            let name = balancer.load_balancer_name().unwrap_or_default().to_owned();
            Tagged { id, name, vpc: balancer.vpc_id().map(str::to_owned), tags }
        }));
    }
    Ok(all)
}

/// Deletes one; one that does not exist is not an error.
///
/// # Errors
/// [`AwsError`] of [DeleteLoadBalancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html).
/// Transient errors are retried; a denied request is not.
pub(crate) async fn delete(clients: &Clients, arn: &str) -> Result<(), AwsError> {
    let delete = || async {
        clients.elb.delete_load_balancer().load_balancer_arn(arn).send().await.explain("DeleteLoadBalancer", arn)
    };
    found(clients.write_idempotent(delete).await).map(|_| ())
}

async fn every(clients: &Clients) -> Result<Vec<SdkLoadBalancer>, AwsError> {
    pages::every(clients, async |marker| {
        let answer = clients.elb.describe_load_balancers().set_marker(marker).send().await;
        let answer = answer.explain("DescribeLoadBalancers", "load balancers")?;
        Ok((answer.load_balancers.unwrap_or_default(), answer.next_marker))
    })
    .await
}

type Tags = BTreeMap<String, String>;

async fn tags(clients: &Clients, balancers: &[SdkLoadBalancer]) -> Result<BTreeMap<String, Tags>, AwsError> {
    let arns: Vec<String> = balancers.iter().filter_map(|balancer| balancer.load_balancer_arn.clone()).collect();
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.elb.describe_tags().set_resource_arns(Some(arns.clone()));
            request.send().await.explain("DescribeTags", "load balancers")
        })
        .await?;
    let descriptions = answer.tag_descriptions.unwrap_or_default().into_iter();
    Ok(descriptions
        .map(|description| {
            let pairs = description.tags.unwrap_or_default().into_iter();
            let pairs = pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
            (description.resource_arn.unwrap_or_default(), pairs.collect())
        })
        .collect())
}

/// Whether a controller created it for a cluster.
pub(crate) fn belongs(tags: &Tags, cluster: &str) -> bool {
    tags.get("elbv2.k8s.aws/cluster").is_some_and(|name| name == cluster)
        || tags.contains_key(&format!("kubernetes.io/cluster/{cluster}"))
}

fn made_for(tags: &Tags) -> Option<String> {
    let of =
        |kind: &str, keys: [&str; 2]| keys.iter().find_map(|key| tags.get(*key)).map(|name| format!("{kind} {name}"));
    of("Service", ["service.k8s.aws/stack", "kubernetes.io/service-name"])
        .or_else(|| of("Ingress", ["ingress.k8s.aws/stack", "kubernetes.io/ingress-name"]))
}

async fn listeners(clients: &Clients, arn: &str) -> Result<Vec<Listener>, AwsError> {
    pages::every(clients, async |marker| {
        let request = clients.elb.describe_listeners().load_balancer_arn(arn).set_marker(marker);
        let answer = request.send().await.explain("DescribeListeners", format!("load balancer {arn}"))?;
        Ok((answer.listeners.unwrap_or_default().iter().map(Listener::from).collect(), answer.next_marker))
    })
    .await
}

impl From<&SdkListener> for Listener {
    fn from(listener: &SdkListener) -> Self {
        let to_https = |action: &aws_sdk_elasticloadbalancingv2::types::Action| {
            action.r#type() == Some(&ActionTypeEnum::Redirect)
                && action.redirect_config().and_then(|redirect| redirect.protocol()) == Some("HTTPS")
        };
        let actions = listener.default_actions();
        Self {
            port: listener.port().unwrap_or_default(),
            protocol: listener.protocol().map_or("unknown", |protocol| protocol.as_str()).to_owned(),
            redirects_to_https: !actions.is_empty() && actions.iter().all(to_https),
        }
    }
}
