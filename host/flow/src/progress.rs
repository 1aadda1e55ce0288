//! Who is told how far an attempt got, and who may stop it.

use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::port::{Checkpoint, TaskCounts, Verdict};

/// Keeps an attempt's checkpoints and shows its progress.
#[async_trait]
pub trait Progress: Send + Sync {
    /// Keeps a checkpoint; an error where the attempt is no longer the newest.
    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<()>;
    /// Whether the attempt may still show its load; an error where it is no longer the newest.
    async fn confirm(&self) -> Result<()>;
    /// Tells what a check says; must not block.
    fn verdict(&self, verdict: &Verdict);
    /// Keeps what all checks say of a load that one of them forbids; an error where the attempt is no longer the newest.
    async fn refused(&self, verdicts: &[Verdict]) -> Result<()>;
    /// Counts so far, after each batch. Must not block.
    fn counts(&self, counts: &TaskCounts);
}
