//! Findings about everyone outside the system who holds a right.

use std::collections::BTreeSet;

use amiproof_core::check::Decision;
use amiproof_model::verdict::Finding;

use super::facts::{Facts, Unreadable, seen};
use super::question::{finding, verdict, with_evidence};

/// A right that few should have.
pub(crate) struct Right {
    /// The verbs, any of which gives the right.
    pub(crate) verbs: &'static [&'static str],
    /// The API group.
    pub(crate) group: &'static str,
    /// The resources, any of which gives the right.
    pub(crate) resources: &'static [&'static str],
    /// Whether the right within one namespace is acceptable, unless an open group holds it.
    pub(crate) fine_in_namespace: bool,
    /// The remediation.
    pub(crate) remediation: &'static str,
}

/// A finding for everyone outside the system who holds one of the rights; holders within a namespace are evidence if that is
/// acceptable.
pub(crate) fn assess(facts: &Facts, rights: &[Right]) -> Result<Decision, Unreadable> {
    let rbac = seen(&facts.rbac)?;
    let (mut findings, mut fine): (Vec<Finding>, Vec<String>) = (Vec::new(), Vec::new());
    for right in rights {
        for resource in right.resources {
            for holder in rbac.holders(right.verbs, right.group, resource) {
                let (who, verb) = (holder.subject, holder.verb);
                let place = match &holder.binding.namespace {
                    None => "in every namespace".to_owned(),
                    Some(namespace) => format!("in the namespace {namespace}"),
                };
                let line = format!("{who} may {verb} {resource} {place}");
                if right.fine_in_namespace && !holder.everywhere() && !holder.is_open_group() {
                    fine.push(format!("{line} ({})", holder.binding.resource()));
                } else {
                    findings.push(
                        finding(holder.binding.resource(), line, right.remediation)
                            .with_detail(format!("role {}", holder.binding.role)),
                    );
                }
            }
        }
    }
    // A binding can give a right on several resources: one finding for each binding and subject is enough.
    let mut listed = BTreeSet::new();
    findings.retain(|finding| {
        let who = finding.summary.split(" may ").next().unwrap_or_default();
        listed.insert((finding.resource.clone(), who.to_owned()))
    });
    Ok(with_evidence(verdict(findings), "holders in single namespaces", &fine))
}
