//! The HTTP client of the SDK: requests to this machine never go through a proxy.

use std::net::IpAddr;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// Whether a host is this machine. Requests to it go to no proxy, whatever `NO_PROXY` says: a lab or an emulator listens there, and a proxy
/// would look for it on its own machine. Go's programs, kubectl among them, do the same (net/http, `ProxyFromEnvironment`).
pub(crate) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a URL leads to this machine.
pub(crate) fn is_local(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some_and(is_this_machine))
}

/// A client that takes the proxies of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) for all other hosts.
pub(super) fn client() -> SharedHttpClient {
    use aws_smithy_runtime_api::client::http::HttpClient as _;
    let (direct, by_proxy) = (of(ProxyConfig::disabled), of(ProxyConfig::from_env));
    http_client_fn(move |settings, components| {
        SharedHttpConnector::new(Route {
            direct: direct.http_connector(settings, components),
            by_proxy: by_proxy.http_connector(settings, components),
        })
    })
}

fn of(proxy: fn() -> ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(proxy()));
        connector.build()
    })
}

/// Two connectors, one of which each request takes.
#[derive(Debug)]
struct Route {
    direct: SharedHttpConnector,
    by_proxy: SharedHttpConnector,
}

impl HttpConnector for Route {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if is_local(request.uri()) { self.direct.call(request) } else { self.by_proxy.call(request) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_name_and_by_every_loopback_address() {
        for (host, wanted) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("127.0.0.1", true),
            ("127.8.9.10", true),
            ("[::1]", true),
            ("localhost.example.com", false),
            ("10.0.0.1", false),
            ("eks.us-west-2.amazonaws.com", false),
        ] {
            assert_eq!(is_this_machine(host), wanted, "{host}");
        }
    }
}
