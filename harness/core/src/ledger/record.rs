//! The lines of the file, and the state that they describe.

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
    /// The version of the file format; [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The name of the matrix.
    pub matrix: String,
    /// The AWS account, 12 digits; empty if none is involved.
    pub account: String,
    /// The AWS region; empty if none is involved.
    pub region: String,
    /// The endpoint that stands in for AWS (the lab, moto); `None` for AWS itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The kubeconfig of the cluster; `None` for an EKS cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<ByKubeconfig>,
    /// When the run started.
    pub started: Timestamp,
    /// When `sweep` may delete its resources: the value of the tag `amiproof:expires`.
    pub expires: Timestamp,
    /// Whether its resources outlive runs: the network stack of `apply --only network`. Such resources have no expiry, and
    /// commands without `--run` never mean such a run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

/// A cluster that is known by a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByKubeconfig {
    /// The file, absolute.
    pub path: Utf8PathBuf,
    /// The context in it, resolved when the run started; `None` only in ledgers of older builds, for its current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// Identity of the cluster, whatever its name or context means later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterIdentity {
    /// Its name in the ledger.
    pub name: String,
    /// The URL of its API server.
    pub server: String,
    /// The SHA-256 of its certificate authority; `None` if the system's authorities are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The UID of its namespace `kube-system`, which is unique; `None` if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl ClusterIdentity {
    /// Whether the other is the same cluster: the same UID behind the same server or authority (a tunnel changes the one, a rotation
    /// the other); where a UID is not known, both must be the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let (server, authority) = (self.server == other.server, self.authority == other.authority);
        match (&self.uid, &other.uid) {
            (Some(one), Some(two)) => one == two && (server || authority && self.authority.is_some()),
            _ => server && authority,
        }
    }
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
    /// The identity of a cluster when the run first connected to it.
    Cluster(ClusterIdentity),
    Planned {
        key: Key,
        resource: Resource,
    },
    Created {
        key: Key,
        id: String,
        /// When; absent in ledgers of older builds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    Gone {
        key: Key,
        /// When; absent in ledgers of older builds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// A resource of this name has another owner.
    Foreign {
        key: Key,
        owner: String,
    },
    /// Another process continues the run, from a copy of the ledger. `by` is any number, so that no two such records are alike.
    Continued {
        at: Timestamp,
        by: String,
    },
}

impl Record {
    /// The entry that it is about; the first one for a record that is about none.
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Header(_) | Self::Cluster(_) | Self::Continued { .. } => Key::FIRST,
            Self::Planned { key, .. }
            | Self::Created { key, .. }
            | Self::Gone { key, .. }
            | Self::Foreign { key, .. } => *key,
        }
    }
}

/// How a record other than the header begins: what a torn line is followed by, once the file system accepted writes again.
const BEGINNINGS: [&str; 6] =
    ["{\"planned\":", "{\"created\":", "{\"gone\":", "{\"foreign\":", "{\"cluster\":", "{\"continued\":"];

/// The state that the records describe.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) entries: BTreeMap<Key, Entry>,
    pub(super) clusters: BTreeMap<String, ClusterIdentity>,
}

impl Sum {
    /// Applies a record; false if its entry is missing, because that line was incomplete.
    pub(super) fn apply(&mut self, record: &Record) -> bool {
        let set = |entry: Option<&mut Entry>, change: &dyn Fn(&mut Entry)| match entry {
            Some(entry) => {
                change(entry);
                true
            }
            None => false,
        };
        match record {
            Record::Header(_) | Record::Continued { .. } => true,
            Record::Cluster(identity) => {
                self.clusters.insert(identity.name.clone(), identity.clone());
                true
            }
            Record::Planned { key, resource } => {
                self.entries.insert(*key, Entry::planned(*key, resource.clone()));
                true
            }
            Record::Created { key, id, at } => set(self.entries.get_mut(key), &|entry| {
                entry.id = Some(id.clone());
                entry.created = *at;
                entry.state = State::Created;
            }),
            Record::Gone { key, at } => set(self.entries.get_mut(key), &|entry| {
                entry.gone = *at;
                entry.state = State::Gone;
            }),
            Record::Foreign { key, .. } => set(self.entries.get_mut(key), &|entry| entry.state = State::Foreign),
        }
    }
}

