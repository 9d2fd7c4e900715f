//! The section `history` of a matrix file: where the nights are kept, and how many.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::resolver::{Resolver, transposed};
use crate::history::{Keep, Location};

/// Where the nights of a matrix are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistorySpec {
    /// Where; a folder is relative to the matrix file.
    pub store: Location,
    /// How many; `None` for all.
    pub keep: Option<Keep>,
}

/// The history of the matrix.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HistorySection {
    /// A folder, relative to this file, or `s3://BUCKET/PREFIX`.
    #[schemars(required, example = &"s3://amiproof-nights/team-a")]
    pub(crate) store: Option<String>,
    /// How many nightly runs are kept, or for how many days. Default: all of them.
    #[schemars(extend("examples" = [400, "400d"]))]
    pub(crate) keep: Option<KeepSection>,
}

/// A number of nightly runs, or of days.
#[derive(Debug)]
pub(crate) struct KeepSection(String);

impl<'de> Deserialize<'de> for KeepSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = KeepSection;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number of nightly runs, like 400, or of days, like 400d")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<KeepSection, E> {
                Ok(KeepSection(count.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<KeepSection, E> {
                Ok(KeepSection(text.to_owned()))
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

impl JsonSchema for KeepSection {
    fn schema_name() -> Cow<'static, str> {
        "KeepSection".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 100_000},
            {"type": "string", "pattern": "^[1-9][0-9]{0,4}d?$"},
        ]})
    }
}

/// The section with its rules checked; `None` where something is wrong with it.
pub(super) fn resolve(resolver: &mut Resolver<'_>, raw: HistorySection) -> Option<HistorySpec> {
    let store = raw.store.and_then(|text| resolver.name("history.store", text.parse()));
    let keep = raw.keep.map(|keep| resolver.name("history.keep", keep.0.parse()));
    Some(HistorySpec { store: store?, keep: transposed(keep)? })
}
