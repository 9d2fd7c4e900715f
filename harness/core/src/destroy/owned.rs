//! Whose something is. What is removed is first read live and compared with a claim; only that comparison makes an [`Owned`] handle,
//! and only owned handles are removed. This is the one place where ownership is judged.
//!
//! A claim is met by the run's tag, or by the id that the service gave when the run made it, where such an id is never given twice
//! (StackId, launch template, node group …). A name is never enough: users choose names, and others choose the same.

use std::collections::BTreeMap;
use std::fmt;

use amiproof_model::name::RunId;
use jiff::Timestamp;

use crate::aws::names::{EXPIRES_TAG, KEEP_TAG, RUN_TAG};

/// What a removal may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// What a run made.
    Run {
        /// The run.
        run: RunId,
        /// What the service called it when it was made, where the answer came and names are not ids.
        id: Option<String>,
    },
    /// What any run made whose time is over.
    Expired(Timestamp),
}

/// A thing as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its tags; of a Kubernetes object its labels, with that of the run as the run's tag.
    pub(super) tags: BTreeMap<String, String>,
    /// Its id, where the service never gives it twice.
    pub(super) id: Option<String>,
}

/// Something that was read, compared and found to be what the claim is about. It can be made by [`Claim::own`] only.
#[derive(Debug)]
pub(super) struct Owned<T> {
    it: T,
}

impl<T> Owned<T> {
    /// What it is known by.
    pub(super) fn get(&self) -> &T {
        &self.it
    }
}

/// Whose something is that is not the claim's, as the end of a sentence: `is of run r-2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner(String);

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Owner {
    /// An owner that is known in another way than by tags.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Claim {
    /// The same claim about something else than what the ledger has the id of.
    pub(super) fn without_id(&self) -> Self {
        match self {
            Self::Run { run, .. } => Self::Run { run: run.clone(), id: None },
            Self::Expired(now) => Self::Expired(*now),
        }
    }

    /// The handle, where what was seen is what the claim is about.
    ///
    /// # Errors
    /// Whose it is otherwise.
    pub(super) fn own<T>(&self, it: T, seen: &Seen) -> Result<Owned<T>, Owner> {
        match self.refusal(seen) {
            None => Ok(Owned { it }),
            Some(owner) => Err(owner),
        }
    }

    fn refusal(&self, seen: &Seen) -> Option<Owner> {
        let tag = seen.tags.get(RUN_TAG).map(String::as_str);
        match self {
            Self::Run { run, id } => match (id, &seen.id) {
                (Some(made), Some(there)) if made != there => Some(Owner(format!(
                    "is another one than the run made: that was {made}, this is {there}, {}",
                    whose(&seen.tags)
                ))),
                // The run's own, even where somebody took its tags away; not where another run took it over.
                (Some(_), Some(_)) if tag.is_none() => None,
                _ if tag == Some(run.as_str()) => None,
                _ => Some(Owner(format!("is {}", whose(&seen.tags)))),
            },
            Self::Expired(now) => {
                if tag.is_none() {
                    Some(Owner(format!("is {}", whose(&seen.tags))))
                } else if seen.tags.contains_key(KEEP_TAG) {
                    Some(Owner(format!("is {} and meant to stay", whose(&seen.tags))))
                } else if has_expired(&seen.tags, *now) {
                    None
                } else {
                    Some(Owner(format!("is {}, whose time is not over", whose(&seen.tags))))
                }
            }
        }
    }
}

/// Whether tags say that the time of what carries them is over.
pub(super) fn has_expired(tags: &BTreeMap<String, String>, now: Timestamp) -> bool {
    let expires = tags.get(EXPIRES_TAG).and_then(|tag| tag.parse::<Timestamp>().ok());
    tags.contains_key(RUN_TAG) && !tags.contains_key(KEEP_TAG) && expires.is_some_and(|expires| expires < now)
}

/// Tags that say more of an owner than that AWS or Kubernetes made something.
fn whose(tags: &BTreeMap<String, String>) -> String {
    if let Some(run) = tags.get(RUN_TAG) {
        return format!("of run {run}");
    }
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:") && !key.starts_with("kubernetes.io/"));
    let own: Vec<String> = own.take(4).map(|(key, value)| format!("{key}={value}")).collect();
    if own.is_empty() {
        "of somebody else, without any tag of amiproof".to_owned()
    } else {
        format!("of somebody else ({})", own.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(tags: &[(&str, &str)], id: Option<&str>) -> Seen {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Seen { tags, id: id.map(str::to_owned) }
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
        let table: Vec<(Option<&str>, Seen)> = vec![
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
        is of run r-2
        is of somebody else (env=production, team=payments)
        is of somebody else, without any tag of amiproof
        owned
        owned
        is of run r-2
        is another one than the run made: that was arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/1, this is arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/2, of run r-1
        is another one than the run made: that was arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/1, this is arn:aws:cloudformation:us-west-2:111122223333:stack/amiproof-one/2, of somebody else (env=production, team=payments)
        owned
        is of somebody else (env=production, team=payments)
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
