//! Why a file cannot be imported.

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Read(String),
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// It is compressed.
    #[error("is compressed with {how}; unpack it first: amiproof decompresses nothing that comes from outside")]
    Compressed {
        /// With what.
        how: &'static str,
    },
    /// It is in another encoding than Unicode.
    #[error("is not in a Unicode encoding (found {found}); convert it with `iconv -t UTF-8`")]
    Encoding {
        /// What was found.
        found: String,
    },
    /// It has a document type declaration.
    #[error(
        "has a document type declaration (<!DOCTYPE ..>), which could define entities that expand without bound or fetch other files; no scanner writes one: remove it"
    )]
    Dtd,
    /// It uses an entity.
    #[error("uses the entity '{name}', which XML itself does not define and amiproof does not expand")]
    Entity {
        /// The entity.
        name: String,
    },
    /// It breaks a limit.
    #[error("{what} is over the limit of {most}")]
    TooLarge {
        /// What exceeds the limit.
        what: String,
        /// The limit.
        most: String,
    },
    /// It ends too early.
    #[error("is truncated: it ends unexpectedly after {at}; nothing was imported")]
    CutOff {
        /// Where: `byte 12` or `line 3`.
        at: String,
    },
    /// It breaks the rules of its format.
    #[error("is malformed at byte {at}: {reason}")]
    Malformed {
        /// Where.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// It is JSON of another structure.
    #[error("is not {wanted} JSON as this build reads it: {reason}")]
    Json {
        /// What was wanted.
        wanted: &'static str,
        /// What is wrong, with its line.
        reason: String,
    },
    /// It is not of the kind that the user named.
    #[error("is not {wanted}: found {found}")]
    NotThis {
        /// What was wanted.
        wanted: &'static str,
        /// What was found.
        found: String,
    },
    /// It is of another version.
    #[error("is {what} {found}; this build reads {reads}")]
    Version {
        /// Of what.
        what: &'static str,
        /// The version found.
        found: String,
        /// The version that is read.
        reads: &'static str,
    },
    /// There is no result in it.
    #[error("contains no {what}: missing evidence never counts as a clean scan")]
    NoResults {
        /// What is missing.
        what: &'static str,
    },
    /// It is about several machines.
    #[error("contains results of several machines ({targets}); write one file per machine")]
    SeveralTargets {
        /// Their names.
        targets: String,
    },
    /// It is about several operating systems.
    #[error("contains results of several platforms ({platforms}); write one file per platform")]
    SeveralPlatforms {
        /// Their names.
        platforms: String,
    },
    /// It is about several benchmarks.
    #[error("contains results of several benchmarks ({benchmarks}); write one file per benchmark")]
    SeveralBenchmarks {
        /// Their names.
        benchmarks: String,
    },
    /// A CSV without the columns that are needed.
    #[error("has no column for {missing}; its columns are: {header}")]
    Columns {
        /// What is missing.
        missing: &'static str,
        /// The header row.
        header: String,
    },
    /// A table whose end is missing.
    #[error(
        "is truncated: its last row is incomplete, at byte {at}; nothing was imported. A complete table ends with a newline, and its last row has as many cells as its header"
    )]
    CutTable {
        /// How long it is.
        at: u64,
    },
    /// It is what another tool writes.
    #[error("is {what}, which amiproof does not read; {instead}")]
    Foreign {
        /// What it is.
        what: &'static str,
        /// What to import instead.
        instead: &'static str,
    },
    /// Its kind is not known.
    #[error("cannot tell what it is: {begins}")]
    Unknown {
        /// What it looks like.
        begins: String,
    },
    /// It is not CSV.
    #[error("is not CSV: {0}")]
    Csv(String),
    /// The parser of the tool's native format rejects it.
    #[error("{0}")]
    Form(String),
    /// It is about other columns than the one that it is imported for.
    #[error("is a report of amiproof about {found}, and has nothing about {wanted}")]
    OtherSubject {
        /// The column that the user named.
        wanted: String,
        /// The columns of the file.
        found: String,
    },
    /// Neither the file nor the user names the benchmark.
    #[error("is {what}: name its benchmark with --benchmark, for example cis-al2023-1.0.0")]
    NeedsBenchmark {
        /// What it is.
        what: &'static str,
    },
    /// The user names another benchmark than the file.
    #[error("was evaluated against {found}, not {wanted}")]
    OtherBenchmark {
        /// The benchmark that the user named.
        wanted: String,
        /// The benchmark that the file names.
        found: String,
    },
    /// A rule's id cannot be part of a check id.
    #[error("contains an id that cannot be used as a check id: {0}")]
    Id(String),
}

impl ImportError {
    /// Sorts an error of the JSON parser: cut off, unreadable, or of another structure.
    pub(super) fn json(wanted: &'static str, error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Eof => Self::CutOff { at: format!("line {}", error.line()) },
            serde_json::error::Category::Io => Self::Read(error.to_string()),
            _ => Self::Json { wanted, reason: error.to_string() },
        }
    }
}

impl From<std::io::Error> for ImportError {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error.to_string())
    }
}
