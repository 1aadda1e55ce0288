//! What is Postgres's own: how it is opened, locked, and what its error codes mean.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::error::{Cause, OpenError};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a connection may take to be made, or to come free.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The most connections that one process holds; every call is short.
const MAX_CONNECTIONS: u32 = 8;

/// Begins a transaction that may write. The level is named since a server's default may be another, and
/// [`LOCK_FENCE`] wants that the statement behind the lock sees what was committed while it waited. The timeouts see to
/// it that a process that was halted in the middle of a transaction keeps its locks from others for seconds, not for good.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
     SET LOCAL lock_timeout = '10s';
     SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// Begins a transaction that reads one moment of the store. A reader may take its time.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Rows may bring the numbers that the database gives else.
pub(crate) const OVERRIDING: &str = " OVERRIDING SYSTEM VALUE";

/// Asks for the last number that was given out, 0 where none was: a new sequence has the value 1 already.
pub(crate) fn last_number(_table: &str, sequence: &str) -> String {
    format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")
}

/// Goes on behind a number; 0 where none was given out.
pub(crate) fn go_on_from(_table: &str, sequence: &str, last: i64) -> Vec<String> {
    match last {
        0 => Vec::new(),
        last => vec![format!("SELECT setval('{sequence}', {last})")],
    }
}

/// Makes an asset partition the transaction's own until it ends.
pub(crate) const LOCK_FENCE: &str =
    "SELECT epoch FROM fences WHERE asset = $1 AND partition_key = $2 FOR UPDATE";

/// Makes all slices of an asset the transaction's own until it ends, in the order of their keys, as everybody takes them.
pub(crate) const LOCK_FENCES: &str =
    "SELECT epoch FROM fences WHERE asset = $1 ORDER BY partition_key FOR UPDATE";

/// Makes the ranges of an asset the transaction's own until it ends. Taken behind [`LOCK_FENCE`], where both are.
pub(crate) const LOCK_RANGES: &str = "SELECT cut FROM partition_cuts WHERE asset = $1 FOR UPDATE";

/// Makes a run's event log the transaction's own until it ends. Rows that refer to the run can still be inserted.
pub(crate) const LOCK_RUN: &str = "SELECT id FROM runs WHERE id = $1 FOR NO KEY UPDATE";

/// Keeps others from taking the lead until the transaction ends.
pub(crate) const LOCK_LEADER: &str = "SELECT holder, epoch FROM leader WHERE one = 1 FOR SHARE";

/// The key of the lock under which runs are taken from the queue; an arbitrary number of our own.
pub(crate) const LOCK_QUEUE: &str = "SELECT pg_advisory_xact_lock(8433001)";

/// A run that somebody moves just now is not waited for.
pub(crate) const SKIP_LOCKED: &str = " FOR UPDATE SKIP LOCKED";

/// Makes a pool the transaction's own until it ends. Of two pools with one hash one waits for the other, no more.
macro_rules! lock_pool {
    ($tx:ident, $pool:expr) => {
        sqlx::query("SELECT pg_advisory_xact_lock(8433002, hashtext($1))")
            .bind($pool.as_str())
            .execute(&mut *$tx)
            .await?;
    };
}
pub(crate) use lock_pool;

/// Connects, and brings the tables up to date.
pub(crate) async fn open(options: &PgConnectOptions) -> Result<PgPool, OpenError> {
    let options = options
        .clone()
        .application_name("tidegate")
        .disable_statement_logging();
    // Not through the pool, which would try for its whole timeout where nobody listens.
    let connecting = PgConnection::connect_with(&options);
    let mut connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| {
            let waited = format!("no answer within {} s", CONNECT_TIMEOUT.as_secs());
            sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, waited))
        })??;
    MIGRATIONS.run_direct(None, &mut connection, false).await?;
    connection.close().await?;
    Ok(PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect_lazy_with(options))
}

/// What an error of Postgres means, by its SQLSTATE.
pub(crate) fn cause(code: &str) -> Cause {
    match code {
        "40001" | "40P01" | "55P03" | "53300" => Cause::Busy,
        "53100" => Cause::Full,
        "25006" => Cause::ReadOnly,
        "42501" => Cause::Denied,
        "3D000" => Cause::NoDatabase,
        _ if code.starts_with("28") => Cause::Denied,
        // Lost or refused connections, a server that starts or stops, and one out of memory.
        _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => Cause::Connection,
        "XX001" | "XX002" => Cause::Corrupt,
        _ => Cause::Other,
    }
}
