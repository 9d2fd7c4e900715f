//! The lines of the file, and what they add up to.

use std::collections::BTreeMap;
use std::fmt;

use amiproof_model::name::RunId;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, Resource, ResourceKind, VERSION};

/// The first line: what run the ledger is of, and where its resources are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The form of the file; [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The matrix' name.
    pub matrix: String,
    /// The AWS account, 12 digits; empty where none is involved.
    pub account: String,
    /// The AWS region; empty where none is involved.
    pub region: String,
    /// The endpoint that stands in for AWS (the lab, moto); `None` for AWS itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The kubeconfig of a cluster that nothing else is known of; `None` for an EKS cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<ByKubeconfig>,
    /// When the run started.
    pub started: Timestamp,
    /// When `sweep` may take its resources away: the value of the tag `amiproof:expires`.
    pub expires: Timestamp,
}

/// A cluster that is known by a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByKubeconfig {
    /// The file, absolute.
    pub path: Utf8PathBuf,
    /// The context in it; `None` for its current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// The number of an entry within its ledger, in the order of planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(u32);

impl Key {
    pub(super) const FIRST: Self = Self(1);

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Record {
    Header(Header),
    Planned { key: Key, resource: Resource },
    Created { key: Key, id: String },
    Gone { key: Key },
}

impl Record {
    /// The entry that it is about; the first one for the header, which is about none.
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Header(_) => Key::FIRST,
            Self::Planned { key, .. } | Self::Created { key, .. } | Self::Gone { key } => *key,
        }
    }

    pub(super) fn apply(&self, entries: &mut BTreeMap<Key, Entry>) {
        match self {
            Self::Header(_) => {}
            Self::Planned { key, resource } => {
                let entry = Entry { key: *key, resource: resource.clone(), id: None, state: State::Planned };
                entries.insert(*key, entry);
            }
            Self::Created { key, id } => {
                if let Some(entry) = entries.get_mut(key) {
                    entry.id = Some(id.clone());
                    entry.state = State::Created;
                }
            }
            Self::Gone { key } => {
                if let Some(entry) = entries.get_mut(key) {
                    entry.state = State::Gone;
                }
            }
        }
    }
}

/// A resource of the run with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub key: Key,
    /// What was planned.
    pub resource: Resource,
    /// What the service called it; `None` when the answer never came.
    pub id: Option<String>,
    /// How far it got.
    pub state: State,
}

impl Entry {
    /// Whether it is of this kind and has this name.
    pub fn is(&self, kind: ResourceKind, name: &str) -> bool {
        self.resource.kind == kind && self.resource.name == name
    }

    /// The id, or the name where no id ever came.
    pub fn id_or_name(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.resource.name)
    }
}

/// How far a resource got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The create call was about to be made; it may or may not have arrived.
    Planned,
    /// The service said that it exists.
    Created,
    /// It was seen to be gone.
    Gone,
}

/// What a file adds up to.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) header: Header,
    pub(super) entries: BTreeMap<Key, Entry>,
    /// Bytes up to the end of the last whole line.
    pub(super) intact: usize,
}

/// Adds the lines up. A last line without its newline is torn, and ignored: its record was never acted upon.
pub(super) fn replay_text(path: &Utf8Path, text: &[u8]) -> Result<Replay, Error> {
    let form = |line: usize, reason: String| Error::Form { path: path.to_owned(), line, reason };
    let intact = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let mut header = None;
    let mut entries = BTreeMap::new();
    for (index, line) in text[..intact].split_inclusive(|byte| *byte == b'\n').enumerate() {
        if index == 0 {
            header = Some(read_header(line).map_err(|reason| form(1, reason))?);
            continue;
        }
        let record: Record =
            serde_json::from_slice(line).map_err(|error| form(index + 1, format!("not a ledger record: {error}")))?;
        record.apply(&mut entries);
    }
    let header =
        header.ok_or_else(|| form(1, "there is no header line, so nothing was created by this run".to_owned()))?;
    Ok(Replay { header, entries, intact })
}

fn read_header(line: &[u8]) -> Result<Header, String> {
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|error| format!("not a ledger of amiproof: {error}"))?;
    match value.pointer("/header/version").and_then(serde_json::Value::as_u64) {
        None => Err("not a ledger of amiproof: the first line is not a header".to_owned()),
        Some(version) if version != u64::from(VERSION) => Err(format!(
            "the ledger has version {version}, this build reads version {VERSION}: use the amiproof that wrote it"
        )),
        Some(_) => match serde_json::from_value(value) {
            Ok(Record::Header(header)) => Ok(header),
            Ok(_) => Err("not a ledger of amiproof: the first line is not a header".to_owned()),
            Err(error) => Err(format!("not a ledger of amiproof: {error}")),
        },
    }
}
