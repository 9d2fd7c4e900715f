//! Reading the results of a report: what many of them have in common is kept once.
//!
//! Thirty variants with three thousand controls each are a hundred thousand results, with some three thousand titles and thirty lists of
//! nodes among them.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};

use super::merged::Merged;
use super::placements::Placements;
use super::result::CheckResult;
use super::subject::Subject;
use crate::name::{CheckId, ControlId, VariantName};
use crate::text::Text;

/// The results of a report, one after the other.
pub(super) fn results<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<CheckResult>, D::Error> {
    struct Results;

    impl<'de> Visitor<'de> for Results {
        type Value = Vec<CheckResult>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a list of results")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let (mut known, mut merged) = (Known::default(), Merged::default());
            while let Some(mut result) = list.next_element::<CheckResult>()? {
                known.share(&mut result);
                merged.add(result);
            }
            Ok(merged.into_results())
        }
    }

    from.deserialize_seq(Results)
}

/// What was read so far.
#[derive(Default)]
struct Known {
    checks: HashSet<CheckId>,
    titles: HashSet<Text>,
    variants: HashSet<VariantName>,
    controls: HashSet<ControlId>,
    placements: HashSet<Placements>,
}

impl Known {
    fn share(&mut self, result: &mut CheckResult) {
        once(&mut self.checks, &mut result.check);
        once(&mut self.titles, &mut result.title);
        if let Subject::Variant(name) = &mut result.subject {
            once(&mut self.variants, name);
        }
        if let Some(control) = &mut result.control {
            once(&mut self.controls, control);
        }
        once(&mut self.placements, &mut result.placements);
        // A list that was read has space for more.
        result.exercises.shrink_to_fit();
        result.evidence.shrink_to_fit();
    }
}

/// Makes `one` a reference to what is known already, if it is.
fn once<T: Clone + Eq + Hash>(known: &mut HashSet<T>, one: &mut T) {
    match known.get(one) {
        Some(same) => *one = same.clone(),
        None => {
            known.insert(one.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::report::Report;

    #[test]
    fn what_results_have_in_common_is_in_memory_once() {
        let row = |variant: &str, number: u32| {
            json!({
                "check": format!("os-cis/cis-al2023-1.0.0/1.{number}"), "title": format!("control {number}"), "subject": {"variant": variant},
                "control": format!("cis-al2023-1.0.0/1.{number}"), "scanner": "inspector", "outcome": "pass", "disposition": "passed",
                "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "placements": [{"node": format!("n-{variant}")}],
            })
        };
        let results = [row("a", 1), row("a", 2), row("b", 1), row("b", 2)];
        let document = json!({
            "schemaVersion": 1, "tool": {"name": "amiproof", "version": "2.0.0"},
            "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0, "interrupted": false},
            "cluster": {"name": "c"}, "variants": [], "results": results,
            "cleanup": {"ran": true, "created": 0, "deleted": 0, "leftovers": []},
        });
        let read = Report::parse(&document.to_string()).unwrap();
        let [one, two, three, four] = read.results.as_slice() else { panic!("{:?}", read.results) };
        let same = |one: &str, other: &str| std::ptr::eq(one, other);
        for (one, other) in [(one, three), (two, four)] {
            assert!(same(one.check.as_str(), other.check.as_str()) && same(&one.title, &other.title));
            assert!(same(one.control.as_ref().unwrap().as_str(), other.control.as_ref().unwrap().as_str()));
        }
        for (one, other) in [(one, two), (three, four)] {
            assert!(same(one.subject.as_str(), other.subject.as_str()));
            assert!(std::ptr::eq(&*one.placements, &*other.placements));
        }
        assert_ne!(one.placements, three.placements);
    }
}
