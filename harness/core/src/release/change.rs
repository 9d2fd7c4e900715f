//! What a promotion changes.

/// What was changed, or would be: one line each, in the order of the writes. Empty if everything is as wanted already.
pub type Changes = Vec<String>;

/// Whether changes are made, or only reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are made.
    Apply,
    /// They are not.
    DryRun,
}
