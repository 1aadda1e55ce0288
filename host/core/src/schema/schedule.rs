//! `kind: Schedule`: what is done at times that are known before.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Millis;
use super::one_or_many::OneOrMany;
use crate::plan::AssetName;

/// What is done at times that are known before. It says when, with `cron` or `every`, and what, with `job`, `select` or
/// `maintenance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The schedule's name.
    pub name: AssetName,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Minute, hour, day of month, month, day of week; several are due whenever one of them is.
    #[serde(default)]
    pub cron: Option<OneOrMany>,
    /// Each so often, counted from 1970-01-01T00:00:00Z, so that a restart moves nothing; at least `1s`.
    #[serde(default)]
    pub every: Option<Millis>,
    /// Whose clock `cron` is read on, from the IANA database.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The job to launch.
    #[serde(default)]
    pub job: Option<AssetName>,
    /// The assets to launch, by name or as the selection syntax has it.
    #[serde(default)]
    pub select: Option<OneOrMany>,
    /// Work on what was loaded, in place of a run.
    #[serde(default)]
    pub maintenance: Option<Maintenance>,
    /// Which slices: `latest` is the one that had ended last at the tick, `none` every one that there is, all else keys,
    /// each a run of its own. Without it the job's, or `latest` where the assets have slices.
    #[serde(default)]
    pub partition: Option<OneOrMany>,
    /// What becomes of a tick while a run of the schedule goes on.
    #[serde(default)]
    pub overlap: Overlap,
    /// Ticks that were missed while nobody led are made up for, if they are no older than this; the others are recorded
    /// as missed.
    #[serde(default = "an_hour")]
    pub catch_up: Millis,
    /// Whether it stops by itself when a run of its fails, until it is started again.
    #[serde(default)]
    pub pause_on_failure: bool,
    /// Whether it begins by itself. A schedule that somebody started or stopped by hand stays so.
    #[serde(default)]
    pub enabled: bool,
    /// Words to find its runs by.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What becomes of a tick while a run of the schedule goes on. The words are Temporal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Nothing: work that takes longer than its period does not pile up.
    #[default]
    Skip,
    /// It waits until the run has ended, unless one waits already.
    BufferOne,
    /// It waits its turn.
    BufferAll,
    /// The run is asked to stop, and another one is launched.
    CancelOther,
    /// It is launched beside the run.
    AllowAll,
}

/// Work on what was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Assets in ClickHouse whose parts are merged into one a partition, one asset after the other.
    pub optimize: Vec<AssetName>,
}

fn utc() -> String {
    "UTC".into()
}

fn an_hour() -> Millis {
    Millis(3_600_000)
}
