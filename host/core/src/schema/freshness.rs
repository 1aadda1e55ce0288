//! How new an asset must be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Millis;
use super::one_or_many::OneOrMany;
use crate::plan::{FreshnessPolicy, Timetable, TimetableError};

/// How new an asset must be: materialized within so long, or by certain times, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Freshness")]
pub struct FreshnessDecl {
    /// It is late when its last materialization is older than this.
    #[serde(default)]
    pub within: Option<Millis>,
    /// Deadlines: minute, hour, day of month, month, day of week. It is late at one when nothing was materialized since the one
    /// before.
    #[serde(default)]
    pub cron: Option<OneOrMany>,
    /// Whose clock `cron` is read on, from the IANA database.
    #[serde(default = "utc")]
    pub timezone: String,
}

fn utc() -> String {
    "UTC".into()
}

impl FreshnessDecl {
    /// The policy that is declared.
    pub fn policy(&self) -> Result<FreshnessPolicy, TimetableError> {
        let deadlines = match &self.cron {
            Some(OneOrMany(crons)) => Some(Timetable::crons(crons, &self.timezone)?),
            None => None,
        };
        Ok(FreshnessPolicy {
            within_ms: self.within.map(|within| within.0),
            deadlines,
        })
    }
}
