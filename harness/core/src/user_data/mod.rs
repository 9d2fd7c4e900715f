//! The user data of a node's first boot: how to join the cluster, and the user's additions.
//!
//! A managed node group with a custom AMI gets no bootstrap from EKS, so all of it is generated here. Pure functions.

mod al2;
mod al2023;
mod bottlerocket;
mod cluster;
mod error;
mod known;
mod lineage;
mod mime;
mod node_config;
mod reading;
mod review;
mod toml_tree;
mod windows;

use std::collections::BTreeMap;

use amiproof_model::matrix::{Family, UserData, Variant};

pub use self::cluster::ClusterFacts;
use self::cluster::node_labels_flag;
pub use self::error::{Error, MAX_BYTES, Refusal};
pub use self::lineage::record;
pub use self::reading::Review;
pub use self::review::review;

/// Creates the user data of a variant, with `user`, the user's own, merged in; not yet in base64. `labels` become labels of the node.
///
/// # Errors
/// When the user's part is not of a form that the family can boot from, or the result is too long.
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

#[cfg(test)]
mod tests;
