//! Why a request got no answer: read from the types of the errors below the SDK's own, whose text says only "dispatch failure".

use std::error::Error;
use std::io::ErrorKind;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::class::Class;

/// The cause of an error below the SDK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The class of the error; `None` if it cannot be derived from the SDK error.
    pub(crate) class: Option<Class>,
    /// One line for the user.
    pub(crate) message: String,
    /// Whether the request certainly never reached a server.
    pub(crate) never_sent: bool,
}

/// Examines an error and everything below it.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Cause {
    let known = |class, message: String, never_sent| Cause { class: Some(class), message, never_sent };
    if let Some(credentials) = find::<CredentialsError>(error) {
        return known(Class::Credentials, of_credentials(credentials), true);
    }
    let text = chain(error);
    if let Some(tls) = find::<rustls::Error>(error) {
        return known(Class::Unreachable, of_tls(tls), true);
    }
    // Neither the resolver's nor the tunnel's errors are types that others can name; they say so in their first words.
    if has_words(error, "dns error") || text.contains("failed to lookup address") {
        return known(Class::Unreachable, format!("the endpoint's name cannot be resolved: {}", last(error)), true);
    }
    if has_words(error, "tunnel error") || has_words(error, "proxy") {
        return known(Class::Unreachable, format!("the proxy does not connect: {text}"), true);
    }
    if let Some(kind) = find::<std::io::Error>(error).map(std::io::Error::kind) {
        let (message, never_sent) = match kind {
            ErrorKind::ConnectionRefused => ("nothing listens there: connection refused", true),
            ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => ("there is no route to the endpoint", true),
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
                ("the connection was closed before the answer", false)
            }
            ErrorKind::TimedOut => ("no answer in time", false),
            _ => (text.as_str(), false),
        };
        let class = if never_sent || kind == ErrorKind::TimedOut { Class::Unreachable } else { Class::Infrastructure };
        return known(class, message.to_owned(), never_sent);
    }
    if find::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout) {
        // Either there was no connection, or no answer; the text says which. Only in the second case the request may
        // have had an effect.
        let never_sent = text.contains("connect timeout");
        let message = if never_sent { "no connection in time" } else { "no answer in time" };
        return known(Class::Unreachable, format!("{message}: {}", last(error)), never_sent);
    }
    Cause { class: None, message: text, never_sent: false }
}

fn of_credentials(error: &CredentialsError) -> String {
    let why = error.source().map(chain).unwrap_or_default();
    let what = match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            "no credentials found in the environment, in a profile or by a role"
        }
        CredentialsError::ProviderTimedOut(_) => "the credentials provider did not answer in time",
        CredentialsError::InvalidConfiguration(_) => "the configuration of the credentials is wrong",
        _ => "the credentials cannot be loaded",
    };
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

fn of_tls(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    let why = match error {
        rustls::Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "this machine does not trust its certificate; does a proxy inspect TLS? (add its CA to SSL_CERT_FILE or to the system's trust store)"
        }
        rustls::Error::InvalidCertificate(
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
        ) => "its certificate is not valid at the time of this machine's clock; is the clock right?",
        rustls::Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "its certificate is for another name"
        }
        _ => return format!("TLS with the endpoint failed: {error}"),
    };
    format!("TLS with the endpoint failed: {why}")
}

/// The first error of this type in the chain of causes. An I/O error does not return the error that it wraps from `source`.
fn find<'error, T: Error + 'static>(error: &'error (dyn Error + 'static)) -> Option<&'error T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = is::<T>(cause) {
            return Some(found);
        }
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| find::<T>(inner)) {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

/// An error as this type. A source that is a boxed error has the type of the box.
pub(crate) fn is<'error, T: Error + 'static>(error: &'error (dyn Error + 'static)) -> Option<&'error T> {
    error.downcast_ref::<T>().or_else(|| error.downcast_ref::<Box<T>>().map(|boxed| &**boxed))
}

/// Whether an error of the chain begins with these words.
fn has_words(error: &(dyn Error + 'static), words: &str) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.to_string().starts_with(words) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// The words of the innermost cause.
fn last(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// An error with all its causes on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: ErrorKind) -> ConnectorError {
        ConnectorError::io(Box::new(std::io::Error::new(kind, "os error")))
    }

    #[test]
    fn a_cause_is_known_by_its_type_and_said_in_its_own_words() {
        let expired = CredentialsError::provider_error("the SSO token has expired and cannot be refreshed");
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let tls = std::io::Error::new(ErrorKind::InvalidData, unknown);
        let missing = CredentialsError::not_loaded("no providers in chain provided credentials");
        for (error, class, words, never_sent) in [
            (ConnectorError::other(Box::new(expired), None), Class::Credentials, "the SSO token has expired", true),
            (ConnectorError::other(Box::new(missing), None), Class::Credentials, "no credentials found", true),
            (ConnectorError::io(Box::new(tls)), Class::Unreachable, "does not trust its certificate", true),
            (io(ErrorKind::ConnectionRefused), Class::Unreachable, "connection refused", true),
            (io(ErrorKind::ConnectionReset), Class::Infrastructure, "closed before the answer", false),
            (
                ConnectorError::timeout("HTTP connect timeout occurred after 10s".into()),
                Class::Unreachable,
                "no connection in time",
                true,
            ),
            (
                ConnectorError::timeout("HTTP read timeout occurred after 60s".into()),
                Class::Unreachable,
                "no answer in time",
                false,
            ),
            (ConnectorError::io("dns error".into()), Class::Unreachable, "cannot be resolved", true),
            (
                ConnectorError::io("tunnel error: unsuccessful".into()),
                Class::Unreachable,
                "the proxy does not connect",
                true,
            ),
        ] {
            let cause = of(&error);
            assert_eq!((cause.class, cause.never_sent), (Some(class), never_sent), "{cause:?}");
            assert!(cause.message.contains(words), "{cause:?}");
        }
        let other = ConnectorError::other("something new".into(), None);
        assert_eq!(of(&other).class, None);
    }
}
