//! Something that the leader does every so often.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::port::Leader;

/// Something that the leader does every so often.
#[async_trait]
pub trait Duty: Send {
    /// What it is called in messages.
    fn name(&self) -> &'static str;
    /// How often it is done, in milliseconds; never twice at once.
    fn every_ms(&self) -> u64;
    /// Does what is due at `now`. May be dropped at any await, when another process takes the lead or this one ends: what
    /// must happen once is written in one transaction, under the leader's fence.
    async fn perform(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<()>;
}
