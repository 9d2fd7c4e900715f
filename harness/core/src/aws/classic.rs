//! Classic Load Balancers, which the cloud provider in the control plane of EKS creates for a Service of type LoadBalancer without annotations.
//! They have an API of their own (version 2012-06-01), of which amiproof needs three operations: too few for another SDK.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::error::{AwsError, Class};
use super::load_balancers::Tagged;
use super::signed::{self, Request};
use super::{Clients, pages};

/// The signing name, and the prefix of the IAM actions.
const SERVICE: &str = "elasticloadbalancing";
const VERSION: &str = "2012-06-01";
/// DescribeTags takes at most 20 load balancers.
const TAGS_AT_A_TIME: usize = 20;

/// Every Classic Load Balancer of the region with its VPC and tags; its id is its name.
///
/// # Errors
/// [`AwsError`] of [DescribeLoadBalancers](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DescribeLoadBalancers.html)
/// or [DescribeTags](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DescribeTags.html). Transient errors are
/// retried; a denied request is not.
pub(crate) async fn all(clients: &Clients) -> Result<Vec<Tagged>, AwsError> {
    let mut all = pages::every(clients, async |marker| {
        let marker = marker.map(|marker| ("Marker".to_owned(), marker));
        let answer = ask(clients, "DescribeLoadBalancers", "Classic Load Balancers", marker.into_iter()).await?;
        let page = answer.every("LoadBalancerDescriptions").map(|one| Tagged {
            id: one.text("LoadBalancerName"),
            name: one.text("LoadBalancerName"),
            vpc: Some(one.text("VPCId")).filter(|vpc| !vpc.is_empty()),
            tags: BTreeMap::new(),
        });
        let next = answer.child("NextMarker").map(|next| next.text.clone()).filter(|next| !next.is_empty());
        Ok((page.collect(), next))
    })
    .await?;
    for some in all.chunks_mut(TAGS_AT_A_TIME) {
        let names = some.iter().enumerate();
        let names: Vec<(String, String)> =
            names.map(|(index, one)| (format!("LoadBalancerNames.member.{}", index + 1), one.name.clone())).collect();
        let asked = || ask(clients, "DescribeTags", "Classic Load Balancers", names.iter().cloned());
        let answer = clients.read(asked).await?;
        for description in answer.every("TagDescriptions") {
            let name = description.text("LoadBalancerName");
            let tags = description.every("Tags").map(|tag| (tag.text("Key"), tag.text("Value"))).collect();
            if let Some(one) = some.iter_mut().find(|one| one.name == name) {
                one.tags = tags;
            }
        }
    }
    Ok(all)
}

/// Deletes one; one that does not exist is not an error.
///
/// # Errors
/// [`AwsError`] of [DeleteLoadBalancer](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DeleteLoadBalancer.html).
/// Transient errors are retried; a denied request is not.
pub(crate) async fn delete(clients: &Clients, name: &str) -> Result<(), AwsError> {
    let parameter = || std::iter::once(("LoadBalancerName".to_owned(), name.to_owned()));
    clients.write_idempotent(|| ask(clients, "DeleteLoadBalancer", name, parameter())).await.map(|_| ())
}

/// Sends one request, without retries; the result in the response.
async fn ask(
    clients: &Clients,
    operation: &'static str,
    resource: &str,
    parameters: impl Iterator<Item = (String, String)>,
) -> Result<Element, AwsError> {
    let mut body = format!("Action={operation}&Version={VERSION}");
    for (key, value) in parameters {
        let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
        body.push_str(&format!("&{key}={value}"));
    }
    let request = Request {
        service: SERVICE,
        path: "",
        operation,
        resource,
        headers: &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
        body,
    };
    let (status, text) = signed::post(clients, request).await?;
    let answer = Element::read(&text);
    if status.is_success() {
        let result = answer.as_ref().and_then(|answer| answer.child(&format!("{operation}Result"))).cloned();
        let unread = || AwsError::new(Class::Infrastructure, operation, resource, "the answer is not complete");
        return result.ok_or_else(unread);
    }
    let error = answer.as_ref().and_then(|answer| answer.child("Error"));
    let code = error.map(|error| error.text("Code"));
    let message = error.map_or(text.clone(), |error| error.text("Message"));
    Err(AwsError {
        code: code.clone(),
        service: Some(SERVICE),
        ..AwsError::new(class(code.as_deref(), status.as_u16()), operation, resource, message)
    })
}

fn class(code: Option<&str>, status: u16) -> Class {
    match code {
        Some("LoadBalancerNotFound") => Class::NotFound,
        Some("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation") => Class::AccessDenied,
        Some("InvalidClientTokenId" | "ExpiredToken" | "SignatureDoesNotMatch") => Class::Credentials,
        Some("Throttling" | "RequestLimitExceeded" | "ServiceUnavailable") => Class::Infrastructure,
        _ if status >= 500 || status == 429 => Class::Infrastructure,
        _ => Class::Request,
    }
}

/// An element of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Element {
    name: String,
    text: String,
    children: Vec<Self>,
}

impl Element {
    /// The root of a document; `None` for one that is broken or cut off.
    fn read(document: &str) -> Option<Self> {
        let mut reader = Reader::from_str(document);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                    open.push(Self { name, ..Self::default() });
                }
                Event::Empty(tag) => {
                    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                    open.last_mut()?.children.push(Self { name, ..Self::default() });
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
                Event::GeneralRef(reference) => {
                    let entity = format!("&{};", reference.decode().ok()?);
                    open.last_mut()?.text.push_str(&quick_xml::escape::unescape(&entity).ok()?);
                }
                Event::End(_) => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        match open.as_slice() {
            [document] => document.children.first().cloned(),
            _ => None,
        }
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child; empty without one.
    fn text(&self, name: &str) -> String {
        self.child(name).map(|child| child.text.trim().to_owned()).unwrap_or_default()
    }

    /// The members of a list.
    fn every(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.child(name).into_iter().flat_map(|list| &list.children)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_a_broken_one_is_not() {
        let text =
            "<?xml version=\"1.0\"?><R xmlns=\"x\"><RResult><L><member><N>a &amp; b</N><E/></member></L></RResult></R>";
        let answer = Element::read(text).unwrap();
        let result = answer.child("RResult").unwrap();
        assert_eq!(result.every("L").map(|one| one.text("N")).collect::<Vec<_>>(), ["a & b"]);
        assert_eq!(result.every("nothing").count(), 0);
        for broken in ["", "<R><S></R>", "<R><S>", "no XML"] {
            assert_eq!(Element::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn an_error_has_its_class() {
        for (code, status, wanted) in [
            (Some("LoadBalancerNotFound"), 400, Class::NotFound),
            (Some("AccessDenied"), 403, Class::AccessDenied),
            (Some("Throttling"), 400, Class::Infrastructure),
            (Some("ValidationError"), 400, Class::Request),
            (None, 503, Class::Infrastructure),
        ] {
            assert_eq!(class(code, status), wanted, "{code:?} {status}");
        }
    }
}
