//! What carries runs of a project out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_core::Errors;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{ArtifactStore, StateStore};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::going::Going;
use super::observe::RunObserver;
use super::request::Launch;
use super::workers::Workers;
use crate::engine::log_name;
use crate::project::{AssetPlan, Project};

/// Makes runs of a project and carries them out.
pub struct Orchestrator {
    /// The project.
    pub project: Arc<Project>,
    /// Where state is kept.
    pub state: Arc<dyn StateStore>,
    /// Where logs and refused rows are kept.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// This process and the others.
    pub workers: Workers,
    /// Who watches.
    pub observer: Arc<dyn RunObserver>,
    /// Stops every run.
    pub cancel: CancellationToken,
    /// Attempts at once.
    pub capacity: usize,
    /// A place for each attempt.
    pub(super) room: Semaphore,
    /// Runs that go on here, each with what stops it.
    pub(super) going: Arc<Going>,
    /// How many beats go on; the first makes the worker known, the last forgets it.
    pub(super) hearts: tokio::sync::Mutex<usize>,
    /// Rings when a run was queued or has ended here.
    pub(super) bell: Notify,
    /// Whether this process takes runs from the queue. Then nobody is there to be told that an asset partition is held by
    /// another run, and it is waited for.
    pub(super) serving: AtomicBool,
    /// Assets that were prepared: documents and plugins stay the same for as long as the project is open.
    prepared: Mutex<HashMap<AssetName, Arc<AssetPlan>>>,
}

impl Orchestrator {
    /// An orchestrator of a project; `capacity` is how many attempts it makes at once, at least 1.
    pub fn new(
        project: Arc<Project>,
        state: Arc<dyn StateStore>,
        artifacts: Arc<dyn ArtifactStore>,
        workers: Workers,
        observer: Arc<dyn RunObserver>,
        capacity: usize,
    ) -> Self {
        Self {
            project,
            state,
            artifacts,
            workers,
            observer,
            cancel: CancellationToken::new(),
            capacity: capacity.max(1),
            room: Semaphore::new(capacity.max(1)),
            going: Arc::default(),
            hearts: tokio::sync::Mutex::new(0),
            bell: Notify::new(),
            serving: AtomicBool::new(false),
            prepared: Mutex::default(),
        }
    }

    /// The log of an attempt, as JSON lines; none where it has said nothing.
    pub async fn log(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
        attempt: u32,
    ) -> tidegate_core::Result<Option<bytes::Bytes>> {
        self.artifacts
            .get(&log_name(run, asset, partition, attempt))
            .await
    }

    /// The assets of a run, resolved and bound: each once for as long as the project is open, but for those of a run with
    /// config of its own.
    pub(super) async fn prepared(&self, launch: &Launch) -> Result<Vec<Arc<AssetPlan>>, Errors> {
        let names = &launch.assets;
        if !launch.config.is_empty() {
            let plans = self.project.prepare_with(names, &launch.config).await?;
            return Ok(plans.into_iter().map(Arc::new).collect());
        }
        let known = |prepared: &HashMap<AssetName, Arc<AssetPlan>>| {
            names
                .iter()
                .map(|name| prepared.get(name).cloned())
                .collect::<Option<Vec<_>>>()
        };
        if let Some(plans) = known(&self.prepared.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(plans);
        }
        let plans = self.project.prepare(names).await?;
        Ok(self.keep(launch, plans))
    }

    /// Remembers assets that were prepared for a run, unless it has config of its own.
    pub(super) fn keep(&self, launch: &Launch, plans: Vec<AssetPlan>) -> Vec<Arc<AssetPlan>> {
        if !launch.config.is_empty() {
            return plans.into_iter().map(Arc::new).collect();
        }
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        plans
            .into_iter()
            .map(|plan| {
                let plan = Arc::new(plan);
                prepared.insert(plan.name.clone(), plan.clone());
                plan
            })
            .collect()
    }

    pub(super) fn waits(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    /// A run goes on here from now on; answers what stops it.
    pub(super) fn begin(&self, run: RunId) -> CancellationToken {
        let token = self.cancel.child_token();
        self.going.begin(run, token.clone());
        self.workers.begin();
        token
    }

    /// A run does not go on here any more; `told`, where its end is in the state.
    pub(super) fn end(&self, run: RunId, told: bool) {
        self.going.end(run);
        if told {
            self.workers.finish();
        }
        self.bell.notify_one();
    }
}
