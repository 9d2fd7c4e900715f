//! Security Hub: findings in the ASFF, sent by
//! [BatchImportFindings](https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html).
//!
//! Only one operation is needed, so no SDK is used. A finding whose id exists there is updated, so sending is
//! idempotent.

use serde_json::{Value, json};

use super::Clients;
use super::error::{AwsError, Class};
use super::signed::{self, Request};

/// The operation.
const OPERATION: &str = "BatchImportFindings";

/// The maximum number of findings per request.
const MAX_FINDINGS: usize = 100;

/// The maximum size of a finding, bytes; no request is larger either, so that a slow connection loses little.
const MAX_BYTES: usize = 240 * 1024;

/// What became of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many Security Hub accepted.
    pub accepted: u64,
    /// Those that it did not accept.
    pub refused: Vec<Refused>,
    /// The number of requests.
    pub requests: usize,
}

/// A finding that Security Hub did not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Sends findings, in their order, in as few requests as the limits allow.
///
/// # Errors
/// [`AwsError`] of the first request that was not answered or was refused as a whole; transient errors are retried
/// first, which is safe because the call is idempotent. `progress` has what was sent before.
pub async fn import(clients: &Clients, findings: &[Value], progress: &mut Sent) -> Result<(), AwsError> {
    for batch in batches(findings, progress) {
        let resource = format!("{} findings", batch.len());
        let body = json!({"Findings": batch}).to_string();
        let answer = clients.write_idempotent(|| ask(clients, &resource, body.clone())).await?;
        progress.requests += 1;
        let refused = answer["FailedFindings"].as_array().into_iter().flatten().map(|one| Refused {
            id: one["Id"].as_str().unwrap_or_default().to_owned(),
            reason: format!(
                "{}: {}",
                one["ErrorCode"].as_str().unwrap_or("no code"),
                one["ErrorMessage"].as_str().unwrap_or("Security Hub gives no reason")
            ),
        });
        let refused: Vec<Refused> = refused.collect();
        let accepted = answer["SuccessCount"].as_u64().unwrap_or_default();
        let answered = accepted + refused.len() as u64;
        progress.accepted += accepted;
        progress.refused.extend(refused);
        if answered != batch.len() as u64 {
            let message = format!("the response accounts for {answered} of them");
            return Err(AwsError::new(Class::Request, OPERATION, resource, message));
        }
    }
    Ok(())
}

/// The findings of each request. One that is too long for any is refused here.
fn batches<'a>(findings: &'a [Value], progress: &mut Sent) -> Vec<Vec<&'a Value>> {
    let mut batches: Vec<Vec<&Value>> = Vec::new();
    let mut length = 0;
    for finding in findings {
        // With the comma after it.
        let own = finding.to_string().len() + 1;
        if own > MAX_BYTES {
            progress.refused.push(Refused {
                id: finding["Id"].as_str().unwrap_or_default().to_owned(),
                reason: format!("it has {own} bytes, but Security Hub accepts at most {MAX_BYTES}"),
            });
            continue;
        }
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_FINDINGS && length + own <= MAX_BYTES => batch.push(finding),
            _ => {
                batches.push(vec![finding]);
                length = 0;
            }
        }
        length += own;
    }
    batches
}

/// Sends one request, without retries.
async fn ask(clients: &Clients, resource: &str, body: String) -> Result<Value, AwsError> {
    let request = Request {
        service: "securityhub",
        path: "findings/import",
        operation: OPERATION,
        resource,
        headers: &[("content-type", "application/json")],
        body,
    };
    let (status, text) = signed::post(clients, request).await?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let word = |names: [&str; 4]| names.iter().find_map(|name| answer[*name].as_str()).map(str::to_owned);
    let code = word(["Code", "code", "__type", "Type"]);
    let message = word(["Message", "message", "errorMessage", "error"]).unwrap_or(text);
    Err(AwsError {
        code: code.clone(),
        service: Some("securityhub"),
        ..AwsError::new(class(code.as_deref(), status.as_u16()), OPERATION, resource, message)
    })
}

fn class(code: Option<&str>, status: u16) -> Class {
    match code {
        Some("AccessDeniedException") => Class::AccessDenied,
        Some("UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException") => {
            Class::Credentials
        }
        Some("LimitExceededException" | "ThrottlingException" | "TooManyRequestsException" | "InternalException") => {
            Class::Infrastructure
        }
        _ if status >= 500 || status == 429 => Class::Infrastructure,
        _ => Class::Request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: usize, bytes: usize) -> Value {
        json!({"Id": id.to_string(), "Description": "x".repeat(bytes)})
    }

    #[test]
    fn no_request_is_over_a_limit_and_no_finding_is_lost() {
        for (count, bytes, requests) in
            [(0, 0, 0), (1, 10, 1), (100, 10, 1), (101, 10, 2), (250, 10, 3), (30, 20 * 1024, 3), (3, 200 * 1024, 3)]
        {
            let findings: Vec<Value> = (0..count).map(|id| finding(id, bytes)).collect();
            let mut progress = Sent::default();
            let batches = batches(&findings, &mut progress);
            assert_eq!((batches.len(), progress.refused.len()), (requests, 0), "{count} of {bytes} bytes");
            for batch in &batches {
                let length: usize = batch.iter().map(|finding| finding.to_string().len() + 1).sum();
                assert!(batch.len() <= MAX_FINDINGS && length <= MAX_BYTES, "{length}");
            }
            let sent: Vec<&Value> = batches.into_iter().flatten().collect();
            assert_eq!(sent, findings.iter().collect::<Vec<_>>(), "in their order");
        }
    }

    #[test]
    fn a_finding_that_is_too_long_is_refused_and_the_others_are_sent() {
        let findings = [finding(1, 10), finding(2, MAX_BYTES), finding(3, 10)];
        let mut progress = Sent::default();
        let batches = batches(&findings, &mut progress);
        assert_eq!(batches, [vec![&findings[0], &findings[2]]]);
        assert_eq!(progress.refused.len(), 1);
        assert!(progress.refused[0].id == "2" && progress.refused[0].reason.contains("at most"), "{progress:?}");
    }
}
