//! One process of many does what must be done once.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::plan::{Epoch, WorkerId};

/// Who leads, and the fence of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// Which process.
    pub holder: WorkerId,
    /// Higher with each change of the leader; what a leader of a lower one tries to write is refused.
    pub epoch: Epoch,
    /// How often it was heard of. Whoever watches both stand still, by a clock of his own, may take its place: no two
    /// machines' clocks are compared, and a clock that is set changes nothing.
    pub beats: i64,
}

/// Keeps who leads.
#[async_trait]
pub trait LeaderStore: Send + Sync {
    /// Who leads; none where nobody ever did, or the last one resigned.
    async fn leader(&self) -> Result<Option<Leader>>;
    /// Takes the lead with the next epoch, where the leader is as it was `seen`; none where it is not.
    async fn lead(&self, holder: &WorkerId, seen: Option<&Leader>) -> Result<Option<Leader>>;
    /// The leader is alive; none where somebody else leads by now.
    async fn keep_lead(&self, leader: &Leader) -> Result<Option<Leader>>;
    /// Gives the lead up, so that nobody need wait; without effect where somebody else leads by now.
    async fn resign(&self, leader: &Leader) -> Result<()>;
}
