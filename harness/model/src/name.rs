//! Names that cannot be wrong once they exist: each is parsed from text exactly once.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is not a valid name, and what a valid one looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid {what}: {rule}")]
pub struct NameError {
    /// What kind of name was wanted, as the user calls it (`variant name`, `AMI id`).
    pub what: &'static str,
    /// The text as it was given.
    pub text: String,
    /// The rule that it breaks, as a clause.
    pub rule: String,
}

/// Whether a text is a DNS label that starts with a letter: what most names of ours must be, up to their own length.
pub(crate) fn is_label(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $check:expr) => {
        name!($(#[$doc])* $type, $what, $rule, $check, std::convert::identity);
    };
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $check:expr, $current:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
        #[serde(try_from = "String")]
        #[schemars(with = "String")]
        // A report has a hundred thousand of them and few that differ; a copy is another reference.
        pub struct $type(Arc<str>);

        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                let current: fn(String) -> String = $current;
                if check(&text) {
                    Ok(Self(current(text).into()))
                } else {
                    Err(NameError { what: $what, text, rule: $rule.to_owned() })
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.to_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of an AMI variant. It becomes part of node group names (at most 63 characters in EKS) and Kubernetes
    /// namespaces, hence the DNS label rule and the limit of 32. `cluster` is what rows about the cluster as a whole are called.
    VariantName,
    "variant name",
    "1 to 32 lower-case letters, digits and '-', starting with a letter and ending with a letter or digit, and not 'cluster', \
     which means the cluster as a whole",
    |text| is_label(text, 32) && text != "cluster"
);

name!(
    /// The name of a run: `r-` and the UTC start time with a random tail (`r-20261121-074220-4f2a`), or what `--run` says.
    /// It is part of AWS tags and resource names.
    RunId,
    "run id",
    "1 to 40 lower-case letters, digits and '-', starting with a letter and ending with a letter or digit; not 'latest'",
    |text| is_label(text, 40) && text != "latest"
);

name!(
    /// An AMI id: `ami-` and 8 or 17 hexadecimal digits.
    AmiId,
    "AMI id",
    "'ami-' and 8 or 17 lower-case hexadecimal digits, like ami-0123456789abcdef0",
    |text| text.strip_prefix("ami-").is_some_and(|digits| {
        (digits.len() == 8 || digits.len() == 17)
            && digits.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    })
);

name!(
    /// A Kubernetes minor version: `1.36`.
    KubernetesVersion,
    "Kubernetes version",
    "major and minor as EKS writes them, in quotes, like \"1.36\"",
    |text| text.strip_prefix("1.").is_some_and(|minor| {
        !minor.is_empty() && minor.len() <= 3 && minor.chars().all(|c| c.is_ascii_digit())
    })
);

impl KubernetesVersion {
    /// The minor number: 36 of `1.36`.
    pub fn minor(&self) -> u32 {
        self.0.strip_prefix("1.").and_then(|minor| minor.parse().ok()).unwrap_or(0)
    }
}

name!(
    /// A benchmark with its version, as controls are keyed by it: `cis-al2023-1.0.0`, `cis-eks-1.8.0`.
    Benchmark,
    "benchmark",
    "a lower-case name and a version of digits and dots, like cis-al2023-1.0.0",
    |text| text.rsplit_once('-').is_some_and(|(name, version)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_digit() || c == '.')
    })
);

impl Benchmark {
    /// The version after the last dash: `1.0.0` of `cis-al2023-1.0.0`.
    pub fn version(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(_, version)| version)
    }

    /// The name before the version: `cis-al2023` of `cis-al2023-1.0.0`.
    pub fn family(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(name, _)| name)
    }
}

name!(
    /// The id of a check, stable across runs: its suite, then its own path (`node/ready`, `workload/web-service`,
    /// `kube-bench/cis-eks-1.8.0/3.2.1`, `os-cis/cis-al2023-1.0.0/3.4.2.7`). An id that was renamed is read as the present one
    /// ([`crate::renamed`]).
    CheckId,
    "check id",
    "a suite and a check, joined by '/', like node/ready",
    |text| {
        let mut parts = text.split('/');
        parts.next().is_some_and(|suite| {
            !suite.is_empty() && suite.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        }) && text.contains('/')
            && parts.all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            })
    },
    |text| crate::renamed::current(&text).to_owned()
);

