//! Validates a tree against the JSON Schema of a raw type, and reports *every* place where it is invalid.
//!
//! serde stops at its first error. The schema, generated from the same types, finds all of them, and the valid parts can still be read:
//! invalid ones are left out of the value that serde gets, so that the other rules are checked in the same pass. A wrong item of a list
//! becomes null, to keep the positions of the others.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::problem::{Place, Problem, closest, instead, one_of};
use crate::yaml::{Entry, Node, Value};

/// A list of a raw type: `None` for an invalid item whose problem has been reported.
pub(crate) type List<T> = Vec<Option<T>>;

/// Reads a raw type from a tree: its valid part, and every problem.
///
/// All fields of `T` must be optional (the schema says which are required), and its lists be [`List`]s.
pub(crate) fn read<T: DeserializeOwned>(file: &str, node: &Node, schema: &Json) -> (Option<T>, Vec<Problem>) {
    let mut check = Check { file, root: schema, problems: Vec::new(), count: 0 };
    let value = check.visit(node, schema, String::new());
    let Check { mut problems, .. } = check;
    let read = value.map(serde_json::from_value::<T>).transpose().unwrap_or_else(|error| {
        // The schema and the type disagree; a test over both keeps this from happening.
        let place = Some(node.place);
        problems.push(Problem { place, ..Problem::of_file(file, format!("wrong format: {error}"), "") });
        None
    });
    (read, problems)
}

/// Keywords that [`read`] understands, or may ignore because they say nothing about form. A test asserts that schemas use no others.
#[cfg(test)]
pub(crate) const KEYWORDS: [&str; 22] = [
    "$schema",
    "$defs",
    "$ref",
    "$id",
    "title",
    "description",
    "examples",
    "default",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "minimum",
    "maximum",
    "format",
    "pattern",
];

struct Check<'a> {
    file: &'a str,
    root: &'a Json,
    problems: Vec<Problem>,
    /// How many there are, including those that are not kept.
    count: usize,
}

/// How many problems are reported; wrong parts beyond that are still left out.
const MAX_PROBLEMS: usize = 1_000;

impl<'a> Check<'a> {
    fn problem(&mut self, place: Place, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.count += 1;
        if self.count > MAX_PROBLEMS {
            return;
        }
        let place = Some(place);
        self.problems.push(Problem {
            place,
            path: path.to_owned(),
            ..Problem::of_file(self.file, message.into(), help.into())
        });
    }

    fn unknown_key(&mut self, entry: &Entry, path: &str, help: String) {
        let before = self.problems.len();
        self.problem(entry.place, path, format!("unknown key '{}'", entry.key), help);
        if let Some(problem) = self.problems.get_mut(before) {
            problem.is_unknown_key = true;
        }
    }

    /// The schema behind `$ref`s and "or null".
    fn plain(&self, mut schema: &'a Json) -> &'a Json {
        // References of a generated schema are a few steps deep; a cycle would be a bug of ours, not of the user's file.
        for _ in 0..16 {
            if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
                schema = &self.root["$defs"][name];
            } else if let Some(choice) = non_null_choice(schema) {
                schema = choice;
            } else {
                break;
            }
        }
        schema
    }

    /// The valid part of a node; `None` if there is none.
    fn visit(&mut self, node: &Node, schema: &'a Json, path: String) -> Option<Json> {
        if node.value == Value::Null && allows_null(schema) {
            return Some(Json::Null);
        }
        let plain = self.plain(schema);
        if let Some(choices) = plain["anyOf"].as_array() {
            return self.visit_any(node, choices, path);
        }
        if plain["oneOf"].is_array() || plain["enum"].is_array() || plain["const"].is_string() {
            return self.visit_choice(node, plain, &path);
        }
        match (type_of(plain), &node.value) {
            ("object", Value::Map(entries)) => Some(self.visit_map(node.place, entries, plain, &path)),
            ("array", Value::List(items)) => self.visit_list(node.place, items, plain, &path),
            ("string", Value::Text(text)) => Some(text.as_str().into()),
            ("boolean", Value::Bool(value)) => Some((*value).into()),
            ("integer", Value::Number { value, .. }) if value.is_i64() || value.is_u64() => {
                self.in_range(node, value, plain, &path)
            }
            ("number", Value::Number { value, .. }) => self.in_range(node, value, plain, &path),
            ("any", _) => Some(node.to_json()),
            (wanted, _) => {
                let (message, help) = wrong_type(wanted, node, plain);
                self.problem(node.place, &path, message, help);
                None
            }
        }
    }

