//! Protects parsers from untrusted files: compression is rejected, UTF-16 is read, and no piece is larger than a limit.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::ImportError;

/// No tag, text or comment of an XML file and no string of a JSON file may be longer, bytes: it would have to be held in memory.
pub const MAX_PIECE: usize = 16 * 1024 * 1024;

/// Maximum size of a file, bytes: an endless pipe must be stopped.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// How much of a file's head is looked at to tell what it is, bytes.
const HEAD: usize = 64 * 1024;

/// A file as text: its head for [`super::detect`], and a reader that begins at its start and yields UTF-8.
pub struct Source {
    head: Vec<u8>,
    rest: Box<dyn Read>,
}

impl Source {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// When it cannot be read, is empty, is compressed, or is UTF-16 without a byte order mark.
    pub fn open(file: impl Read + 'static) -> Result<Self, ImportError> {
        let mut file = file;
        let mut raw = Vec::with_capacity(8);
        file.by_ref().take(8).read_to_end(&mut raw)?;
        refuse_archives(&raw)?;
        let mut decoded = utf8(io::Cursor::new(raw).chain(file.take(MAX_BYTES)));
        let mut head = Vec::new();
        decoded.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        if head.iter().all(u8::is_ascii_whitespace) {
            return Err(ImportError::Empty);
        }
        Ok(Self { head, rest: Box::new(decoded) })
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The whole file, from its start.
    pub(super) fn reader(self) -> impl BufRead {
        BufReader::with_capacity(HEAD, io::Cursor::new(self.head).chain(self.rest))
    }

    /// The whole file in memory, for formats that are small by nature.
    ///
    /// # Errors
    /// When it is longer than `most` bytes or is not text.
    pub(super) fn text(self, most: u64) -> Result<String, ImportError> {
        let mut bytes = Vec::new();
        self.reader().take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(ImportError::TooLarge { what: "the file".to_owned(), most: megabytes(most) });
        }
        String::from_utf8(bytes).map_err(|error| ImportError::Encoding {
            found: format!("bytes at offset {} that are not UTF-8", error.utf8_error().valid_up_to()),
        })
    }
}

/// A reader that yields UTF-8 whatever its byte order mark announces. PowerShell redirects write UTF-16.
fn utf8<R: Read>(raw: R) -> DecodeReaderBytes<R, Vec<u8>> {
    DecodeReaderBytesBuilder::new().utf8_passthru(true).strip_bom(true).bom_sniffing(true).build(raw)
}

fn refuse_archives(head: &[u8]) -> Result<(), ImportError> {
    const MAGIC: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"PK\x03\x04", "zip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ];
    if let Some((_, how)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(ImportError::Compressed { how });
    }
    match head {
        [b'<' | b'{' | b'[', 0, ..] | [0, b'<' | b'{' | b'[', ..] => {
            Err(ImportError::Encoding { found: "UTF-16 without a byte order mark".to_owned() })
        }
        _ => Ok(()),
    }
}

/// Whole mebibytes, for messages.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

/// Hands a parser at most [`MAX_PIECE`] bytes between two calls of [`Budgeted::refill`].
pub(super) struct Budgeted<R> {
    inner: R,
    left: usize,
}

impl<R> Budgeted<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, left: MAX_PIECE }
    }

    /// The next piece begins.
    pub(super) fn refill(&mut self) {
        self.left = MAX_PIECE;
    }

    /// Whether the last piece was too long.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

impl<R: BufRead> Read for Budgeted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(into.len());
        into[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Budgeted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "one piece of it is too long"));
        }
        let available = self.inner.fill_buf()?;
        Ok(&available[..available.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.inner.consume(count);
    }
}

/// Passes JSON on and stops at a string of more than [`MAX_PIECE`] bytes, because parsers hold complete strings in memory.
pub(super) struct ShortStrings<R> {
    inner: R,
    /// Bytes of the string that is being read; `None` outside of strings.
    inside: Option<usize>,
    escaped: bool,
}

impl<R> ShortStrings<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, inside: None, escaped: false }
    }
}

impl<R: Read> Read for ShortStrings<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        for byte in &into[..count] {
            self.inside = match (self.inside, byte, self.escaped) {
                (None, b'"', _) => Some(0),
                (None, ..) => None,
                (Some(_), b'"', false) => None,
                (Some(length), ..) => Some(length + 1),
            };
            self.escaped = self.inside.is_some() && *byte == b'\\' && !self.escaped;
            if self.inside.is_some_and(|length| length > MAX_PIECE) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a string in it is longer than {}", megabytes(MAX_PIECE as u64)),
                ));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head_of(bytes: Vec<u8>) -> Result<String, ImportError> {
        Source::open(io::Cursor::new(bytes)).map(|source| String::from_utf8_lossy(source.head()).into_owned())
    }

    #[test]
    fn utf_16_with_its_mark_is_read_and_without_it_refused() {
        let units = |text: &str, big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        assert_eq!(head_of(units("\u{feff}<a>ä</a>", false)).unwrap(), "<a>ä</a>");
        assert_eq!(head_of(units("\u{feff}<a>ä</a>", true)).unwrap(), "<a>ä</a>");
        assert_eq!(head_of("\u{feff}<a>ä</a>".into()).unwrap(), "<a>ä</a>", "the mark of UTF-8 is dropped");
        let error = head_of(units("<a/>", false)).unwrap_err().to_string();
        assert!(error.contains("UTF-16"), "{error}");
    }

    #[test]
    fn nothing_is_decompressed_so_that_no_bomb_can_go_off() {
        for (bytes, word) in
            [(&b"\x1f\x8b\x08\0\0\0\0\0"[..], "gzip"), (b"PK\x03\x04....", "zip"), (b"BZh91AY&", "bzip2")]
        {
            let error = head_of(bytes.to_vec()).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("unpack"), "{error}");
        }
        assert!(matches!(head_of(b" \n ".to_vec()), Err(ImportError::Empty)));
    }

    #[test]
    fn a_json_string_without_end_is_stopped_and_quotes_within_strings_do_not_end_them() {
        let mut text = String::new();
        ShortStrings::new(r#"{"a\"b": "c\\", "d": 1}"#.as_bytes()).read_to_string(&mut text).unwrap();
        let endless = io::repeat(b'x').take(MAX_PIECE as u64 + 10);
        let mut guarded = ShortStrings::new(b"\"".chain(endless));
        let error = io::copy(&mut guarded, &mut io::sink()).unwrap_err().to_string();
        assert!(error.contains("longer than 16 MiB"), "{error}");
    }
}
