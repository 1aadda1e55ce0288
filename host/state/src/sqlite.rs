//! What is SQLite's own: how it is opened, locked, and what its error codes mean.

use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::time::Instant;

use crate::error::{Cause, OpenError};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a call waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Begins a transaction that may write. It locks out all other writers at once: a transaction that began as a reader
/// could not wait for its turn to write.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Begins a transaction that reads one moment of the store, while others write.
pub(crate) const BEGIN_READ: &str = "BEGIN DEFERRED";

/// Rows may bring their numbers as it is.
pub(crate) const OVERRIDING: &str = "";

/// Asks for the last number that was given out.
pub(crate) fn last_number(table: &str, _sequence: &str) -> String {
    format!("SELECT seq FROM sqlite_sequence WHERE name = '{table}'")
}

/// Goes on behind a number; 0 where none was given out.
pub(crate) fn go_on_from(table: &str, _sequence: &str, last: i64) -> Vec<String> {
    vec![
        format!("DELETE FROM sqlite_sequence WHERE name = '{table}'"),
        format!("INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', {last})"),
    ]
}

/// Needs no lock of its own, see [`BEGIN`].
pub(crate) const LOCK_FENCE: &str = "SELECT epoch FROM fences WHERE asset = $1 AND partition_key = $2";

/// Needs no lock of its own, see [`BEGIN`].
pub(crate) const LOCK_FENCES: &str = "SELECT epoch FROM fences WHERE asset = $1";

/// Needs no lock of its own, see [`BEGIN`].
pub(crate) const LOCK_RANGES: &str = "SELECT cut FROM partition_cuts WHERE asset = $1";

/// Needs no lock of its own, see [`BEGIN`].
pub(crate) const LOCK_RUN: &str = "SELECT id FROM runs WHERE id = $1";

/// Needs no lock of its own, see [`BEGIN`].
pub(crate) const LOCK_LEADER: &str = "SELECT holder, epoch FROM leader WHERE one = 1";

/// Needs no lock of its own, see [`BEGIN`].
pub(crate) const LOCK_QUEUE: &str = "SELECT 1";

/// Nobody else can hold a lock, see [`BEGIN`].
pub(crate) const SKIP_LOCKED: &str = "";

/// Needs no lock of its own, see [`BEGIN`].
macro_rules! lock_pool {
    ($tx:ident, $pool:expr) => {};
}
pub(crate) use lock_pool;

/// Opens the file, which is made if missing, and brings its tables up to date.
pub(crate) async fn open(path: &Path) -> Result<SqlitePool, OpenError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        // State that a caller was told is kept must outlive a power cut; NORMAL could lose the last commits.
        .synchronous(SqliteSynchronous::Full);
    let options = sqlx::ConnectOptions::disable_statement_logging(options);
    // One connection: SQLite has one writer at a time, so more of them would only wait for each other by polling. Other
    // processes read beside it all the same.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options);
    // The busy timeout does not cover the switch to WAL, which two processes that open a new file at once both make.
    let patience_ends = Instant::now() + BUSY_TIMEOUT;
    loop {
        match migrate(&pool).await {
            Ok(()) => return Ok(pool),
            Err(error) if error.is_busy() && Instant::now() < patience_ends => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// In one transaction, since sqlx's own migration lock does nothing here.
async fn migrate(pool: &SqlitePool) -> Result<(), OpenError> {
    let mut tx = pool.begin_with(BEGIN).await?;
    MIGRATIONS.run_direct(None, &mut *tx, false).await?;
    // Changes nothing, and is refused where the file takes no writes: that is better known before any work is done.
    sqlx::query("DELETE FROM runs WHERE 1 = 0")
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

/// What an error of SQLite means, by its extended result code; the lowest byte is the primary one.
pub(crate) fn cause(code: &str) -> Cause {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => Cause::Busy,
        Ok(8) => Cause::ReadOnly,
        Ok(10) => Cause::Disk,
        Ok(11 | 26) => Cause::Corrupt,
        Ok(13) => Cause::Full,
        Ok(14) => Cause::CannotOpen,
        _ => Cause::Other,
    }
}
