//! What OpenSCAP evaluates on a node.

/// Content and profile. Both are interpolated into a shell script, so neither contains shell metacharacters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evaluation {
    pub(super) content: String,
    pub(super) profile: String,
}
