//! Which user data nodes boot with, for the report.

use std::collections::BTreeMap;

use amiproof_model::matrix::{Family, UserData, Variant};
use amiproof_model::report::UserDataRecord;

use super::{ClusterFacts, bottlerocket, generate};
use crate::digest::sha256;

/// The record of a variant's user data; `None` where none can be made of it, which `amiproof check` and the run itself say.
pub fn record(variant: &Variant, user: Option<&UserData>) -> Option<UserDataRecord> {
    let text = generate(&ClusterFacts::placeholder("cluster"), variant, user, &BTreeMap::new()).ok()?;
    let sha256 = sha256(text);
    let settings = user.filter(|_| variant.family == Family::Bottlerocket);
    let bootstrap_images = settings.map(|user| bottlerocket::bootstrap_images(&user.text)).unwrap_or_default();
    Some(UserDataRecord { sha256, bootstrap_images })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_same_user_data_has_the_same_digest_and_any_other_has_another() {
        let variant = fixture::variant("golden", Family::Al2023);
        let own = |text: &str| fixture::user_data("node.yaml", text);
        let digest = |user: Option<&UserData>| record(&variant, user).unwrap().sha256;
        let none = digest(None);
        assert_eq!((none.len(), &none), (64, &digest(None)));
        let sysctl =
            "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n    config:\n      maxPods: 20\n";
        let first = digest(Some(&own(sysctl)));
        assert_ne!(first, none);
        assert_ne!(digest(Some(&own(&sysctl.replace("20", "21")))), first);
        assert_eq!(digest(Some(&fixture::user_data("another-name.yaml", sysctl))), first, "its file does not count");
    }

    #[test]
    fn bootstrap_containers_of_bottlerocket_are_named() {
        let variant = fixture::variant("golden", Family::Bottlerocket);
        let text = "[settings.bootstrap-containers.harden]\nsource = \"example.com/harden@sha256:abc\"\nmode = \"always\"\n\n\
                    [settings.bootstrap-containers.audit]\nsource = \"example.com/audit:1\"\n";
        let found = record(&variant, Some(&fixture::user_data("settings.toml", text))).unwrap();
        assert_eq!(found.bootstrap_images, ["example.com/audit:1", "example.com/harden@sha256:abc"]);
        assert_eq!(record(&variant, Some(&fixture::user_data("settings.toml", "no toml"))), None);
        assert_eq!(record(&variant, None).unwrap().bootstrap_images, [""; 0]);
    }
}
