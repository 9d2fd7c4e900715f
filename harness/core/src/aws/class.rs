//! Classes of AWS errors, and whether a retry can help.

/// The class of an error, which decides whether to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Throttling, 5xx, capacity, a broken connection: retried. Says nothing about the request or the image.
    Infrastructure,
    /// No connection to the endpoint: refused, no answer, an unknown name, TLS, a proxy. Retried as [`Class::Infrastructure`].
    Unreachable,
    /// The request itself is wrong, or exceeds a quota: a retry gives the same answer.
    Request,
    /// The resource does not exist.
    NotFound,
    /// The resource exists already.
    Exists,
    /// The resource is in use by another one, or being changed: retried after a wait.
    InUse,
    /// The caller lacks a permission.
    AccessDenied,
    /// There are no valid credentials.
    Credentials,
    /// AWS rejects the time of the signature: this machine's clock is wrong.
    Clock,
}
