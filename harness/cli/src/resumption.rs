//! How an earlier run is continued.

use amiproof_core::run::Keep;

/// How an earlier run is continued.
#[derive(Clone, Debug)]
pub(crate) struct Resumption {
    /// The name of the run.
    pub(crate) run: String,
    /// Which answers are kept.
    pub(crate) keep: Keep,
    /// A digest of what went into the run when it started.
    pub(crate) inputs: String,
}
