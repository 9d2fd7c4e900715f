//! OpenID Connect providers of IAM: whose tokens the roles of an account can trust. One per cluster and account, shared by everything
//! that uses IAM roles for service accounts there (EKS user guide, "IAM roles for service accounts").

use std::collections::BTreeMap;

use super::Clients;
use super::error::{AwsError, Explain as _, found};

/// The audience of tokens for STS, as the webhook of EKS requests them.
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";

/// The part of an ARN before the URL.
const IN_ARN: &str = ":oidc-provider/";

/// The beginnings of the URLs of clusters of EKS: of IPv4 clusters, and of those of IPv6, whose host answers over both
/// (`oidc-eks.us-west-2.api.aws`).
const OF_EKS: [&str; 2] = ["oidc.eks.", "oidc-eks."];

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Its ARN.
    pub(crate) arn: String,
    /// The audiences of its tokens.
    pub(crate) audiences: Vec<String>,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
}

/// An issuer as IAM and condition keys write it, without its scheme.
pub(crate) fn bare(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap_or(issuer)
}

/// The URL in a provider's ARN.
pub(crate) fn url_of(arn: &str) -> &str {
    arn.split_once(IN_ARN).map_or(arn, |(_, url)| url)
}

fn is_of_eks(url: &str) -> bool {
    OF_EKS.iter().any(|prefix| url.starts_with(prefix))
}

/// The ARNs of the account's providers of clusters of EKS.
///
/// # Errors
/// [`AwsError`] of [ListOpenIDConnectProviders](https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviders.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub(crate) async fn of_clusters(clients: &Clients) -> Result<Vec<String>, AwsError> {
    let list = || async {
        let answer = clients.iam.list_open_id_connect_providers().send().await;
        answer.explain("ListOpenIDConnectProviders", "the account's OpenID Connect providers")
    };
    let answer = clients.read(list).await?;
    let arns = answer.open_id_connect_provider_list().iter().filter_map(|entry| entry.arn());
    Ok(arns.filter(|arn| is_of_eks(url_of(arn))).map(str::to_owned).collect())
}

/// Reads a provider; `None` if it does not exist.
///
/// # Errors
/// [`AwsError`] of [GetOpenIDConnectProvider](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub(crate) async fn read(clients: &Clients, arn: &str) -> Result<Option<Provider>, AwsError> {
    let get = || async {
        let request = clients.iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn);
        request.send().await.explain("GetOpenIDConnectProvider", arn)
    };
    let Some(answer) = found(clients.read(get).await)? else { return Ok(None) };
    let tags = answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    Ok(Some(Provider { arn: arn.to_owned(), audiences: answer.client_id_list().to_vec(), tags }))
}

/// The provider of an issuer (without its scheme), whoever created it
/// ([GetOpenIDConnectProvider](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html)).
///
/// # Errors
/// [`AwsError`]; transient errors are retried, a denied request is not.
pub(crate) async fn find(clients: &Clients, url: &str) -> Result<Option<Provider>, AwsError> {
    match of_clusters(clients).await?.iter().find(|arn| url_of(arn) == url) {
        Some(arn) => read(clients, arn).await,
        None => Ok(None),
    }
}

/// Like [`find`], but a provider that was found may be up to five minutes old. The answer that there is none is always new.
///
/// # Errors
/// Those of [`find`].
pub(crate) async fn known(clients: &Clients, url: &str) -> Result<Option<Provider>, AwsError> {
    const OPERATION: &str = "GetOpenIDConnectProvider";
    let provider = clients.shared_answer((OPERATION, url), || find(clients, url)).await?;
    if provider.is_none() {
        clients.forget_answer((OPERATION, url));
    }
    Ok(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_found_by_the_end_of_its_arn_in_every_partition() {
        let url = "oidc.eks.cn-north-1.amazonaws.com.cn/id/0123456789ABCDEF0123456789ABCDEF";
        assert_eq!(url_of(&format!("arn:aws-cn:iam::111122223333:oidc-provider/{url}")), url);
        assert_eq!(bare(&format!("https://{url}")), url);
        assert!(is_of_eks(url) && is_of_eks("oidc-eks.eu-west-1.api.aws/id/0123") && !is_of_eks("token.example.com"));
    }
}
