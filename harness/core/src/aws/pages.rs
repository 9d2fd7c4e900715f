//! Listings that come in pages.

use super::Clients;
use super::error::AwsError;

/// Reads every page of a listing. `page` requests the page that a token stands for (`None`: the first one) and returns its entries with the next
/// token. A repeated token ends the listing: no service issues one on purpose. Every page is retried as [`Clients::read`] retries.
///
/// # Errors
/// The [`AwsError`] of the first page that fails; entries read so far are discarded.
pub(crate) async fn every<T, Fut>(clients: &Clients, page: impl Fn(Option<String>) -> Fut) -> Result<Vec<T>, AwsError>
where
    Fut: Future<Output = Result<(Vec<T>, Option<String>), AwsError>>,
{
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let (entries, next) = clients
            .read(|| async {
                let _permit = clients.read_permit().await;
                page(token.clone()).await
            })
            .await?;
        found.extend(entries);
        match next {
            Some(next) if !next.is_empty() && token.as_ref() != Some(&next) => token = Some(next),
            _ => return Ok(found),
        }
    }
}
