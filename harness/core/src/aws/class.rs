//! What kind of trouble an answer of AWS is, and whether asking again can help.

/// Whose fault an error is, which decides whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Throttling, 5xx, capacity, a broken connection: try again. Says nothing about the request or the image.
    Infrastructure,
    /// No connection to the endpoint: refused, no answer, an unknown name, TLS, a proxy. Tried again as [`Class::Infrastructure`].
    Unreachable,
    /// The request itself is wrong, or breaks a quota: trying again gives the same answer.
    Request,
    /// The resource does not exist.
    NotFound,
    /// The resource exists already.
    Exists,
    /// The resource is in use by another one, or busy with another change: wait for that, then try again.
    InUse,
    /// The caller may not do this.
    AccessDenied,
    /// There are no valid credentials.
    Credentials,
    /// AWS refuses the signature's time: this machine's clock is wrong.
    Clock,
}
