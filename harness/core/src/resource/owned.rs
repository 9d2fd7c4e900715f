//! Ownership. A resource is read live and compared with a claim before it is deleted; only that comparison creates an [`Owned`] handle,
//! and only owned handles are deleted. This is the only place that decides about ownership.
//!
//! A claim is met by the run's tag, or by the id that the service returned when the run created the resource, if the service never reuses
//! ids (StackId, launch template, node group …). A name is never enough: users choose names, and others choose the same.

use std::collections::BTreeMap;
use std::fmt;

use amiproof_model::name::RunId;
use jiff::Timestamp;

use crate::aws::names::{EXPIRES_TAG, KEEP_TAG, RUN_TAG};

/// The claim of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// What a run created.
    Run {
        /// The run.
        run: RunId,
        /// The id that the service returned when it was created, if the answer arrived and names are not ids.
        id: Option<String>,
    },
    /// What any expired run created.
    Expired(Timestamp),
}

/// A resource as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LiveState {
    /// Its tags; of a Kubernetes object its labels, with that of the run as the run's tag.
    pub(crate) tags: BTreeMap<String, String>,
    /// Its id, if the service never reuses ids.
    pub(crate) id: Option<String>,
}

/// A resource that a live read showed to meet the claim. Only [`Claim::own`] creates it.
#[derive(Debug)]
pub(crate) struct Owned<T> {
    it: T,
}

impl<T> Owned<T> {
    /// What identifies it.
    pub(crate) fn get(&self) -> &T {
        &self.it
    }
}

/// The result of a live read.
pub(crate) enum Look<T> {
    /// It does not exist.
    Absent,
    /// It meets the claim.
    Ours(Owned<T>),
    /// It has another owner.
    Foreign(Owner),
}

/// The owner of a resource that does not meet the claim, as the end of a sentence: `is owned by run r-2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner(String);

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Owner {
    /// An owner that is known by other means than tags.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Claim {
    /// The run whose resource it must be; `None` if that of any expired one will do.
    pub(super) fn run(&self) -> Option<&RunId> {
        match self {
            Self::Run { run, .. } => Some(run),
            Self::Expired(_) => None,
        }
    }

    /// The id of the resource, if the ledger has it and the service never reuses ids.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Run { id, .. } => id.as_deref(),
            Self::Expired(_) => None,
        }
    }

    /// This claim, for another resource than the one whose id the ledger has.
    pub(crate) fn without_id(&self) -> Self {
        match self {
            Self::Run { run, .. } => Self::Run { run: run.clone(), id: None },
            Self::Expired(now) => Self::Expired(*now),
        }
    }

    /// The handle, if the resource meets the claim.
    ///
    /// # Errors
    /// The owner otherwise.
    pub(crate) fn own<T>(&self, it: T, seen: &LiveState) -> Result<Owned<T>, Owner> {
        match self.refusal(seen) {
            None => Ok(Owned { it }),
            Some(owner) => Err(owner),
        }
    }

    fn refusal(&self, seen: &LiveState) -> Option<Owner> {
        let tag = seen.tags.get(RUN_TAG).map(String::as_str);
        match self {
            Self::Run { run, id } => match (id, &seen.id) {
                (Some(made), Some(there)) if made != there => Some(Owner(format!(
                    "is not the one that the run created: that was {made}, this is {there}, {}",
                    whose(&seen.tags)
                ))),
                // Owned by the run even if its tags were removed, but not if another run has taken it over.
                (Some(_), Some(_)) if tag.is_none() => None,
                _ if tag == Some(run.as_str()) => None,
                _ => Some(Owner(format!("is {}", whose(&seen.tags)))),
            },
            Self::Expired(now) => {
                if tag.is_none() {
                    Some(Owner(format!("is {}", whose(&seen.tags))))
                } else if seen.tags.contains_key(KEEP_TAG) {
                    Some(Owner(format!("is {} and permanent", whose(&seen.tags))))
                } else if has_expired(&seen.tags, *now) {
                    None
                } else {
                    Some(Owner(format!("is {}, which has not expired", whose(&seen.tags))))
                }
            }
        }
    }
}

