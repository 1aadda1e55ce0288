//! What a run is asked for.

use std::collections::BTreeMap;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::{AssetName, PartitionKey, RunId, StepPlace};
use tidegate_core::port::{Inserted, NewRun, RunRecord};
use tidegate_core::schema::{Job, RetryDecl, StepDecl};
use tidegate_core::{Error, Kind, Result};

use super::orchestrator::Orchestrator;
use super::order::Item;
use crate::project::RunConfig;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The assets, each behind those that it is made from.
    pub assets: Vec<AssetName>,
    /// Only this slice; none for every slice that there is.
    pub partition: Option<String>,
    /// Only the slices from one to another, both included, as `FIRST...LAST`; none for every slice that there is.
    #[serde(default)]
    pub partition_range: Option<String>,
    /// Read, transform and count, but load nothing and keep no state.
    pub dry_run: bool,
    /// Stop each source after so many rows.
    pub limit_rows: Option<u64>,
    /// Read everything, also from sources that would give only what is new.
    #[serde(default)]
    pub full_refresh: bool,
    /// Only the slices that are stale when the run is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Config of plugins in place of what the schema says.
    #[serde(default, skip_serializing_if = "RunConfig::is_empty")]
    pub config: RunConfig,
    /// The target that the assets go to; none for the destinations that they name.
    #[serde(default)]
    pub target: Option<String>,
    /// The job whose steps are done; none for a run of assets. The assets are then those that its steps materialize.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_of: Option<AssetName>,
    /// How long an attempt may take, in milliseconds, in place of what its asset says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How an attempt that failed is made again, in place of what its asset says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryDecl>,
}

/// How a run waits in the queue, and what it is found by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// Of the queued ones the highest goes first; 0 unless told.
    pub priority: i64,
    /// The job that it is of.
    pub job: Option<String>,
    /// Words to find it by, and to limit how many go on at once.
    pub tags: BTreeMap<String, String>,
    /// A second run of the same key is not made.
    pub run_key: Option<String>,
}

impl Launch {
    /// What a run was asked for.
    pub fn of(run: &RunRecord) -> Result<Self> {
        Self::read(run.id, &run.request)
    }

    /// What a run was asked for, as [`Launch::new_run`] wrote it.
    pub fn read(run: RunId, request: &serde_json::Value) -> Result<Self> {
        Self::deserialize(request).map_err(|error| {
            let message = format!("the request of run {run} is not readable: {error}");
            Error::new(Kind::State, "run.request", message)
        })
    }

    /// The run of this request, for whichever worker takes it; `items` is what it asks for, in the order of work.
    pub(crate) fn new_run(&self, items: Vec<Item>, options: QueueOptions) -> NewRun {
        self.run_of(RunId(uuid::Uuid::now_v7()), items, options)
    }

    /// The same, of the steps of a job.
    pub(crate) fn new_step_run(&self, job: &Job, options: QueueOptions) -> NewRun {
        let run = RunId(uuid::Uuid::now_v7());
        let item = |step: &StepDecl| (step.name.clone(), PartitionKey::of_step(run, StepPlace::Whole));
        self.run_of(run, job.steps.iter().map(item).collect(), options)
    }

    fn run_of(&self, id: RunId, items: Vec<Item>, options: QueueOptions) -> NewRun {
        NewRun {
            id,
            request: serde_json::to_value(self).unwrap_or_default(),
            partitions: items,
            worker: None,
            priority: options.priority,
            job: options.job,
            tags: options.tags,
            run_key: options.run_key,
            at: Utc::now(),
        }
    }
}

impl Orchestrator {
    /// Tells the worker of this process that there are runs in the queue.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Puts a run into the queue, for whichever worker takes it. A repeat under one `run_key` makes no second run.
    pub async fn enqueue(&self, launch: &Launch, options: QueueOptions) -> Result<(RunId, Inserted)> {
        let run = launch.new_run(self.items(launch).await?, options);
        let inserted = self.state.insert_run(&run).await?;
        self.ring();
        Ok(match inserted {
            Inserted::New => (run.id, inserted),
            Inserted::Known(known) => (known, inserted),
        })
    }
}
