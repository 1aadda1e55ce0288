//! Steps of a job's run, for people.

use serde_json::Value;
use tidegate_core::port::{EventKind, PartitionState, RunPartition, StoredEvent};
use tidegate_core::schema::{Job, StepDecl};
use tidegate_orchestrator::RunReport;

use crate::output::{Table, brief, duration, printable};

/// What a step does, in a word.
pub(super) fn kind(step: &StepDecl) -> &'static str {
    if step.exec.is_some() {
        "exec"
    } else if step.http.is_some() {
        "http"
    } else if step.sql.is_some() {
        "sql"
    } else {
        "materialize"
    }
}

/// The steps of a job as they are written.
pub(super) fn declared(job: &Job) -> Table {
    let mut table = Table::new(&["step", "does", "needs", "only if"]);
    for step in &job.steps {
        let needs: Vec<&str> = step
            .needs
            .iter()
            .map(tidegate_core::plan::AssetName::as_str)
            .collect();
        let condition = match (&step.condition, &step.otherwise) {
            (Some(text), _) => text.clone(),
            (None, Some(other)) => format!("not {other}"),
            (None, None) => String::new(),
        };
        let does = match &step.for_each {
            Some(text) => format!("{} for each of {text}", kind(step)),
            None => kind(step).to_owned(),
        };
        table.row([step.name.to_string(), does, needs.join(", "), condition]);
    }
    table
}

/// What came of the steps of a run, a line each, in the order in which they ended.
pub(super) fn reported(report: &RunReport) -> Table {
    let mut table = Table::new(&["step", "value", "state", ">time", "result"]);
    for outcome in report
        .partitions
        .iter()
        .filter(|each| each.partition.step().is_some())
    {
        table.row([
            outcome.asset.to_string(),
            outcome.partition.to_string(),
            outcome.state.text().to_owned(),
            duration(outcome.duration_ms),
            result(outcome.result.as_ref()),
        ]);
    }
    table
}

/// The steps of a run as the state has them, each with what came of it, why it failed, or why it was skipped.
pub(super) fn kept(partitions: &[RunPartition], events: &[StoredEvent]) -> Table {
    let mut table = Table::new(&["step", "value", "state", ">attempts", "result"]);
    for each in partitions.iter().filter(|each| each.partition.step().is_some()) {
        let error = each.attempts.last().and_then(|attempt| attempt.error.as_ref());
        let skipped = || {
            let told = events.iter().rev().find(|stored| {
                let event = &stored.event;
                event.kind == EventKind::StepSkipped
                    && event.asset.as_ref() == Some(&each.asset)
                    && event.partition.as_ref() == Some(&each.partition)
            });
            told.and_then(|stored| stored.event.data["why"].as_str())
                .map(printable)
                .unwrap_or_default()
        };
        let told = match (each.state, error) {
            (PartitionState::Succeeded, _) => result(each.result.as_ref()),
            (PartitionState::Skipped, _) => skipped(),
            (_, Some(error)) => error.code.clone(),
            _ => String::new(),
        };
        table.row([
            each.asset.to_string(),
            each.partition.to_string(),
            each.state.text().to_owned(),
            each.attempts.len().to_string(),
            told,
        ]);
    }
    table
}

fn result(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(value) => brief(&printable(&value.to_string())),
    }
}
