//! A copy of the ledger outside of its machine, in pieces that are written once: a pod that dies loses its disk.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Mutex;

/// Writes the piece with this number, counted from 1. One that exists with the same content counts as written; the error is a sentence.
pub type PutPiece = Arc<dyn Fn(u32, Vec<u8>) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Where a copy of a ledger is written, and how much of it is there.
pub struct RemoteCopy {
    /// For messages: `s3://bucket/prefix/shards/tonight/1-of-3`.
    pub(super) place: String,
    put: PutPiece,
    sent: Mutex<Sent>,
}

/// What is in the copy.
#[derive(Debug)]
struct Sent {
    bytes: usize,
    pieces: u32,
    /// A piece whose write was not confirmed. It may have arrived, so the same bytes are sent again before any others.
    unanswered: Option<Vec<u8>>,
}

impl RemoteCopy {
    /// A copy that has the first `bytes` of the ledger in so many pieces.
    pub fn new(place: String, bytes: usize, pieces: u32, put: PutPiece) -> Self {
        Self { place, put, sent: Mutex::new(Sent { bytes, pieces, unanswered: None }) }
    }

    /// Sends what the copy lacks; `read` gives the bytes of the ledger from a position on. Calls at one time share a piece.
    ///
    /// # Errors
    /// When the ledger cannot be read or the piece cannot be written, in one sentence. The next call sends it again.
    pub(super) async fn send<F, Fut>(&self, read: F) -> Result<(), String>
    where
        F: Fn(usize) -> Fut,
        Fut: Future<Output = std::io::Result<Vec<u8>>>,
    {
        let mut sent = self.sent.lock().await;
        loop {
            let piece = match sent.unanswered.take() {
                Some(piece) => piece,
                None => read(sent.bytes).await.map_err(|error| error.to_string())?,
            };
            if piece.is_empty() {
                return Ok(());
            }
            let length = piece.len();
            // Kept until there is an answer, whatever happens to this future.
            sent.unanswered = Some(piece.clone());
            (self.put)(sent.pieces + 1, piece).await?;
            *sent = Sent { bytes: sent.bytes + length, pieces: sent.pieces + 1, unanswered: None };
        }
    }
}

impl fmt::Debug for RemoteCopy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RemoteCopy").field("place", &self.place).finish_non_exhaustive()
    }
}
