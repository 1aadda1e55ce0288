//! What can be wrong with a server, a table, or what it is asked to load.

use tidegate_core::{Error, Kind};

use super::failure::Class;

/// What this connector's calls answer.
pub(super) type Result<T, E = PostgresError> = std::result::Result<T, E>;

/// The longest part of a server's message that is shown.
const MESSAGE_BYTES: usize = 600;

/// What can be wrong. Each has a stable code; see [`PostgresError::code`].
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PostgresError {
    #[error("{message} (Postgres's code {state})")]
    Server { state: String, message: String },
    /// What the catalog tells before a statement would.
    #[error("{message}")]
    Unfit { class: Class, message: String },
    #[error("`{url}` cannot be reached: {reason}")]
    Network { url: String, reason: String },
    #[error("`{url}` did not answer within {timeout_ms} ms")]
    Timeout { url: String, timeout_ms: u64 },
    #[error("`{url}` is not trusted: {reason}")]
    Tls { url: String, reason: String },
    #[error("`{url}` is Postgres {version}, and Tidegate needs {oldest} or newer")]
    TooOld {
        url: String,
        version: String,
        oldest: u32,
    },
    #[error("what `{url}` answered is not understood: {reason}")]
    Answer { url: String, reason: String },
    #[error("the table `{table}` is not as the schema has it: {}", .differences.join("; "))]
    TableDiffers {
        table: String,
        differences: Vec<String>,
        statements: Vec<String>,
    },
    #[error("`{table}` was staged by an earlier attempt and is not as it was left: {reason}")]
    StagedLost { table: String, reason: String },
    #[error(
        "a newer attempt (epoch {newest}) works on `{table}` or has loaded it; this one (epoch {epoch}) may not"
    )]
    Fenced { table: String, newest: i64, epoch: i64 },
    #[error("{rows} rows have a value of `{column}` that is outside the partition `{partition}`")]
    OutsideSlice {
        column: String,
        partition: String,
        rows: i64,
    },
    #[error("nothing has been loaded into `{table}` yet")]
    NotLoaded { table: String },
    #[error("there is no column `{column}`; there are {known}")]
    NoColumn { column: String, known: String },
    #[error("column `{column}` cannot be read as the schema has it: {reason}")]
    BadColumn { column: String, reason: String },
    #[error("row {row}: {complaint}")]
    BadRow { row: u64, complaint: String },
    #[error("the rows are not what COPY sends: {0}")]
    Stream(String),
    #[error("{0}")]
    Internal(String),
}