/// Whether tags say that a resource has expired.
pub(crate) fn has_expired(tags: &BTreeMap<String, String>, now: Timestamp) -> bool {
    let expires = tags.get(EXPIRES_TAG).and_then(|tag| tag.parse::<Timestamp>().ok());
    tags.contains_key(RUN_TAG) && !tags.contains_key(KEEP_TAG) && expires.is_some_and(|expires| expires < now)
}

/// The owner according to the tags, without those that AWS or Kubernetes set.
fn whose(tags: &BTreeMap<String, String>) -> String {
    if let Some(run) = tags.get(RUN_TAG) {
        return format!("owned by run {run}");
    }
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:") && !key.starts_with("kubernetes.io/"));
    let own: Vec<String> = own.take(4).map(|(key, value)| format!("{key}={value}")).collect();
    if own.is_empty() {
        "owned by someone else (no amiproof tags)".to_owned()
    } else {
        format!("owned by someone else ({})", own.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(tags: &[(&str, &str)], id: Option<&str>) -> LiveState {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        LiveState { tags, id: id.map(str::to_owned) }
    }

    fn of_run(id: Option<&str>) -> Claim {
        Claim::Run { run: "r-1".parse().unwrap(), id: id.map(str::to_owned) }
    }

    #[test]
    fn a_name_is_never_enough() {
        let ours = [(RUN_TAG, "r-1")];
        let theirs = [(RUN_TAG, "r-2")];
        let team = [("team", "payments"), ("env", "production")];
        let stack = |last: &str| format!("arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/{last}");
        let (made, other) = (stack("1"), stack("2"));
        let table: Vec<(Option<&str>, LiveState)> = vec![
            (None, seen(&ours, None)),
            (None, seen(&theirs, None)),
            (None, seen(&team, None)),
            (None, seen(&[], None)),
            (Some(&made), seen(&ours, Some(&made))),
            (Some(&made), seen(&[], Some(&made))),
            (Some(&made), seen(&theirs, Some(&made))),
            (Some(&made), seen(&ours, Some(&other))),
            (Some(&made), seen(&team, Some(&other))),
            (None, seen(&ours, Some(&other))),
            (Some(&made), seen(&team, None)),
        ];
        let lines: Vec<String> = table
            .iter()
            .map(|(id, seen)| match of_run(*id).own((), seen) {
                Ok(_) => "owned".to_owned(),
                Err(owner) => owner.to_string(),
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        owned
        is owned by run r-2
        is owned by someone else (env=production, team=payments)
        is owned by someone else (no amiproof tags)
        owned
        owned
        is owned by run r-2
        is not the one that the run created: that was arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/1, this is arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/2, owned by run r-1
        is not the one that the run created: that was arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/1, this is arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/2, owned by someone else (env=production, team=payments)
        owned
        is owned by someone else (env=production, team=payments)
        ");
    }

    #[test]
    fn only_what_has_expired_is_swept() {
        let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        let run = (RUN_TAG, "r-1");
        let sweeps = |tags: &[(&str, &str)]| Claim::Expired(now).own((), &seen(tags, None)).is_ok();
        assert!(sweeps(&[run, (EXPIRES_TAG, "2026-11-21T23:59:59Z")]));
        assert!(!sweeps(&[run, (EXPIRES_TAG, "2026-11-22T00:00:01Z")]));
        assert!(!sweeps(&[run, (EXPIRES_TAG, "soon")]));
        assert!(!sweeps(&[(EXPIRES_TAG, "2026-11-21T23:59:59Z")]));
        assert!(!sweeps(&[run, (EXPIRES_TAG, "2026-11-21T23:59:59Z"), (KEEP_TAG, "true")]));
        assert!(!sweeps(&[run]));
    }

    proptest::proptest! {
        #[test]
        fn nothing_without_the_runs_tag_or_its_very_id_is_ever_owned(
            tag in proptest::option::of("r-[1-3]"), made in proptest::option::of("[ab]"), there in proptest::option::of("[ab]"),
        ) {
            let tags: Vec<(&str, &str)> = tag.iter().map(|tag| (RUN_TAG, tag.as_str())).collect();
            let owned = of_run(made.as_deref()).own((), &seen(&tags, there.as_deref())).is_ok();
            let tagged = tag.as_deref() == Some("r-1");
            let same = made.is_some() && made == there;
            proptest::prop_assert!(!owned || tagged || same && tag.is_none());
        }
    }
}
