//! Kubernetes errors for humans: the API server's own message, or why there was no answer.

use std::error::Error;

use kube::runtime::watcher;

use crate::aws::cause;

/// An error of the Kubernetes client in one line. Its own `Display` prints a Rust debug representation.
pub fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => refused(status),
        kube::Error::Auth(cause) => format!("the kubeconfig's credentials cannot be used: {}", cause::chain(cause)),
        kube::Error::Service(cause) => unreachable(&**cause),
        kube::Error::HyperError(cause) => unreachable(cause),
        kube::Error::ReadEvents(cause) => unreachable(cause),
        kube::Error::SerdeError(cause) => format!("the API server's answer has an unexpected format: {cause}"),
        kube::Error::ProxyProtocolUnsupported { proxy_url } => {
            format!(
                "the proxy {} uses an unsupported protocol: use http://, https:// or socks5://",
                proxy_url.scheme_str().unwrap_or("URL")
            )
        }
        other => cause::chain(other),
    }
}

/// An error of a watch in one line.
pub fn explain_watch(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(cause)
        | watcher::Error::WatchStartFailed(cause)
        | watcher::Error::WatchFailed(cause) => explain(cause),
        watcher::Error::WatchError(status) => refused(status),
        other => cause::chain(other),
    }
}

/// An error with its causes, each once, where the Kubernetes client's are explained: `a: b: c`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let (cause_text, is_whole) = match (cause::is::<kube::Error>(cause), cause::is::<watcher::Error>(cause)) {
            (Some(known), _) => (explain(known), true),
            (None, Some(known)) => (explain_watch(known), true),
            (None, None) => (cause.to_string(), false),
        };
        if !text.contains(&cause_text) {
            let between = if text.is_empty() { "" } else { ": " };
            text.push_str(between);
            text.push_str(&cause_text);
        }
        next = if is_whole { None } else { cause.source() };
    }
    text
}

fn refused(status: &kube::core::Status) -> String {
    let cause_text = match (status.message.trim(), status.reason.trim()) {
        ("", "") => "no reason given",
        ("", reason) => reason,
        (message, _) => message,
    };
    match status.code {
        401 => format!("the API server does not accept the credentials (401): {cause_text}"),
        0 => cause_text.to_owned(),
        code if cause_text.contains(&code.to_string()) => cause_text.to_owned(),
        code => format!("{cause_text} ({code})"),
    }
}

fn unreachable(error: &(dyn Error + 'static)) -> String {
    let cause = cause::of(error);
    match cause.class {
        Some(_) => format!("the API server cannot be reached: {}", cause.message),
        None => cause.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: u16, message: &str, reason: &str) -> kube::Error {
        let status = kube::core::Status { code, ..kube::core::Status::failure(message, reason) };
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn an_answer_is_said_in_the_servers_words_and_never_as_rust_writes_it() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "os error 111");
        for (error, wanted) in [
            (
                api(401, "Unauthorized", "Unauthorized"),
                "the API server does not accept the credentials (401): Unauthorized",
            ),
            (
                api(403, "pods is forbidden: User \"x\" cannot list resource", "Forbidden"),
                "pods is forbidden: User \"x\" cannot list resource (403)",
            ),
            (api(503, "", "ServiceUnavailable"), "ServiceUnavailable (503)"),
            (
                kube::Error::Service(Box::new(refused)),
                "the API server cannot be reached: nothing listens there: connection refused",
            ),
        ] {
            assert_eq!(explain(&error), wanted);
            let outer = crate::cluster::AccessError::Client { name: "c".to_owned(), source: Box::new(error) };
            assert_eq!(chain(&outer), format!("cannot build a client for the cluster c: {wanted}"));
        }
    }
}
