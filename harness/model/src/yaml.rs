//! The only place that parses YAML: a tree in which every value has its line and column, with limits that stop malicious files
//! early.

use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, MessageFormatter, Options, Spanned, budget::BudgetBreach};

mod node;
pub use node::{Entry, Node, Value};

use crate::problem::{Place, Problem};

/// Limits for the size of a file and of its expanded aliases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file, bytes.
    pub bytes: usize,
    /// Number of scalars, lists and maps, including those that aliases repeat.
    pub nodes: usize,
    /// Number of documents in the file.
    pub documents: usize,
}

impl Limits {
    /// A matrix or waiver file: 1 MiB. Thirty variants in full take 20 KiB.
    pub const MATRIX: Self = Self { bytes: 1 << 20, nodes: 100_000, documents: 1 };
    /// A workload file: 4 MiB, more than the API server stores of all its objects together.
    pub const WORKLOAD: Self = Self { bytes: 4 << 20, nodes: 200_000, documents: 200 };

    /// Nesting depth of lists and maps.
    const DEPTH: usize = 48;
    /// Number of aliases (`*anchor`).
    const ALIASES: usize = 2_000;
}

/// Reads a file of one document.
///
/// # Errors
/// The first problem with its place: too large, not UTF-8, not YAML, empty, more than one document.
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

/// Reads a file of several documents, separated by `---`. Empty ones are left out.
///
/// # Errors
/// The first problem with its place: too large, not UTF-8, not YAML.
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
    let mut twice = Vec::new();
    let nodes = spanned.into_iter().map(|located| located.into_node(text, &mut twice)).collect();
    match twice.into_iter().next() {
        Some((key, place)) => {
            let (message, help) = there_twice(Some(&key));
            Err(Problem { place: Some(place), ..Problem::of_file(file, message, help) })
        }
        None => Ok(nodes),
    }
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
            // Including text that aliases repeat, because a long text that is used a thousand times exhausts memory too.
            max_total_scalar_bytes: limits.bytes * 2,
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

/// Translates an error of the parser; the parser's own message is kept only for plain syntax errors.
fn in_words(file: &str, error: &serde_saphyr::Error) -> Problem {
    use serde_saphyr::Error as E;
    let error = error.without_snippet();
    let place = error.location().filter(|at| at.line() > 0).map_or(Place::START, place);
    let place = Some(place);
    let (message, help) = match error {
        E::AliasError { error, .. } => return Problem { place, ..in_words(file, error) },
        E::Budget { breach, .. } => too_much(breach),
        E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. }
        | E::AliasReplayCounterOverflow { .. } => unfolded(),
        E::DuplicateMappingKey { key, .. } => there_twice(key.as_deref()),
        E::UnknownAnchor { .. } => (
            "an alias names an anchor that does not exist".to_owned(),
            "define it before its use with '&name', or quote the text if the '*' is meant",
        ),
        E::RecursiveReferencesRequireWeakTypes { .. } => {
            ("an alias is inside its own anchor".to_owned(), "write the value out")
        }
        other => {
            let text = serde_saphyr::UserMessageFormatter.format_message(other).into_owned();
            // The parser's own limit on brackets has no error of its own; a test fails if its message changes.
            if text.contains("recursion limit") {
                return Problem { place, ..Problem::of_file(file, too_deep(), "nest less deeply") };
            }
            (format!("not valid YAML: {}", first_line(&text)), "check indentation, quotes and brackets here")
        }
    };
    Problem { place, ..Problem::of_file(file, message, help) }
}

fn there_twice(key: Option<&str>) -> (String, &'static str) {
    (key.map_or("duplicate key".to_owned(), |key| format!("duplicate key '{key}'")), "keep one of the two")
}

fn too_deep() -> String {
    format!("more than {} nested lists and maps", Limits::DEPTH)
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
        BudgetBreach::ScalarBytes { .. } => unfolded(),
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

/// A value from the parser with its place.
type Located = Spanned<Bare>;

/// The kind of a value, before the source text of numbers is read.
enum Bare {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Located>),
    Map(Vec<(Spanned<String>, Located)>),
}

trait IntoNode {
    /// The node; duplicate keys are added to `twice`.
    fn into_node(self, text: &str, twice: &mut Vec<(String, Place)>) -> Node;
}

