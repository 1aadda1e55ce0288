//! What goes wrong on the data path itself.

use tidegate_core::{Error, Kind};

/// An error that is neither the source's, a transform's nor the destination's.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// Rows were refused, and the schema says that then the attempt fails.
    #[error("{step} refused {rows} rows of batch {batch}, the first with {code}: {message}")]
    Rejected {
        /// The step.
        step: String,
        /// How many.
        rows: usize,
        /// In which batch of the attempt.
        batch: u64,
        /// The first one's code.
        code: String,
        /// The first one's reason.
        message: String,
    },
    /// The columns that reach the destination are not those of the contract.
    #[error("the column `{column}` {why}")]
    Contract {
        /// Which column.
        column: String,
        /// What is wrong with it.
        why: String,
        /// How to mend it.
        hint: String,
    },
    /// The column that decides a row's slice does not.
    #[error("the partition column `{column}` {why}")]
    Slice {
        /// Which column.
        column: String,
        /// Why it does not.
        why: String,
    },
    /// A check cannot look at what is loaded.
    #[error("{why}")]
    Unchecked {
        /// Why not.
        why: String,
        /// How to mend it.
        hint: String,
    },
    /// A check forbids the load.
    #[error("{0}")]
    Check(String),
    /// Counts of a step do not add up: Tidegate is wrong.
    #[error("rows are not accounted for: {0}")]
    Counts(String),
    /// A checkpoint cannot be taken up.
    #[error("the checkpoint does not fit the schema: {0}")]
    Checkpoint(String),
    /// Several instances of a transform that keeps state.
    #[error("{0} keeps state, so it cannot run in several instances")]
    Stateful(String),
    /// Somebody asked the attempt to stop.
    #[error("the attempt was asked to stop")]
    Cancelled,
    /// A part of the data path stopped without a word: Tidegate is wrong.
    #[error("the {0} stopped without a word")]
    Lost(&'static str),
    /// An Arrow or Parquet kernel failed.
    #[error("{0}")]
    Kernel(String),
}

impl From<FlowError> for Error {
    fn from(error: FlowError) -> Self {
        let message = error.to_string();
        match error {
            FlowError::Rejected { .. } => Self::new(Kind::Data, "flow.rejected", message)
                .hint("mend the data, or let the step say `on_reject: quarantine` to keep such rows aside"),
            FlowError::Contract { hint, .. } => {
                Self::new(Kind::Schema, "schema.contract", message).hint(hint)
            }
            FlowError::Slice { .. } => Self::new(Kind::Schema, "schema.partition_column", message)
                .hint("name a timestamp or date32 column of the source"),
            FlowError::Unchecked { hint, .. } => Self::new(Kind::Schema, "schema.check", message).hint(hint),
            FlowError::Check(_) => Self::new(Kind::Data, "check.failed", message)
                .hint("nothing was shown: mend the data or the check, then start a new run"),
            FlowError::Counts(_) => Self::new(Kind::Internal, "flow.counts", message),
            FlowError::Checkpoint(_) => Self::new(Kind::State, "flow.checkpoint", message)
                .hint("the schema, a config or a plugin changed since the run began: start a new run with `tidegate run`"),
            FlowError::Stateful(_) => Self::new(Kind::Schema, "flow.stateful", message)
                .hint("leave `instances` out of the step"),
            FlowError::Cancelled => Self::new(Kind::Cancelled, "run.cancelled", message),
            FlowError::Lost(_) => Self::new(Kind::Internal, "flow.lost", message),
            FlowError::Kernel(_) => Self::new(Kind::Internal, "flow.kernel", message),
        }
    }
}

impl From<arrow_schema::ArrowError> for FlowError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Kernel(error.to_string())
    }
}
