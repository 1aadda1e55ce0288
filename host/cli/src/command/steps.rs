//! Steps of a job's run, for people.

use serde_json::{Value, json};
use tidegate_core::plan::StepPlace;
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
        let told = match (each.state, error) {
            (PartitionState::Succeeded, _) => result(each.result.as_ref()),
            (PartitionState::Skipped, _) => printable(why(each, events)),
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

/// Why a step was skipped; empty where that is not known.
fn why<'a>(of: &RunPartition, events: &'a [StoredEvent]) -> &'a str {
    let told = events.iter().rev().find(|stored| {
        let event = &stored.event;
        event.kind == EventKind::StepSkipped
            && event.asset.as_ref() == Some(&of.asset)
            && event.partition.as_ref() == Some(&of.partition)
    });
    told.and_then(|stored| stored.event.data["why"].as_str())
        .unwrap_or_default()
}

/// The steps of a run for programs: each by name and, of one that is done for values, the number of the value.
pub(super) fn listed(partitions: &[RunPartition], events: &[StoredEvent]) -> Vec<Value> {
    let listed = partitions.iter().filter_map(|each| {
        let index = match each.partition.step()? {
            StepPlace::Whole => None,
            StepPlace::Item(index) => Some(index),
        };
        let skipped = each.state == PartitionState::Skipped;
        Some(json!({
            "step": each.asset,
            "index": index,
            "state": each.state,
            "attempts": each.attempts.len(),
            "result": each.result,
            "why": skipped.then(|| why(each, events)),
            "error": each.attempts.last().and_then(|attempt| attempt.error.as_ref()),
        }))
    });
    listed.collect()
}

fn result(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(value) => brief(&printable(&value.to_string())),
    }
}
