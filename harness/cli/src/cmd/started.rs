//! What a run was started with, as a file in its folder: `amiproof resume` reads it, `runs` shows it, and a shard in a store is checked by it.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::output::Failure;
use crate::rundir::RunDir;

/// The name of the file within the folder of a run.
pub(super) const FILE_NAME: &str = "command.json";

/// Maximum size of the file, bytes.
const LONGEST: u64 = 1 << 20;

/// The command that a run was started with, as its folder records it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Started {
    /// The version of amiproof.
    pub(super) version: String,
    /// The arguments, without the program's name.
    pub(super) arguments: Vec<String>,
    /// The working folder, which paths in the arguments are relative to.
    pub(super) directory: Utf8PathBuf,
    /// A digest of matrix, checks, waivers and workloads.
    pub(super) inputs: String,
}

impl Started {
    /// Reads what [`FILE_NAME`] holds.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

/// What the folder of a run records; `None` if it records nothing that can be read.
pub(super) fn started(run: &RunDir) -> Option<Started> {
    read(run).ok()
}

/// Reads what the folder of a run records.
///
/// # Errors
/// When it records nothing that can be read, so that the run cannot be resumed.
pub(super) fn read(run: &RunDir) -> Result<Started, Failure> {
    let path = run.path().join(FILE_NAME);
    let unknown = |reason: String| {
        Failure::usage(
            format!("run '{}' cannot be resumed: {path}: {reason}", run.id),
            "see what it left with `amiproof destroy --dry-run`",
        )
    };
    let text = amiproof_core::bounded::text(&path, LONGEST).map_err(|error| unknown(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unknown(error.to_string()))
}
