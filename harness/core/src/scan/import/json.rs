//! Untrusted JSON in bounded memory: texts are clipped and lists counted while they are read.

use std::fmt;
use std::io::BufRead;
use std::marker::PhantomData;

use amiproof_model::vocabulary::is_number;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ImportError;
use super::guard::ShortStrings;
use super::xml::clip;

/// Maximum length of a text, bytes.
const MAX_TEXT: usize = 1_000;

/// Maximum number of entries of a list. Together with [`MAX_TEXT`] it bounds the memory of a document.
const MAX_ENTRIES: usize = 50_000;

/// Reads a document.
///
/// # Errors
/// When it is cut off, of another structure, or breaks a limit.
pub(super) fn read<T: DeserializeOwned>(wanted: &'static str, reader: impl BufRead) -> Result<T, ImportError> {
    serde_json::from_reader(ShortStrings::new(reader)).map_err(|error| ImportError::json(wanted, &error))
}

/// Reads consecutive documents, such as one per line, and those of lists: all of them, in their order.
///
/// # Errors
/// When one is cut off or of another structure, something else follows, or there are too many.
pub(super) fn all<T: DeserializeOwned>(wanted: &'static str, reader: impl BufRead) -> Result<Vec<T>, ImportError> {
    let mut found = Vec::new();
    for part in serde_json::Deserializer::from_reader(ShortStrings::new(reader)).into_iter::<Several<T>>() {
        found.append(&mut part.map_err(|error| ImportError::json(wanted, &error))?.0);
        if found.len() > MAX_ENTRIES {
            return Err(ImportError::TooLarge {
                what: "the number of its entries".to_owned(),
                most: MAX_ENTRIES.to_string(),
            });
        }
    }
    Ok(found)
}

/// A list of documents, or one.
struct Several<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Several<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object or a list of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Several<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Several(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Several<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = from.next_element()? {
                    if list.len() == MAX_ENTRIES {
                        return Err(A::Error::custom(format!("a list has more than {MAX_ENTRIES} entries")));
                    }
                    list.push(entry);
                }
                Ok(Several(list))
            }
        }
        from.deserialize_any(Either(PhantomData))
    }
}

/// The control numbers in a text or a list of texts; none in anything else. A JSON number would have lost its last zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let texts = match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => vec![text],
            serde_json::Value::Array(list) => {
                list.into_iter().filter_map(|entry| entry.as_str().map(str::to_owned)).take(50).collect()
            }
            _ => Vec::new(),
        };
        Ok(Self(texts.into_iter().filter(|text| is_number(text)).collect()))
    }
}

/// A text of at most [`MAX_TEXT`] bytes; `null` is an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

/// A number or a text; `None` for anything else.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scalar(pub(super) Option<String>);

/// A list of at most [`MAX_ENTRIES`] entries; `null` is an empty one.
#[derive(Clone, Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Clip;
        impl Visitor<'_> for Clip {
            type Value = Text;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                // One character more than is kept, so that clipped text can be told from text that just fits.
                let end = text.floor_char_boundary(MAX_TEXT + char::MAX.len_utf8());
                Ok(Text(clip(text[..end].to_owned(), MAX_TEXT)))
            }

            fn visit_unit<E: Error>(self) -> Result<Text, E> {
                Ok(Text::default())
            }
        }
        from.deserialize_any(Clip)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("anything")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                let end = text.floor_char_boundary(MAX_TEXT);
                Ok(Scalar(Some(text[..end].to_owned())))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
                Ok(Scalar(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar(None))
            }
        }
        from.deserialize_any(Any)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Count<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Count<T> {
            type Value = List<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list")
            }

            fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = from.next_element()? {
                    if list.len() == MAX_ENTRIES {
                        return Err(A::Error::custom(format!("a list has more than {MAX_ENTRIES} entries")));
                    }
                    list.push(entry);
                }
                Ok(List(list))
            }
        }
        from.deserialize_any(Count(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Document {
        text: Text,
        list: List<Text>,
        #[serde(default)]
        scalar: Scalar,
    }

    #[test]
    fn texts_are_clipped_and_lists_have_an_end() {
        let long = "ä".repeat(MAX_TEXT);
        let read = |text: String| read::<Document>("a test", text.as_bytes());
        let document = read(format!("{{\"text\": \"{long}\", \"list\": null, \"other\": [[{{}}]]}}")).unwrap();
        assert!(document.text.0.len() <= MAX_TEXT + 3 && document.text.0.ends_with('…'));
        assert!(document.list.0.is_empty() && document.scalar.0.is_none());
        for (json, wanted) in [
            ("9.8", Some("9.8")),
            ("\"x\"", Some("x")),
            ("7", Some("7")),
            ("[1, {}]", None),
            ("{\"a\": []}", None),
            ("null", None),
        ] {
            let document = read(format!("{{\"text\": \"\", \"list\": [], \"scalar\": {json}}}")).unwrap();
            assert_eq!(document.scalar.0.as_deref(), wanted, "{json}");
        }
        let many = "\"\",".repeat(MAX_ENTRIES + 1);
        let error = read(format!("{{\"list\": [{many}\"\"]")).unwrap_err().to_string();
        assert!(error.contains("more than 50000 entries"), "{error}");
    }
}
