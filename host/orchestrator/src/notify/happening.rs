//! What an outcome means to a notification: that a subject failed, or that it did not.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tidegate_core::Error;
use tidegate_core::plan::{FreshnessStatus, PartitionKey, RunId};
use tidegate_core::port::{
    CheckResult, FreshnessChange, NotificationEvent, PartitionState, RunEnd, RunPartition, RunRecord,
    RunState, Severity, Subject,
};

use super::rule::Rule;

/// A subject failed, or succeeded, in one slice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happening {
    /// The number of the outcome that says so.
    pub(super) outcome: i64,
    /// What is told where it is news.
    pub(super) event: NotificationEvent,
    /// About what.
    pub(super) subject: Subject,
    /// Of which slice; the empty key for all.
    pub(super) partition: PartitionKey,
    /// When.
    pub(super) at: DateTime<Utc>,
    /// In which run.
    pub(super) run: Option<RunId>,
    /// Why it failed.
    pub(super) error: Option<Error>,
    /// What the check said.
    pub(super) check: Option<CheckResult>,
    /// By when a materialization was expected.
    pub(super) due_at: Option<DateTime<Utc>>,
}

impl Happening {
    fn new(outcome: i64, event: NotificationEvent, subject: Subject, at: DateTime<Utc>) -> Self {
        Self {
            outcome,
            event,
            subject,
            partition: PartitionKey::whole(),
            at,
            run: None,
            error: None,
            check: None,
            due_at: None,
        }
    }

    /// Whether it is a failure.
    pub(super) fn failed(&self) -> bool {
        self.event.follows().is_empty()
    }
}

/// What a check said, to a notification.
pub(super) fn of_check(outcome: i64, rule: &Rule, result: &CheckResult) -> Option<Happening> {
    if !rule.watches_asset(&result.asset) {
        return None;
    }
    let verdict = &result.verdict;
    let event = match (verdict.passed, verdict.severity) {
        (true, _) => NotificationEvent::CheckRecovered,
        (false, Severity::Error) => NotificationEvent::CheckFailed,
        (false, Severity::Warn) => NotificationEvent::CheckWarned,
    };
    let subject = Subject::Check(result.asset.clone(), verdict.check.clone());
    Some(Happening {
        partition: result.partition.clone(),
        run: result.run,
        check: Some(result.clone()),
        ..Happening::new(outcome, event, subject, result.at)
    })
}

/// That an asset became late or fresh again, to a notification.
pub(super) fn of_freshness(outcome: i64, rule: &Rule, change: &FreshnessChange) -> Option<Happening> {
    if !rule.watches_asset(&change.asset) {
        return None;
    }
    let event = match change.status {
        FreshnessStatus::Late => NotificationEvent::FreshnessFailed,
        FreshnessStatus::Fresh => NotificationEvent::FreshnessRecovered,
        FreshnessStatus::Unknown => return None,
    };
    let subject = Subject::Freshness(change.asset.clone());
    Some(Happening {
        due_at: change.due_at,
        ..Happening::new(outcome, event, subject, change.at)
    })
}

/// A run with its partitions.
#[derive(Debug)]
pub(super) struct RunFacts {
    pub(super) record: RunRecord,
    pub(super) partitions: Vec<RunPartition>,
}

/// The end of a run, to a notification: of its job where that is watched, else of each slice of an asset that is.
pub(super) fn of_run(outcome: i64, rule: &Rule, end: &RunEnd, facts: &RunFacts) -> Vec<Happening> {
    let job = facts.record.job.as_deref().filter(|job| rule.watches_job(job));
    if let Some(job) = job.and_then(|job| job.parse().ok()) {
        let event = match end.state {
            RunState::Failed => NotificationEvent::RunFailed,
            RunState::Succeeded => NotificationEvent::RunRecovered,
            _ => return Vec::new(),
        };
        return vec![Happening {
            partition: slices(&facts.partitions),
            run: Some(end.run),
            error: end.error.clone(),
            ..Happening::new(outcome, event, Subject::Job(job), end.at)
        }];
    }
    let ended: Vec<(&RunPartition, Option<PartitionState>)> = facts
        .partitions
        .iter()
        .map(|slice| (slice, last(slice)))
        .collect();
    // A run that failed before an attempt was made, since a plugin is not there, failed for all of its slices.
    let tried = ended
        .iter()
        .any(|(_, state)| *state == Some(PartitionState::Failed));
    let whole = end.state == RunState::Failed && !tried;
    ended
        .into_iter()
        .filter(|(slice, _)| slice.partition.step().is_none() && rule.watches_asset(&slice.asset))
        .filter_map(|(slice, state)| {
            let event = match state {
                Some(PartitionState::Succeeded) => NotificationEvent::RunRecovered,
                // What is under way when a run is cancelled ends as failed; nobody is told of that.
                Some(PartitionState::Failed) if end.state != RunState::Cancelled => {
                    NotificationEvent::RunFailed
                }
                _ if whole => NotificationEvent::RunFailed,
                _ => return None,
            };
            let failed = event == NotificationEvent::RunFailed;
            let own = slice.attempts.last().and_then(|attempt| attempt.error.clone());
            let error = own.or_else(|| end.error.clone()).filter(|_| failed);
            let subject = Subject::Asset(slice.asset.clone());
            Some(Happening {
                partition: slice.partition.clone(),
                run: Some(end.run),
                error,
                ..Happening::new(outcome, event, subject, end.at)
            })
        })
        .collect()
}

