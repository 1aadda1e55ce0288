//! A sensor, as the component's.

use std::marker::PhantomData;

use super::config;
use crate::bindings::sensor::exports::tidegate::plugin::sensor as wit;
use crate::bindings::types;
use crate::fault::Fault;
use crate::sensor::{Outcome, RunRequest, Sensor};

/// The component's sensor.
pub struct Component<S>(PhantomData<S>);

/// The schema of its config.
pub fn schema<S: Sensor>() -> schemars::Schema {
    schemars::schema_for!(S::Config)
}

impl<S: Sensor> wit::Guest for Component<S> {
    fn evaluate(text: String, cursor: Option<String>) -> Result<wit::Evaluation, types::Fault> {
        let cursor = match &cursor {
            Some(text) => Some(super::earlier(text.as_bytes(), "the cursor")?),
            None => None,
        };
        let seen = S::evaluate(config(&text)?, cursor)?;
        Ok(wit::Evaluation {
            outcome: match seen.outcome {
                Outcome::Runs(runs) => wit::Outcome::Runs(runs.into_iter().map(run).collect()),
                Outcome::Skip(why) => wit::Outcome::Skip(why),
            },
            cursor: seen.cursor.as_ref().map(cursor_text).transpose()?,
        })
    }
}

/// A cursor as the host keeps it.
fn cursor_text<C: serde::Serialize>(cursor: &C) -> Result<String, Fault> {
    serde_json::to_string(cursor).map_err(|error| Fault::fatal(format!("the cursor is not JSON: {error}")))
}

fn run(run: RunRequest) -> wit::RunRequest {
    wit::RunRequest {
        key: run.key,
        partition: run.partition,
        config: run.config.map(|config| config.to_string()),
        tags: run.tags,
    }
}
