//! The outcome of a write.

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The object is new.
    New,
    /// There is one of that name, which was left as it is.
    Exists,
}
