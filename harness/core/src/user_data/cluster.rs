//! What a node needs to know about its cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::error::Error;

/// What a node needs to know to join a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFacts {
    /// The cluster's name.
    pub name: String,
    /// `https://….eks.amazonaws.com`.
    pub endpoint: String,
    /// The certificate authority, PEM in base64, as DescribeCluster gives it.
    pub certificate_authority: String,
    /// The CIDR of Services: `172.20.0.0/16`.
    pub service_cidr: String,
}

impl ClusterFacts {
    /// Placeholder facts, for checking user data before there is a cluster.
    pub fn placeholder(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: "https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com".to_owned(),
            // As long as a real one, so that the size check means something.
            certificate_authority: "QUFB".repeat(372),
            service_cidr: "172.20.0.0/16".to_owned(),
        }
    }

    /// Whether Services, and so pods, have IPv6 addresses.
    pub(super) fn is_ipv6(&self) -> bool {
        self.service_cidr.contains(':')
    }

    /// The address of the cluster's DNS Service: the tenth of the Service CIDR, as EKS lays it out.
    ///
    /// # Errors
    /// When the text is not a CIDR.
    pub fn dns_ip(&self) -> Result<String, Error> {
        let bad = || Error::Cidr(self.service_cidr.clone());
        let (base, _) = self.service_cidr.split_once('/').ok_or_else(bad)?;
        match base.parse::<IpAddr>().map_err(|_| bad())? {
            IpAddr::V4(base) => {
                let [a, b, c, _] = base.octets();
                Ok(format!("{a}.{b}.{c}.10"))
            }
            IpAddr::V6(base) => {
                let mut segments = base.segments();
                segments[7] = 0xa;
                Ok(std::net::Ipv6Addr::from(segments).to_string())
            }
        }
    }
}

/// `--node-labels=a=b,c=d`.
pub(super) fn node_labels_flag(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("--node-labels={}", pairs.join(","))
}