impl IntoNode for Located {
    fn into_node(self, text: &str, twice: &mut Vec<(String, Place)>) -> Node {
        let value = match self.value {
            Bare::Null => Value::Null,
            Bare::Bool(value) => Value::Bool(value),
            Bare::Number(value) => {
                let spelling = written(text, &self.defined).map_or_else(|| value.to_string(), str::to_owned);
                Value::Number { value, spelling }
            }
            Bare::Text(text) => Value::Text(text),
            Bare::List(items) => Value::List(items.into_iter().map(|item| item.into_node(text, twice)).collect()),
            Bare::Map(entries) => {
                // Keys that the parser distinguishes can still have the same text (`1` and `"1"`).
                let mut seen = HashSet::with_capacity(entries.len());
                for (key, _) in &entries {
                    if !seen.insert(key.value.as_str()) {
                        twice.push((key.value.clone(), place(key.defined)));
                    }
                }
                let entry = |(key, value): (Spanned<String>, Located)| {
                    let value = value.into_node(text, twice);
                    Entry { place: place(key.defined), key: key.value, value }
                };
                Value::Map(entries.into_iter().map(entry).collect())
            }
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
        serde_json::Number::from_f64(value).map(Bare::Number).ok_or_else(|| E::custom("not a finite number"))
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
        Ok(Bare::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        document("x.yaml", text.as_bytes(), Limits::MATRIX).unwrap_or_else(|problem| panic!("{problem}"))
    }

    #[test]
    fn every_value_knows_its_place_and_numbers_their_spelling() {
        let tree = read("a: 1.30\nlist:\n  - {ä: x, key: 0x1F}\n  - yes\n");
        assert_eq!(tree.place_of("list[0].key"), Place { line: 3, column: 17 });
        assert_eq!(tree.place_of("list[0].nothing.at.all"), Place { line: 3, column: 5 }, "the last thing that exists");
        assert_eq!(tree.place_of("list[7]"), Place { line: 3, column: 3 });
        let spelling = |node: &Node| match &node.value {
            Value::Number { spelling, .. } => spelling.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(spelling(tree.get("a").unwrap()), "1.30");
        let Value::List(items) = &tree.get("list").unwrap().value else { panic!("a list") };
        assert_eq!(spelling(items[0].get("key").unwrap()), "0x1F");
        assert_eq!(items[1].text(), Some("yes"), "not a truth value in YAML 1.2");
        assert_eq!(tree.to_json(), serde_json::json!({"a": 1.3, "list": [{"ä": "x", "key": 31}, "yes"]}));
    }

    #[test]
    fn documents_know_their_first_lines_and_empty_ones_are_left_out() {
        let text = "# head\n---\na: 1\n---\n---\n# only a comment\n---\nb: 2\n...\n";
        let documents = documents("x.yaml", text.as_bytes(), Limits::WORKLOAD).unwrap();
        let lines: Vec<usize> = documents.iter().map(|document| document.place.line).collect();
        assert_eq!(lines, [3, 8]);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
        let plain = read("a: x\nb: [1, 2]\n");
        assert_eq!(read("\u{feff}a: x\r\nb: [1, 2]\r\n").to_json(), plain.to_json());
    }

    #[test]
    fn a_key_is_there_once_however_it_is_spelt() {
        for text in ["a: 1\na: 2\n", "a: 1\n\"a\": 2\n", "1: x\n\"1\": y\n"] {
            let problem = document("x.yaml", text.as_bytes(), Limits::MATRIX).unwrap_err();
            assert!(problem.message.contains("duplicate key"), "{text:?}: {problem}");
            assert_eq!(problem.place.map(|place| place.line), Some(2), "{text:?}: {problem}");
        }
    }

    #[test]
    fn an_alias_points_at_what_is_written() {
        let tree = read("base: &base\n  x: 1\nuse: *base\nmore: {<<: *base, y: 2}\n");
        assert_eq!(tree.place_of("use.x"), Place { line: 2, column: 6 });
        assert_eq!(tree.place_of("more.x"), Place { line: 2, column: 6 });
        assert_eq!(tree.get("more").unwrap().to_json(), serde_json::json!({"x": 1, "y": 2}));
        let recursive = document("x.yaml", b"a: &a [*a]\n", Limits::MATRIX).unwrap_err();
        assert!(recursive.place.is_some() && !recursive.help.is_empty(), "{recursive}");
    }
}
