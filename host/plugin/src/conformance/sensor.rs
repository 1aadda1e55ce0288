//! The cases of a sensor, made from an example.

use serde_json::Value;
use tidegate_core::Error;

use super::configs;
use super::example::{Expected, OutcomeDecl};
use super::finding::{Finding, Seen, Verdict};
use super::subject::{Subject, is_fault};
use crate::sensor::{Evaluation, Outcome, PluginSensor};

/// An example of a sensor.
pub(crate) struct Case<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) config: &'a Value,
    pub(crate) cursor: Option<&'a str>,
}

impl Case<'_> {
    /// Every case; a fault's example has only its own.
    pub(crate) async fn findings(&self, example: &str, expected: &Expected<OutcomeDecl>) -> Vec<Finding> {
        let new = |case, verdict| Finding::new(example, case, verdict);
        let expected = match expected {
            Expected::Fault(words) => return vec![new("fault", self.fault(words).await)],
            Expected::Answer(expected) => expected,
        };
        let with_config = async |config: &Value| self.look(config, self.cursor).await;
        vec![
            new("output", self.output(expected).await),
            new(
                "unknown config key",
                configs::unknown_key(self.config, with_config).await,
            ),
            new("wrong config", configs::wrong(self.config, with_config).await),
            new("first look", self.first_look().await),
            new("cursor", self.cursor().await),
            new("no memory", self.no_memory().await),
        ]
    }

    async fn open(&self) -> Result<PluginSensor, Error> {
        let tried = self.subject.tried(0);
        PluginSensor::open(self.subject.opening(&tried, "sensor")).await
    }

    async fn look(&self, config: &Value, cursor: Option<&str>) -> Result<Evaluation, Error> {
        self.open().await?.evaluate(config, cursor).await
    }

    async fn seen(&self, cursor: Option<&str>) -> Result<Evaluation, String> {
        self.look(self.config, cursor)
            .await
            .map_err(|error| error.to_string())
    }

    async fn output(&self, expected: &OutcomeDecl) -> Verdict {
        let seen = self.seen(self.cursor).await?;
        match (&seen.outcome, &expected.runs, &expected.skip) {
            (Outcome::Runs(found), Some(wanted), _) => {
                let keys: Vec<&str> = found.iter().map(|run| run.key.as_str()).collect();
                let same = wanted.len() == found.len()
                    && wanted.iter().zip(found).all(|(wanted, found)| {
                        wanted.key == found.key
                            && wanted
                                .partition
                                .as_ref()
                                .is_none_or(|slice| found.partition.as_ref() == Some(slice))
                    });
                if same {
                    return Ok(Seen::passed());
                }
                let wanted: Vec<&str> = wanted.iter().map(|run| run.key.as_str()).collect();
                Err(format!(
                    "expected the runs {wanted:?}, found {keys:?}; look at their partitions too"
                ))
            }
            (Outcome::Skip(found), _, Some(wanted)) if found.contains(wanted.as_str()) => Ok(Seen::passed()),
            (found, _, _) => Err(format!("expected {expected:?}, found {found:?}")),
        }
    }

    async fn fault(&self, words: &str) -> Verdict {
        match self.look(self.config, self.cursor).await {
            Ok(seen) => Err(format!(
                "expected a fault with `{words}`, found {:?}",
                seen.outcome
            )),
            Err(error) if is_fault(&error) && error.message.contains(words) => Ok(Seen::passed()),
            Err(error) => Err(format!("expected a fault with `{words}`, found {error}")),
        }
    }

    /// A look without a cursor, as the first one is.
    async fn first_look(&self) -> Verdict {
        self.seen(None).await?;
        Ok(Seen::passed())
    }

    /// What a look answers as its cursor, the next one takes; three times over.
    async fn cursor(&self) -> Verdict {
        let mut cursor = self.seen(self.cursor).await?.cursor;
        for look in 0..3 {
            let seen = self.seen(cursor.as_deref()).await;
            cursor = seen
                .map_err(|error| format!("look {look} from its own cursor: {error}"))?
                .cursor;
        }
        Ok(Seen::passed())
    }

    /// An instance that has looked already sees the same as a fresh one: what it knows is the cursor.
    async fn no_memory(&self) -> Verdict {
        let fresh = self.seen(self.cursor).await?;
        let mut sensor = self.open().await.map_err(|error| error.to_string())?;
        let mut again = None;
        for _ in 0..2 {
            let seen = sensor.evaluate(self.config, self.cursor).await;
            again = Some(seen.map_err(|error| error.to_string())?);
        }
        match again {
            Some(again) if again == fresh => Ok(Seen::passed()),
            again => Err(format!(
                "the second look of one instance: expected {fresh:?}, found {again:?}"
            )),
        }
    }
}
