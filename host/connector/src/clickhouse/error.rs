//! What can be wrong with a server, a table, or what it is asked to load.

use tidegate_core::{Error, Kind};

use super::failure::Class;

/// What this connector's calls answer.
pub(super) type Result<T, E = ClickHouseError> = std::result::Result<T, E>;

/// The longest part of a server's message that is shown.
const MESSAGE_BYTES: usize = 600;

/// What can be wrong. Each has a stable code; see [`ClickHouseError::code`].
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ClickHouseError {
    #[error("{message} (ClickHouse's code {code})")]
    Server { code: u32, message: String },
    /// What the server tells before a statement would.
    #[error("{message}")]
    Unfit { class: Class, message: String },
    #[error("`{url}` cannot be reached: {reason}")]
    Network { url: String, reason: String },
    #[error("`{url}` did not answer within {timeout_ms} ms")]
    Timeout { url: String, timeout_ms: u64 },
    #[error("`{url}` is ClickHouse {version}, and Tidegate needs {oldest} or newer")]
    TooOld {
        url: String,
        version: String,
        oldest: String,
    },
    #[error("what `{url}` answered is not understood: {reason}")]
    Answer { url: String, reason: String },
    #[error("the table `{table}` is not as the schema has it: {}", list(.differences))]
    TableDiffers {
        table: String,
        differences: Vec<String>,
        statements: Vec<String>,
    },
    #[error("the table `{table}` was changed by somebody else during the load: {reason}")]
    TableChanged { table: String, reason: String },
    #[error("the load would leave `{table}` with {found} partitions, and {limit} are allowed")]
    TooManyPartitions { table: String, found: u64, limit: u64 },
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
        rows: u64,
    },
    #[error("nothing has been loaded into `{table}` yet")]
    NotLoaded { table: String },
    #[error("`{table}` has no partition `{partition}`")]
    NoPartition {
        table: String,
        partition: String,
        known: String,
    },
    #[error("there is no column `{column}`; there are {known}")]
    NoColumn { column: String, known: String },
    #[error("column `{column}` cannot be read as the schema has it: {reason}")]
    BadColumn { column: String, reason: String },
    #[error("the answer is not a good Arrow stream: {0}")]
    Stream(String),
    #[error("{0}")]
    Internal(String),
}

