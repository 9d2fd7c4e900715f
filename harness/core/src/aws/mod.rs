//! AWS: the only place that builds SDK clients.

/// The SDK clients of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {}
