//! A worker: takes runs from the queue and carries them out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::Utc;
use tidegate_core::plan::RunId;
use tidegate_core::port::{RunRecord, TagLimit, TakeRuns};
use tidegate_core::{Error, Result};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::launch::Stopped;
use super::lost::Lost;
use super::orchestrator::Orchestrator;
use super::request::Launch;
use super::transition::StateError;
use crate::error::OrchestratorError;

/// How often the queue is looked at for runs that other processes put there, in milliseconds.
const POLL_MS: u64 = 200;

/// How often it is tried to let go of a run while the state is out of reach, in milliseconds.
const GIVE_UP_MS: u64 = 1_000;

/// How a worker takes runs.
#[derive(Debug, Clone, Copy)]
pub struct WorkerConfig {
    /// Runs that it carries out at once, at least 1.
    pub runs: usize,
}

impl Orchestrator {
    /// Takes runs from the queue and carries them out until this process is to stop; those that go on then make no more
    /// progress and are queued again. The project's limits on runs hold over all workers.
    pub async fn serve_queue(self: &Arc<Self>, config: WorkerConfig) -> Result<()> {
        self.serving.store(true, Ordering::Relaxed);
        let heart = self.heart().await?;
        let mut tasks = JoinSet::new();
        while !self.cancel.is_cancelled() {
            while tasks.try_join_next().is_some() {}
            // By what was taken, not by what goes on: a run that is being prepared counts too.
            let free = config.runs.saturating_sub(tasks.len());
            let taken = match self.take(free).await {
                Ok(taken) => taken,
                Err(error) => {
                    self.observer.warning(&error);
                    Vec::new()
                }
            };
            // Looked at again at once only where there may be more, and room for it.
            let more = !taken.is_empty() && taken.len() < free;
            for run in taken {
                let this = self.clone();
                tasks.spawn(async move { this.serve(run).await });
            }
            if !more {
                let rung = timeout(Duration::from_millis(POLL_MS), self.bell.notified());
                tokio::select! {
                    _ = rung => {}
                    () = self.cancel.cancelled() => {}
                }
            }
        }
        while tasks.join_next().await.is_some() {}
        self.rest(heart).await
    }

    async fn take(&self, free: usize) -> Result<Vec<RunRecord>> {
        if free == 0 {
            return Ok(Vec::new());
        }
        let limits = &self.project.documents().project.value.concurrency;
        let tag_limits: Vec<TagLimit> = limits
            .tags
            .iter()
            .map(|tag| TagLimit {
                key: tag.key.clone(),
                value: tag.value.clone(),
                limit: tag.limit,
            })
            .collect();
        let take = TakeRuns {
            worker: self.workers.id(),
            most: u32::try_from(free).unwrap_or(u32::MAX),
            limit: limits.runs,
            tag_limits: &tag_limits,
            at: Utc::now(),
        };
        self.state.take_runs(&take).await
    }

    /// Carries out a run that was taken. Nothing that goes wrong with it is this worker's end.
    async fn serve(&self, run: RunRecord) {
        if let Err(error) = self.try_to_serve(&run).await {
            self.observer.warning(&error);
            // Where somebody has moved the run, it is theirs by now.
            if error.code != StateError::CODE {
                self.give_up(run.id).await;
            }
        }
        self.ring();
    }

    /// Lets go of a run whose end could not be told, since the state was out of reach. This worker is alive, so nobody else
    /// would see that nothing goes on any more.
    async fn give_up(&self, run: RunId) {
        let mut told: Option<Error> = None;
        while !self.cancel.is_cancelled() {
            match self.try_to_give_up(run).await {
                Ok(()) => return,
                Err(error) if told.as_ref().is_none_or(|told| told.code != error.code) => {
                    self.observer.warning(&error);
                    told = Some(error);
                }
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(GIVE_UP_MS)).await;
        }
    }

    async fn try_to_give_up(&self, run: RunId) -> Result<()> {
        match self.state.run(run).await? {
            Some(found) if !found.state.ended() && found.worker.as_ref() == Some(self.workers.id()) => {
                self.mark_lost(&found, Lost::Queued).await
            }
            _ => Ok(()),
        }
    }

    async fn try_to_serve(&self, run: &RunRecord) -> Result<()> {
        let ready = match Launch::of(run) {
            Ok(launch) if launch.target.as_deref() != self.project.target() => {
                let target = launch.target.clone();
                Err(OrchestratorError::OtherTarget { run: run.id, target }.into())
            }
            Ok(launch) => self
                .prepared(&launch)
                .await
                .map(|plans| (launch, plans))
                .map_err(|errors| first(errors, run.id)),
            Err(error) => Err(error),
        };
        match ready {
            Ok((launch, plans)) => self
                .carry_out(run.id, &launch, &plans, Stopped::HandedOver)
                .await
                .map(|_| ()),
            Err(error) => self.refuse(run.id, &error).await,
        }
    }
}

/// The first of what is wrong with a run's assets; the rest is found by `tidegate check`.
fn first(errors: tidegate_core::Errors, run: RunId) -> Error {
    let more = errors.0.len().saturating_sub(1);
    let first = errors.0.into_iter().next();
    let error = first.unwrap_or_else(|| {
        let message = format!("the assets of run {run} were refused without a reason");
        Error::new(tidegate_core::Kind::Internal, "run.prepare", message)
    });
    if more == 0 {
        return error;
    }
    let hint = format!("and {more} more: `tidegate check` tells all");
    Error {
        hint: Some(match error.hint {
            Some(known) => format!("{known}; {hint}"),
            None => hint,
        }),
        ..error
    }
}
