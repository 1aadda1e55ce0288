//! Attempts in this process.

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use tidegate_core::plan::{CheckStep, LoadToken, Partition, PartitionTask, SourceSlice, Step, TaskReceipt};
use tidegate_core::port::{
    ArtifactStore, AttemptKey, Check, Checkpoint, EncodedTask, Engine, OpenDestination, OpenSource, Severity,
    StateStore, StreamTransform as _, TaskCounts, Transform, Verdict,
};
use tidegate_core::schema::Column;
use tidegate_core::{Error, Kind, Result};
use tidegate_flow::{BoundStep, Conform, Input, KeyStore, Parts, Progress, can_pull};
use tidegate_plugin::{LogLevel, LogSink};
use tokio_util::sync::CancellationToken;

use super::log::{AttemptLog, log_name};
use super::slices::{Slices, SlicesSource};
use crate::project::{Project, Surroundings, bind_sql};
use crate::run::{LEASE_MS, RunObserver, fenced};

/// How often an attempt says that it is alive: three times within its lease.
const HEARTBEAT_MS: u64 = LEASE_MS / 3;

/// Runs attempts in this process. Every task goes through its encoded form, so that an attempt gets nothing that one on
/// another machine would not get.
pub struct LocalEngine {
    /// The project that tasks are of.
    pub project: Arc<Project>,
    /// Where checkpoints are kept.
    pub state: Arc<dyn StateStore>,
    /// Where logs and refused rows are kept.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Who watches.
    pub observer: Arc<dyn RunObserver>,
    /// Stops every attempt.
    pub cancel: CancellationToken,
    /// Attempts at once.
    pub capacity: usize,
}

