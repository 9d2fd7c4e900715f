//! The only place that parses YAML: a tree in which every value knows its line and column, under budgets that end a hostile
//! file early.

use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, MessageFormatter, Options, Spanned, budget::BudgetBreach};

use crate::problem::{Place, Problem};

/// How much of a file is read, and how much its aliases may unfold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file, bytes.
    pub bytes: usize,
    /// Scalars, lists and maps, also those that aliases repeat.
    pub nodes: usize,
    /// Documents in the file.
    pub documents: usize,
}

impl Limits {
    /// A matrix or waiver file: 1 MiB. Thirty variants in full take 20 KiB.
    pub const MATRIX: Self = Self { bytes: 1 << 20, nodes: 100_000, documents: 1 };
    /// A workload file: 4 MiB, more than the API server stores of all its objects together.
    pub const WORKLOAD: Self = Self { bytes: 4 << 20, nodes: 200_000, documents: 200 };

    /// Lists and maps inside each other.
    const DEPTH: usize = 48;
    /// Uses of `*anchor`.
    const ALIASES: usize = 2_000;
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value starts; for a repeated one (`*anchor`) where it is written out.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `~`, `null` or nothing at all.
    Null,
    /// `true` or `false`. Words like `yes` are text.
    Bool(bool),
    /// A number.
    Number {
        /// Its value.
        value: serde_json::Number,
        /// As the file writes it: `1.30` is not `1.3`.
        spelling: String,
    },
    /// Text, quoted or not.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in file order. No key is there twice.
    Map(Vec<Entry>),
}

/// A key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key starts.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value behind a key; `None` where this is no map or has no such key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The text; `None` where this is something else.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The place of what a path like `variants[2].ami.id` leads to, or of the last thing on the way that exists.
    pub fn place_of(&self, path: &str) -> Place {
        let mut node = self;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match (&node.value, step.strip_suffix(']')) {
                (Value::List(items), Some(index)) => index.parse().ok().and_then(|index: usize| items.get(index)),
                _ => node.get(step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.place
    }

    /// The same value as JSON, without places.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number { value, .. } => value.clone().into(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
        }
    }
}

/// Reads a file of one document.
///
/// # Errors
/// Too large, not UTF-8, not YAML, empty, more than one document: the first of them with its place.
pub fn document(file: &str, bytes: &[u8], limits: Limits) -> Result<Node, Problem> {
    let mut documents = documents(file, bytes, limits)?;
    if documents.len() > 1 {
        return Err(Problem {
            place: Some(documents[1].place),
            ..Problem::of_file(file, "a second document starts here", "keep one document: remove the '---' before it")
        });
    }
    documents.pop().ok_or_else(|| Problem {
        place: Some(Place::START),
        ..Problem::of_file(file, "the file is empty", "write a document into it")
    })
}

/// Reads a file of several documents, which `---` parts. Empty ones are left out.
///
/// # Errors
/// Too large, not UTF-8 or not YAML: the first of them with its place.
pub fn documents(file: &str, bytes: &[u8], limits: Limits) -> Result<Vec<Node>, Problem> {
    if bytes.len() > limits.bytes {
        return Err(Problem::of_file(
            file,
            format!("the file has {} bytes, more than the limit of {}", bytes.len(), limits.bytes),
            "check that it is the right file, or split it",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(file, bytes, error.valid_up_to()))?;
    let spanned: Vec<Located> =
        serde_saphyr::from_multiple_with_options(text, options(limits)).map_err(|error| in_words(file, &error))?;
    Ok(spanned.into_iter().map(|located| located.into_node(text)).collect())
}

fn options(limits: Limits) -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: limits.nodes * 3,
            max_nodes: limits.nodes,
            max_depth: Limits::DEPTH,
            max_documents: limits.documents.max(8),
            max_aliases: Limits::ALIASES,
            max_anchors: Limits::ALIASES,
            max_recorded_anchor_events: limits.nodes,
            max_recorded_anchor_bytes: limits.bytes,
            max_merge_keys: Limits::ALIASES,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: limits.nodes,
            max_replay_stack_depth: Limits::DEPTH,
        },
        emit_comments: false,
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn not_utf8(file: &str, bytes: &[u8], offset: usize) -> Problem {
    let byte = bytes.get(offset).copied().unwrap_or_default();
    Problem {
        place: Some(Place::of_byte(bytes, offset)),
        ..Problem::of_file(
            file,
            format!("not UTF-8: byte {offset} is 0x{byte:02x}"),
            "save the file as UTF-8 text without compression",
        )
    }
}

/// Says in our own words what the parser met. Its internal wording stays for plain syntax errors only.
fn in_words(file: &str, error: &serde_saphyr::Error) -> Problem {
    use serde_saphyr::Error as E;
    let error = error.without_snippet();
    let place = error.location().filter(|at| at.line() > 0).map(place);
    let (message, mend) = match error {
        E::AliasError { error, .. } => return Problem { place, ..in_words(file, error) },
        E::Budget { breach, .. } => too_much(breach),
        E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. }
        | E::AliasReplayCounterOverflow { .. } => unfolded(),
        E::DuplicateMappingKey { key, .. } => (
            key.as_ref().map_or("a key is there twice".to_owned(), |key| format!("the key '{key}' is there twice")),
            "keep one of the two",
        ),
        E::UnknownAnchor { .. } => (
            "an alias names an anchor that does not exist".to_owned(),
            "define it before its use with '&name', or quote the text if the '*' is meant",
        ),
        E::RecursiveReferencesRequireWeakTypes { .. } => {
            ("an alias is inside its own anchor".to_owned(), "write the value out")
        }
        other => {
            let text = serde_saphyr::UserMessageFormatter.format_message(other).into_owned();
            // The parser's own limit on brackets has no error of its own; a test notices should its wording change.
            if text.contains("recursion limit") {
                return Problem { place, ..Problem::of_file(file, too_deep(), "nest less deeply") };
            }
            (format!("not legal YAML: {}", first_line(&text)), "check indentation, quotes and brackets here")
        }
    };
    Problem { place, ..Problem::of_file(file, message, mend) }
}

