//! The names and types of settings that the consumers of user data know, and the check of a tree against them.

pub(super) mod bottlerocket;
pub(super) mod kubelet;
pub(super) mod node_config;
mod shape;

use amiproof_model::problem::{closest, one_of};
use amiproof_model::yaml::{Node, Value};

pub(super) use self::shape::{Shape, TEXTS};
use super::reading::{Reader, Reading, Unknown};

/// What a node is, in words.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number { spelling, .. } => format!("the number {spelling}"),
        Value::Text(text) if text.chars().count() <= 40 => format!("the text \"{text}\""),
        Value::Text(_) => "text".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a table".to_owned(),
    }
}

impl Reading<'_> {
    /// Checks a tree against the settings that its consumer knows.
    pub(in crate::user_data) fn check(&mut self, node: &Node, shape: &'static Shape, path: &str, reader: Reader) {
        check(self, node, shape, path, reader);
    }
}

/// Checks a tree against a shape.
fn check(reading: &mut Reading<'_>, node: &Node, shape: &'static Shape, path: &str, reader: Reader) {
    match (shape, &node.value) {
        // A null in YAML is a setting that was not made.
        (Shape::Any, _)
        | (_, Value::Null)
        | (Shape::Text | Shape::Scalar, Value::Text(_))
        | (Shape::Bool, Value::Bool(_))
        | (Shape::Number | Shape::Scalar, Value::Number { .. }) => {}
        (Shape::Integer, Value::Number { value, .. }) if !value.is_f64() => {}
        (Shape::Word(words), Value::Text(text)) => {
            if !words.contains(&text.as_str()) {
                let message = format!("{} does not know '{text}' here", reader.name);
                reading.problem(node.place, path, message, amiproof_model::problem::instead(text, words));
            }
        }
        (Shape::List(inner) | Shape::OneOrMore(inner), Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                check(reading, item, inner, &format!("{path}[{index}]"), reader);
            }
        }
        (Shape::OneOrMore(inner), _) => check(reading, node, inner, path, reader),
        (Shape::Map(inner), Value::Map(entries)) => {
            for entry in entries {
                let below = below(path, &entry.key);
                match (&entry.value.value, inner) {
                    (Value::Map(_), Shape::Text | Shape::Bool) => {
                        let whole = dotted(&entry.key, &entry.value);
                        let message = format!(
                            "an unquoted dotted key means nested tables, so {} does not read it as one name",
                            reader.name
                        );
                        reading.problem(entry.place, &below, message, format!("put the name in quotes: \"{whole}\""));
                    }
                    _ => check(reading, &entry.value, inner, &below, reader),
                }
            }
        }
        (Shape::Keys(keys, inner), Value::Map(entries)) => {
            for entry in entries {
                let below = below(path, &entry.key);
                if keys.contains(&entry.key.as_str()) {
                    check(reading, &entry.value, inner, &below, reader);
                } else {
                    unknown(reading, entry.place, &below, &entry.key, keys, reader);
                }
            }
        }
        (Shape::Table(fields), Value::Map(entries)) => {
            for entry in entries {
                let below = below(path, &entry.key);
                match fields.iter().find(|(name, _)| *name == entry.key) {
                    Some((_, inner)) => check(reading, &entry.value, inner, &below, reader),
                    None => {
                        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                        unknown(reading, entry.place, &below, &entry.key, &names, reader);
                    }
                }
            }
        }
        (shape, value) => {
            let message = format!("{} where {} takes {}", found(value), reader.name, shape.description());
            reading.problem(node.place, path, message, remedy(shape, value));
        }
    }
}

fn unknown(
    reading: &mut Reading<'_>,
    place: amiproof_model::problem::Place,
    path: &str,
    key: &str,
    names: &[&str],
    reader: Reader,
) {
    let like = closest(key, names.iter().copied());
    let what = match reader.unknown {
        Unknown::Ignored => "and drops it silently",
        Unknown::Refused => "and rejects the user data as a whole",
        Unknown::Logged => "and logs that it drops it",
    };
    let message = format!("{} knows no setting '{key}' here, {what}", reader.name);
    let is_top = path.matches('.').count() <= 1;
    match like {
        Some(like) => reading.problem(place, path, message, format!("did you mean '{like}'?")),
        None if reader.unknown == Unknown::Ignored || (reader.unknown == Unknown::Refused && is_top) => {
            reading.problem(place, path, message, format!("remove it, or write {}", one_of(names)));
        }
        None => {
            let message = format!("amiproof knows no setting '{key}' of {} here", reader.name);
            reading.warning(place, path, message, "check that the release of the image supports it");
        }
    }
}

/// `net.ipv4.ip_forward` from the nested tables that an unquoted key creates.
fn dotted(key: &str, node: &Node) -> String {
    let mut name = key.to_owned();
    let mut node = node;
    while let Value::Map(entries) = &node.value
        && let [entry] = entries.as_slice()
    {
        name = format!("{name}.{}", entry.key);
        node = &entry.value;
    }
    name
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else if key.contains('.') {
        format!("{path}.\"{key}\"")
    } else {
        format!("{path}.{key}")
    }
}

fn remedy(shape: &Shape, value: &Value) -> String {
    match (shape, value) {
        (Shape::Text | Shape::Word(_), Value::Number { spelling, .. }) => format!("put it in quotes: \"{spelling}\""),
        (Shape::Text | Shape::Word(_), Value::Bool(value)) => format!("put it in quotes: \"{value}\""),
        (Shape::Bool, Value::Text(text)) if matches!(text.as_str(), "true" | "false") => {
            format!("write {text} without quotes")
        }
        (Shape::Integer | Shape::Number, Value::Text(text)) if text.parse::<f64>().is_ok() => {
            format!("write {text} without quotes")
        }
        (Shape::List(_), Value::Text(text)) if text.chars().count() <= 60 => format!("write a list: [\"{text}\"]"),
        (shape, _) => format!("write {}", shape.description()),
    }
}