/// How a slice ended last, though the run may be under way again.
fn last(slice: &RunPartition) -> Option<PartitionState> {
    match slice.state {
        PartitionState::Succeeded | PartitionState::Failed => Some(slice.state),
        PartitionState::Pending | PartitionState::Running | PartitionState::Skipped => slice
            .attempts
            .iter()
            .rev()
            .find(|attempt| attempt.finished_at.is_some())
            .map(|attempt| attempt.state),
    }
}

/// The slices of a run of a job, in one text: the same slices fail and recover. Steps are of no slice.
fn slices(partitions: &[RunPartition]) -> PartitionKey {
    let keys: BTreeSet<&str> = partitions
        .iter()
        .filter(|slice| slice.partition.step().is_none() && !slice.partition.is_whole())
        .map(|slice| slice.partition.0.as_str())
        .collect();
    PartitionKey(match (keys.first(), keys.last()) {
        (Some(first), Some(last)) if first != last => format!("{first}...{last}"),
        (Some(only), _) => (*only).to_owned(),
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tidegate_core::Kind;
    use tidegate_core::plan::StepPlace;

    use super::*;

    fn slice(asset: &str, key: PartitionKey, state: PartitionState) -> RunPartition {
        RunPartition {
            asset: asset.parse().unwrap(),
            partition: key,
            state,
            attempts: Vec::new(),
            result: None,
        }
    }

    fn facts(job: Option<&str>, partitions: Vec<RunPartition>) -> RunFacts {
        let at = DateTime::UNIX_EPOCH;
        RunFacts {
            record: RunRecord {
                id: RunId(uuid::Uuid::nil()),
                state: RunState::Failed,
                request: serde_json::Value::Null,
                created_at: at,
                updated_at: at,
                error: None,
                worker: None,
                priority: 0,
                job: job.map(str::to_owned),
                tags: BTreeMap::new(),
                run_key: None,
                started_at: None,
                finished_at: None,
                recoveries: 0,
                attended: false,
            },
            partitions,
        }
    }

    fn rule(assets: &[&str], jobs: &[&str]) -> Rule {
        Rule {
            name: "on-call".parse().unwrap(),
            on: Vec::new(),
            assets: (!assets.is_empty()).then(|| assets.iter().map(|name| name.parse().unwrap()).collect()),
            jobs: jobs.iter().map(|name| name.parse().unwrap()).collect(),
            repeat_after_ms: None,
        }
    }

    /// What a run that failed is told as.
    fn told(rule: &Rule, facts: &RunFacts) -> Vec<String> {
        told_as(RunState::Failed, rule, facts)
    }

    fn told_as(state: RunState, rule: &Rule, facts: &RunFacts) -> Vec<String> {
        let end = RunEnd {
            run: facts.record.id,
            state,
            error: Some(Error::new(Kind::Resource, "file.not_found", "no file")),
            at: DateTime::UNIX_EPOCH,
        };
        let happenings = of_run(1, rule, &end, facts);
        let line = |each: &Happening| {
            let (subject, key) = (each.subject.text(), &each.partition.0);
            format!("{} {subject} {key}", each.event.text())
        };
        happenings.iter().map(line).collect()
    }

    #[test]
    fn a_run_is_told_as_its_job_s_or_as_its_assets() {
        use PartitionState::{Failed, Skipped, Succeeded};
        let key = |text: &str| PartitionKey(text.into());
        let step = PartitionKey::of_step(RunId(uuid::Uuid::nil()), StepPlace::Whole);
        let mixed = vec![
            slice("orders", key("b"), Failed),
            slice("orders", key("a"), Succeeded),
            slice("customers", key(""), Skipped),
            slice("orders", step.clone(), Failed),
        ];
        let run = facts(Some("nightly"), mixed.clone());
        let job = ["run_failed job:nightly a...b"];
        let assets = ["run_failed asset:orders b", "run_recovered asset:orders a"];
        assert_eq!(told(&rule(&[], &[]), &run), job);
        assert_eq!(told(&rule(&["customers"], &["nightly"]), &run), job);
        assert_eq!(told(&rule(&["orders"], &["weekly"]), &run), assets);
        assert_eq!(told(&rule(&["customers"], &[]), &run), [""; 0]);
        assert_eq!(told(&rule(&[], &["weekly"]), &run), [""; 0]);
        assert_eq!(told(&rule(&[], &[]), &facts(None, mixed)), assets);
        assert_eq!(
            told(
                &rule(&[], &[]),
                &facts(Some("steps"), vec![slice("one", step, Failed)])
            ),
            ["run_failed job:steps "]
        );
        // No attempt was made: all of it failed.
        let refused = facts(None, vec![slice("orders", key("a"), Skipped)]);
        assert_eq!(told(&rule(&[], &[]), &refused), ["run_failed asset:orders a"]);
    }

    #[test]
    fn a_run_that_was_cancelled_failed_nothing() {
        use PartitionState::{Failed, Pending, Succeeded};
        let key = |text: &str| PartitionKey(text.into());
        let cancelled = vec![
            slice("orders", key("a"), Succeeded),
            slice("orders", key("b"), Failed),
            slice("orders", key("c"), Pending),
        ];
        let told = |job| {
            told_as(
                RunState::Cancelled,
                &rule(&[], &[]),
                &facts(job, cancelled.clone()),
            )
        };
        assert_eq!(told(None), ["run_recovered asset:orders a"]);
        assert_eq!(told(Some("nightly")), [""; 0]);
    }
}
