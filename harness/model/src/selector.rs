//! Label selectors for the nodes of a variant, as in `kubectl get nodes -l`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::name::NameError;

/// Selects nodes by their labels. Never empty: selecting every node of a cluster is never intended.
///
/// The grammar is that of the Kubernetes API ("Labels and Selectors"): conditions `key=value`, `key!=value`, `key in (a, b)`,
/// `key notin (a, b)`, `key`, `!key`, separated by commas, all of which must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSelector {
    text: String,
    requirements: Vec<Requirement>,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What it must be.
    pub test: Test,
}

/// What a label must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// This value.
    Is(String),
    /// One of these, sorted.
    In(Vec<String>),
    /// None of these, sorted, or absent.
    NotIn(Vec<String>),
    /// Present, with any value.
    Exists,
    /// Absent.
    Absent,
}

impl NodeSelector {
    /// The nodes with one label of one value.
    pub fn label(key: &str, value: &str) -> Self {
        let requirements = vec![Requirement { key: key.to_owned(), test: Test::Is(value.to_owned()) }];
        Self { text: format!("{key}={value}"), requirements }
    }

    /// As it was written: what a list of nodes is asked for with.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its conditions, in the order in which they were written.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The value that a label must have, where the selector says so.
    pub fn value_of(&self, key: &str) -> Option<&str> {
        self.requirements.iter().find_map(|requirement| match &requirement.test {
            Test::Is(value) if requirement.key == key => Some(value.as_str()),
            _ => None,
        })
    }

    /// Whether a node with these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.test.passes(labels.get(&requirement.key)))
    }

    /// Whether two selectors say the same, in whatever order and spelling.
    pub fn is_same(&self, other: &Self) -> bool {
        let sorted = |selector: &Self| {
            let mut requirements = selector.requirements.clone();
            requirements.sort();
            requirements.dedup();
            requirements
        };
        sorted(self) == sorted(other)
    }
}

impl Test {
    fn passes(&self, value: Option<&String>) -> bool {
        match self {
            Self::Is(wanted) => value == Some(wanted),
            Self::In(allowed) => value.is_some_and(|value| allowed.contains(value)),
            Self::NotIn(denied) => value.is_none_or(|value| !denied.contains(value)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
        }
    }
}

impl fmt::Display for NodeSelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.text)
    }
}

impl FromStr for NodeSelector {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = |rule: &str| NameError { what: "node selector", text: text.to_owned(), rule: rule.to_owned() };
        if text.trim().is_empty() {
            return Err(wrong(EXAMPLE));
        }
        let conditions = conditions(text).ok_or_else(|| wrong("a selector whose parentheses are closed"))?;
        let requirements = conditions.into_iter().map(|condition| requirement(condition).map_err(|rule| wrong(&rule)));
        Ok(Self { text: text.trim().to_owned(), requirements: requirements.collect::<Result<_, _>>()? })
    }
}

const EXAMPLE: &str = "a label selector like eks.amazonaws.com/nodegroup=ng-l1";

/// The conditions between commas that are not inside parentheses; `None` if a parenthesis is not closed, or never opened.
fn conditions(text: &str) -> Option<Vec<&str>> {
    let (mut found, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' if !inside => inside = true,
            ')' if inside => inside = false,
            '(' | ')' => return None,
            ',' if !inside => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    (!inside).then_some(found)
}

/// One condition, or the rule that it breaks.
fn requirement(text: &str) -> Result<Requirement, String> {
    let text = text.trim();
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement { key: self::key(key)?, test: Test::Absent });
    }
    if let Some((head, list)) = text.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        let (key, word) = head.trim().rsplit_once(char::is_whitespace).ok_or(SETS)?;
        let mut values = list.split(',').map(value).collect::<Result<Vec<_>, _>>()?;
        values.sort();
        values.dedup();
        let test = match (word, values.as_slice()) {
            ("in", [only]) => Test::Is(only.clone()),
            ("in", _) => Test::In(values),
            ("notin", _) => Test::NotIn(values),
            _ => return Err(SETS.to_owned()),
        };
        return Ok(Requirement { key: self::key(key)?, test });
    }
    match text.split_once('=') {
        Some((key, rest)) => match key.strip_suffix('!') {
            Some(key) => Ok(Requirement { key: self::key(key)?, test: Test::NotIn(vec![value(rest)?]) }),
            None => {
                let rest = rest.strip_prefix('=').unwrap_or(rest);
                Ok(Requirement { key: self::key(key)?, test: Test::Is(value(rest)?) })
            }
        },
        None => Ok(Requirement { key: key(text)?, test: Test::Exists }),
    }
}

