//! The one error that crosses a crate's boundary: a stable code, who can mend it, where, and how.

mod place;
mod render;

pub use place::{Excerpt, Place};

use serde::{Deserialize, Serialize};

/// What a fallible call across a crate's boundary answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who is at fault, and so which exit code the command line answers with and which status the API does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The command line or request was wrong.
    Usage,
    /// The YAML, or what it names, is wrong.
    Schema,
    /// The data is not what the schema says.
    Data,
    /// A plugin broke its contract or a limit.
    Plugin,
    /// A disk, network or external service did not do its part.
    Resource,
    /// The state store could not keep or give the state, or refused a stale attempt.
    State,
    /// Somebody asked for the work to stop.
    Cancelled,
    /// Tidegate itself is wrong.
    Internal,
}

impl Kind {
    /// The process's exit code for an error of this kind. Listed in `docs/error-codes.md`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Schema => 3,
            Self::Data => 4,
            Self::Plugin => 5,
            Self::Resource => 6,
            Self::State => 7,
            Self::Cancelled => 130,
        }
    }
}

/// Whether the same call may do better later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same input meets the same error.
    Never,
    /// The cause may pass: a busy disk, a lost connection.
    Later,
}

/// One error, ready to be shown to a person or a program.
///
/// `code` is dotted, stable and documented in `docs/error-codes.md`. `message` names the offending value and never
/// holds a secret. `hint` says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// Stable and dotted, such as `schema.unknown_key`.
    pub code: String,
    /// Who is at fault.
    pub kind: Kind,
    /// Whether it may pass.
    pub retry: Retry,
    /// What is wrong, with the offending value.
    pub message: String,
    /// Where it is wrong.
    pub place: Option<Place>,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Error {
    /// An error that the same input would meet again.
    pub fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            kind,
            retry: Retry::Never,
            message: message.into(),
            place: None,
            hint: None,
        }
    }

    /// The same error, with the fix.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error, with where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same error, which may pass.
    #[must_use]
    pub fn later(mut self) -> Self {
        self.retry = Retry::Later;
        self
    }
}

impl std::fmt::Display for Error {
    /// One line: `code: message (place)`. The full form with excerpt and hint is [`Error::render`].
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Every error that one pass found. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors(pub Vec<Error>);

impl Errors {
    /// The answer of a pass: its value where nothing was wrong, else all that was.
    pub fn or<T>(errors: Vec<Error>, value: T) -> std::result::Result<T, Self> {
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(Self(errors))
        }
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
