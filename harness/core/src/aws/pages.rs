//! Listings that come in pages.

use super::Clients;
use super::error::AwsError;

/// Reads every page of a listing. `page` asks for the page behind a token (`None` for the first) and gives its entries with the next
/// token. A token that repeats ends the listing: no service means that.
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
