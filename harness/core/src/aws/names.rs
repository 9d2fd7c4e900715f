//! Names and tags of everything that a run creates. They follow from run and variant alone, so that a resource whose create call
//! was never confirmed is found again.

use std::collections::BTreeMap;

use amiproof_model::name::{Level, RunId, VariantName};
use jiff::Timestamp;

use crate::digest::short_sha256;

/// The tag with the run's id. On every resource that a run creates.
pub const RUN_TAG: &str = "amiproof:run";
/// The tag with the variant's name. On resources for one variant.
pub const VARIANT_TAG: &str = "amiproof:variant";
/// The tag with the time from which `amiproof sweep` may delete the resource, RFC 3339 in UTC.
pub const EXPIRES_TAG: &str = "amiproof:expires";
/// The tag of a cluster whose log group was created with it, and so is deleted with it.
pub const LOG_GROUP_TAG: &str = "amiproof:log-group";
/// The tag of resources that outlive runs, instead of [`EXPIRES_TAG`]: `sweep` never deletes them.
pub const KEEP_TAG: &str = "amiproof:keep";
/// The tag by which an Inspector CIS scan finds the instances of one variant of one run, and no others.
pub const SCAN_TAG: &str = "amiproof:variant-run";

/// The longest name of a node group (EKS API, `CreateNodegroup.nodegroupName`).
const NODE_GROUP_MAX: usize = 63;

/// The tags of a run, or of one variant of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// The run.
    pub run: RunId,
    /// When `sweep` may delete the resources; `None` for those that outlive runs.
    pub expires: Option<Timestamp>,
    /// The variant; `None` for shared resources.
    pub variant: Option<VariantName>,
    /// Tags that the account requires, in addition to amiproof's own.
    pub others: BTreeMap<String, String>,
}

impl Tags {
    /// The tags of shared resources.
    pub fn of_run(run: RunId, expires: Timestamp) -> Self {
        Self { run, expires: Some(expires), variant: None, others: BTreeMap::new() }
    }

    /// The tags of resources that outlive runs.
    pub fn kept(run: RunId) -> Self {
        Self { run, expires: None, variant: None, others: BTreeMap::new() }
    }

    /// These tags with those that the account requires; amiproof's own cannot be replaced.
    #[must_use]
    pub fn with(mut self, others: &BTreeMap<String, String>) -> Self {
        self.others.extend(others.iter().map(|(key, value)| (key.clone(), value.clone())));
        self
    }

    /// These tags for one variant.
    #[must_use]
    pub fn for_variant(&self, variant: &VariantName) -> Self {
        Self { variant: Some(variant.clone()), ..self.clone() }
    }

    /// Keys and values, without `Name`.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            (RUN_TAG.to_owned(), self.run.to_string()),
            match self.expires {
                Some(expires) => (EXPIRES_TAG.to_owned(), expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
                None => (KEEP_TAG.to_owned(), "true".to_owned()),
            },
        ];
        if let Some(variant) = &self.variant {
            pairs.push((VARIANT_TAG.to_owned(), variant.to_string()));
            pairs.push((SCAN_TAG.to_owned(), scan_tag_value(&self.run, variant)));
        }
        let others: Vec<_> = self.others.iter().filter(|(key, _)| pairs.iter().all(|(own, _)| own != *key)).collect();
        pairs.extend(others.into_iter().map(|(key, value)| (key.clone(), value.clone())));
        pairs
    }

    /// As [`Tags::pairs`], with the `Name` that the EC2 console shows.
    pub fn pairs_named(&self, name: &str) -> Vec<(String, String)> {
        let mut pairs = self.pairs();
        pairs.push(("Name".to_owned(), name.to_owned()));
        pairs
    }
}

/// The value of [`SCAN_TAG`]: unique per run and variant.
pub fn scan_tag_value(run: &RunId, variant: &VariantName) -> String {
    format!("{run}.{variant}")
}

/// The node group of a variant.
pub fn node_group(run: &RunId, variant: &VariantName) -> String {
    shortened(&format!("{variant}-{run}"), NODE_GROUP_MAX)
}

