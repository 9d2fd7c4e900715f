//! What a node group buys, from its entry in the ledger: a bill needs no matrix, which may have changed since.

use std::collections::BTreeMap;

use amiproof_model::matrix::{Capacity, Family, MadeNodes};

/// The instances of a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bought {
    pub(super) family: Family,
    pub(super) types: Vec<String>,
    pub(super) capacity: Capacity,
    pub(super) count: u32,
    /// The size of their root volumes, GiB.
    pub(super) gib: u32,
}

impl Bought {
    /// What the matrix asks for.
    pub(crate) fn of(family: Family, made: &MadeNodes) -> Self {
        let MadeNodes { count, capacity, volume_gib, instance_types, .. } = made;
        Self { family, types: instance_types.clone(), capacity: *capacity, count: *count, gib: *volume_gib }
    }

    /// The attributes of the entry.
    pub(crate) fn attributes(&self) -> BTreeMap<String, String> {
        let capacity = match self.capacity {
            Capacity::OnDemand => "on-demand",
            Capacity::Spot => "spot",
        };
        let pairs = [
            ("family", self.family.as_str().to_owned()),
            ("instanceTypes", self.types.join(",")),
            ("capacity", capacity.to_owned()),
            ("nodes", self.count.to_string()),
            ("volumeGib", self.gib.to_string()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Reads the attributes; `None` for an entry of an older build.
    pub(super) fn read(attributes: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| attributes.get(key).map(String::as_str);
        let families = [Family::Al2023, Family::Al2, Family::Bottlerocket, Family::Windows];
        Some(Self {
            family: families.into_iter().find(|family| Some(family.as_str()) == text("family"))?,
            types: text("instanceTypes")?.split(',').map(str::to_owned).collect(),
            capacity: if text("capacity")? == "spot" { Capacity::Spot } else { Capacity::OnDemand },
            count: text("nodes")?.parse().ok()?,
            gib: text("volumeGib")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_a_node_group_buys_is_read_back_and_an_older_entry_says_nothing() {
        let made = MadeNodes {
            capacity: Capacity::Spot,
            instance_types: vec!["a.large".into(), "b.large".into()],
            ..fixture::made()
        };
        let bought = Bought::of(Family::Windows, &made);
        assert_eq!(Bought::read(&bought.attributes()), Some(bought));
        assert_eq!(Bought::read(&BTreeMap::new()), None);
    }
}