const SETS: &str = "sets as 'key in (a, b)' or 'key notin (a, b)'";

/// A label's key: a name of at most 63 characters, before it perhaps a DNS name and '/'.
fn key(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_domain = |domain: &str| {
        let is_part = |part: &str| {
            !part.is_empty()
                && part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        domain.len() <= 253 && domain.split('.').all(is_part)
    };
    if !name.is_empty() && is_label_part(name) && prefix.is_none_or(is_domain) {
        Ok(text.to_owned())
    } else {
        Err(format!("each condition with the key of a label ('{text}' is not one), like {EXAMPLE}"))
    }
}

/// A label's value: empty, or as a name.
fn value(text: &str) -> Result<String, String> {
    let text = text.trim();
    if is_label_part(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("each condition with the value of a label ('{text}' is not one), like {EXAMPLE}"))
    }
}

/// At most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends (Kubernetes, "Syntax and character set").
fn is_label_part(text: &str) -> bool {
    let at_end = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || (text.len() <= 63
            && text.starts_with(at_end)
            && text.ends_with(at_end)
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> NodeSelector {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn selectors_match_as_the_kubernetes_api_matches_them() {
        let node = labels(&[("eks.amazonaws.com/nodegroup", "ng-l1"), ("arch", "amd64"), ("gpu", "")]);
        for (text, matches) in [
            ("eks.amazonaws.com/nodegroup=ng-l1", true),
            ("eks.amazonaws.com/nodegroup == ng-l1 , arch=amd64", true),
            ("eks.amazonaws.com/nodegroup=ng-l2", false),
            ("arch!=arm64", true),
            ("arch != amd64", false),
            ("zone!=a", true),
            ("arch in (amd64, arm64)", true),
            ("arch in (arm64)", false),
            ("arch notin (arm64,riscv64)", true),
            ("zone notin (a)", true),
            ("zone in (a)", false),
            ("gpu", true),
            ("gpu=", true),
            ("!gpu", false),
            ("! zone", true),
            ("zone", false),
        ] {
            assert_eq!(selector(text).matches(&node), matches, "{text}");
        }
    }

    #[test]
    fn what_the_api_server_would_refuse_is_refused_with_the_rule() {
        for text in [
            "",
            "  ",
            ",",
            "a=b,",
            "=b",
            "a=b=c",
            "a=b c",
            "a in b",
            "a in (b",
            "a in b)",
            "a within (b)",
            "in (b)",
            "a in ((b))",
            "UPPER.example/a=b",
            "-a=b",
            "a/=b",
            "a=-b",
            "a>1",
            "!",
            &format!("a={}", "x".repeat(64)),
        ] {
            let error = text.parse::<NodeSelector>().unwrap_err();
            assert_eq!(error.what, "node selector", "{text}");
            assert!(!error.rule.is_empty(), "{text}");
        }
    }

    #[test]
    fn order_and_spelling_do_not_make_another_selector() {
        assert!(selector("a=b,c").is_same(&selector("c, a == b")));
        assert!(selector("a in (b)").is_same(&selector("a=b")));
        assert!(selector("a notin (c, b)").is_same(&selector("a notin (b,c)")));
        assert!(!selector("a=b").is_same(&selector("a=b,c")));
    }

    #[test]
    fn the_value_of_a_label_is_known_only_where_there_can_be_no_other() {
        assert_eq!(selector("a=b,c in (d,e)").value_of("a"), Some("b"));
        assert_eq!(selector("a=b,c in (d,e)").value_of("c"), None);
        assert_eq!(NodeSelector::label("a", "b"), selector("a=b"));
    }
}
