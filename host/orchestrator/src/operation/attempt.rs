//! One attempt at a step: done, watched, and its end told to the state.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::Value;
use tidegate_core::port::{AttemptKey, StepEnd};
use tidegate_core::{Error, Kind, Result};
use tidegate_plugin::LogLevel;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::exec::Exec;
use super::step::{StepWork, fitting};
use super::{query, request, select};
use crate::engine::{AttemptLog, heartbeat, log_name};
use crate::error::OrchestratorError;
use crate::run::{Item, Orchestrator, fenced, stopped};

/// How long an attempt that took too long is given to stop, beside what its step grants a child, in milliseconds.
const GRACE_MS: u64 = 5_000;

impl Orchestrator {
    /// Makes an attempt that was claimed; answers the step's result once the state has it.
    pub(crate) async fn perform(
        &self,
        step: &StepWork,
        key: &AttemptKey,
        cancel: &CancellationToken,
    ) -> Result<Value> {
        self.observer.started(&key.asset, &key.partition, false);
        let name = log_name(key.run, &key.asset, &key.partition, key.attempt);
        let log = Arc::new(AttemptLog::new(self.artifacts.clone(), name));
        log.say(
            LogLevel::Info,
            format!(
                "attempt {} of step {} {} begins",
                key.attempt, key.asset, key.partition
            ),
        );
        let halt = cancel.child_token();
        let heart = tokio::spawn(heartbeat(
            self.state.clone(),
            key.clone(),
            halt.clone(),
            log.clone(),
        ));
        let mut done = self.in_time(step, key, &log, &halt).await;
        heart.abort();
        if done.as_ref().is_err_and(|error| error.kind == Kind::Cancelled) && !cancel.is_cancelled() {
            // Nobody asked for it: the heartbeat found the fence taken.
            done = Err(fenced(key));
        }
        match &done {
            Ok(_) => log.say(LogLevel::Info, "done"),
            Err(error) => log.say(LogLevel::Error, error.to_string()),
        }
        // A log that cannot be written does not undo what was done, nor hide why nothing was.
        if let Err(error) = log.flush().await {
            self.observer.warning(&error);
        }
        let ended = match done {
            Ok((result, items)) => self.told(key, result, items).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &ended
            && let Err(failed) = self.state.fail_attempt(key, error, Utc::now()).await
        {
            self.observer.warning(&failed);
        }
        ended
    }

    async fn told(&self, key: &AttemptKey, result: Value, items: Vec<Item>) -> Result<Value> {
        let at = Utc::now();
        let end = StepEnd { result, items, at };
        if !self.state.finish_step(key, &end).await? {
            return Err(fenced(key));
        }
        Ok(end.result)
    }

    async fn in_time(
        &self,
        step: &StepWork,
        key: &AttemptKey,
        log: &Arc<AttemptLog>,
        halt: &CancellationToken,
    ) -> Result<(Value, Vec<Item>)> {
        let work = self.work_on(step, key, log, halt);
        let Some(timeout_ms) = step.timeout_ms else {
            return work.await;
        };
        tokio::pin!(work);
        if let Ok(done) = timeout(Duration::from_millis(timeout_ms), &mut work).await {
            return done;
        }
        halt.cancel();
        let grace_ms = step.step.exec.as_ref().map_or(0, |exec| exec.grace.0) + GRACE_MS;
        if let Ok(Ok(done)) = timeout(Duration::from_millis(grace_ms), &mut work).await {
            return Ok(done);
        }
        Err(OrchestratorError::Timeout {
            asset: key.asset.clone(),
            partition: key.partition.clone(),
            timeout_ms,
        }
        .into())
    }

    async fn work_on(
        &self,
        step: &StepWork,
        key: &AttemptKey,
        log: &Arc<AttemptLog>,
        halt: &CancellationToken,
    ) -> Result<(Value, Vec<Item>)> {
        let decl = &step.step;
        // Where it could not be told before, it is the attempt that fails.
        if let Some(text) = &decl.condition {
            step.holds("if", text)?;
        }
        if step.expands {
            return values(step, key);
        }
        if let Some(exec) = &decl.exec {
            let exec = Exec {
                project: &self.project,
                state: &self.state,
                step,
                decl: exec,
                key,
                log,
                halt,
            };
            // It stops its child by itself when it is told to.
            return Ok((exec.run().await?, Vec::new()));
        }
        let work = async {
            if let Some(http) = &decl.http {
                return Ok((request::send(&self.project, step, http).await?, Vec::new()));
            }
            if let Some(sql) = &decl.sql {
                return Ok((query::ask(&self.project, step, sql).await?, Vec::new()));
            }
            match &decl.materialize {
                Some(materialize) => {
                    select::select(&self.project, self.state.as_ref(), step, materialize).await
                }
                // Validation has refused it, with its place.
                None => Err(Error::new(
                    Kind::Schema,
                    "schema.step",
                    "the step has nothing to do",
                )),
            }
        };
        tokio::select! {
            done = work => done,
            () = halt.cancelled() => Err(stopped()),
        }
    }
}

/// The values of a step that is done for each of several, and what is to be done for them.
fn values(step: &StepWork, key: &AttemptKey) -> Result<(Value, Vec<Item>)> {
    let name = &step.step.name;
    let text = step.step.for_each.as_deref().unwrap_or("[]");
    let found = step.evaluate("for_each", text)?;
    let Value::Array(items) = &found else {
        let message = format!("step `{name}`: `{text}` is no list");
        return Err(Error::new(Kind::Data, "step.for_each", message).hint("`for_each` needs a list"));
    };
    if items.len() > step.step.max_items as usize {
        let message = format!(
            "step `{name}`: `{text}` has {} values; `max_items` is {}",
            items.len(),
            step.step.max_items
        );
        return Err(Error::new(Kind::Data, "step.too_many", message).hint("raise `max_items` of the step"));
    }
    let items = (0..items.len() as u32)
        .map(|index| {
            let place = tidegate_core::plan::StepPlace::Item(index);
            (
                name.clone(),
                tidegate_core::plan::PartitionKey::of_step(key.run, place),
            )
        })
        .collect();
    Ok((fitting(name, found)?, items))
}
