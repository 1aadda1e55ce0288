//! Why a call did not succeed.

use crate::bindings::types;

/// A call did not succeed. A bad row is not a fault but a reject: see [`crate::output::Processed::reject`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The config is wrong.
    InvalidConfig {
        /// A JSON pointer to the wrong value; empty for the whole config.
        pointer: String,
        /// What is wrong with it.
        message: String,
    },
    /// The granted columns are wrong: missing, or of another type.
    InvalidSchema(String),
    /// The whole batch cannot be processed.
    InvalidData(String),
    /// The cause may pass.
    Retryable {
        /// What happened.
        message: String,
        /// How long to wait at least.
        after_ms: Option<u64>,
    },
    /// The plugin cannot go on.
    Fatal(String),
}

impl Fault {
    /// The config is wrong at a JSON pointer such as `/columns/0`.
    pub fn config(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidConfig {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// The granted columns are wrong.
    pub fn schema(message: impl Into<String>) -> Self {
        Self::InvalidSchema(message.into())
    }

    /// The whole batch cannot be processed.
    pub fn data(message: impl Into<String>) -> Self {
        Self::InvalidData(message.into())
    }

    /// The plugin cannot go on.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal(message.into())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InvalidConfig { pointer, message } if pointer.is_empty() => {
                write!(f, "invalid config: {message}")
            }
            Self::InvalidConfig { pointer, message } => write!(f, "invalid config at {pointer}: {message}"),
            Self::InvalidSchema(message) => write!(f, "invalid input columns: {message}"),
            Self::InvalidData(message) => write!(f, "invalid data: {message}"),
            Self::Retryable { message, .. } => write!(f, "failed for now: {message}"),
            Self::Fatal(message) => write!(f, "failed: {message}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<arrow_schema::ArrowError> for Fault {
    /// An Arrow kernel failed: the data was such that the batch cannot be processed.
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::InvalidData(error.to_string())
    }
}

impl From<Fault> for types::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::InvalidConfig { pointer, message } => {
                Self::InvalidConfig(types::ConfigFault { pointer, message })
            }
            Fault::InvalidSchema(message) => Self::InvalidSchema(message),
            Fault::InvalidData(message) => Self::InvalidData(message),
            Fault::Retryable { message, after_ms } => Self::Retryable(types::Retry { message, after_ms }),
            Fault::Fatal(message) => Self::Fatal(message),
        }
    }
}
