//! A plugin as a sensor.

use std::collections::HashSet;

use serde_json::Value;
use tidegate_core::Error;

use crate::error::Fault;
use crate::instance::{Instance, Opening, config_text, open};
use crate::limits::{MAX_CURSOR_BYTES, MAX_MESSAGE_BYTES, cut};
use crate::log::printable;
use crate::retries::Retries;
use crate::v0_1::{SensorPlugin, sensor as wit};

/// Runs that one look may ask for: a year of daily slices, and some.
const MAX_RUNS: usize = 1_000;

/// The longest key, partition, or name or value of a tag, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Tags of one run.
const MAX_TAGS: usize = 32;

/// What a look came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Runs are wanted, each key once.
    Runs(Vec<RunRequest>),
    /// Nothing is wanted, and why.
    Skip(String),
}

/// A run is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// Names it: a run under a key that was asked for already is not made again.
    pub key: String,
    /// The slice to materialize; none for assets without.
    pub partition: Option<String>,
    /// Config for the run: an object; none for the schema's.
    pub config: Option<Value>,
    /// Tags for the run.
    pub tags: Vec<(String, String)>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What the look came to.
    pub outcome: Outcome,
    /// For the next look.
    pub cursor: Option<String>,
}

/// A sensor plugin. After an error the instance is in no state to be called again.
pub struct PluginSensor {
    instance: Instance<SensorPlugin>,
}

impl PluginSensor {
    /// Opens an instance.
    pub async fn open(opening: Opening<'_>) -> Result<Self, Error> {
        let instance = open::<SensorPlugin>(opening).await?;
        Ok(Self { instance })
    }

    /// Looks once. `cursor` is what the last look answered; none at the first.
    pub async fn evaluate(&mut self, config: &Value, cursor: Option<&str>) -> Result<Evaluation, Error> {
        let seen = self.look(config, cursor).await;
        seen.map_err(|fault| fault.at(&self.instance.name, "evaluate", None))
    }

    async fn look(&mut self, config: &Value, cursor: Option<&str>) -> Result<Evaluation, Fault> {
        let config = config_text(config);
        let mut retries = Retries::default();
        let seen = loop {
            let answer = self
                .instance
                .call(async |store, plugin| {
                    plugin
                        .tidegate_plugin_sensor()
                        .call_evaluate(store, &config, cursor)
                        .await
                })
                .await;
            match answer {
                Ok(seen) => break seen,
                Err(fault) => retries.wait(fault).await?,
            }
        };
        let length = seen.cursor.as_ref().map_or(0, String::len);
        if length > MAX_CURSOR_BYTES {
            return Err(Fault::Contract(format!(
                "its cursor has {length} bytes; {MAX_CURSOR_BYTES} are allowed"
            )));
        }
        let outcome = match seen.outcome {
            wit::Outcome::Runs(runs) => Outcome::Runs(lift_runs(runs).map_err(Fault::Contract)?),
            wit::Outcome::Skip(why) => {
                let why = self.instance.store.data().redact(why);
                Outcome::Skip(printable(&cut(why, MAX_MESSAGE_BYTES)))
            }
        };
        Ok(Evaluation {
            outcome,
            cursor: seen.cursor,
        })
    }
}

fn lift_runs(runs: Vec<wit::RunRequest>) -> Result<Vec<RunRequest>, String> {
    if runs.len() > MAX_RUNS {
        return Err(format!("it asks for {} runs; {MAX_RUNS} are allowed", runs.len()));
    }
    let mut keys = HashSet::new();
    runs.into_iter()
        .map(|run| {
            let partition = run.partition.iter().map(|text| ("partition", text));
            let tags = run.tags.iter().map(|(name, _)| ("tag", name));
            for (what, text) in [("key", &run.key)].into_iter().chain(partition).chain(tags) {
                if text.is_empty() {
                    return Err(format!("a {what} of a run is empty"));
                }
            }
            let texts = [&run.key]
                .into_iter()
                .chain(&run.partition)
                .chain(run.tags.iter().flat_map(|(name, value)| [name, value]));
            for text in texts {
                if text.len() > MAX_NAME_BYTES || text.chars().any(char::is_control) {
                    let shown = cut(text.escape_debug().to_string(), MAX_NAME_BYTES);
                    return Err(format!(
                        "`{shown}` of a run is longer than {MAX_NAME_BYTES} bytes or has control characters"
                    ));
                }
            }
            if run.tags.len() > MAX_TAGS {
                return Err(format!(
                    "a run has {} tags; {MAX_TAGS} are allowed",
                    run.tags.len()
                ));
            }
            if !keys.insert(run.key.clone()) {
                return Err(format!("it asks for the run `{}` twice", run.key));
            }
            let config = match &run.config {
                None => None,
                Some(text) if text.len() > MAX_CURSOR_BYTES => {
                    return Err(format!(
                        "the config of the run `{}` has {} bytes",
                        run.key,
                        text.len()
                    ));
                }
                Some(text) => match serde_json::from_str(text) {
                    Ok(config @ Value::Object(_)) => Some(config),
                    _ => {
                        return Err(format!(
                            "the config of the run `{}` is not a JSON object",
                            run.key
                        ));
                    }
                },
            };
            Ok(RunRequest {
                key: run.key,
                partition: run.partition,
                config,
                tags: run.tags,
            })
        })
        .collect()
}
