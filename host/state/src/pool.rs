//! The connections to either database, and how one text of code runs on both.

use sqlx::{PgPool, SqlitePool};

/// The connections of a store.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// To a file.
    Sqlite(SqlitePool),
    /// To a server.
    Postgres(PgPool),
}

/// Runs an expression with `$db` as the pool of whichever database it is. sqlx's queries take their database from the
/// connection that they run on, so one text serves both, checked by the compiler against each.
macro_rules! on_pool {
    ($pool:expr, |$db:ident| $body:expr) => {
        match $pool {
            crate::pool::Pool::Sqlite($db) => $body,
            crate::pool::Pool::Postgres($db) => $body,
        }
    };
}

/// Runs a block in a transaction that may write, with `$tx` as the transaction and `$dialect` as the database's own
/// module, and commits it. Leaving the block by `return` or `?` rolls back.
macro_rules! in_transaction {
    ($pool:expr, |$tx:ident, $dialect:ident| $body:block) => {
        match $pool {
            crate::pool::Pool::Sqlite(pool) => {
                use crate::sqlite as $dialect;
                let mut $tx = pool.begin_with($dialect::BEGIN).await?;
                let answer = $body;
                $tx.commit().await?;
                answer
            }
            crate::pool::Pool::Postgres(pool) => {
                use crate::postgres as $dialect;
                let mut $tx = pool.begin_with($dialect::BEGIN).await?;
                let answer = $body;
                $tx.commit().await?;
                answer
            }
        }
    };
}
