//! Values of facts, as the files of settings name them.

use std::cmp::Ordering;

use serde::Deserialize;

use crate::facts::LATER;

/// Which values of a fact are meant. A fact that was read twice with different results (`1, later 0`) is meant if one of them is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// One of these.
    Is(Vec<String>),
    /// None of these.
    Not(Vec<String>),
    /// It starts with one of these: `drop (inet filter forward)` with `drop`.
    Starts(Vec<String>),
    /// It is a list with one of these in it: `rw,noexec,relatime` with `noexec`. Lists are separated by commas or white space.
    Lists(Vec<String>),
    /// It is a list without any of these.
    Lacks(Vec<String>),
    /// A number below this.
    Below(f64),
    /// A number above this.
    Above(f64),
    /// A version before this: `1.1.12-1.amzn2023` is before `1.2`.
    OlderThan(String),
    /// None: the host does not have what the fact is about, a package or a service. No value matches it; see
    /// [`Harmful::find`](super::Harmful::find).
    Missing,
}

impl Value {
    /// Whether a value is meant.
    pub fn matches(&self, value: &str) -> bool {
        let listed = |word: &String| value.split([',', ' ', '\t']).any(|item| item == word);
        let readings = || value.split(LATER);
        match self {
            // If a list changed, the words of each reading count.
            Self::Lists(words) => words.iter().any(listed),
            Self::Lacks(words) => !words.iter().any(listed),
            Self::Missing => false,
            _ => readings().any(|reading| self.matches_one(reading)),
        }
    }

    fn matches_one(&self, value: &str) -> bool {
        match self {
            Self::Is(values) => values.iter().any(|one| one == value),
            Self::Not(values) => values.iter().all(|one| one != value),
            Self::Starts(heads) => heads.iter().any(|head| value.starts_with(head.as_str())),
            Self::Below(limit) => number(value).is_some_and(|number| number < *limit),
            Self::Above(limit) => number(value).is_some_and(|number| number > *limit),
            Self::OlderThan(version) => compare(value, version) == Some(Ordering::Less),
            Self::Lists(_) | Self::Lacks(_) | Self::Missing => false,
        }
    }
}

/// The number that a value starts with.
fn number(value: &str) -> Option<f64> {
    value.split([' ', '\t', '%']).next()?.parse().ok()
}

/// Compares versions by their numbers, up to the release: `1.1.12-1.amzn2023`.
fn compare(value: &str, other: &str) -> Option<Ordering> {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let version = version.trim_start_matches('v');
        version.split(['-', '+', '~']).next()?.split('.').map(|part| part.parse().ok()).collect()
    };
    let (mut one, mut two) = (numbers(value)?, numbers(other)?);
    let length = one.len().max(two.len());
    one.resize(length, 0);
    two.resize(length, 0);
    Some(one.cmp(&two))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_matches_what_it_names_and_nothing_else() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        for (value, yes, no) in [
            (Value::Is(words(&["0", "2"])), "2", "1"),
            (Value::Not(words(&["1"])), "0", "1"),
            (Value::Starts(words(&["drop"])), "drop (inet filter forward)", "accept"),
            (Value::Lists(words(&["noexec"])), "rw,nosuid,noexec (on /var)", "rw,noexecutable"),
            (Value::Lists(words(&["sctp"])), "cramfs dccp sctp", "cramfs dccp"),
            (Value::Lacks(words(&["10250"])), "22 53", "22 10250"),
            (Value::Below(10.0), "9 of 12", "10"),
            (Value::Above(10.0), "11%", "10"),
            (Value::OlderThan("1.2".to_owned()), "1.1.12-1.amzn2023", "1.2.0"),
            (Value::OlderThan("1.2".to_owned()), "v1.1", "1.10.3"),
        ] {
            assert!(value.matches(yes), "{value:?} {yes}");
            assert!(!value.matches(no), "{value:?} {no}");
        }
        assert!(!Value::Missing.matches(""));
        for value in
            [Value::Is(words(&["0"])), Value::Not(words(&["1"])), Value::Below(1.0), Value::Lists(words(&["later"]))]
        {
            assert!(value.matches("1, later 0"), "{value:?}");
            assert!(!value.matches("1"), "{value:?}");
        }
        assert!(!Value::Lacks(words(&["later"])).matches("0, later 1"));
        assert!(!Value::Below(5.0).matches("unlimited") && !Value::OlderThan("1".to_owned()).matches("n/a"));
    }
}
