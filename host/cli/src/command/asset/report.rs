//! `tidegate asset report`: what was done or seen elsewhere.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tidegate_core::Errors;
use tidegate_core::port::Reported;
use tidegate_orchestrator::report;

use crate::arguments::{ProjectAt, Report};
use crate::output::Output;
use crate::session;

pub(super) async fn run(at: &ProjectAt, told: &Report, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let asset = session::asset(&project, &told.asset)?;
    let state = session::open_state(&project).await?;
    let what = if told.observation {
        Reported::Observation
    } else {
        Reported::Materialization {
            rows: told.rows,
            bytes: told.bytes,
        }
    };
    let metadata: Map<String, Value> = told
        .metadata
        .iter()
        .map(|(key, text)| (key.clone(), value(text)))
        .collect();
    let (partition, key) = (told.partition.as_deref(), told.run_key.clone());
    let run = report(&project, state.as_ref(), &asset, partition, what, metadata, key).await?;
    output.show(&json!({"run": run, "asset": asset, "what": what}), || {
        say!("kept as run {run}");
        say!("next: tidegate runs show {run}");
    });
    Ok(ExitCode::SUCCESS)
}

/// A value as it was typed: JSON where it is some, else a text.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
