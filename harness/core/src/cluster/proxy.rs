//! The proxy for an API server: the kubeconfig's `proxy-url`, or the environment's as kubectl reads it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::config::Kubeconfig;

use crate::aws::http::is_this_machine;

/// The proxy for a cluster by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; never one for this machine. (The client library compares `NO_PROXY`
/// with the proxy's own name instead of the server's.)
pub(super) fn of_environment(server: &Uri) -> Option<Uri> {
    by(&Matcher::from_env(), server)
}

fn by(rules: &Matcher, server: &Uri) -> Option<Uri> {
    if server.host().is_none_or(is_this_machine) {
        return None;
    }
    let proxy = rules.intercept(server)?;
    let Some(login) = proxy.basic_auth() else { return Some(proxy.uri().clone()) };
    // The rules keep name and password apart from the URL; the client takes them from the URL.
    let login = login.to_str().ok()?.strip_prefix("Basic ")?;
    let login = BASE64_STANDARD.decode(login).ok()?;
    let (name, password) = std::str::from_utf8(&login).ok()?.split_once(':')?;
    let (scheme, authority) = (proxy.uri().scheme_str()?, proxy.uri().authority()?);
    format!("{scheme}://{}:{}@{authority}", escaped(name), escaped(password)).parse().ok()
}

/// The proxy in a kubeconfig for the cluster of a context; it takes precedence over the environment.
pub(super) fn of_kubeconfig(file: &Kubeconfig, context: &str) -> Option<String> {
    let of_context = file.contexts.iter().find(|named| named.name == context)?.context.as_ref()?;
    let cluster = file.clusters.iter().find(|named| named.name == of_context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.clone().filter(|url| !url.is_empty())
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_name_decides_and_this_machine_is_never_behind_a_proxy() {
        let rules =
            Matcher::builder().https("http://user:p%40ss@proxy.example.com:3128").no(".internal,10.0.0.0/8").build();
        let proxy = Some("http://user:p%40ss@proxy.example.com:3128");
        for (server, wanted) in [
            ("https://ABC.gr7.us-west-2.eks.amazonaws.com", proxy),
            ("https://api.internal:6443", None),
            ("https://10.1.2.3:6443", None),
            ("https://127.0.0.1:6443", None),
            ("https://localhost:6443", None),
        ] {
            let found = by(&rules, &server.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(found.as_deref().map(|uri| uri.trim_end_matches('/')), wanted, "{server}");
        }
    }

    #[test]
    fn the_kubeconfig_names_the_proxy_of_its_context() {
        let text = "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: one, user: u}}, \
                    {name: b, context: {cluster: two, user: u}}], clusters: [{name: one, cluster: {server: 'https://one', proxy-url: \
                    'http://proxy:3128'}}, {name: two, cluster: {server: 'https://two'}}]}";
        let file = Kubeconfig::from_yaml(text).unwrap();
        assert_eq!(of_kubeconfig(&file, "a").as_deref(), Some("http://proxy:3128"));
        assert_eq!(of_kubeconfig(&file, "b"), None);
    }
}