impl ClickHouseError {
    /// The server's own code and words, shortened.
    pub(super) fn server(code: u32, text: &str) -> Self {
        let text = text.split("Stack trace").next().unwrap_or(text).trim();
        let text = text
            .split_once("DB::Exception:")
            .map_or(text, |(_, message)| message)
            .trim();
        let mut end = text.len().min(MESSAGE_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self::Server {
            code,
            message: text[..end].trim_end_matches('.').replace('\n', " "),
        }
    }

    /// What to do about it, where a server said it.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Server { code, .. } => Class::of(*code),
            Self::Unfit { class, .. } => *class,
            Self::Network { .. } | Self::Timeout { .. } => Class::Busy,
            _ => Class::Final,
        }
    }

    /// The stable code, documented in `docs/error-codes.md`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Server { .. } | Self::Unfit { .. } => match self.class() {
                Class::TooManyParts => "clickhouse.too_many_parts",
                Class::Memory => "clickhouse.memory",
                Class::Busy => "clickhouse.busy",
                Class::Disk => "clickhouse.disk_full",
                Class::ReadOnly => "clickhouse.read_only",
                Class::Login => "clickhouse.login",
                Class::Grant => "clickhouse.grant",
                Class::Database => "clickhouse.database",
                Class::Table => "clickhouse.table",
                Class::Value => "clickhouse.value",
                Class::TableThere | Class::Final => "clickhouse.refused",
            },
            Self::Network { .. } => "clickhouse.network",
            Self::Timeout { .. } => "clickhouse.timeout",
            Self::TooOld { .. } => "clickhouse.too_old",
            Self::Answer { .. } => "clickhouse.answer",
            Self::TableDiffers { .. } => "clickhouse.table_differs",
            Self::TableChanged { .. } => "clickhouse.table_changed",
            Self::TooManyPartitions { .. } => "clickhouse.too_many_partitions",
            Self::StagedLost { .. } => "clickhouse.staged_lost",
            Self::Fenced { .. } => "clickhouse.fenced",
            Self::OutsideSlice { .. } => "clickhouse.outside_partition",
            Self::NotLoaded { .. } => "clickhouse.not_loaded",
            Self::NoPartition { .. } => "clickhouse.no_partition",
            Self::NoColumn { .. } => "clickhouse.no_column",
            Self::BadColumn { .. } => "clickhouse.bad_column",
            Self::Stream(_) => "clickhouse.stream",
            Self::Internal(_) => "clickhouse.internal",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Server { .. } | Self::Unfit { .. } => match self.class() {
                Class::Value => Kind::Data,
                _ => Kind::Resource,
            },
            Self::Network { .. } | Self::Timeout { .. } | Self::TooOld { .. } | Self::Answer { .. } => {
                Kind::Resource
            }
            Self::TableDiffers { .. } | Self::TooManyPartitions { .. } => Kind::Schema,
            Self::OutsideSlice { .. } | Self::NoColumn { .. } | Self::BadColumn { .. } => Kind::Data,
            Self::NoPartition { .. } => Kind::Usage,
            Self::TableChanged { .. }
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
                Class::TooManyParts => {
                    "load larger blocks less often, or let `tidegate clickhouse merges` show what holds the merges up"
                }
                Class::Memory => "raise the server's or the user's memory limit, or make `block` smaller",
                Class::Disk => "make room on the server's disk, then take the run up again",
                Class::ReadOnly => {
                    "let the user write: its profile has `readonly`, or the table lost its Keeper"
                }
                Class::Login => {
                    "correct `user` and `password` of the resource; a secret X is the variable TIDEGATE_SECRET_X"
                }
                Class::Grant => "grant it to the user; docs/clickhouse.md lists what Tidegate needs",
                Class::Database => "create the database, or correct `database` of the resource",
                Class::Table => "correct the table's name",
                Class::Value => "a transform can mend or refuse such values before they are loaded",
                Class::TableThere | Class::Busy | Class::Final => return None,
            },
            Self::Network { .. } => {
                "is the server up, and are `url` and its port right? HTTP is 8123, HTTPS 8443, as a rule"
            }
            Self::Timeout { .. } => {
                "raise `timeout` of the resource, or look for what the server is busy with"
            }
            Self::TooOld { .. } => "update the server",
            Self::TableDiffers { statements, .. } => {
                return Some(format!(
                    "`tidegate plan` shows it; by hand: {}",
                    statements.join("; ")
                ));
            }
            Self::TooManyPartitions { .. } => {
                "choose longer partitions, or allow more with `max_partitions`; each costs every query a little"
            }
            Self::TableChanged { .. } | Self::StagedLost { .. } => "start a new run; nothing was shown",
            Self::Fenced { .. } => "leave it to the newer attempt",
            Self::OutsideSlice { .. } => "a transform must not move a row into another partition",
            Self::NotLoaded { .. } => "materialize it first",
            Self::NoPartition { known, .. } => return Some(format!("the partitions are {known}")),
            Self::NoColumn { .. } => "correct the name in `columns`, or select it in the query",
            Self::BadColumn { .. } => "correct the type in `columns`, or convert the column in a `query`",
            Self::Answer { .. } | Self::Stream(_) | Self::Internal(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<ClickHouseError> for Error {
    fn from(error: ClickHouseError) -> Self {
        let passes = error.class().passes();
        let mut told = Self::new(error.kind(), error.code(), error.to_string());
        if let Some(hint) = error.hint() {
            told = told.hint(hint);
        }
        if passes { told.later() } else { told }
    }
}

fn list(items: &[String]) -> String {
    items.join("; ")
}
