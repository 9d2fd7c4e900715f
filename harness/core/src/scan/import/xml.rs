//! XML as a stream of small pieces: no DTD, no entities, nothing fetched, and limits on depth, attributes and length.
//!
//! A DTD is refused where it begins, so neither an external entity (XXE) nor one that grows (billion laughs) can be declared.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::ImportError;
use super::guard::{Budgeted, MAX_PIECE, megabytes};

/// Elements may be nested this deep. Scanners' files stay below 30.
const MAX_DEPTH: usize = 256;

/// A tag may be this long, bytes.
const MAX_TAG: usize = 256 * 1024;

/// A tag may have this many attributes.
const MAX_ATTRIBUTES: usize = 256;

/// Maximum length of a text that is kept, bytes.
const MAX_TEXT: usize = 8 * 1024;

/// A piece of a document. Names are without their prefix: tools choose prefixes as they like.
pub(super) enum Token<'a> {
    /// An element begins; it ends with a [`Token::Close`], also when it is empty.
    Open(Tag<'a>),
    /// Text of an element, references resolved.
    Text(Cow<'a, [u8]>),
    /// The innermost element ends; with the number of those still open.
    Close(usize),
    /// A comment, a processing instruction or a declaration.
    Other,
    /// The document ends.
    End,
}

/// The start of an element.
pub(super) struct Tag<'a>(BytesStart<'a>);

impl Tag<'_> {
    /// The name without its prefix.
    pub(super) fn name(&self) -> &[u8] {
        self.0.local_name().into_inner()
    }

    /// The value of an attribute, whatever its prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes();
        let found = attributes
            .with_checks(false)
            .filter_map(Result::ok)
            .take(MAX_ATTRIBUTES)
            .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
        let raw = String::from_utf8_lossy(&found.value).into_owned();
        let value = quick_xml::escape::unescape(&raw).map(Cow::into_owned).unwrap_or(raw);
        Some(clip(value, MAX_TEXT))
    }
}

/// A document that is being read.
pub(super) struct Xml<R> {
    reader: Reader<Budgeted<R>>,
    buffer: Vec<u8>,
    depth: usize,
    /// Whether there was an element at all.
    begun: bool,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(reader: R) -> Self {
        let mut reader = Reader::from_reader(Budgeted::new(reader));
        reader.config_mut().expand_empty_elements = true;
        reader.config_mut().allow_dangling_amp = false;
        Self { reader, buffer: Vec::new(), depth: 0, begun: false }
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The next piece.
    ///
    /// # Errors
    /// When the file is cut off, malformed, holds a DTD or an entity of its own, or breaks a limit.
    pub(super) fn next(&mut self) -> Result<Token<'_>, ImportError> {
        self.buffer.clear();
        self.reader.get_mut().refill();
        let at = self.reader.buffer_position();
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(broken(&error, at, self.reader.get_mut().is_spent())),
        };
        Ok(match event {
            Event::Start(tag) => {
                self.depth += 1;
                self.begun = true;
                within_limits(&tag, self.depth)?;
                Token::Open(Tag(tag))
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Token::Close(self.depth)
            }
            Event::Text(text) => Token::Text(text.into_inner()),
            Event::CData(text) => Token::Text(text.into_inner()),
            Event::GeneralRef(reference) => Token::Text(Cow::Owned(resolve(&reference)?)),
            Event::DocType(_) => return Err(ImportError::Dtd),
            Event::Decl(declaration) => {
                if let Some(Ok(encoding)) = declaration.encoding() {
                    known_encoding(&encoding)?;
                }
                Token::Other
            }
            Event::Comment(_) | Event::PI(_) | Event::Empty(_) => Token::Other,
            Event::Eof if self.depth > 0 => return Err(ImportError::CutOff { at: format!("byte {at}") }),
            Event::Eof if !self.begun => {
                return Err(ImportError::Malformed { at, reason: "there is no element in it".to_owned() });
            }
            Event::Eof => Token::End,
        })
    }

    /// The text of the element that was just opened, up to its end; text of elements within it belongs to it.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn text(&mut self) -> Result<String, ImportError> {
        let depth = self.depth;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                Token::Text(piece) if text.len() < MAX_TEXT => {
                    text.extend_from_slice(&piece[..piece.len().min(MAX_TEXT)]);
                }
                Token::Close(left) if left < depth => break,
                Token::End => break,
                Token::Open(_) | Token::Text(_) | Token::Close(_) | Token::Other => {}
            }
        }
        Ok(clip(String::from_utf8_lossy(&text).trim().to_owned(), MAX_TEXT))
    }

    /// Reads to the end of the element that was just opened.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn skip(&mut self) -> Result<(), ImportError> {
        let depth = self.depth;
        while !matches!(self.next()?, Token::Close(left) if left < depth) {}
        Ok(())
    }
}

fn within_limits(tag: &BytesStart<'_>, depth: usize) -> Result<(), ImportError> {
    if depth > MAX_DEPTH {
        return Err(ImportError::TooLarge {
            what: "the nesting of its elements".to_owned(),
            most: MAX_DEPTH.to_string(),
        });
    }
    if tag.len() > MAX_TAG || tag.attributes().with_checks(false).nth(MAX_ATTRIBUTES).is_some() {
        let name = String::from_utf8_lossy(tag.local_name().into_inner()).into_owned();
        let most = format!("{MAX_ATTRIBUTES} attributes and {} KiB", MAX_TAG / 1024);
        return Err(ImportError::TooLarge { what: format!("the tag <{}>", clip(name, 80)), most });
    }
    Ok(())
}

/// What a reference stands for: a character by its number, or one of the five that XML itself defines.
fn resolve(reference: &BytesRef<'_>) -> Result<Vec<u8>, ImportError> {
    let name = reference.decode().unwrap_or_default();
    let char = match reference.resolve_char_ref() {
        Ok(Some(char)) => Some(char),
        Ok(None) | Err(_) => match name.as_ref() {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => None,
        },
    };
    let char = char.ok_or_else(|| ImportError::Entity { name: clip(name.into_owned(), 40) })?;
    Ok(char.to_string().into_bytes())
}

/// The reader yields UTF-8 whatever a byte order mark said; an encoding that only the declaration names is not read.
fn known_encoding(declared: &[u8]) -> Result<(), ImportError> {
    let name = String::from_utf8_lossy(declared).to_ascii_uppercase();
    match name.as_str() {
        "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" | "UTF-16" | "UTF-16LE" | "UTF-16BE" => Ok(()),
        _ => Err(ImportError::Encoding { found: clip(name, 40) }),
    }
}

fn broken(error: &quick_xml::Error, at: u64, spent: bool) -> ImportError {
    match error {
        quick_xml::Error::Io(_) if spent => {
            ImportError::TooLarge { what: format!("a text or tag at byte {at}"), most: megabytes(MAX_PIECE as u64) }
        }
        quick_xml::Error::Io(error) => ImportError::Read(error.to_string()),
        quick_xml::Error::Syntax(_) => ImportError::CutOff { at: format!("byte {at}") },
        other => ImportError::Malformed { at, reason: other.to_string() },
    }
}

/// At most `limit` bytes of a text, cut between characters.
pub(super) fn clip(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
