//! Work that blocks its thread: files.

use std::path::Path;

/// Does work that blocks its thread, on a thread for such work; begun, it completes, even when the caller goes. In a simulation it is done
/// at once, in its turn: which of two threads is faster would be another order in every run.
///
/// # Panics
/// When `work` panics, with the same.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    if crate::is_simulated() {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Work that blocks is never cancelled; the runtime that did not take it any more is ending, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Writes a file whole; what was there before is replaced.
///
/// # Errors
/// What the system says.
pub async fn write_file(path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> std::io::Result<()> {
    let (path, bytes) = (path.as_ref().to_owned(), bytes.into());
    blocking(move || std::fs::write(path, bytes)).await
}
