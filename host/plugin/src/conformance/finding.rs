//! What trying a plugin came to.

use serde::Serialize;

/// One case of the suite, with what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The example that the case is made from: its file's name without the ending.
    pub example: String,
    /// What was tried, such as `output` or `no rows`. The names are those of docs/plugins/testing.md.
    pub case: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// Of a failure, what was expected and what was found; of a case that was skipped, why; else what was seen, and
    /// empty where there is nothing to say.
    pub message: String,
}

/// What a case came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The plugin did what it must.
    Passed,
    /// It did not.
    Failed,
    /// The case does not apply to it.
    Skipped,
}

/// What a case answers: a failure is an error, with what was expected and what was found.
pub(crate) type Verdict = Result<Seen, String>;

/// What a case saw that did not fail.
#[derive(Debug)]
pub(crate) enum Seen {
    /// All is well; maybe with a word on it.
    Passed(String),
    /// Nothing was tried, and why.
    Skipped(String),
}

impl Seen {
    /// All is well, and nothing is to be said.
    pub(crate) fn passed() -> Self {
        Self::Passed(String::new())
    }
}

impl Finding {
    pub(crate) fn new(example: &str, case: &'static str, verdict: Verdict) -> Self {
        let (outcome, message) = match verdict {
            Ok(Seen::Passed(message)) => (Outcome::Passed, message),
            Ok(Seen::Skipped(why)) => (Outcome::Skipped, why),
            Err(message) => (Outcome::Failed, message),
        };
        Self {
            example: example.to_owned(),
            case,
            outcome,
            message,
        }
    }
}
