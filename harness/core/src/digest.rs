//! SHA-256 in hexadecimal.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

/// How much of a stream is read at a time, in bytes.
const BLOCK: usize = 64 * 1024;

/// The digest of some bytes: 64 digits.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    short_sha256(bytes, 32)
}

/// The first bytes of the digest, two digits for each: enough to tell a few things apart, not to prove anything.
pub(crate) fn short_sha256(bytes: impl AsRef<[u8]>, length: usize) -> String {
    Sha256::digest(bytes).iter().take(length).map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a stream: 64 digits.
pub(crate) fn sha256_of(mut from: impl Read) -> io::Result<String> {
    let (mut hash, mut block) = (Sha256::new(), vec![0; BLOCK]);
    loop {
        match from.read(&mut block) {
            Ok(0) => break,
            Ok(length) => hash.update(&block[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_digest_of_its_bytes_in_whatever_pieces_it_comes() {
        let bytes = vec![b'x'; 3 * BLOCK + 1];
        let pieces = io::Cursor::new(&bytes[..7]).chain(io::Cursor::new(&bytes[7..BLOCK + 9]));
        assert_eq!(sha256_of(pieces.chain(&bytes[BLOCK + 9..])).unwrap(), sha256(&bytes));
        // FIPS 180-4, example of the empty message.
        assert_eq!(sha256_of(io::empty()).unwrap(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
