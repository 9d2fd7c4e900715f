//! Why user data for a variant cannot be generated, and why the user's part is rejected.

/// Why the user's part cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line of the user's file, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Refusal {
    pub(super) fn new(line: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line, message: message.into(), help: help.into() }
    }
}

/// Why user data cannot be generated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The cluster's Service CIDR is not a CIDR.
    #[error("the cluster's Service CIDR '{0}' is not an address and a prefix length")]
    Cidr(String),
    /// The user's part cannot be merged.
    #[error("{path}:{}: {}: {}", refusal.line, refusal.message, refusal.help)]
    Merge {
        /// The user's file.
        path: String,
        /// What is wrong with it, and where.
        refusal: Refusal,
    },
    /// The user data is too long for EC2.
    #[error("{}: {}", too_long(variant, *bytes), shorten(path))]
    TooLong {
        /// The variant.
        variant: String,
        /// The user's file, or what amiproof generated.
        path: String,
        /// Bytes before base64.
        bytes: usize,
    },
}

impl Error {
    /// What is wrong, and what to do about it.
    pub(super) fn in_two(self) -> (String, String) {
        match self {
            Self::Cidr(_) => (self.to_string(), String::new()),
            Self::Merge { refusal, .. } => (format!("line {}: {}", refusal.line, refusal.message), refusal.help),
            Self::TooLong { variant, path, bytes } => (too_long(&variant, bytes), shorten(&path)),
        }
    }
}

pub(super) fn too_long(variant: &str, bytes: usize) -> String {
    format!(
        "the user data of variant {variant} has {bytes} bytes with amiproof's own part, but EC2 accepts at most {MAX_BYTES}"
    )
}

pub(super) fn shorten(path: &str) -> String {
    format!("shorten {path}, or let it fetch the rest from the image or from S3")
}

/// The limit of EC2, bytes before base64 (EC2 user guide, "Run commands when you launch an EC2 instance").
pub const MAX_BYTES: usize = 16 * 1024;
