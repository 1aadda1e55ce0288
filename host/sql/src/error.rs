//! What can be wrong with a statement, or go wrong while it runs.

use datafusion::error::DataFusionError;
use tidegate_core::{Error, Kind};

/// What this crate's calls answer.
pub(crate) type Result<T, E = SqlError> = std::result::Result<T, E>;

/// The code of a statement that the memory does not suffice for.
pub const MEMORY_CODE: &str = "sql.memory";

/// The longest part of DataFusion's message that is shown.
const MESSAGE_BYTES: usize = 600;

/// What can be wrong. Each has a stable code; see [`SqlError::code`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqlError {
    /// The statement is no SQL, or names what is not there.
    #[error("{0}")]
    Statement(String),
    /// It does something else than answer rows.
    #[error("only a SELECT can stand here: {0}")]
    NotASelect(String),
    /// A column of the answer has a type that the schema has no word for.
    #[error("the column `{column}` of the answer is {data_type}")]
    Type {
        /// The column.
        column: String,
        /// Its Arrow type.
        data_type: String,
    },
    /// It needs more memory than it has.
    #[error("it needs more memory than {limit_bytes} bytes: {reason}")]
    Memory {
        /// What it has.
        limit_bytes: u64,
        /// What DataFusion says of it.
        reason: String,
    },
    /// A value cannot be computed.
    #[error("{0}")]
    Value(String),
    /// A table that it reads gave an error.
    #[error(transparent)]
    Table(Box<Error>),
    /// Tidegate itself is wrong.
    #[error("{0}")]
    Internal(String),
}

impl SqlError {
    /// What DataFusion says while a statement is read.
    pub(crate) fn statement(error: &DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::Plan(reason) if reason.contains("not supported: ") => {
                Self::NotASelect(shortened(reason))
            }
            root => Self::Statement(shortened(&said(root))),
        }
    }

    /// What DataFusion says while a statement runs.
    pub(crate) fn running(error: &DataFusionError, limit_bytes: u64) -> Self {
        match error.find_root() {
            // An error of a table is handed through as it was.
            DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
                Some(error) => Self::Table(Box::new(error.clone())),
                None => Self::Internal(shortened(&inner.to_string())),
            },
            DataFusionError::ResourcesExhausted(reason) => Self::Memory {
                limit_bytes,
                reason: shortened(reason.lines().next().unwrap_or_default()),
            },
            DataFusionError::Plan(reason) => Self::Statement(shortened(reason)),
            DataFusionError::ArrowError(error, _) => Self::Value(shortened(&error.to_string())),
            DataFusionError::Execution(reason) => Self::Value(shortened(reason)),
            other => Self::Internal(shortened(&other.to_string())),
        }
    }

    /// The stable code, documented in `docs/error-codes.md`.
    pub fn code(&self) -> &str {
        match self {
            Self::Statement(_) => "sql.statement",
            Self::NotASelect(_) => "sql.not_a_select",
            Self::Type { .. } => "sql.type",
            Self::Memory { .. } => MEMORY_CODE,
            Self::Value(_) => "sql.value",
            Self::Table(error) => &error.code,
            Self::Internal(_) => "sql.internal",
        }
    }
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        let (kind, hint) = match &error {
            SqlError::Table(error) => return *error.clone(),
            SqlError::Statement(_) => (
                Kind::Schema,
                "the functions are those of DataFusion: https://datafusion.apache.org/user-guide/sql",
            ),
            SqlError::NotASelect(_) => (Kind::Schema, "write one SELECT"),
            SqlError::Type { .. } => (
                Kind::Schema,
                "convert it in the query, such as `CAST(x AS VARCHAR)`",
            ),
            SqlError::Memory { .. } => (
                Kind::Resource,
                "raise `limits: {memory: …}` of the transform, or join smaller tables",
            ),
            SqlError::Value(_) => (
                Kind::Data,
                "leave such rows out with WHERE, or use `try_cast`, which makes them missing",
            ),
            SqlError::Internal(_) => (Kind::Internal, "report it"),
        };
        Self::new(kind, error.code(), error.to_string()).hint(hint)
    }
}

/// An error's words without those of what it came through.
fn said(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Plan(reason) | DataFusionError::NotImplemented(reason) => reason.clone(),
        DataFusionError::SchemaError(error, _) => error.to_string(),
        DataFusionError::SQL(error, _) => error.to_string(),
        other => other.to_string(),
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(MESSAGE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end_matches('.').replace('\n', " ")
}