impl CheckId {
    /// The suite, which is the part before the first `/`.
    pub fn suite(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(suite, _)| suite)
    }

    /// What comes after the suite.
    pub fn within_suite(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, rest)| rest)
    }
}

name!(
    /// A control of a benchmark: `cis-al2023-1.0.0/3.3.1`. Numbers mean nothing without the benchmark's version, because
    /// benchmarks renumber (4.5.2 of the CIS EKS benchmark changed its meaning between 1.5.0 and 1.7.0).
    ControlId,
    "control id",
    "a benchmark with version and a number, like cis-al2023-1.0.0/3.3.1",
    |text| text.split_once('/').is_some_and(|(benchmark, number)| {
        benchmark.parse::<Benchmark>().is_ok()
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
    })
);

impl ControlId {
    /// Joins a benchmark and the number that its document gives the control.
    ///
    /// # Errors
    /// When the number holds anything but letters, digits, `.`, `-` and `_`.
    pub fn new(benchmark: &Benchmark, number: &str) -> Result<Self, NameError> {
        Self::try_from(format!("{benchmark}/{number}"))
    }

    /// The benchmark with its version.
    pub fn benchmark(&self) -> &str {
        self.0.split_once('/').map_or("", |(benchmark, _)| benchmark)
    }

    /// The number within the benchmark.
    pub fn number(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, number)| number)
    }
}

/// A CIS profile level. Level 2 includes level 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(with = "u8")]
pub enum Level {
    /// Practical settings that should not break things.
    One,
    /// Defence in depth, at the price of function.
    Two,
}

impl TryFrom<u8> for Level {
    type Error = NameError;

    fn try_from(level: u8) -> Result<Self, NameError> {
        match level {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            other => Err(NameError { what: "level", text: other.to_string(), rule: "1 or 2".to_owned() }),
        }
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        match level {
            Level::One => 1,
            Level::Two => 2,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "L{}", u8::from(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_accept_what_their_rule_says_and_nothing_else() {
        for (text, legal) in
            [("ami-0123456789abcdef0", true), ("ami-01234567", true), ("ami-xyz", false), ("i-01234567", false)]
        {
            assert_eq!(text.parse::<AmiId>().is_ok(), legal, "{text}");
        }
        for (text, legal) in [
            ("al2023-eks-l1", true),
            ("clusters", true),
            ("cluster", false),
            ("Al2023", false),
            ("-a", false),
            ("a-", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<VariantName>().is_ok(), legal, "{text}");
        }
        for (text, legal) in [("r-20261121-074220-4f2a", true), ("latest-1", true), ("latest", false)] {
            assert_eq!(text.parse::<RunId>().is_ok(), legal, "{text}: the word for the newest run");
        }
        for (text, legal) in
            [("node/ready", true), ("os-cis/cis-al2023-1.0.0/3.3.1", true), ("node", false), ("node//x", false)]
        {
            assert_eq!(text.parse::<CheckId>().is_ok(), legal, "{text}");
        }
        for (text, legal) in [("1.36", true), ("1.", false), ("2.1", false), ("1.36.2", false)] {
            assert_eq!(text.parse::<KubernetesVersion>().is_ok(), legal, "{text}");
        }
    }

    #[test]
    fn a_control_knows_its_benchmark_and_number() {
        let control: ControlId = "cis-al2023-1.0.0/3.4.2.7".parse().unwrap();
        assert_eq!((control.benchmark(), control.number()), ("cis-al2023-1.0.0", "3.4.2.7"));
        let benchmark: Benchmark = control.benchmark().parse().unwrap();
        assert_eq!((benchmark.family(), benchmark.version()), ("cis-al2023", "1.0.0"));
    }
}
