//! A server, reached through sqlx: sessions of one database, and what goes wrong with them.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::time::{sleep, timeout};
use url::Url;

use super::config::{ResourceConfig, Tls};
use super::error::{PostgresError, Result};
use super::failure::Class;
use super::sql::{literal, name};

/// The oldest server that is asked: the first whose `COPY` and catalogs are those of the tests' by documentation.
const OLDEST: u32 = 12;
/// How long a server is waited for between tries: one that restarts is back by then.
const DELAYS_MS: [u64; 8] = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
/// Postgres's own port (<https://www.postgresql.org/docs/current/runtime-config-connection.html>).
const PORT: u16 = 5432;

/// How a server is reached. Holds no connection.
#[derive(Clone)]
pub(super) struct Server {
    options: PgConnectOptions,
    url: String,
    schema: String,
    timeout: Duration,
}

/// One connection.
pub(super) struct Session {
    pub(super) connection: PgConnection,
    server: Server,
}

impl Server {
    /// The server of a resource. Connects to nothing yet. `purpose` is what the server shows of the sessions.
    pub(super) fn new(resource: &ResourceConfig, purpose: &str) -> Result<Self> {
        let url = Url::parse(&resource.url)
            .map_err(|error| PostgresError::Internal(format!("a checked URL is none: {error}")))?;
        let mode = match resource.tls {
            Tls::Auto if resource.is_here() => PgSslMode::Disable,
            Tls::Disable => PgSslMode::Disable,
            Tls::Require => PgSslMode::Require,
            Tls::Auto | Tls::Verify => PgSslMode::VerifyFull,
        };
        let host = url.host_str().unwrap_or("localhost").trim_matches(['[', ']']);
        // Nothing of this machine's own logins: what the schema says is all that counts.
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(url.port().unwrap_or(PORT))
            .database(url.path().trim_matches('/'))
            .username(&resource.user)
            .password(resource.password.as_deref().unwrap_or_default())
            .ssl_mode(mode)
            // A name has 63 bytes at most (NAMEDATALEN).
            .application_name(&purpose.chars().take(60).collect::<String>())
            .disable_statement_logging();
        if let Some(ca) = &resource.ca {
            options = options.ssl_root_cert(ca);
        }
        Ok(Self {
            options,
            url: resource.url.clone(),
            schema: resource.schema.clone(),
            timeout: Duration::from_millis(resource.timeout.0),
        })
    }

    /// A session; a server that is not there yet is waited for.
    pub(super) async fn connect(&self) -> Result<Session> {
        let mut tries = 0;
        loop {
            match self.connect_once().await {
                Err(error) if error.class() == Class::Connection && tries < DELAYS_MS.len() => {
                    sleep(Duration::from_millis(DELAYS_MS[tries])).await;
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    /// A session, if the server gives one at once.
    pub(super) async fn connect_once(&self) -> Result<Session> {
        let connecting = PgConnection::connect_with(&self.options);
        let connection = timeout(self.timeout, connecting)
            .await
            .map_err(|_| self.timed_out())?
            .map_err(|error| self.error(&error))?;
        let version = connection.server_version_num().unwrap_or(0);
        if version / 10_000 < OLDEST {
            return Err(PostgresError::TooOld {
                url: self.url.clone(),
                version: format!("{}.{}", version / 10_000, version / 100 % 100),
                oldest: OLDEST,
            });
        }
        let mut session = Session {
            connection,
            server: self.clone(),
        };
        session
            .execute(&format!(
                "SET standard_conforming_strings = on; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; \
                 SET search_path = {}, public",
                name(&self.schema)
            ))
            .await?;
        Ok(session)
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// How long the server may keep silent.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Silence that was too long, as an error.
    pub(super) fn timed_out(&self) -> PostgresError {
        PostgresError::Timeout {
            url: self.url.clone(),
            timeout_ms: self.timeout.as_millis() as u64,
        }
    }

    /// What sqlx says of a try.
    pub(super) fn error(&self, error: &sqlx::Error) -> PostgresError {
        use sqlx::Error;
        let network = |reason: String| PostgresError::Network {
            url: self.url.clone(),
            reason,
        };
        let untrusted = |reason: String| PostgresError::Tls {
            url: self.url.clone(),
            reason,
        };
        match error {
            Error::Database(error) => {
                let detail = error
                    .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                    .and_then(sqlx::postgres::PgDatabaseError::detail);
                let mut message = error.message().to_owned();
                if let Some(detail) = detail {
                    message = format!("{message}: {detail}");
                }
                PostgresError::server(&error.code().unwrap_or_default(), message.trim_end_matches('.'))
            }
            // What rustls says of a certificate reaches us as data that cannot be.
            Error::Io(error) if error.kind() == ErrorKind::InvalidData => untrusted(error.to_string()),
            Error::Io(error) => network(error.to_string()),
            Error::Tls(error) => untrusted(error.to_string()),
            Error::WorkerCrashed | Error::PoolClosed | Error::PoolTimedOut => network(error.to_string()),
            other => PostgresError::Answer {
                url: self.url.clone(),
                reason: other.to_string(),
            },
        }
    }
}

impl Session {
    /// Runs statements.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<()> {
        let run = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection);
        match timeout(self.server.timeout, run).await {
            Ok(done) => done.map(|_| ()).map_err(|error| self.server.error(&error)),
            Err(_) => Err(self.server.timed_out()),
        }
    }

    /// Runs statements that make something where it is not there. Two sessions that make the same at once meet in the
    /// catalog, whatever `IF NOT EXISTS` says; the second try then finds it.
    pub(super) async fn make(&mut self, sql: &str) -> Result<()> {
        match self.execute(sql).await {
            Err(error) if matches!(error.class(), Class::There | Class::Key) => self.execute(sql).await,
            done => done,
        }
    }

    /// The answer's rows.
    pub(super) async fn rows(&mut self, sql: &str) -> Result<Vec<PgRow>> {
        let run = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection);
        match timeout(self.server.timeout, run).await {
            Ok(rows) => rows.map_err(|error| self.server.error(&error)),
            Err(_) => Err(self.server.timed_out()),
        }
    }

    /// The answer's first row, each value as the server writes it.
    pub(super) async fn row(&mut self, sql: &str) -> Result<Option<PgRow>> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// A number that a statement answers: its first row's first value.
    pub(super) async fn number(&mut self, sql: &str) -> Result<i64> {
        let row = self.row(sql).await?;
        let found = row.as_ref().map(|row| row.try_get::<i64, _>(0));
        match found {
            Some(number) => number.map_err(|error| self.server.error(&error)),
            None => Ok(0),
        }
    }

    /// A text that a statement answers: its first row's first value, if there is one.
    pub(super) async fn text(&mut self, sql: &str) -> Result<Option<String>> {
        let row = self.row(sql).await?;
        let found = row.as_ref().map(|row| row.try_get::<Option<String>, _>(0));
        match found {
            Some(text) => text.map_err(|error| self.server.error(&error)),
            None => Ok(None),
        }
    }

    /// Whether a table is there.
    pub(super) async fn has_table(&mut self, schema: &str, table: &str) -> Result<bool> {
        let count = self
            .number(&format!(
                "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = {} AND c.relname = {}",
                literal(schema),
                literal(table)
            ))
            .await?;
        Ok(count > 0)
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }
}

/// A value of a row, by its place.
pub(super) fn value<'r, T>(row: &'r PgRow, index: usize) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(index)
        .map_err(|error| PostgresError::Internal(format!("an answer has another shape: {error}")))
}
