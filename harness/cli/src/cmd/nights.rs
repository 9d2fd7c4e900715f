//! The history store as the commands use it: where it is, how it is opened, and the messages about it.

use amiproof_core::store::{Error, PassedOver, Store};
use amiproof_model::history::{Keep, Location};
use amiproof_model::matrix::HistorySpec;
use camino::Utf8Path;

use crate::args::Target;
use crate::output::{Failure, Output};
use crate::session;

/// Which store a command uses.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Where it is.
    pub(super) location: Location,
    /// How many nights are kept.
    pub(super) keep: Option<Keep>,
}

impl Place {
    /// The store of the command line, or of the matrix file; `None` without either.
    pub(super) fn of(
        named: Option<&Location>,
        keep: Option<Keep>,
        file: &Utf8Path,
        matrix: Option<&HistorySpec>,
    ) -> Option<Self> {
        let folder = file.parent().unwrap_or(Utf8Path::new(""));
        let beside = || matrix.map(|history| history.store.clone().beside(folder));
        let location = named.cloned().or_else(beside)?;
        Some(Self { location, keep: keep.or_else(|| matrix.and_then(|history| history.keep)) })
    }

    /// Opens it.
    pub(super) async fn open(&self, target: &Target, region: Option<&str>) -> Result<Store, Failure> {
        let settings = session::of_store(target, region);
        Store::open(&self.location, settings).await.map_err(|error| self.failure(&error))
    }

    /// Opens the store and waits for its first answer. For one in S3 it prints beforehand that the history is being read.
    pub(super) async fn reach(&self, target: &Target, region: Option<&str>, output: &Output) -> Result<Store, Failure> {
        if matches!(self.location, Location::S3 { .. }) {
            output.note(format_args!("reading the history in {} ...", self.location));
        }
        let store = self.open(target, region).await?;
        store.reach().await.map_err(|error| self.failure(&error))?;
        Ok(store)
    }

    /// What went wrong in it, with what to do.
    pub(super) fn failure(&self, error: &Error) -> Failure {
        Failure::error(format!("the history in {}: {error}", self.location), error.help())
    }

    /// Names what could not be read.
    pub(super) fn warn(&self, passed_over: &[PassedOver], output: &Output) {
        for PassedOver { name, why } in passed_over {
            output.note(format_args!("warning: {}: {name} is skipped: {why}", self.location));
        }
    }
}