    /// A value that may be of several types: the one whose type it has.
    fn visit_any(&mut self, node: &Node, choices: &'a [Json], path: String) -> Option<Json> {
        let fitting = choices.iter().find(|choice| fits(type_of(self.plain(choice)), &node.value));
        if let Some(choice) = fitting {
            return self.visit(node, choice, path);
        }
        let names: Vec<&str> = choices.iter().map(|choice| type_name(type_of(self.plain(choice)))).collect();
        let help = match choices.iter().find(|choice| type_of(self.plain(choice)) == "object") {
            Some(map) => format!("write {}, like {}", one_of(&names), self.example(map)),
            None => format!("write {}", one_of(&names)),
        };
        self.problem(node.place, &path, format!("expected {}, found {}", one_of(&names), kind_of(&node.value)), help);
        None
    }

    fn visit_map(&mut self, place: Place, entries: &[Entry], schema: &'a Json, path: &str) -> Json {
        let mut map = Map::new();
        let mut misspelt = HashSet::new();
        let known = schema["properties"].as_object();
        for entry in entries {
            let below = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            let property = known.and_then(|known| known.get(&entry.key));
            let free = Some(&schema["additionalProperties"]).filter(|free| free.is_object());
            match property.or(free) {
                Some(schema) => {
                    if let Some(value) = self.visit(&entry.value, schema, below) {
                        map.insert(entry.key.clone(), value);
                    }
                }
                None if schema["additionalProperties"] == Json::Bool(false) && self.count > MAX_PROBLEMS => {}
                None if schema["additionalProperties"] == Json::Bool(false) => {
                    let names = property_names(schema);
                    misspelt.extend(closest(&entry.key, names.iter().copied()));
                    let help = instead(&entry.key, &names);
                    self.unknown_key(entry, &below, help);
                }
                None => {
                    map.insert(entry.key.clone(), entry.value.to_json());
                }
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            // What is there under a misspelt key is not missing.
            if !misspelt.contains(name) && !entries.iter().any(|entry| entry.key == name) {
                let example = self.example(&schema["properties"][name]);
                self.problem(
                    place,
                    path,
                    format!("the key '{name}' is missing"),
                    format!("add it, like {name}: {example}"),
                );
            }
        }
        Json::Object(map)
    }

    fn visit_list(&mut self, place: Place, items: &[Node], schema: &'a Json, path: &str) -> Option<Json> {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        if (items.len() as u64) < least {
            let count = items.len();
            self.problem(place, path, format!("{count} entries, but at least {least} is needed"), "add an entry");
            return None;
        }
        let list = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.visit(item, &schema["items"], format!("{path}[{index}]")).unwrap_or(Json::Null));
        Some(list.collect())
    }

    fn in_range(&mut self, node: &Node, value: &serde_json::Number, schema: &Json, path: &str) -> Option<Json> {
        let number = value.as_f64()?;
        let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
            let range = match (least, most) {
                (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
                (Some(least), None) => format!("write {least} or more"),
                (_, most) => format!("write {} or less", most.unwrap_or(f64::MAX)),
            };
            self.problem(node.place, path, format!("{value} is out of range"), range);
            return None;
        }
        Some(value.clone().into())
    }

    /// A closed set of words, or an externally tagged enum: a map whose one key says which it is.
    fn visit_choice(&mut self, node: &Node, schema: &'a Json, path: &str) -> Option<Json> {
        let choices: Vec<&Json> = schema["oneOf"].as_array().map_or_else(|| vec![schema], |list| list.iter().collect());
        let words: Vec<&str> = choices.iter().flat_map(|choice| words_of(choice)).collect();
        let tagged: Vec<(&str, &'a Json)> = choices.iter().flat_map(|choice| tags_of(choice)).collect();
        let (message, help) = match &node.value {
            Value::Text(text) if words.contains(&text.as_str()) => return Some(text.as_str().into()),
            Value::Map(entries) if !tagged.is_empty() => return self.visit_tagged(node.place, entries, &tagged, path),
            Value::Text(text) if !words.is_empty() => {
                let all: Vec<&str> = words.iter().copied().chain(tags(&tagged)).collect();
                (format!("'{text}' is not known here"), instead(text, &all))
            }
            other if tagged.is_empty() => {
                (format!("expected a word, found {}", kind_of(other)), format!("write {}", one_of(&words)))
            }
            other => (
                format!("expected a map with one key, found {}", kind_of(other)),
                format!("use {}", one_of(&tags(&tagged))),
            ),
        };
        self.problem(node.place, path, message, help);
        None
    }

    fn visit_tagged(
        &mut self,
        place: Place,
        entries: &[Entry],
        tagged: &[(&str, &'a Json)],
        path: &str,
    ) -> Option<Json> {
        let [entry] = entries else {
            let message = format!("{} keys instead of one", entries.len());
            self.problem(place, path, message, format!("keep {}", one_of(&tags(tagged))));
            return None;
        };
        let Some((tag, inner)) = tagged.iter().find(|(tag, _)| *tag == entry.key) else {
            let help = instead(&entry.key, &tags(tagged));
            self.unknown_key(entry, path, help);
            return None;
        };
        let before = self.count;
        let value = self.visit(&entry.value, inner, format!("{path}.{tag}"))?;
        // Unlike the fields of a raw type, the value of a tag cannot be read in part.
        (self.count == before).then(|| Json::Object(Map::from_iter([((*tag).to_owned(), value)])))
    }

    /// What a missing key could look like.
    fn example(&self, schema: &'a Json) -> String {
        let plain = self.plain(schema);
        let given = [schema, plain].into_iter().find_map(|schema| schema["examples"].get(0));
        let words: Vec<&str> = plain["oneOf"].as_array().into_iter().flatten().flat_map(words_of).collect();
        match (given, words.first().copied().or(words_of(plain).next())) {
            (Some(example), _) => example.to_string(),
            (None, Some(word)) => word.to_owned(),
            (None, None) if type_of(plain) == "object" => {
                let keys: Vec<&str> =
                    plain["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
                format!("{{{}}}", keys.iter().map(|key| format!("{key}: ...")).collect::<Vec<_>>().join(", "))
            }
            (None, None) => "...".to_owned(),
        }
    }
}

/// The choice of an `anyOf` that is not null, where there is only one.
fn non_null_choice(schema: &Json) -> Option<&Json> {
    let mut choices = schema["anyOf"].as_array()?.iter().filter(|choice| choice["type"] != "null");
    choices.next().filter(|_| choices.next().is_none())
}

/// Whether a value is of a type, even where it breaks that type's other rules.
fn fits(wanted: &str, value: &Value) -> bool {
    match value {
        Value::Map(_) => wanted == "object",
        Value::List(_) => wanted == "array",
        Value::Text(_) => wanted == "string",
        Value::Bool(_) => wanted == "boolean",
        Value::Number { .. } => wanted == "integer" || wanted == "number",
        Value::Null => false,
    }
}

fn allows_null(schema: &Json) -> bool {
    let in_type = schema["type"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "null"));
    in_type || schema["anyOf"].as_array().is_some_and(|choices| choices.iter().any(|choice| choice["type"] == "null"))
}

fn type_of(schema: &Json) -> &str {
    match &schema["type"] {
        Json::String(kind) => kind,
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null").unwrap_or("any"),
        _ => "any",
    }
}

fn words_of(schema: &Json) -> impl Iterator<Item = &str> {
    schema["enum"].as_array().into_iter().flatten().chain([&schema["const"]]).filter_map(Json::as_str)
}

fn tags_of(schema: &Json) -> impl Iterator<Item = (&str, &Json)> {
    schema["properties"].as_object().into_iter().flatten().map(|(tag, inner)| (tag.as_str(), inner))
}

fn tags<'t>(tagged: &[(&'t str, &Json)]) -> Vec<&'t str> {
    tagged.iter().map(|(tag, _)| *tag).collect()
}

