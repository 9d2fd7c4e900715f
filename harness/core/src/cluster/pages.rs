//! Lists of any length, page by page.

use std::fmt::Debug;

use kube::Api;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

/// Objects in one answer: what kubectl asks for, small enough that a page of large pods is a few megabytes.
const PAGE: u32 = 500;

/// How often a list is restarted because its continue token has expired (etcd is compacted every five minutes).
const BEGINNINGS: u32 = 3;

/// Maps every object by `keep`, so that a list of any length needs only the memory of one page and of the results.
///
/// # Errors
/// When the API server does not answer or denies the request. The client retries 429, 5xx and broken connections first, a POST only after
/// 429.
pub async fn kept<K, T>(
    api: &Api<K>,
    params: &ListParams,
    mut keep: impl FnMut(K) -> Option<T>,
) -> Result<Vec<T>, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut beginnings = 1;
    let mut found = Vec::new();
    let mut page = params.clone().limit(PAGE);
    loop {
        match api.list(&page).await {
            Ok(list) => {
                found.extend(list.items.into_iter().filter_map(&mut keep));
                match list.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) if page.continue_token.as_ref() != Some(&token) => page.continue_token = Some(token),
                    _ => return Ok(found),
                }
            }
            Err(kube::Error::Api(status)) if status.code == 410 && beginnings < BEGINNINGS => {
                beginnings += 1;
                found.clear();
                page.continue_token = None;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt as _;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    /// A server that answers one after the other, and the queries that it got.
    fn server(answers: Vec<(u16, Value)>) -> (kube::Client, Arc<Mutex<Vec<String>>>) {
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            record.lock().unwrap().push(request.uri().query().unwrap_or_default().to_owned());
            let (status, body) = answers.lock().unwrap().next().unwrap();
            async move {
                let body = Body::from(body.to_string().into_bytes());
                Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(body).unwrap())
            }
        });
        (kube::Client::new(service, "default"), asked)
    }

    fn page(name: &str, token: &str) -> (u16, Value) {
        let items = json!([{"metadata": {"name": name}}]);
        (200, json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"continue": token}, "items": items}))
    }

    async fn names(client: kube::Client) -> Result<Vec<String>, kube::Error> {
        let api: Api<ConfigMap> = Api::all(client);
        kept(&api, &ListParams::default(), |object| Some(object.name_any())).await
    }

    #[tokio::test]
    async fn every_page_is_read_and_an_expired_list_is_begun_anew() {
        let gone = json!({"kind": "Status", "status": "Failure", "reason": "Expired", "message": "m", "code": 410});
        let (client, asked) = server(vec![page("a", "1"), (410, gone), page("a", "2"), page("b", "")]);
        assert_eq!(names(client).await.unwrap(), ["a", "b"]);
        let asked = asked.lock().unwrap();
        assert!(asked.iter().all(|query| query.contains("limit=500")), "{asked:?}");
        let tokens: Vec<bool> = asked.iter().map(|query| query.contains("continue=")).collect();
        assert_eq!(tokens, [false, true, false, true]);
    }

    #[tokio::test]
    async fn a_token_that_repeats_ends_the_list_instead_of_going_on_for_ever() {
        let (client, _) = server(vec![page("a", "1"), page("b", "1")]);
        assert_eq!(names(client).await.unwrap(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_refusal_is_passed_on() {
        let forbidden =
            json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "m", "code": 403});
        let (client, _) = server(vec![(403, forbidden)]);
        assert!(matches!(names(client).await, Err(kube::Error::Api(status)) if status.code == 403));
    }
}
