//! Bad access is refused with a suggestion.

use std::sync::Arc;

use futures::FutureExt as _;

use super::*;

fn tokens() -> TokenSource {
    Arc::new(|| async { Err("never asked".into()) }.boxed())
}

#[tokio::test]
async fn a_wrong_endpoint_or_certificate_is_refused_by_name() {
    let endpoint = Access::eks("https://bad host", b"", tokens(), &Transport::Sockets).unwrap_err().to_string();
    assert!(endpoint.contains("'https://bad host' is not a URL"), "{endpoint}");
    let authority =
        Access::eks("https://eks.example.com", b"not PEM", tokens(), &Transport::Sockets).unwrap_err().to_string();
    assert!(authority.contains("https://eks.example.com is not a PEM certificate"), "{authority}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_missing_or_lacks_the_context_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("config")).unwrap();
    let missing = Access::kubeconfig(&path, None).await.unwrap_err().to_string();
    assert!(missing.contains(path.as_str()), "{missing}");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n\
                clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n";
    std::fs::write(&path, text).unwrap();
    assert_eq!(Access::kubeconfig(&path, None).await.unwrap().name(), "a");
    let unknown = Access::kubeconfig(&path, Some("b")).await.unwrap_err().to_string();
    assert!(unknown.contains("context 'b'"), "{unknown}");
}
