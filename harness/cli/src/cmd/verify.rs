//! `amiproof verify`: whether signed statements about an image hold, and whether the image is still promoted.

use amiproof_core::bounded;
use amiproof_core::release::{self, Envelope, Verifier};
use amiproof_model::exit::ExitCode;
use amiproof_model::name::AmiId;
use amiproof_model::release::statement::Predicate;
use amiproof_model::release::{Status, tag};
use camino::Utf8Path;
use serde::Serialize;
use serde_json::Value;

use super::forms::json;
use super::promote::{failure, hex, pem};
use crate::args::{OutputForm, Verify};
use crate::output::{Failure, Output};
use crate::runtime::block_on;
use crate::session::Connection;

/// What was verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The ARN that the statements are about; empty if none could be read.
    subject: String,
    /// The key.
    key: String,
    verified: Vec<String>,
    problems: Vec<String>,
}

/// Verifies every statement of a folder, and then the image.
pub(crate) fn run(args: &Verify, output: &Output) -> Result<ExitCode, Failure> {
    block_on(verify(args, output))?
}

async fn verify(args: &Verify, output: &Output) -> Result<ExitCode, Failure> {
    let connection = match &args.region {
        Some(region) => Some(Connection::open(&args.target, region, output).await?),
        None => None,
    };
    let verified = with(args, connection.as_ref()).await;
    if let Some(connection) = connection {
        connection.close().await;
    }
    let answer = verified?;
    if args.output == OutputForm::Json {
        output.json(json(&answer)?);
    } else {
        for line in &answer.verified {
            output.data(format_args!("verified  {line}"));
        }
        for line in &answer.problems {
            output.data(format_args!("REFUTED   {line}"));
        }
    }
    Ok(if answer.problems.is_empty() { ExitCode::Passed } else { ExitCode::Failed })
}

async fn with(args: &Verify, connection: Option<&Connection>) -> Result<Answer, Failure> {
    let verifier = verifier(&args.key, connection).await?;
    let report = read(&args.folder.join("report.json"), bounded::REPORT)?;
    let digest = hex(report.as_bytes());
    let mut answer =
        Answer { subject: String::new(), key: verifier.id().to_owned(), verified: Vec::new(), problems: Vec::new() };
    for predicate in Predicate::ALL {
        let path = args.folder.join(format!("{}.intoto.json", predicate.as_str()));
        match statement(&path, *predicate, &verifier, &digest) {
            Ok(subject) if answer.subject.is_empty() || answer.subject == subject => {
                answer.verified.push(format!("{path}: {}", predicate.type_uri()));
                answer.subject = subject;
            }
            Ok(subject) => {
                answer
                    .problems
                    .push(format!("{path}: it is about {subject}, and another statement about {}", answer.subject));
            }
            Err(problem) => answer.problems.push(format!("{path}: {problem}")),
        }
    }
    let image = answer.subject.rsplit_once('/').map(|(_, id)| id.to_owned()).unwrap_or_default();
    if let Some(wanted) = args.ami.as_ref().filter(|wanted| wanted.as_str() != image) {
        let about = if image.is_empty() { "no image" } else { &image };
        answer.problems.push(format!("the statements are about {about}, not {wanted}"));
    }
    if let Some(connection) = connection {
        let id: AmiId = args.ami.clone().map_or_else(|| image.parse(), Ok).map_err(|error| {
            Failure::usage(format!("no statement says which image it is about: {error}"), "name it with --ami")
        })?;
        of_account(&id, &digest, connection, &mut answer).await?;
    }
    Ok(answer)
}

/// What AWS says of the image.
async fn of_account(id: &AmiId, digest: &str, connection: &Connection, answer: &mut Answer) -> Result<(), Failure> {
    let image = release::image(connection.aws()?, id).await.map_err(|error| failure(&error))?;
    let since = image.tags.get(tag::SINCE).map(|since| format!(" since {since}")).unwrap_or_default();
    match image.status() {
        Some(Status::Promoted) => answer.verified.push(format!("{id} is promoted{since}")),
        Some(Status::Revoked) => {
            let reason = image.tags.get(tag::REASON).map(String::as_str).unwrap_or("no reason given");
            answer.problems.push(format!("{id} is revoked{since}: {reason}"));
        }
        None => answer.problems.push(format!("{id} is not promoted: it has no tag {}", tag::STATUS)),
    }
    if image.tags.get(tag::REPORT).is_some_and(|tagged| *tagged == format!("sha256:{digest}")) {
        answer.verified.push(format!("{id} was promoted by this report"));
    } else if image.status().is_some() {
        answer.problems.push(format!("{id} was promoted by another report than this one"));
    }
    if !answer.subject.is_empty() && image.arn != answer.subject {
        answer.problems.push(format!("the statements are about {}, and the image is {}", answer.subject, image.arn));
    }
    Ok(())
}

async fn verifier(key: &str, connection: Option<&Connection>) -> Result<Verifier, Failure> {
    let made = match connection {
        Some(connection) if release::is_in_kms(key) => Verifier::in_kms(key, connection.aws()?).await,
        None if release::is_in_kms(key) => {
            return Err(Failure::usage("a key in KMS is read from an account", "name its region with --region"));
        }
        _ => Verifier::from_pem(&pem(key)?),
    };
    made.map_err(|error| failure(&error))
}

/// The subject of a statement of a kind that the key has signed, and that is about the report.
fn statement(path: &Utf8Path, predicate: Predicate, verifier: &Verifier, digest: &str) -> Result<String, String> {
    /// The longest statement, bytes: it names every check.
    const LONGEST: u64 = 16 * 1024 * 1024;
    let text = bounded::text(path, LONGEST).map_err(|error| format!("cannot be read: {error}"))?;
    let envelope: Envelope = serde_json::from_str(&text).map_err(|error| format!("is no signed statement: {error}"))?;
    let statement = envelope.verified(verifier).map_err(|error| error.to_string())?;
    let kind = statement["predicateType"].as_str().unwrap_or_default();
    if kind != predicate.type_uri() {
        return Err(format!("it states {kind} and not {}", predicate.type_uri()));
    }
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_own = |subject: &&Value| subject["digest"]["sha256"].as_str() == Some(digest);
    match subjects.iter().find(is_own) {
        Some(subject) => Ok(subject["name"].as_str().unwrap_or_default().to_owned()),
        None => Err("it is about another report than the report.json beside it".to_owned()),
    }
}

fn read(path: &Utf8Path, longest: u64) -> Result<String, Failure> {
    bounded::text(path, longest).map_err(|error| {
        Failure::usage(format!("cannot read {path}: {error}"), "name a folder that `amiproof promote` wrote")
    })
}
