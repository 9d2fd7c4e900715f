//! Keys that sign promotions: ECDSA on P-256 with SHA-256, which cosign, in-toto's libraries and KMS have in common.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use crate::aws::{Clients, kms};
use crate::digest::sha256;

/// The prefix of the id, alias or ARN of a key in KMS, as cosign writes it.
const IN_KMS: &str = "awskms:///";

/// The longest message that KMS hashes itself, bytes; of a longer one it signs the digest.
const LONGEST_RAW: usize = 4096;

/// A private key.
#[derive(Debug)]
pub struct Signer {
    id: String,
    place: Place,
    public: Vec<u8>,
}

#[derive(Debug)]
enum Place {
    Here(EcdsaKeyPair),
    Kms(String),
}

/// A public key.
#[derive(Debug)]
pub struct Verifier {
    id: String,
    key: ParsedPublicKey,
}

/// Whether a name of a key is one of KMS and not that of a file.
pub fn is_in_kms(name: &str) -> bool {
    name.starts_with(IN_KMS)
}

impl Signer {
    /// Reads a private key in PEM: PKCS #8 (`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`) or SEC 1.
    ///
    /// # Errors
    /// [`Error::Key`] for anything else; a key that a passphrase protects is named as such.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        if pem.contains("ENCRYPTED") {
            let message = "the private key is encrypted: give one without a passphrase from a secret store, or one in KMS (awskms:///ALIAS)";
            return Err(Error::Key(message.to_owned()));
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| Error::Key(format!("the private key is not in PEM: {error}")))?;
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_der())
            .map_err(|error| Error::Key(format!("the private key is not an ECDSA P-256 key: {error}")))?;
        let unusable = |_| Error::Key("the private key has no public key in it".to_owned());
        let public = pair.public_key().as_der().map_err(unusable)?.as_ref().to_vec();
        Ok(Self { id: id(&public), place: Place::Here(pair), public })
    }

    /// A key in KMS, whose key spec is `ECC_NIST_P256`: `awskms:///alias/NAME`, an id or an ARN.
    ///
    /// # Errors
    /// [`Error::Aws`] of [GetPublicKey](https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html); [`Error::Key`] for
    /// another kind of key. Transient errors are retried.
    pub async fn in_kms(name: &str, clients: &Clients) -> Result<Self, Error> {
        let name = name.strip_prefix(IN_KMS).unwrap_or(name).to_owned();
        let public = public_key(&name, clients).await?;
        Ok(Self { id: id(&public), place: Place::Kms(name), public })
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo in DER), in hexadecimal.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key that verifies what this one signs.
    ///
    /// # Errors
    /// [`Error::Key`] if it is not one of ECDSA on P-256.
    pub fn verifier(&self) -> Result<Verifier, Error> {
        Verifier::from_der(&self.public)
    }

    pub(super) async fn sign(&self, message: &[u8], clients: Option<&Clients>) -> Result<Vec<u8>, Error> {
        match (&self.place, clients) {
            (Place::Here(pair), _) => {
                let unsigned = |_| Error::Key("the private key cannot sign".to_owned());
                Ok(pair.sign(&SystemRandom::new(), message).map_err(unsigned)?.as_ref().to_vec())
            }
            (Place::Kms(name), Some(clients)) => {
                let digest = Sha256::digest(message);
                let (message_type, sent) =
                    if message.len() <= LONGEST_RAW { ("RAW", message) } else { ("DIGEST", digest.as_slice()) };
                let body = json!({
                    "KeyId": name,
                    "Message": STANDARD.encode(sent),
                    "MessageType": message_type,
                    "SigningAlgorithm": "ECDSA_SHA_256",
                });
                let answer = kms::call(clients, "Sign", name, body).await?;
                let signature = binary(&answer, "Signature")?;
                if !self.verifier()?.has_signed(message, &signature) {
                    return Err(Error::Key(format!("KMS answered with a signature that key {name} does not verify")));
                }
                Ok(signature)
            }
            (Place::Kms(name), None) => Err(Error::Key(format!("the key {name} is in KMS, and there is no account"))),
        }
    }
}

impl Verifier {
    /// Reads a public key in PEM (`openssl pkey -pubout`, `cosign public-key`).
    ///
    /// # Errors
    /// [`Error::Key`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| Error::Key(format!("the public key is not in PEM: {error}")))?;
        Self::from_der(der.as_ref())
    }

    /// The public key of one in KMS: `awskms:///alias/NAME`, an id or an ARN.
    ///
    /// # Errors
    /// As [`Signer::in_kms`].
    pub async fn in_kms(name: &str, clients: &Clients) -> Result<Self, Error> {
        Self::from_der(&public_key(name.strip_prefix(IN_KMS).unwrap_or(name), clients).await?)
    }

    fn from_der(der: &[u8]) -> Result<Self, Error> {
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, der)
            .map_err(|_| Error::Key("the public key is not an ECDSA P-256 key".to_owned()))?;
        Ok(Self { id: id(der), key })
    }

    /// SHA-256 of the key (SubjectPublicKeyInfo in DER), in hexadecimal.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn id(der: &[u8]) -> String {
    sha256(der)
}

async fn public_key(name: &str, clients: &Clients) -> Result<Vec<u8>, Error> {
    let answer = kms::call(clients, "GetPublicKey", name, json!({"KeyId": name})).await?;
    let der = binary(&answer, "PublicKey")?;
    match Verifier::from_der(&der) {
        Ok(_) => Ok(der),
        Err(_) => Err(Error::Key(format!(
            "the key {name} does not sign with ECDSA P-256: create one with key spec ECC_NIST_P256"
        ))),
    }
}

fn binary(answer: &Value, field: &str) -> Result<Vec<u8>, Error> {
    let text = answer[field].as_str().unwrap_or_default();
    let decoded = STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
    decoded.ok_or_else(|| Error::Key(format!("KMS answered without {field}")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    /// A new key with its public half, both read from PEM.
    pub(in crate::release) fn pair() -> (Signer, Verifier) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let private = pair.to_pkcs8v1().unwrap();
        let public = pair.public_key().as_der().unwrap();
        let signer = Signer::from_pem(&pem("PRIVATE KEY", private.as_ref())).unwrap();
        (signer, Verifier::from_pem(&pem("PUBLIC KEY", public.as_ref())).unwrap())
    }

    #[test]
    fn a_key_is_known_by_its_public_half() {
        let (signer, verifier) = pair();
        assert_eq!(signer.id(), verifier.id());
        assert_eq!(signer.verifier().unwrap().id(), verifier.id());
    }

    #[test]
    fn other_keys_are_named_as_what_they_are() {
        let says = |pem: &str| Signer::from_pem(pem).unwrap_err().to_string();
        assert!(
            says("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
                .contains("is encrypted")
        );
        assert!(says("").starts_with("the private key is not in PEM"));
        assert!(says(&pem("PRIVATE KEY", b"no key")).starts_with("the private key is not an ECDSA P-256 key"));
        assert!(Verifier::from_pem(&pem("PUBLIC KEY", b"no key")).is_err());
    }
}
