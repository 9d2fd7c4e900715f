//! A client gets its answer from a server: the client's exit code says so.

use super::observed::{Observed, Progress};
use super::target::Target;
use super::{complete, ready};

/// Whether the client ended with exit code 0. Until it has started, the progress is that of the server.
pub fn reaches(client: &Target, server: &Target, observed: &Observed) -> Progress {
    match complete::complete(client, observed) {
        Progress::NotYet(client_waits) => match ready::ready(server, observed) {
            Progress::Met => Progress::NotYet(client_waits),
            Progress::NotYet(why) => Progress::NotYet(format!("server {server}: {why}")),
            Progress::Failed(why) => Progress::Failed(format!("server {server}: {why}")),
        },
        answer => answer,
    }
}