/// The launch template of a variant.
pub fn launch_template(run: &RunId, variant: &VariantName) -> String {
    format!("amiproof-{run}-{variant}")
}

/// The name of instances of a variant in the EC2 console.
pub fn instance(run: &RunId, variant: &VariantName) -> String {
    format!("amiproof {variant} {run}")
}

/// The longest name of a role (IAM API, `CreateRole.RoleName`).
const ROLE_MAX: usize = 64;

/// The role of an add-on's service account.
pub fn addon_role(run: &RunId, addon: &str, service_account: &str) -> String {
    shortened(&format!("amiproof-{run}-{addon}-{service_account}"), ROLE_MAX)
}

/// The role of a service account of a workload on a variant.
pub fn workload_role(run: &RunId, variant: &VariantName, workload: &str, service_account: &str) -> String {
    shortened(&format!("amiproof-{run}-{variant}-{workload}-{service_account}"), ROLE_MAX)
}

/// The start of the names of all Inspector CIS scan configurations of a run.
pub fn scan_prefix(run: &RunId) -> String {
    format!("amiproof-{run}-")
}

/// The Inspector CIS scan configuration of a variant and level.
pub fn scan_configuration(run: &RunId, variant: &VariantName, level: Level) -> String {
    format!("{}{variant}.level-{}", scan_prefix(run), u8::from(level))
}

/// The CloudFormation stack with network and roles of a test cluster.
pub fn network_stack(cluster: &str) -> String {
    let legal: String = cluster.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    shortened(&format!("amiproof-{legal}"), 128)
}

/// A token that makes a create call idempotent, for the `turn`-th creation of a resource within a run: 32 hexadecimal digits, which every
/// service accepts.
pub(crate) fn client_token(run: &RunId, resource: &[&str], turn: usize) -> String {
    short_sha256(format!("{run}/{}/{turn}", resource.join("/")), 16)
}

/// The text itself, or its beginning with a digest if it is too long.
fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let digest = short_sha256(text, 4);
    let head: String = text.chars().take(max - digest.len() - 1).collect();
    format!("{}-{digest}", head.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_group_names_fit_and_stay_apart_when_they_are_cut() {
        let run: RunId = "r-20261121-074220-4f2a-with-a-long-tail-x".parse().unwrap_or_else(|_| "r-1".parse().unwrap());
        let long: RunId = "r-20261121-074220-4f2a-with-a-long-tail".parse().unwrap();
        let one = node_group(&long, &"al2023-cis-level-two-with-suffix".parse().unwrap());
        let two = node_group(&long, &"al2023-cis-level-two-with-suffiy".parse().unwrap());
        assert!(one.len() <= 63 && two.len() <= 63, "{one} {two}");
        assert_ne!(one, two);
        assert_eq!(node_group(&"r-1".parse().unwrap(), &"al2023".parse().unwrap()), "al2023-r-1");
        assert_eq!(run.as_str(), "r-1", "41 characters are too long for a run id");
    }

    #[test]
    fn tags_of_a_variant_say_all_that_sweep_and_inspector_need() {
        let tags = Tags::of_run("r-1".parse().unwrap(), "2026-11-22T07:42:20.5Z".parse().unwrap());
        let pairs = tags.for_variant(&"al2023".parse().unwrap()).pairs();
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            pairs,
            [
                "amiproof:run=r-1",
                "amiproof:expires=2026-11-22T07:42:20Z",
                "amiproof:variant=al2023",
                "amiproof:variant-run=r-1.al2023"
            ]
        );
        let others =
            [("CostCenter", "4711"), (RUN_TAG, "theirs")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let pairs = tags.with(&others.into()).pairs();
        assert_eq!(pairs.iter().filter(|(key, _)| key == RUN_TAG).count(), 1);
        assert_eq!(pairs.last().map(|(key, value)| (key.as_str(), value.as_str())), Some(("CostCenter", "4711")));
        assert_eq!(pairs[0].1, "r-1");
    }
}
