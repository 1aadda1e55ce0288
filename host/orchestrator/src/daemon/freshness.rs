//! Assets that are late: an expected materialization that did not come is an event, and so is the one that came at last.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::plan::FreshnessStatus;
use tidegate_core::port::{FreshnessChange, FreshnessRecord, Leader};

use super::duty::Duty;
use crate::freshness::{AssetFreshness, freshness};
use crate::run::Orchestrator;

/// Watches the assets that have a freshness policy.
pub struct FreshnessWatch {
    orchestrator: Arc<Orchestrator>,
}

impl FreshnessWatch {
    /// Of the project of an orchestrator.
    pub fn new(orchestrator: Arc<Orchestrator>) -> Self {
        Self { orchestrator }
    }
}

#[async_trait]
impl Duty for FreshnessWatch {
    fn name(&self) -> &'static str {
        "freshness"
    }

    fn every_ms(&self) -> u64 {
        5_000
    }

    async fn perform(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        let Orchestrator { project, state, .. } = &*self.orchestrator;
        for found in freshness(project, &**state, now).await? {
            let Some((record, change)) = turn(&found, now) else {
                continue;
            };
            // Refused where somebody else leads by now, who sees the same.
            if !state.keep_freshness(leader, &record, change.as_ref()).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What is to be kept where an asset stands otherwise than it was last seen to, and the event of it: that it is late, or, of one
/// that was, that it is fresh again.
fn turn(found: &AssetFreshness, now: DateTime<Utc>) -> Option<(FreshnessRecord, Option<FreshnessChange>)> {
    let status = found.freshness.status;
    let before = found.seen.as_ref().map(|seen| seen.status);
    if before == Some(status) {
        return None;
    }
    let record = FreshnessRecord {
        asset: found.asset.clone(),
        status,
        watched_since: found.seen.as_ref().map_or(now, |seen| seen.watched_since),
        changed_at: now,
    };
    let again = status == FreshnessStatus::Fresh && before == Some(FreshnessStatus::Late);
    let told = status == FreshnessStatus::Late || again;
    let change = told.then(|| FreshnessChange {
        sequence: 0,
        asset: found.asset.clone(),
        status,
        due_at: found.freshness.due_at,
        last_at: found.freshness.last_at,
        at: now,
    });
    Some((record, change))
}

#[cfg(test)]
mod tests {
    use tidegate_core::plan::Freshness;

    use super::*;

    fn found(status: FreshnessStatus, seen: Option<FreshnessStatus>) -> AssetFreshness {
        AssetFreshness {
            asset: "orders".parse().unwrap(),
            freshness: Freshness {
                status,
                due_at: None,
                last_at: None,
            },
            seen: seen.map(|status| FreshnessRecord {
                asset: "orders".parse().unwrap(),
                status,
                watched_since: DateTime::UNIX_EPOCH,
                changed_at: DateTime::UNIX_EPOCH,
            }),
        }
    }

    #[test]
    fn only_what_became_late_or_fresh_again_is_told() {
        use FreshnessStatus::{Fresh, Late, Unknown};
        let now: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
        let told = |status, seen| turn(&found(status, seen), now).map(|(_, change)| change.is_some());
        assert_eq!(told(Fresh, None), Some(false));
        assert_eq!(told(Unknown, None), Some(false));
        assert_eq!(told(Fresh, Some(Unknown)), Some(false));
        assert_eq!(told(Fresh, Some(Fresh)), None);
        assert_eq!(told(Late, None), Some(true));
        assert_eq!(told(Late, Some(Fresh)), Some(true));
        assert_eq!(told(Late, Some(Late)), None);
        assert_eq!(told(Fresh, Some(Late)), Some(true));
        // Its policy was lengthened, and nothing came yet.
        assert_eq!(told(Unknown, Some(Late)), Some(false));
        let (record, _) = turn(&found(Late, Some(Fresh)), now).unwrap();
        assert_eq!(
            (record.watched_since, record.changed_at),
            (DateTime::UNIX_EPOCH, now)
        );
    }
}
