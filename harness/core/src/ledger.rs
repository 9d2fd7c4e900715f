//! The write-ahead record of everything that a run makes in the account.

/// The ledger of one run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {}