/// The legal keys of a map, sorted: the order of a JSON object depends on how serde_json was built.
fn property_names(schema: &Json) -> Vec<&str> {
    let mut names: Vec<&str> =
        schema["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number { spelling, .. } => format!("the number {spelling}"),
        Value::Text(_) => "text".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    }
}

fn type_name(wanted: &str) -> &'static str {
    match wanted {
        "object" => "a map",
        "array" => "a list",
        "string" => "text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

/// The message and the help for a value of the wrong type.
fn wrong_type(wanted: &str, node: &Node, schema: &Json) -> (String, String) {
    let want = type_name(wanted);
    let message = format!("expected {want}, found {}", kind_of(&node.value));
    let help = match (wanted, &node.value) {
        (_, Value::Null) => "write a value, or remove the key".to_owned(),
        ("string", Value::Number { spelling, .. }) => format!("put it in quotes: \"{spelling}\""),
        ("string", Value::Bool(value)) => format!("put it in quotes: \"{value}\""),
        ("array", Value::Text(text)) => format!("put it in brackets: [{text}]"),
        ("array", Value::Number { spelling, .. }) => format!("put it in brackets: [{spelling}]"),
        ("array", Value::Map(_)) => "put '- ' before the first key of each entry".to_owned(),
        ("integer" | "number", Value::Text(text)) if text.parse::<f64>().is_ok() => {
            format!("remove the quotes: {text}")
        }
        ("boolean", Value::Text(text)) => match text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => "write true".to_owned(),
            "no" | "off" | "n" | "false" => "write false".to_owned(),
            _ => "write true or false".to_owned(),
        },
        ("object", _) => match property_names(schema).as_slice() {
            [] => "write keys with values".to_owned(),
            names => format!("write keys like {}", names.join(", ")),
        },
        _ => format!("write {want}"),
    };
    (message, help)
}
