//! One reading of every Kubernetes error for people: the API server's own words, or why there was no answer.

use std::error::Error;

use kube::runtime::watcher;

use crate::aws::cause;

/// An error of the Kubernetes client in one line. Its own `Display` prints the answer as Rust writes it down.
pub fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => refused(status),
        kube::Error::Auth(cause) => format!("the kubeconfig's credentials cannot be used: {}", cause::chain(cause)),
        kube::Error::Service(cause) => unreachable(&**cause),
        kube::Error::HyperError(cause) => unreachable(cause),
        kube::Error::ReadEvents(cause) => unreachable(cause),
        kube::Error::SerdeError(cause) => format!("the API server's answer is not of the expected form: {cause}"),
        kube::Error::ProxyProtocolUnsupported { proxy_url } => {
            format!(
                "the proxy {} uses an unsupported protocol: use http://, https:// or socks5://",
                proxy_url.scheme_str().unwrap_or("URL")
            )
        }
        other => cause::chain(other),
    }
}

/// The same of a watch.
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
        let (said, is_whole) = match (cause::is::<kube::Error>(cause), cause::is::<watcher::Error>(cause)) {
            (Some(known), _) => (explain(known), true),
            (None, Some(known)) => (explain_watch(known), true),
            (None, None) => (cause.to_string(), false),
        };
        if !text.contains(&said) {
            let between = if text.is_empty() { "" } else { ": " };
            text.push_str(between);
            text.push_str(&said);
        }
        next = if is_whole { None } else { cause.source() };
    }
    text
}

fn refused(status: &kube::core::Status) -> String {
    let said = match (status.message.trim(), status.reason.trim()) {
        ("", "") => "no reason given",
        ("", reason) => reason,
        (message, _) => message,
    };
    match status.code {
        401 => format!("the API server does not accept the credentials (401): {said}"),
        0 => said.to_owned(),
        code if said.contains(&code.to_string()) => said.to_owned(),
        code => format!("{said} ({code})"),
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
