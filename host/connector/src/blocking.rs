//! Work that waits for a disk, on a thread that may.

use tidegate_core::{Error, Kind, Result};
use tokio::task::{JoinError, spawn_blocking};

/// Runs work on a thread that may block.
pub(crate) async fn run<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    E: Send + 'static,
    Error: From<E>,
{
    Ok(spawn_blocking(work).await.map_err(|error| panicked(&error))??)
}

/// A panic in a worker thread, as an error.
pub(crate) fn panicked(error: &JoinError) -> Error {
    Error::new(
        Kind::Internal,
        "file.internal",
        format!("a file worker failed: {error}"),
    )
}
