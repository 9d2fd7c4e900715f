//! JSON with a line for each entry of the lists of a document, and no white space elsewhere: a file that one pass reads, and that `grep`
//! and `diff` show by entries.

use std::io::{Result, Write};

use serde_json::ser::Formatter;

/// Writes each field of the outermost object and each element of the lists in them on a line of its own.
#[derive(Default)]
pub(super) struct Lines {
    /// How many objects and lists are open.
    depth: usize,
    /// Whether the list in the outermost object has an element.
    has_element: bool,
}

/// How many are open inside the outermost object, and inside a list in it.
const DOCUMENT: usize = 1;
const LIST: usize = 2;

impl Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.depth += 1;
        if self.depth == LIST {
            self.has_element = false;
        }
        out.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        if self.depth == LIST && self.has_element {
            out.write_all(b"\n")?;
        }
        self.depth = self.depth.saturating_sub(1);
        out.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        let comma: &[u8] = if first { b"" } else { b"," };
        out.write_all(comma)?;
        if self.depth == LIST {
            self.has_element = true;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.depth += 1;
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        if self.depth == DOCUMENT {
            out.write_all(b"\n")?;
        }
        self.depth = self.depth.saturating_sub(1);
        out.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        let comma: &[u8] = if first { b"" } else { b"," };
        out.write_all(comma)?;
        if self.depth == DOCUMENT { out.write_all(b"\n") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Serializer, json};

    use super::*;

    #[test]
    fn each_entry_has_a_line_and_it_reads_back() {
        // An array in an object in a list has the depth of a list of the document once it is closed.
        let document = json!({"a": 1, "b": [], "c": [{"d": [1, {"e": [2]}]}, [], {}], "f": {"g": [3]}});
        let mut out = Vec::new();
        document.serialize(&mut Serializer::with_formatter(&mut out, Lines::default())).unwrap();
        let text = String::from_utf8(out).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
        "a":1,
        "b":[],
        "c":[
        {"d":[1,{"e":[2]}]},
        [],
        {}
        ],
        "f":{"g":[3]}
        }
        "#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), document);
    }
}
