//! Readers: sessions that copy their share of the rows out of one snapshot, decode it, and hand batches on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::decode::{Decoded, Decoder};
use super::error::{PostgresError, Result};
use super::server::Session;

/// Rows that are taken at once where they have come already: waiting for each would cost more than reading it.
const ROWS_AT_ONCE: usize = 512;

/// What readers share.
pub(super) struct Work {
    /// What each copies, in no order but this.
    pub(super) statements: Vec<String>,
    /// The next statement.
    pub(super) next: AtomicUsize,
}

/// Copies statement after statement until none is left, or nobody listens any more.
pub(super) async fn read(
    mut session: Session,
    work: Arc<Work>,
    decoder: impl Fn() -> Decoder,
    out: Sender<Result<Decoded>>,
) {
    loop {
        let next = work.next.fetch_add(1, Ordering::Relaxed);
        let Some(statement) = work.statements.get(next) else {
            return;
        };
        match copy(&mut session, statement, decoder(), &out).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                // Nobody listens where the attempt is over.
                let _ = out.send(Err(error)).await;
                return;
            }
        }
    }
}

/// `false` where nobody listens any more.
async fn copy(
    session: &mut Session,
    statement: &str,
    mut decoder: Decoder,
    out: &Sender<Result<Decoded>>,
) -> Result<bool> {
    let server = session.server().clone();
    let stream = timeout(server.timeout(), session.connection.copy_out_raw(statement))
        .await
        .map_err(|_| server.timed_out())?
        .map_err(|error| server.error(&error))?;
    let mut pieces = stream.ready_chunks(ROWS_AT_ONCE);
    loop {
        let next = timeout(server.timeout(), pieces.next())
            .await
            .map_err(|_| server.timed_out())?;
        let Some(next) = next else { break };
        for piece in next {
            let piece = piece.map_err(|error| server.error(&error))?;
            let mut full = decoder.push(&piece)?;
            while let Some(decoded) = full {
                if out.send(Ok(decoded)).await.is_err() {
                    return Ok(false);
                }
                full = decoder.push(&[])?;
            }
        }
    }
    if let Some(decoded) = decoder.finish()?
        && out.send(Ok(decoded)).await.is_err()
    {
        return Ok(false);
    }
    decoder.end()?;
    Ok(true)
}

/// A reader that panicked, as an error.
pub(super) fn lost() -> PostgresError {
    PostgresError::Internal("a reader stopped without a word".into())
}
