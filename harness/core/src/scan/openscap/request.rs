//! What OpenSCAP is asked on a node.

/// What is evaluated. Both stand in a script, so neither holds anything that a shell reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evaluation {
    pub(super) content: String,
    pub(super) profile: String,
}
