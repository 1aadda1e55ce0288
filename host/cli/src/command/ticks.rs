//! What schedules and sensors have in common: ticks, and being started and stopped.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tidegate_core::Result;
use tidegate_core::port::{Instigator, InstigatorRecord, NewRun, StateStore, TickFilter, TickOutcome};
use tidegate_orchestrator::{Project, Standing};

use crate::arguments::Ticks;
use crate::output::{Output, Table, brief, counted, printable};

/// Ticks that `show` shows.
const LAST_TICKS: u32 = 5;

/// An instant, as tables show it.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Whether it is on, in a word or a few.
pub(super) fn standing(standing: &Standing) -> String {
    match &standing.why {
        Some(why) => format!("{}: {why}", standing.state.text()),
        None => standing.state.text().to_owned(),
    }
}

pub(super) async fn list(
    state: &dyn StateStore,
    instigator: &Instigator,
    ticks: &Ticks,
    output: &Output,
) -> Result<()> {
    let filter = TickFilter {
        outcomes: ticks.outcome.clone(),
        before: ticks.before,
        limit: ticks.limit,
    };
    table(state, instigator, &filter, output).await
}

/// The last few, for `show`; nothing where JSON is asked for.
pub(super) async fn last(state: &dyn StateStore, instigator: &Instigator, output: &Output) -> Result<()> {
    if output.is_json() {
        return Ok(());
    }
    let filter = TickFilter {
        limit: LAST_TICKS,
        ..TickFilter::default()
    };
    say!();
    table(state, instigator, &filter, output).await
}

async fn table(
    state: &dyn StateStore,
    instigator: &Instigator,
    filter: &TickFilter,
    output: &Output,
) -> Result<()> {
    let found = state.ticks(instigator, filter).await?;
    let mut table = Table::new(&[">tick", "due", "done", "outcome", ">runs", "why"]);
    for tick in &found {
        let said = tick.error.as_ref().map(ToString::to_string);
        let result = tick.result.as_ref().map(ToString::to_string);
        let why = said.or_else(|| tick.reason.clone()).or(result);
        table.row([
            tick.sequence.to_string(),
            if tick.by_hand {
                "by hand".to_owned()
            } else {
                instant(tick.scheduled_at)
            },
            instant(tick.at),
            tick.outcome.text().to_owned(),
            match tick.outcome {
                TickOutcome::Launched => tick.runs.len().to_string(),
                _ => String::new(),
            },
            brief(&printable(&why.unwrap_or_default())),
        ]);
    }
    output.show(&found, || {
        if table.is_empty() {
            say!("no ticks");
        } else {
            table.print();
        }
    });
    Ok(())
}

/// Starts or stops one, and says how it stands then.
pub(super) async fn switch(
    state: &dyn StateStore,
    instigator: &Instigator,
    on: bool,
    output: &Output,
) -> Result<()> {
    let record = state.enable_instigator(instigator, on, Utc::now()).await?;
    let led = state.leader().await?.is_some();
    output.show(&record, || {
        let (kind, name) = (instigator.kind.text(), &instigator.name);
        say!("{kind} {name} is {}", if on { "running" } else { "stopped" });
        if on && !led {
            say!("next: tidegate serve, which does what is due");
        }
    });
    Ok(())
}

pub(super) async fn wipe(state: &dyn StateStore, instigator: &Instigator, output: &Output) -> Result<()> {
    state.wipe_instigator(instigator).await?;
    output.show(&json!({"wiped": instigator}), || {
        say!(
            "{} {} is as if it was new",
            instigator.kind.text(),
            instigator.name
        );
    });
    Ok(())
}

/// Runs that would be launched, as JSON.
pub(super) fn launched(runs: &[NewRun]) -> Value {
    let runs = runs.iter().map(|run| {
        let partitions = run
            .partitions
            .iter()
            .map(|(asset, partition)| json!({"asset": asset, "partition": partition}));
        json!({
            "run_key": run.run_key,
            "job": run.job,
            "tags": run.tags,
            "priority": run.priority,
            "partitions": partitions.collect::<Vec<_>>(),
        })
    });
    Value::Array(runs.collect())
}

/// The same, for people.
pub(super) fn say_launched(runs: &[NewRun]) {
    for run in runs {
        let key = run.run_key.as_deref().unwrap_or_default();
        say!("run {}", printable(key));
        let mut assets: Vec<(&str, Vec<&str>)> = Vec::new();
        for (asset, partition) in &run.partitions {
            match assets.last_mut() {
                Some((name, keys)) if *name == asset.as_str() => keys.push(&partition.0),
                _ => assets.push((asset.as_str(), vec![partition.0.as_str()])),
            }
        }
        for (asset, keys) in assets {
            match keys.as_slice() {
                [""] => say!("  {asset}"),
                [key] => say!("  {asset} {key}"),
                [first, .., last] => say!("  {asset} {first} to {last}, {}", counted(keys.len(), "slice")),
                [] => {}
            }
        }
    }
}

/// The record of one among all.
pub(super) fn record_of<'a>(
    known: &'a [InstigatorRecord],
    instigator: &Instigator,
) -> Option<&'a InstigatorRecord> {
    known.iter().find(|record| record.instigator == *instigator)
}

/// What a schedule or sensor launches, as it is written.
pub(super) fn what(job: Option<&impl ToString>, select: Option<&[String]>, project: &Project) -> String {
    let target = project.target().map(|target| format!(" ({target})"));
    let what = match (job, select) {
        (Some(job), _) => format!("job {}", job.to_string()),
        (None, Some(select)) => select.join(", "),
        (None, None) => "maintenance".to_owned(),
    };
    what + target.as_deref().unwrap_or_default()
}