/// A resource of the run, and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub key: Key,
    /// What was planned.
    pub resource: Resource,
    /// The id that the service returned; `None` if the answer never arrived.
    pub id: Option<String>,
    /// When the service confirmed it; `None` if the answer never arrived, and in ledgers of older builds.
    pub created: Option<Timestamp>,
    /// When it was verified as deleted; `None` if it was not, and in ledgers of older builds.
    pub gone: Option<Timestamp>,
    /// Its state.
    pub state: State,
}

impl Entry {
    /// A resource that is about to be created.
    pub fn planned(key: Key, resource: Resource) -> Self {
        Self { key, resource, id: None, created: None, gone: None, state: State::Planned }
    }

    /// Whether it is of this kind and has this name.
    pub fn is(&self, kind: &ResourceKind, name: &str) -> bool {
        self.resource.kind == *kind && self.resource.name == name
    }

    /// Whether it is an entry of this resource: one may have several, if it was created again.
    pub(super) fn is_of(&self, resource: &Resource) -> bool {
        self.is(&resource.kind, &resource.name) && self.resource.cluster == resource.cluster
    }

    /// Whether it may exist, and belongs to the run.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Planned | State::Created)
    }
}

/// The state of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The create call was about to be made; it may or may not have arrived.
    Planned,
    /// The service confirmed it.
    Created,
    /// It was verified as deleted.
    Gone,
    /// At deletion, a resource of this name had another owner, and was left alone.
    Foreign,
}

/// The content of a file.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) header: Header,
    pub(super) state: Sum,
    /// Bytes up to the end of the last complete line.
    pub(super) intact: usize,
    /// What could not be read, one sentence per line.
    pub(super) torn: Vec<String>,
}

/// Reads the lines. A last line without its newline is incomplete and ignored: its record was never acted upon. An incomplete line in the
/// middle of the file (full disk, power cut) is skipped; a record that was appended to it is read.
pub(super) fn replay_text(path: &Utf8Path, text: &[u8]) -> Result<Replay, Error> {
    let form = |line: usize, reason: String| Error::Form { path: path.to_owned(), line, reason };
    let intact = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let mut header = None;
    let (mut state, mut torn) = (Sum::default(), Vec::new());
    for (index, line) in text[..intact].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        if index == 0 {
            header = Some(read_header(line).map_err(|reason| form(1, reason))?);
            continue;
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(Record::Header(_)) => torn.push(format!("line {number} is a second header")),
            Ok(record) => {
                if !state.apply(&record) {
                    torn.push(format!("line {number} refers to an entry whose own line is incomplete"));
                }
            }
            Err(_) if line.iter().all(u8::is_ascii_whitespace) => {}
            Err(error) => {
                torn.push(format!("line {number} is incomplete: {error}"));
                let rescued = after_stump(line).is_some_and(|record| state.apply(&record));
                tracing::warn!(%path, line = number, rescued, "skipping an incomplete line of the ledger");
            }
        }
    }
    let header =
        header.ok_or_else(|| form(1, "there is no header line, so nothing was created by this run".to_owned()))?;
    Ok(Replay { header, state, intact, torn })
}

/// The record that follows an incomplete one on the same line.
fn after_stump(line: &[u8]) -> Option<Record> {
    let text = String::from_utf8_lossy(line);
    let starts = BEGINNINGS.iter().flat_map(|beginning| text.match_indices(beginning).map(|(at, _)| at));
    let mut starts: Vec<usize> = starts.filter(|at| *at > 0).collect();
    starts.sort_unstable();
    starts.into_iter().find_map(|at| serde_json::from_str(text.get(at..)?).ok())
}

fn read_header(line: &[u8]) -> Result<Header, String> {
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|error| format!("not an amiproof ledger: {error}"))?;
    match value.pointer("/header/version").and_then(serde_json::Value::as_u64) {
        None => Err("not an amiproof ledger: the first line is not a header".to_owned()),
        Some(version) if version != u64::from(VERSION) => Err(format!(
            "the ledger has version {version}, this build reads version {VERSION}: use the amiproof that wrote it"
        )),
        Some(_) => match serde_json::from_value(value) {
            Ok(Record::Header(header)) => Ok(header),
            Ok(_) => Err("not an amiproof ledger: the first line is not a header".to_owned()),
            Err(error) => Err(format!("not an amiproof ledger: {error}")),
        },
    }
}