#[async_trait]
impl Engine for LocalEngine {
    async fn run(&self, task: EncodedTask) -> Result<TaskReceipt> {
        let task = task.decode()?;
        let log = Arc::new(AttemptLog::new(
            self.artifacts.clone(),
            log_name(task.run, &task.asset, &task.key(), task.attempt),
        ));
        log.say(
            LogLevel::Info,
            format!("attempt {} of {} {} begins", task.attempt, task.asset, task.key()),
        );
        let cancel = self.cancel.child_token();
        let (attempt, dry_run) = (key(&task), task.dry_run);
        // A dry run has no lease to prolong, and nobody can find its log.
        let heart = (!dry_run).then(|| {
            let (state, cancel, log) = (self.state.clone(), cancel.clone(), log.clone());
            tokio::spawn(heartbeat(state, attempt.clone(), cancel, log))
        });
        let (steps, partition) = (task.checks.clone(), task.partition.clone());
        let mut done = self.attempt(task, log.clone(), cancel.clone()).await;
        if let Ok(receipt) = &mut done
            && receipt.load.is_some()
        {
            // What is loaded is loaded: an attempt that is to stop leaves the rest unsaid.
            tokio::select! {
                verdicts = self.look_after(&steps, partition.as_ref(), &log) => receipt.verdicts.extend(verdicts),
                () = cancel.cancelled() => {}
            }
        }
        if let Some(heart) = heart {
            heart.abort();
        }
        if done.as_ref().is_err_and(|error| error.kind == Kind::Cancelled) && !self.cancel.is_cancelled() {
            // Nobody asked for it: the heartbeat found the fence taken.
            done = Err(fenced(&attempt));
        }
        match &done {
            Ok(receipt) => log.say(LogLevel::Info, format!("loaded {} rows", receipt.counts.loaded)),
            Err(error) => log.say(LogLevel::Error, error.to_string()),
        }
        // A log that cannot be written does not undo a load, nor hide why there is none.
        if !dry_run && let Err(error) = log.flush().await {
            self.observer.warning(&error);
        }
        done
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

fn key(task: &PartitionTask) -> AttemptKey {
    AttemptKey {
        run: task.run,
        asset: task.asset.clone(),
        partition: task.key(),
        attempt: task.attempt,
        epoch: task.epoch,
    }
}

impl LocalEngine {
    /// The steps of a task, bound, and what comes out of the last.
    async fn bind_steps(
        &self,
        task: &PartitionTask,
        log: &Arc<AttemptLog>,
    ) -> Result<(SchemaRef, Vec<BoundStep>)> {
        let mut stream = Column::schema(&task.source.columns);
        let mut transforms = Vec::new();
        for step in &task.steps {
            let step = match step {
                Step::Plugin(step) => step,
                Step::Sql(step) => {
                    let bound = bind_sql(step, &stream, &self.project.opener(log.clone())).await?;
                    stream = bound.output_schema();
                    transforms.push(BoundStep::Stream(Box::new(bound)));
                    continue;
                }
            };
            let mut instances: Vec<Box<dyn Transform>> = Vec::new();
            let mut output = stream.clone();
            for _ in 0..step.instances {
                let sink: Arc<dyn LogSink> = log.clone();
                let bound = self.project.bind_step(step, &stream, sink).await?;
                output = bound.output_schema();
                instances.push(Box::new(bound));
            }
            stream = output;
            transforms.push(BoundStep::Batches(instances));
        }
        Ok((stream, transforms))
    }

    async fn attempt(
        &self,
        task: PartitionTask,
        log: Arc<AttemptLog>,
        cancel: CancellationToken,
    ) -> Result<TaskReceipt> {
        let (stream, transforms) = self.bind_steps(&task, &log).await?;
        let conform = Conform::new(&stream, &task.columns, task.contract).map_err(|errors| {
            errors
                .into_iter()
                .next()
                .map_or_else(unreachable_contract, Error::from)
        })?;
        let checks = self.bind_checks(&task, &conform.schema(), &log).await?;
        let mut source_spec = task.source.clone();
        let secrets;
        (source_spec.resource, secrets) = self.project.with_secrets(&source_spec.resource)?;
        let destination = if task.dry_run {
            None
        } else {
            let mut spec = task.destination.clone();
            let secrets;
            (spec.resource, secrets) = self.project.with_secrets(&spec.resource)?;
            let open = OpenDestination {
                spec: &spec,
                asset: &task.asset,
                partition: &task.key(),
                window: task.partition.as_ref(),
                epoch: task.epoch,
                token: &task.token(),
                schema: conform.schema(),
                resumable: self.project.connector(&task.source.connector)?.resumes()
                    && !task.steps.iter().any(|step| matches!(step, Step::Sql(_))),
                staged: task.resume.as_ref().map_or(&[], |checkpoint| &checkpoint.parts),
                batch_rows: task.batch_rows,
                log: log.clone(),
                secrets: &secrets,
            };
            Some(
                self.project
                    .connector(&spec.connector)?
                    .open_destination(open)
                    .await?,
            )
        };
        let pulls = destination
            .as_ref()
            .is_some_and(|destination| can_pull(&task, destination.as_ref()));
        let input = if pulls {
            Input::Pull(Box::new(source_spec))
        } else if let SourceSlice::Several(slices) = &task.source_slice {
            Input::Read(Box::new(SlicesSource::new(Slices {
                project: self.project.clone(),
                spec: source_spec,
                slices: slices.clone(),
                batch_rows: task.batch_rows,
                log: log.clone(),
                secrets: secrets.clone(),
                resume: task.resume.as_ref().map(|checkpoint| checkpoint.cursor.clone()),
            })?))
        } else {
            let source = self
                .project
                .connector(&source_spec.connector)?
                .open_source(OpenSource {
                    spec: &source_spec,
                    partition: task.read_slice(),
                    since: task.since.as_ref(),
                    cursor: task.resume.as_ref().map(|checkpoint| &checkpoint.cursor),
                    batch_rows: task.batch_rows,
                    log: log.clone(),
                    secrets: &secrets,
                })
                .await?;
            Input::Read(source)
        };
        let progress = Arc::new(AttemptProgress {
            key: key(&task),
            state: self.state.clone(),
            observer: self.observer.clone(),
            log,
            dry_run: task.dry_run,
        });
        tidegate_flow::run(Parts {
            input,
            transforms,
            checks,
            destination,
            conform,
            artifacts: self.artifacts.clone(),
            progress,
            cancel,
            at: Utc::now(),
            task,
        })
        .await
    }

    /// The checks of a task that look at rows on their way, bound.
    async fn bind_checks(
        &self,
        task: &PartitionTask,
        loaded: &Schema,
        log: &Arc<AttemptLog>,
    ) -> Result<Vec<Box<dyn Check>>> {
        let around = Surroundings {
            loaded,
            log: log.clone(),
            now: Utc::now(),
            history: &task.history,
            keys: Some(KeyStore {
                artifacts: self.artifacts.clone(),
                prefix: format!("{}{}-", key_files(&key(task)), task.attempt),
            }),
        };
        self.project.bind_checks(&task.checks, &around).await
    }

    /// What the checks say that look at what lies in the destination, once it does.
    async fn look_after(
        &self,
        steps: &[CheckStep],
        partition: Option<&Partition>,
        log: &Arc<AttemptLog>,
    ) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let sink: Arc<dyn LogSink> = log.clone();
        for step in steps {
            if let Some(verdict) = self.project.look_at_loaded(step, partition, &sink).await {
                say(log, &verdict);
                verdicts.push(verdict);
            }
        }
        verdicts
    }
}

/// Writes what a check says to the log of its attempt.
fn say(log: &AttemptLog, verdict: &Verdict) {
    let (level, word) = match (verdict.passed, verdict.severity) {
        (true, _) => (LogLevel::Info, "passed"),
        (false, Severity::Warn) => (LogLevel::Warn, "warns"),
        (false, Severity::Error) => (LogLevel::Error, "failed"),
    };
    log.say(level, format!("check {} {word}: {verdict}", verdict.check));
}

/// How the names of files begin that the checks of an asset partition keep for its checkpoints.
pub(crate) fn key_files(key: &AttemptKey) -> String {
    let token = LoadToken::new(&key.asset, &key.partition, key.run);
    format!("checks/{}/{}/", key.run, token.0)
}

fn unreachable_contract() -> Error {
    Error::new(
        Kind::Internal,
        "flow.contract",
        "the contract was refused without a reason",
    )
}

/// Prolongs the lease until the attempt ends; stops the attempt where a newer one has taken over.
pub(crate) async fn heartbeat(
    state: Arc<dyn StateStore>,
    key: AttemptKey,
    cancel: CancellationToken,
    log: Arc<AttemptLog>,
) {
    let mut beat = tokio::time::interval(Duration::from_millis(HEARTBEAT_MS));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    beat.tick().await;
    loop {
        beat.tick().await;
        let until = Utc::now() + TimeDelta::milliseconds(LEASE_MS as i64);
        match state.renew(&key, until).await {
            Ok(true) => {}
            Ok(false) => {
                log.say(LogLevel::Warn, "a newer attempt has taken over");
                cancel.cancel();
                return;
            }
            // The next beat tries again; the fence holds whatever happens.
            Err(error) => log.say(LogLevel::Warn, error.to_string()),
        }
        if log.flush().await.is_err() {
            log.say(LogLevel::Warn, "the log could not be written");
        }
    }
}

struct AttemptProgress {
    key: AttemptKey,
    state: Arc<dyn StateStore>,
    observer: Arc<dyn RunObserver>,
    log: Arc<AttemptLog>,
    dry_run: bool,
}

#[async_trait]
impl Progress for AttemptProgress {
    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<()> {
        let at = Utc::now();
        if !self.state.put_checkpoint(&self.key, &checkpoint, at).await? {
            return Err(fenced(&self.key));
        }
        self.log.say(
            LogLevel::Info,
            format!("checkpoint after {} rows", checkpoint.counts.source.rows_in),
        );
        self.log.flush().await
    }

    fn verdict(&self, verdict: &Verdict) {
        say(&self.log, verdict);
    }

    async fn refused(&self, verdicts: &[Verdict]) -> Result<()> {
        // A dry run has no record that they could belong to.
        if self.dry_run || self.state.keep_verdicts(&self.key, verdicts, Utc::now()).await? {
            Ok(())
        } else {
            Err(fenced(&self.key))
        }
    }

    async fn confirm(&self) -> Result<()> {
        if self.state.holds(&self.key).await? {
            Ok(())
        } else {
            Err(fenced(&self.key))
        }
    }

    fn counts(&self, counts: &TaskCounts) {
        self.observer
            .progress(&self.key.asset, &self.key.partition, counts.loaded);
    }
}
