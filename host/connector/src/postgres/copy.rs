//! Rows on their way into a table: a session in the middle of `COPY … FROM STDIN`.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::{PostgresError, Result};
use super::server::Session;

/// Pieces that may wait while one is on its way.
const WAITING: usize = 4;

/// A `COPY` that is under way. Dropped, it ends the session, and what its transaction did is undone.
pub(super) struct Copying {
    pieces: Option<mpsc::Sender<Vec<u8>>>,
    task: JoinHandle<Result<(Session, u64)>>,
}

impl Copying {
    /// Begins one.
    pub(super) fn start(session: Session, statement: String) -> Self {
        let (pieces, waiting) = mpsc::channel(WAITING);
        Self {
            pieces: Some(pieces),
            task: tokio::spawn(copy(session, statement, waiting)),
        }
    }

    /// Sends a piece. An error may be one of a piece before it.
    pub(super) async fn send(&mut self, piece: Vec<u8>) -> Result<()> {
        let sent = match &self.pieces {
            Some(pieces) => pieces.send(piece).await.is_ok(),
            None => false,
        };
        if sent {
            return Ok(());
        }
        self.pieces = None;
        match (&mut self.task).await {
            Ok(Ok(_)) => Err(PostgresError::Internal("COPY ended before its rows".into())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(lost()),
        }
    }

    /// Ends it, and answers the session, still in its transaction, and how many rows the server took.
    pub(super) async fn finish(mut self) -> Result<(Session, u64)> {
        self.pieces = None;
        match (&mut self.task).await {
            Ok(done) => done,
            Err(_) => Err(lost()),
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lost() -> PostgresError {
    PostgresError::Internal("COPY stopped without a word".into())
}

async fn copy(
    mut session: Session,
    statement: String,
    mut waiting: mpsc::Receiver<Vec<u8>>,
) -> Result<(Session, u64)> {
    let server = session.server().clone();
    let told = |error: sqlx::Error| server.error(&error);
    let late = |_| server.timed_out();
    let mut copying = timeout(server.timeout(), session.connection.copy_in_raw(&statement))
        .await
        .map_err(late)?
        .map_err(told)?;
    while let Some(piece) = waiting.recv().await {
        timeout(server.timeout(), copying.send(piece))
            .await
            .map_err(late)?
            .map_err(told)?;
    }
    let rows = timeout(server.timeout(), copying.finish())
        .await
        .map_err(late)?
        .map_err(told)?;
    Ok((session, rows))
}
