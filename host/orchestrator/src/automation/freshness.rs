//! Which assets are late, for the conditions that ask.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tidegate_core::plan::{AssetName, AutomationWorld, FreshnessPolicy, FreshnessStatus, Updated};
use tidegate_core::port::StateStore;
use tidegate_core::{Error, Kind, Result};

use super::faults::Faults;
use crate::project::Project;

/// An asset with a policy, and what it is told by.
#[derive(Debug)]
struct Watched {
    asset: AssetName,
    policy: FreshnessPolicy,
    last_at: Option<DateTime<Utc>>,
    since: Option<DateTime<Utc>>,
}

/// The assets whose conditions ask whether they are late. It is told by the clock at each evaluation, and not by what the watch
/// of freshness saw last: what was loaded just now is fresh, and not asked for once more.
#[derive(Debug)]
pub(super) struct Late(Vec<Watched>);

impl Late {
    pub(super) fn of(project: &Project, names: Vec<AssetName>, faults: &mut Faults) -> Self {
        let mut watched = Vec::new();
        for asset in names {
            let documents = project.documents().assets.get(&asset);
            let Some(declared) = documents.and_then(|placed| placed.value.freshness.as_ref()) else {
                continue;
            };
            match declared.policy() {
                Ok(policy) => watched.push(Watched {
                    asset,
                    policy,
                    last_at: None,
                    since: None,
                }),
                // `load_project` has refused those that are wrong, with their place.
                Err(error) => {
                    let message = format!("the freshness of `{asset}`: {error}");
                    let error = Error::new(Kind::Internal, "automation.freshness", message);
                    faults.lasting(asset, error);
                }
            }
        }
        Self(watched)
    }

    /// When each was loaded last, as the state has it: what was wiped by hand is gone.
    pub(super) async fn look_anew(&mut self, state: &dyn StateStore) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let records = state.freshness().await?;
        for watched in &mut self.0 {
            watched.last_at = state.materialized_at(&watched.asset).await?;
            let record = records.iter().find(|record| record.asset == watched.asset);
            watched.since = record.map(|record| record.watched_since);
        }
        Ok(())
    }

    /// Tells which are late at an instant, with what was loaded since the last time.
    pub(super) fn take(&mut self, world: &mut AutomationWorld, updated: &[Updated], now: DateTime<Utc>) {
        if self.0.is_empty() {
            return;
        }
        let mut newest: HashMap<&AssetName, DateTime<Utc>> = HashMap::new();
        for update in updated {
            let at = newest.entry(&update.asset).or_insert(update.at);
            *at = update.at.max(*at);
        }
        for watched in &mut self.0 {
            watched.last_at = watched.last_at.max(newest.get(&watched.asset).copied());
            let status = watched.policy.at(now, watched.last_at, watched.since).status;
            world.set_late(&watched.asset, status == FreshnessStatus::Late);
        }
    }
}
