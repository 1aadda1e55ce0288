//! What the author of a check writes.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::batch::{Batch, Input};
use crate::fault::Fault;

/// Looks at the batches of a load and gives a verdict.
///
/// The host calls `bind`, then maybe `restore`, then `observe` for each batch with `snapshot` between them, then
/// `verdict`.
pub trait Check: Sized + 'static {
    /// What `config:` of the check holds. Put `#[serde(deny_unknown_fields)]` on it, so that a typo is an error.
    type Config: DeserializeOwned + JsonSchema;

    /// Binds a config to the granted columns. Look here for everything that can be wrong: `tidegate check` calls it
    /// before any data moves.
    fn bind(config: Self::Config, input: &Input) -> Result<Self, Fault>;

    /// Looks at a batch.
    fn observe(&mut self, batch: &Batch) -> Result<(), Fault>;

    /// What was seen so far, 16 MiB at most. A check that has something to remember needs it, since a load may go on in
    /// another instance.
    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }

    /// Takes over what `snapshot` gave.
    fn restore(&mut self, _state: &[u8]) -> Result<(), Fault> {
        Err(Fault::fatal(
            "this check remembers nothing, so there is nothing to restore",
        ))
    }

    /// What is to be said of all batches together.
    fn verdict(&mut self) -> Result<Verdict, Fault>;
}

/// How grave a failed check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It is shown.
    Warn,
    /// It blocks what is made from the asset.
    Error,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether the data is as it should be.
    pub passed: bool,
    /// How grave it is where not.
    pub severity: Severity,
    /// What was found, for a person.
    pub message: String,
    /// What was measured: a name and a number each.
    pub measures: Vec<(String, f64)>,
}

impl Verdict {
    /// Whether the data is as it should be, and what was found. Grave where not, unless [`Verdict::warning`] follows.
    pub fn new(passed: bool, message: impl Into<String>) -> Self {
        Self {
            passed,
            severity: Severity::Error,
            message: message.into(),
            measures: Vec::new(),
        }
    }

    /// Where it failed it is shown, and blocks nothing.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warn;
        self
    }

    /// Something measured, to be plotted.
    #[must_use]
    pub fn measure(mut self, name: impl Into<String>, value: f64) -> Self {
        self.measures.push((name.into(), value));
        self
    }
}
