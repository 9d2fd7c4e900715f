//! Blocking work, such as file access.

use std::fs::File;
use std::path::Path;

use crate::disk;

/// Runs blocking work on tokio's blocking pool. Once started it completes, even if the future is dropped. In a simulation it runs inline,
/// because a race between threads would give each run another order.
///
/// # Panics
/// If `work` panics, with its payload.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    if crate::is_simulated() {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Blocking work is only rejected when the runtime shuts down, and then this task is dropped, too.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Writes a file, replacing what it contained.
///
/// # Errors
/// If the file cannot be written.
pub async fn write_file(path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> std::io::Result<()> {
    let (path, bytes) = (path.as_ref().to_owned(), bytes.into());
    blocking(move || disk::append(&mut File::create(path)?, &bytes)).await
}
