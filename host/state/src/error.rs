//! What can go wrong with a store, and how it is told.

use sqlx::migrate::MigrateError;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::PartitionState;
use tidegate_core::{Error, Kind};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The address is none.
    #[error("the address of the state store cannot be used: {0}")]
    Address(String),
    /// The store could not be opened. The address is without password.
    #[error("the state store {address} cannot be opened: {}", explain(error))]
    Open { address: String, error: sqlx::Error },
    /// The tables are not those of this program.
    #[error("the tables of the state store {address} cannot be used: {error}")]
    Tables { address: String, error: MigrateError },
    /// A query failed.
    #[error("the state store failed: {}", explain(.0))]
    Sql(#[from] sqlx::Error),
    /// A record is not what this program writes.
    #[error("a record in the state store cannot be read: {what}: {reason}")]
    Record { what: &'static str, reason: String },
    /// A value cannot be kept.
    #[error("{what} cannot be kept in the state store: {reason}")]
    Value { what: &'static str, reason: String },
    /// A run was asked about an asset partition that is not in it.
    #[error("run {run} has no asset partition {asset} {partition}")]
    NoPartition {
        run: RunId,
        asset: AssetName,
        partition: PartitionKey,
    },
    /// A partition cannot be moved by hand while an attempt is under way.
    #[error("an attempt at {asset} {partition} is under way in run {run}")]
    UnderWay {
        run: RunId,
        asset: AssetName,
        partition: PartitionKey,
    },
    /// Only claims and attempts make this state.
    #[error("a partition is not set to {} by hand", .0.text())]
    NotByHand(PartitionState),
    /// Something is in the store already.
    #[error("the state store is not empty: it has rows in `{0}`")]
    NotEmpty(&'static str),
    /// An export cannot be written or read.
    #[error("the export of a state store cannot be used: {0}")]
    Transfer(String),
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// It could not be reached or read.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// Its tables could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl OpenError {
    /// Whether another process is in the way.
    pub(crate) fn is_busy(&self) -> bool {
        let (Self::Sql(error)
        | Self::Migrate(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))) = self
        else {
            return false;
        };
        matches!(Cause::of(error), Cause::Busy)
    }

    /// The same, with which store it is.
    pub(crate) fn of_store(self, address: String) -> StateError {
        match self {
            Self::Sql(error)
            | Self::Migrate(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                StateError::Open { address, error }
            }
            Self::Migrate(error) => StateError::Tables { address, error },
        }
    }
}

/// What a database's error comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody else is in the way; it passes.
    Busy,
    /// The server cannot be reached; it may pass.
    Connection,
    /// Who connects may not do this.
    Denied,
    /// The server has no such database.
    NoDatabase,
    /// The file cannot be opened.
    CannotOpen,
    /// The store takes no writes.
    ReadOnly,
    /// What is there is not a store, or a broken one.
    Corrupt,
    /// The disk is full.
    Full,
    /// The disk did not do its part.
    Disk,
    /// The record is there already.
    Exists,
    /// The record refers to another that is not there.
    Missing,
    /// What was read is not what this program writes.
    Unreadable,
    /// Anything else.
    Other,
}

impl Cause {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) if error.is_unique_violation() => Self::Exists,
            sqlx::Error::Database(error) if error.is_foreign_key_violation() => Self::Missing,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                    crate::sqlite::cause(&code)
                } else {
                    crate::postgres::cause(&code)
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Connection,
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Tls(_) => Self::Denied,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Unreadable,
            _ => Self::Other,
        }
    }

    /// The error's code and what to do.
    fn told(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Busy => ("state.busy", Some("another process holds it; try again")),
            Self::Connection => (
                "state.connection",
                Some("check that the database runs and can be reached from here, and try again"),
            ),
            Self::Denied => (
                "state.denied",
                Some("check the user, its password and its rights, and the TLS settings of the URL"),
            ),
            Self::NoDatabase => (
                "state.no_database",
                Some("create the database first: CREATE DATABASE …"),
            ),
            Self::CannotOpen => (
                "state.cannot_open",
                Some("check that the folder exists and that it and the file can be written"),
            ),
            Self::ReadOnly => (
                "state.read_only",
                Some("make the file and its folder writable, or name another state store"),
            ),
            Self::Corrupt => (
                "state.corrupt",
                Some(
                    "it is not a Tidegate state store, or it is damaged: name another one, or restore it from a backup",
                ),
            ),
            Self::Full => (
                "state.disk_full",
                Some("free some space where the state store lies, and try again"),
            ),
            Self::Disk => ("state.disk", Some("check the disk where the state store lies")),
            Self::Exists => (
                "state.exists",
                Some("the same thing was recorded already: look at what is there before trying again"),
            ),
            Self::Missing => (
                "state.missing",
                Some("what it belongs to was removed from the state store meanwhile: start a new run"),
            ),
            Self::Unreadable => ("state.record", Some("a newer Tidegate may have written it")),
            Self::Other => ("state.failed", Some("the database's own log may say more")),
        }
    }

    /// Whether the same call may do better later.
    fn passes(self) -> bool {
        matches!(self, Self::Busy | Self::Connection | Self::Full)
    }

    fn tell(self, message: String) -> Error {
        let (code, hint) = self.told();
        let mut error = Error::new(Kind::State, code, message);
        error.hint = hint.map(str::to_owned);
        if self.passes() { error.later() } else { error }
    }
}

/// What a database said, without sqlx's own words around it.
fn explain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        let message = error.to_string();
        let plain = |code| Self::new(Kind::State, code, &message);
        match error {
            StateError::Address(_) => plain("state.address")
                .hint("write `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`"),
            StateError::Open { error, .. } | StateError::Sql(error) => Cause::of(&error).tell(message),
            StateError::Tables {
                error: MigrateError::VersionMissing(_),
                ..
            } => plain("state.newer")
                .hint("a newer Tidegate has changed these tables: use that one, or another store"),
            StateError::Tables { .. } => plain("state.tables")
                .hint("give Tidegate a database or a schema of its own, or restore this one"),
            StateError::Record { .. } => plain("state.record").hint("a newer Tidegate may have written it"),
            StateError::Value { .. } => plain("state.value").hint("a newer Tidegate may have written it"),
            StateError::NoPartition { .. } => {
                plain("state.no_partition").hint("`tidegate runs show` tells which partitions the run has")
            }
            StateError::UnderWay { .. } => plain("state.under_way").hint("wait for the attempt to end"),
            StateError::NotEmpty(_) => {
                plain("state.not_empty").hint("import into a new file, or a new database or schema")
            }
            StateError::Transfer(_) => plain("state.transfer")
                .hint("write it anew with `tidegate state export FILE`, by the same version of Tidegate"),
            StateError::NotByHand(_) => Self::new(Kind::Internal, "state.not_by_hand", message),
        }
    }
}
