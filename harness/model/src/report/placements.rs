//! Where a result was produced.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::verdict::Placement;

/// Where a result was produced. The controls of a scan are all from the same nodes, so a copy is another reference to the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "Vec<Placement>")]
pub struct Placements(Arc<[Placement]>);

impl Placements {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Placements {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Deref for Placements {
    type Target = [Placement];

    fn deref(&self) -> &[Placement] {
        &self.0
    }
}

impl From<Vec<Placement>> for Placements {
    fn from(placements: Vec<Placement>) -> Self {
        Self(placements.into())
    }
}

impl<'a> IntoIterator for &'a Placements {
    type Item = &'a Placement;
    type IntoIter = std::slice::Iter<'a, Placement>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Placements {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

/// In a file it is a list like any other.
impl JsonSchema for Placements {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Vec::<Placement>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<Placement>::json_schema(generator)
    }
}
