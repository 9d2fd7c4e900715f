//! TOML as a tree in which every value knows its place, the same tree that YAML files become.

use amiproof_model::problem::{Place, Problem};
use amiproof_model::yaml::{Entry, Node, Value};
use serde_json::Number;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Reads a TOML document.
///
/// # Errors
/// The first thing that is wrong, with its place; its file is empty.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = Some(error.span().map_or(Place::START, |span| Place::of_byte(text.as_bytes(), span.start)));
        let message = format!("not TOML: {}", error.message().lines().next().unwrap_or_default());
        let help = match error.message() {
            message if message.contains("duplicate key") => {
                "write each table and each key once, and put what belongs together into one"
            }
            _ => "check quotes, brackets and '=' here",
        };
        Problem { place, ..Problem::of_file("", message, help) }
    })?;
    Ok(Node { place: Place::START, value: map(text, table.get_ref()) })
}

fn map(text: &str, table: &DeTable<'_>) -> Value {
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        place: Place::of_byte(text.as_bytes(), key.span().start),
        value: node(text, value),
    };
    let mut entries: Vec<Entry> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.place);
    Value::Map(entries)
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let spelling = || text.get(span.clone()).unwrap_or_default().to_owned();
    let of = match value.get_ref() {
        DeValue::String(inner) => Value::Text(inner.to_string()),
        DeValue::Boolean(inner) => Value::Bool(*inner),
        DeValue::Integer(inner) => {
            let digits = inner.as_str().replace('_', "");
            let number = i64::from_str_radix(&digits, inner.radix()).unwrap_or_default();
            Value::Number { value: number.into(), spelling: spelling() }
        }
        DeValue::Float(inner) => match inner.as_str().replace('_', "").parse().ok().and_then(Number::from_f64) {
            Some(value) => Value::Number { value, spelling: spelling() },
            // inf and nan are no JSON numbers, and no setting takes them.
            None => Value::Text(spelling()),
        },
        DeValue::Datetime(inner) => Value::Text(inner.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(text, item)).collect()),
        DeValue::Table(table) => map(text, table),
    };
    Node { place: Place::of_byte(text.as_bytes(), span.start), value: of }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_keeps_its_place() {
        let tree = parse("[settings.kernel]\nlockdown = \"integrity\"\nx.y = [1, true]\n").unwrap();
        let kernel = tree.get("settings").and_then(|settings| settings.get("kernel")).unwrap();
        let lockdown = kernel.get("lockdown").unwrap();
        assert_eq!((lockdown.text(), lockdown.place), (Some("integrity"), Place { line: 2, column: 12 }));
        assert_eq!(kernel.to_json(), serde_json::json!({"lockdown": "integrity", "x": {"y": [1, true]}}));
    }

    #[test]
    fn what_is_no_toml_is_said_with_its_place() {
        let problem = parse("[a]\nb = 1\n\n[a]\nc = 2\n").unwrap_err();
        assert_eq!(problem.place.map(|place| place.line), Some(4), "{problem}");
        assert!(problem.message.contains("duplicate key"), "{problem}");
        assert!(parse("garbage [[[").unwrap_err().message.starts_with("not TOML: "));
    }
}
