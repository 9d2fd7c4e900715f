//! What a node is told at its first boot: how to join the cluster, and whatever the user adds.
//!
//! A managed node group with a custom AMI gets no bootstrap from EKS, so all of it is generated here. Pure functions.

mod al2;
mod al2023;
mod bottlerocket;
mod known;
mod mime;
mod node_config;
mod review;
mod toml_tree;
mod windows;

use std::collections::BTreeMap;
use std::net::IpAddr;

use amiproof_model::matrix::{Family, UserData, Variant};

pub use self::review::{Review, review};

/// The most that EC2 takes, bytes before base64 (EC2 user guide, "Run commands when you launch an EC2 instance").
pub const MAX_BYTES: usize = 16 * 1024;

/// What a node must know to join a cluster.
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
    /// Facts of no cluster at all, for checking user data before there is one.
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
    fn is_ipv6(&self) -> bool {
        self.service_cidr.contains(':')
    }

    /// The address of the cluster's DNS Service: the tenth of the Service CIDR, as EKS lays it out.
    ///
    /// # Errors
    /// When the CIDR is none.
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

/// Why user data could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The cluster's Service CIDR is not a CIDR.
    #[error("the cluster's Service CIDR '{0}' is not an address and a prefix length")]
    Cidr(String),
    /// What the user gave cannot be merged.
    #[error("{path}:{}: {}: {}", refusal.line, refusal.message, refusal.help)]
    Merge {
        /// The user's file.
        path: String,
        /// What is wrong with it, and where.
        refusal: Refusal,
    },
    /// The whole is too long for EC2.
    #[error("{}: {}", too_long(variant, *bytes), shorten(path))]
    TooLong {
        /// The variant.
        variant: String,
        /// The user's file, or what amiproof generated.
        path: String,
        /// Bytes before base64.
        bytes: usize,
    },
}

/// Why something that the user gave cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line of the user's file, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Refusal {
    fn new(line: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line, message: message.into(), help: help.into() }
    }
}

impl Error {
    /// What is wrong, and what to do about it.
    fn in_two(self) -> (String, String) {
        match self {
            Self::Cidr(_) => (self.to_string(), String::new()),
            Self::Merge { refusal, .. } => (format!("line {}: {}", refusal.line, refusal.message), refusal.help),
            Self::TooLong { variant, path, bytes } => (too_long(&variant, bytes), shorten(&path)),
        }
    }
}

fn too_long(variant: &str, bytes: usize) -> String {
    format!("the user data of variant {variant} is {bytes} bytes with amiproof's own part, and EC2 takes {MAX_BYTES}")
}

fn shorten(path: &str) -> String {
    format!("shorten {path}, or let it fetch the rest from the image or from S3")
}

/// Makes the user data of a variant, with `user`, the user's own, merged in; not yet in base64. `labels` become labels of the node.
///
/// # Errors
/// When the user's part is not of a form that the family can boot from, or the whole is too long.
pub fn generate(
    cluster: &ClusterFacts,
    variant: &Variant,
    user: Option<&UserData>,
    labels: &BTreeMap<String, String>,
) -> Result<String, Error> {
    let merge =
        |refusal: Refusal| Error::Merge { path: user.map_or_else(String::new, |user| user.path.to_string()), refusal };
    let user_text = user.map(|user| user.text.as_str());
    let text = match variant.family {
        Family::Al2023 => al2023::generate(cluster, labels, user_text).map_err(merge)?,
        Family::Al2 => al2::generate(cluster, &cluster.dns_ip()?, labels, user_text).map_err(merge)?,
        Family::Bottlerocket => {
            bottlerocket::generate(cluster, &cluster.dns_ip()?, labels, user_text).map_err(merge)?
        }
        Family::Windows => windows::generate(cluster, &cluster.dns_ip()?, labels, user_text).map_err(merge)?,
    };
    if text.len() > MAX_BYTES {
        return Err(Error::TooLong {
            variant: variant.name.to_string(),
            path: user.map_or_else(|| "the labels".to_owned(), |user| user.path.to_string()),
            bytes: text.len(),
        });
    }
    Ok(text)
}

/// `--node-labels=a=b,c=d`.
fn node_labels_flag(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("--node-labels={}", pairs.join(","))
}

#[cfg(test)]
mod tests;
