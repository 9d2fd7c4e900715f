//! What holds for every kind.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_name_is_one_kind_and_every_kind_that_is_named_exists() {
    let names: BTreeSet<&str> = ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), ALL.len(), "two kinds have one name");
    for kind in ALL {
        for name in kind.after().iter().chain(kind.brings()) {
            assert!(names.contains(name), "{} names {name}, which does not exist", kind.as_str());
        }
        assert_eq!(named(kind.as_str()), Some(*kind));
    }
}

#[test]
fn nothing_waits_for_itself() {
    for kind in ALL {
        for before in kind.after().iter().filter_map(|name| named(name)) {
            assert!(position(before) < position(*kind), "{} is in a deletion cycle", kind.as_str());
        }
    }
}

#[test]
fn what_is_left_in_the_account_is_found_by_tag_or_with_what_it_is_in() {
    let found_with_clusters = "node-group";
    for kind in ALL.iter().filter(|kind| kind.home() == Home::Kubernetes) {
        let is_change = kind.as_str().ends_with("-change");
        assert_eq!(kind.served_as().is_empty(), is_change, "{} has no label by which it is found", kind.as_str());
    }
    let brought: BTreeSet<&str> = ALL.iter().flat_map(|kind| kind.brings()).copied().collect();
    for kind in ALL.iter().filter(|kind| !kind.is_created_by_runs()) {
        assert!(brought.contains(kind.as_str()), "nothing brings {}, so nothing would look for it", kind.as_str());
    }
    assert!(named(found_with_clusters).unwrap().brings().contains(&"cluster"));
}
