//! How a server is, for whoever reads from it and loads into it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tidegate_core::port::{AskHealth, Health};

use super::config::ResourceConfig;
use super::error::{ClickHouseError, Result};
use super::failure::Class;
use super::from_json;
use super::server::Server;

/// What a load needs the user to be allowed, on the resource's database.
const GRANTS: [&str; 6] = [
    "SELECT",
    "INSERT",
    "CREATE TABLE",
    "DROP TABLE",
    "ALTER TABLE",
    "OPTIMIZE",
];

/// A clock that is further off than this confuses whoever compares times of both.
const CLOCK_TOLERANCE_MS: i64 = 1_000;

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerHealth {
    /// Its version.
    pub version: String,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// How far its clock is ahead of this one, in milliseconds; half the time of the question may be in it.
    pub clock_ahead_ms: i64,
    /// Whether the user may only read.
    pub read_only: bool,
    /// Replicated tables of the database that take no writes.
    pub read_only_tables: Vec<String>,
    /// What a load needs and the user may not do; none where the server cannot say.
    pub missing_grants: Option<Vec<String>>,
    /// Bytes free on its fullest disk; none where the user may not know.
    pub free_bytes: Option<u64>,
}

impl ServerHealth {
    /// What is odd, for people, and does not keep all loads from working.
    pub fn warnings(&self) -> Vec<String> {
        let tables = self.read_only_tables.iter();
        let mut warnings: Vec<String> = tables
            .map(|table| format!("the replicated table `{table}` takes no writes: look at its Keeper"))
            .collect();
        if self.clock_ahead_ms.abs() > CLOCK_TOLERANCE_MS {
            warnings.push(format!(
                "its clock is {} ms ahead of this one",
                self.clock_ahead_ms
            ));
        }
        if self.missing_grants.is_none() {
            warnings.push("it cannot say what the user may do (servers before 24.10)".into());
        }
        warnings
    }
}

/// Looks at server, login and database, and for destinations at what a load needs.
pub(super) async fn check(ask: &AskHealth<'_>) -> Result<Health, Vec<ClickHouseError>> {
    let first = async {
        let mut resource: ResourceConfig = from_json(ask.resource)?;
        resource.timeout.0 = resource.timeout.0.min(ask.silence_ms);
        let server = Server::new(&resource).hurried();
        let (version, _) = server.greet().await?;
        let found = if ask.writes {
            Some(look(&server).await?)
        } else {
            None
        };
        Ok((resource, version, found))
    };
    let (resource, version, found) = first.await.map_err(|error| vec![error])?;
    let (url, database) = (&resource.url, &resource.database);
    let mut errors = Vec::new();
    let mut unfit = |class, message| errors.push(ClickHouseError::Unfit { class, message });
    if let Some(found) = &found {
        if found.read_only {
            unfit(Class::ReadOnly, format!("the user may only read from `{url}`"));
        }
        for grant in found.missing_grants.iter().flatten() {
            let message = format!("the user lacks {grant} on the database `{database}` of `{url}`");
            unfit(Class::Grant, message);
        }
    }
    if errors.is_empty() {
        Ok(Health {
            about: format!("ClickHouse {version}"),
            warnings: found.map_or_else(Vec::new, |found| found.warnings()),
        })
    } else {
        Err(errors)
    }
}

/// Asks a server how it is.
pub(super) async fn look(server: &Server) -> Result<ServerHealth> {
    #[derive(Deserialize)]
    struct Row {
        uptime_s: u64,
        now_ms: i64,
        read_only: u8,
    }
    let (version, _) = server.greet().await?;
    let asked = Utc::now();
    let rows: Vec<Row> = server
        .rows(
            "SELECT uptime() AS uptime_s, toUnixTimestamp64Milli(now64(3)) AS now_ms, \
             toUInt8(getSetting('readonly') = 1) AS read_only",
        )
        .await?;
    let answered = Utc::now();
    let row = rows
        .first()
        .ok_or_else(|| ClickHouseError::Internal("no row came".into()))?;
    let free = server.text("SELECT min(free_space) FROM system.disks").await;
    let replicas = server
        .text("SELECT table FROM system.replicas WHERE database = currentDatabase() AND is_readonly ORDER BY table")
        .await;
    Ok(ServerHealth {
        version,
        uptime_s: row.uptime_s,
        clock_ahead_ms: row.now_ms - middle_ms(asked, answered),
        read_only: row.read_only != 0,
        // Loads need not read these tables, and a server without replication need not have the second.
        read_only_tables: match replicas {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(error) if matches!(error.class(), Class::Table | Class::Final | Class::Grant) => Vec::new(),
            Err(error) => return Err(error),
        },
        missing_grants: missing_grants(server).await?,
        free_bytes: match free {
            Ok(text) => text.trim().parse().ok(),
            Err(error) if error.class() == Class::Grant => None,
            Err(error) => return Err(error),
        },
    })
}

async fn missing_grants(server: &Server) -> Result<Option<Vec<String>>> {
    let mut missing = Vec::new();
    for grant in GRANTS {
        match server.text(&format!("CHECK GRANT {grant} ON *")).await {
            Ok(answer) if answer.trim() == "1" => {}
            Ok(_) => missing.push(grant.to_owned()),
            // Servers before 24.10 do not know the statement.
            Err(error) if error.class() == Class::Final => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(missing))
}

fn middle_ms(first: DateTime<Utc>, last: DateTime<Utc>) -> i64 {
    i64::midpoint(first.timestamp_millis(), last.timestamp_millis())
}