fn too_deep() -> String {
    format!("more than {} lists and maps inside each other", Limits::DEPTH)
}

fn unfolded() -> (String, &'static str) {
    let message = "aliases ('*name') of anchors ('&name') unfold to more values than any real file needs";
    (message.to_owned(), "write the values out, or use fewer aliases of aliases")
}

fn too_much(breach: &BudgetBreach) -> (String, &'static str) {
    match breach {
        BudgetBreach::Depth { .. } => (too_deep(), "nest less deeply"),
        BudgetBreach::Documents { .. } => (
            "more documents ('---') than any real file needs".to_owned(),
            "check that it is the right file, or split it",
        ),
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } | BudgetBreach::MergeKeys { .. } => (
            format!("more than {} anchors or aliases", Limits::ALIASES),
            "write the values out, or use fewer aliases of aliases",
        ),
        BudgetBreach::RecordedAnchorEvents { .. } | BudgetBreach::RecordedAnchorBytes { .. } => unfolded(),
        _ => ("more values than any real file needs".to_owned(), "check that it is the right file, or split it"),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end_matches('.')
}

fn place(location: serde_saphyr::Location) -> Place {
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Place { line: number(location.line()), column: number(location.column()) }
}

/// A value as the parser hands it out, with where it is.
type Located = Spanned<Bare>;

/// What a value is, before the spelling of numbers is looked up.
enum Bare {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Located>),
    Map(Vec<(Spanned<String>, Located)>),
}

trait IntoNode {
    fn into_node(self, text: &str) -> Node;
}

impl IntoNode for Located {
    fn into_node(self, text: &str) -> Node {
        let value = match self.value {
            Bare::Null => Value::Null,
            Bare::Bool(value) => Value::Bool(value),
            Bare::Number(value) => {
                let spelling = written(text, &self.defined).map_or_else(|| value.to_string(), str::to_owned);
                Value::Number { value, spelling }
            }
            Bare::Text(text) => Value::Text(text),
            Bare::List(items) => Value::List(items.into_iter().map(|item| item.into_node(text)).collect()),
            Bare::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        place: place(key.defined),
                        key: key.value,
                        value: value.into_node(text),
                    })
                    .collect(),
            ),
        };
        Node { place: place(self.defined), value }
    }
}

/// The characters of the file that a value was read from.
fn written<'a>(text: &'a str, location: &serde_saphyr::Location) -> Option<&'a str> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    let range: Range<usize> = start..end;
    text.get(range).map(str::trim).filter(|spelling| !spelling.is_empty())
}

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor)
    }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Bare;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Bare, E> {
        Ok(Bare::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Bare, E> {
        Ok(Bare::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Bare, E> {
        Ok(Bare::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Bare, E> {
        Ok(Bare::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Bare, E> {
        serde_json::Number::from_f64(value).map(Bare::Number).ok_or_else(|| E::custom("a number without end"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Bare, E> {
        Ok(Bare::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Bare, E> {
        Ok(Bare::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bare, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Bare::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Bare, A::Error> {
        let mut map: Vec<(Spanned<String>, Located)> = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            map.push((key, entries.next_value()?));
        }
        // Keys that the parser holds apart can still be the same text (`1` and `"1"`).
        let mut seen = HashSet::with_capacity(map.len());
        match map.iter().find(|(key, _)| !seen.insert(key.value.as_str())) {
            Some((key, _)) => Err(A::Error::custom(format!("the key '{}' is there twice", key.value))),
            None => Ok(Bare::Map(map)),
        }
    }
}
