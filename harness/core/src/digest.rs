//! SHA-256 in hexadecimal.

use sha2::{Digest as _, Sha256};

/// The digest of some bytes: 64 digits.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    short_sha256(bytes, 32)
}

/// The first bytes of the digest, two digits for each: enough to tell a few things apart, not to prove anything.
pub(crate) fn short_sha256(bytes: impl AsRef<[u8]>, length: usize) -> String {
    Sha256::digest(bytes).iter().take(length).map(|byte| format!("{byte:02x}")).collect()
}