impl PostgresError {
    /// The server's own code and words, shortened.
    pub(super) fn server(state: &str, text: &str) -> Self {
        let mut end = text.len().min(MESSAGE_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self::Server {
            state: state.to_owned(),
            message: text[..end].replace('\n', " "),
        }
    }

    /// What to do about it, where a server said it.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Server { state, .. } => Class::of(state),
            Self::Unfit { class, .. } => *class,
            Self::Network { .. } | Self::Timeout { .. } => Class::Connection,
            _ => Class::Final,
        }
    }

    /// The stable code, documented in `docs/error-codes.md`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Server { .. } | Self::Unfit { .. } => match self.class() {
                Class::Connection => "postgres.network",
                Class::Busy => "postgres.busy",
                Class::Memory => "postgres.memory",
                Class::Disk => "postgres.disk_full",
                Class::ReadOnly => "postgres.read_only",
                Class::Login => "postgres.login",
                Class::Grant => "postgres.grant",
                Class::Database => "postgres.database",
                Class::Table => "postgres.table",
                Class::Key => "postgres.key",
                Class::Rule => "postgres.rule",
                Class::Value => "postgres.value",
                Class::There | Class::Final => "postgres.refused",
            },
            Self::Network { .. } => "postgres.network",
            Self::Timeout { .. } => "postgres.timeout",
            Self::Tls { .. } => "postgres.tls",
            Self::TooOld { .. } => "postgres.too_old",
            Self::Answer { .. } => "postgres.answer",
            Self::TableDiffers { .. } => "postgres.table_differs",
            Self::StagedLost { .. } => "postgres.staged_lost",
            Self::Fenced { .. } => "postgres.fenced",
            Self::OutsideSlice { .. } => "postgres.outside_partition",
            Self::NotLoaded { .. } => "postgres.not_loaded",
            Self::NoColumn { .. } => "postgres.no_column",
            Self::BadColumn { .. } => "postgres.bad_column",
            Self::BadRow { .. } => "postgres.bad_row",
            Self::Stream(_) => "postgres.stream",
            Self::Internal(_) => "postgres.internal",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Server { .. } | Self::Unfit { .. } => match self.class() {
                Class::Value | Class::Key | Class::Rule => Kind::Data,
                _ => Kind::Resource,
            },
            Self::OutsideSlice { .. }
            | Self::BadRow { .. }
            | Self::NoColumn { .. }
            | Self::BadColumn { .. } => Kind::Data,
            Self::TableDiffers { .. } => Kind::Schema,
            Self::Network { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::TooOld { .. }
            | Self::Answer { .. }
            | Self::StagedLost { .. }
            | Self::NotLoaded { .. }
            | Self::Stream(_) => Kind::Resource,
            Self::Fenced { .. } => Kind::State,
            Self::Internal(_) => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Server { .. } | Self::Unfit { .. } => match self.class() {
                Class::Connection => "the run can be taken up again with `tidegate runs retry`",
                Class::Memory => "give the server more memory, or its statements less (`work_mem`)",
                Class::Disk => "make room on the server's disk, then take the run up again",
                Class::ReadOnly => "name the primary server, or let the user write",
                Class::Login => {
                    "correct `user` and `password` of the resource; a secret X is the variable TIDEGATE_SECRET_X"
                }
                Class::Grant => "grant it to the user; docs/connectors/postgres.md lists what Tidegate needs",
                Class::Database => "create the database, or correct the one in `url`",
                Class::Table => "correct the name of the table, schema or column",
                Class::Key => {
                    "the rows must be told apart by their keys: `load: upsert` keeps the last of each"
                }
                Class::Rule => "a transform can mend or refuse such rows before they are loaded",
                Class::Value => "a transform can mend or refuse such values before they are loaded",
                Class::Busy | Class::There | Class::Final => return None,
            },
            Self::Network { .. } => {
                "is the server up, and are host and port of `url` right? Postgres listens at 5432, as a rule"
            }
            Self::Timeout { .. } => {
                "raise `timeout` of the resource, or look into `pg_stat_activity` for what the server is busy with"
            }
            Self::Tls { .. } => {
                "give the authority's certificate as `ca`, or choose another `tls`; docs/connectors/postgres.md says which"
            }
            Self::TooOld { .. } => "update the server",
            Self::TableDiffers { statements, .. } => {
                return Some(format!(
                    "`tidegate plan` shows it; by hand: {}",
                    statements.join("; ")
                ));
            }
            Self::StagedLost { .. } => "start a new run; nothing was shown",
            Self::Fenced { .. } => "leave it to the newer attempt",
            Self::OutsideSlice { .. } => "a transform must not move a row into another partition",
            Self::NotLoaded { .. } => "materialize it first",
            Self::NoColumn { .. } => "correct the name in `columns`, or select it in the query",
            Self::BadColumn { .. } => "correct the type in `columns`, or convert the column in a `query`",
            Self::BadRow { .. } => {
                "set `on_bad_row: quarantine` to load the other rows, or convert the column in a `query`"
            }
            Self::Answer { .. } | Self::Stream(_) | Self::Internal(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<PostgresError> for Error {
    fn from(error: PostgresError) -> Self {
        let passes = error.class().passes();
        let mut told = Self::new(error.kind(), error.code(), error.to_string());
        if let Some(hint) = error.hint() {
            told = told.hint(hint);
        }
        if passes { told.later() } else { told }
    }
}
