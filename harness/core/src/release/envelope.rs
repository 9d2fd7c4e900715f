//! Signed statements: [DSSE envelopes](https://github.com/secure-systems-lab/dsse/blob/master/envelope.md) of in-toto statements.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::Error;
use super::key::{Signer, Verifier};
use crate::aws::Clients;

/// The type of what is signed.
const PAYLOAD: &str = "application/vnd.in-toto+json";

/// A statement with its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    /// The statement in base64.
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Signs a statement.
    ///
    /// # Errors
    /// [`Error::Key`] if the key cannot sign; [`Error::Aws`] of
    /// [Sign](https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html) for a key in KMS. Transient errors are retried: signing
    /// changes nothing.
    pub async fn sign(statement: &Value, signer: &Signer, clients: Option<&Clients>) -> Result<Self, Error> {
        let payload = statement.to_string();
        let sig = signer.sign(&encoded(PAYLOAD, payload.as_bytes()), clients).await?;
        let signature = Signature { keyid: signer.id().to_owned(), sig: STANDARD.encode(sig) };
        Ok(Self { payload_type: PAYLOAD.to_owned(), payload: STANDARD.encode(payload), signatures: vec![signature] })
    }

    /// An unsigned envelope: its statement can be read, and [`Self::verified`] refuses it.
    pub fn unsigned(statement: &Value) -> Self {
        let payload = STANDARD.encode(statement.to_string());
        Self { payload_type: PAYLOAD.to_owned(), payload, signatures: Vec::new() }
    }

    /// The envelope as a [Sigstore bundle](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto), which newer
    /// releases of cosign read; `None` if nobody has signed it. The key is known to the verifier, and no transparency log.
    pub fn bundle(&self) -> Option<Value> {
        let signature = self.signatures.first()?;
        let digest: Vec<u8> = (0..signature.keyid.len() / 2)
            .filter_map(|at| u8::from_str_radix(signature.keyid.get(2 * at..2 * at + 2)?, 16).ok())
            .collect();
        Some(json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": STANDARD.encode(digest)}, "tlogEntries": []},
            "dsseEnvelope": self,
        }))
    }

    /// Whether anybody has signed it.
    pub fn is_signed(&self) -> bool {
        !self.signatures.is_empty()
    }

    /// The statement, if a key has signed it.
    ///
    /// # Errors
    /// [`Error::Key`] if none of the signatures is one of the key, or the payload is not a statement.
    pub fn verified(&self, verifier: &Verifier) -> Result<Value, Error> {
        let payload = self.bytes()?;
        let message = encoded(&self.payload_type, &payload);
        let is_signed = |signature: &Signature| {
            STANDARD.decode(&signature.sig).is_ok_and(|signature| verifier.has_signed(&message, &signature))
        };
        if !self.signatures.iter().any(is_signed) {
            let why = if self.is_signed() { "no signature was made with this key" } else { "it is not signed" };
            return Err(Error::Key(why.to_owned()));
        }
        statement(&self.payload_type, &payload)
    }

    /// The statement, whoever wrote it.
    ///
    /// # Errors
    /// [`Error::Key`] if the payload is not a statement.
    pub fn statement(&self) -> Result<Value, Error> {
        statement(&self.payload_type, &self.bytes()?)
    }

    fn bytes(&self) -> Result<Vec<u8>, Error> {
        STANDARD.decode(&self.payload).map_err(|error| Error::Key(format!("its payload is not base64: {error}")))
    }
}

fn statement(kind: &str, payload: &[u8]) -> Result<Value, Error> {
    if kind != PAYLOAD {
        return Err(Error::Key(format!("its payload is {kind} and not {PAYLOAD}")));
    }
    serde_json::from_slice(payload).map_err(|error| Error::Key(format!("its payload is not a statement: {error}")))
}

/// What is signed: the pre-authentication encoding of
/// [DSSE](https://github.com/secure-systems-lab/dsse/blob/master/protocol.md#signature-definition).
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the protocol's description.
    #[test]
    fn what_is_signed_names_the_lengths_of_both_parts() {
        let message = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(message, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[tokio::test]
    async fn a_statement_is_verified_only_as_it_was_signed() {
        let statement = serde_json::json!({"_type": "https://in-toto.io/Statement/v1"});
        let (signer, verifier) = crate::release::key::tests::pair();
        let envelope = Envelope::sign(&statement, &signer, None).await.unwrap();
        assert_eq!(envelope.verified(&verifier).unwrap(), statement);
        let (_, other) = crate::release::key::tests::pair();
        assert_eq!(envelope.verified(&other).unwrap_err().to_string(), "no signature was made with this key");
        let text = serde_json::to_string(&envelope).unwrap();
        assert_eq!(serde_json::from_str::<Envelope>(&text).unwrap(), envelope);
        for at in 0..envelope.payload.len() {
            let mut changed = envelope.clone();
            let letter = if changed.payload.as_bytes()[at] == b'A' { "B" } else { "A" };
            changed.payload.replace_range(at..=at, letter);
            assert!(changed.verified(&verifier).is_err(), "{at}");
        }
        let mut retyped = envelope.clone();
        retyped.payload_type = "application/json".to_owned();
        assert!(retyped.verified(&verifier).is_err());
        assert_eq!(Envelope::unsigned(&statement).verified(&verifier).unwrap_err().to_string(), "it is not signed");
        assert_eq!(Envelope::unsigned(&statement).statement().unwrap(), statement);
    }
}
