//! What the author of a sensor writes.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// Looks outside and asks for runs.
pub trait Sensor: 'static {
    /// What `config:` of the sensor holds. Put `#[serde(deny_unknown_fields)]` on it, so that a typo is an error.
    type Config: DeserializeOwned + JsonSchema;

    /// What was seen up to here. It crosses as JSON, of 64 KiB at most, and is kept from look to look: a later version of
    /// the plugin must still read it.
    type Cursor: Serialize + DeserializeOwned;

    /// Looks once. `cursor` is what the last look answered; none at the first.
    fn evaluate(
        config: Self::Config,
        cursor: Option<Self::Cursor>,
    ) -> Result<Evaluation<Self::Cursor>, Fault>;
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation<C> {
    /// What this look came to.
    pub outcome: Outcome,
    /// For the next look.
    pub cursor: Option<C>,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Runs are wanted.
    Runs(Vec<RunRequest>),
    /// Nothing is wanted, and why.
    Skip(String),
}

impl<C> Evaluation<C> {
    /// Runs are wanted.
    pub fn runs(runs: impl IntoIterator<Item = RunRequest>) -> Self {
        Self {
            outcome: Outcome::Runs(runs.into_iter().collect()),
            cursor: None,
        }
    }

    /// Nothing is wanted, and why.
    pub fn skip(why: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Skip(why.into()),
            cursor: None,
        }
    }

    /// For the next look.
    #[must_use]
    pub fn cursor(mut self, cursor: C) -> Self {
        self.cursor = Some(cursor);
        self
    }
}

/// A run is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// Names it.
    pub key: String,
    /// The slice to materialize; none for assets without.
    pub partition: Option<String>,
    /// Config for the run; none for the schema's.
    pub config: Option<serde_json::Value>,
    /// Tags for the run.
    pub tags: Vec<(String, String)>,
}

impl RunRequest {
    /// A run under a key: one that was asked for already is not made again.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            partition: None,
            config: None,
            tags: Vec::new(),
        }
    }

    /// The slice to materialize.
    #[must_use]
    pub fn partition(mut self, key: impl Into<String>) -> Self {
        self.partition = Some(key.into());
        self
    }

    /// Config for the run, in place of the schema's.
    #[must_use]
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.config = Some(config);
        self
    }

    /// A tag for the run.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }
}
