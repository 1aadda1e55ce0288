//! What YAML says of a Postgres resource, source and destination.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::schema::{ByteSize, Millis, Node, decode};
use tidegate_core::{Error, Kind, Place};
use url::Url;

use crate::password::written_out;

/// The most connections that one source reads through.
const MAX_PARALLEL: u32 = 16;

/// A database of a Postgres server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PostgresResource")]
pub struct ResourceConfig {
    /// The server and the database, such as `postgres://localhost:5432/shop`; no login in it.
    pub url: String,
    /// Who logs in.
    pub user: String,
    /// The password: `${secret:NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The schema in which tables are made and looked for.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// How the connection is kept from others.
    #[serde(default)]
    pub tls: Tls,
    /// The file with the certificates that are trusted; those of the public authorities, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// How long the server may keep silent.
    #[serde(default = "default_timeout")]
    pub timeout: Millis,
}

/// How a connection is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PostgresTls")]
pub enum Tls {
    /// `verify`, but not to this machine, where nobody listens in.
    #[default]
    Auto,
    /// Not at all.
    Disable,
    /// Encrypted; whoever answers is believed to be the server.
    Require,
    /// Encrypted, and the server must prove its name.
    Verify,
}

/// A table or query to read rows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PostgresSource")]
pub struct SourceConfig {
    /// The table or view, `TABLE` or `SCHEMA.TABLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// A `SELECT` whose columns have the names that are read, in place of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How many connections read a table at once, each its own pages, all of one snapshot.
    #[serde(default = "default_parallel")]
    pub parallel: u32,
    /// The largest value that is read; a row with a larger one is a bad row.
    #[serde(default = "default_max_value")]
    pub max_value_bytes: ByteSize,
    /// What happens to a row with a value that the schema's type cannot hold.
    #[serde(default)]
    pub on_bad_row: OnBadRow,
}

/// What happens to a row with a value that the schema's type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PostgresOnBadRow")]
pub enum OnBadRow {
    /// The run fails, and tells the row.
    #[default]
    Fail,
    /// It goes to quarantine.
    Quarantine,
}

/// How the table of an asset is made and loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PostgresDestination")]
pub struct DestinationConfig {
    /// The table, `TABLE` or `SCHEMA.TABLE`; the asset's name, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// What single columns have otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnConfig>,
}

/// What a column has otherwise than its type says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PostgresColumn")]
pub struct ColumnConfig {
    /// Postgres's type, such as `uuid`, `jsonb`, `varchar(20)`, `inet`, or the name of an enum.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
}

/// The schema that every database has.
fn default_schema() -> String {
    "public".into()
}

fn default_timeout() -> Millis {
    Millis(300_000)
}

fn default_parallel() -> u32 {
    1
}

fn default_max_value() -> ByteSize {
    ByteSize(16 << 20)
}

impl ResourceConfig {
    /// Whether the server is on this machine.
    pub(super) fn is_here(&self) -> bool {
        let Ok(url) = Url::parse(&self.url) else {
            return false;
        };
        // The host of a URL that is none of the web's is not parsed.
        match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
            Some("localhost") => true,
            Some(host) => host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback()),
            None => false,
        }
    }

    /// A table's schema and name, as `TABLE` or `SCHEMA.TABLE` tells them.
    pub(super) fn place_of(&self, table: &str) -> (String, String) {
        match table.split_once('.') {
            Some((schema, table)) => (schema.to_owned(), table.to_owned()),
            None => (self.schema.clone(), table.to_owned()),
        }
    }
}

/// A resource's config, if it can be one.
pub(super) fn check_resource(config: &Node) -> Result<ResourceConfig, Vec<Error>> {
    let config: ResourceConfig = decode(config)?;
    let mut errors = Vec::new();
    let shape = "write `postgres://HOST:5432/DATABASE`";
    match Url::parse(&config.url) {
        Ok(url) if !matches!(url.scheme(), "postgres" | "postgresql") || url.host().is_none() => {
            errors.push(invalid("/url", "this is no URL of a Postgres server".into()).hint(shape));
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            // The URL is shown in messages; what stands in it must not be.
            errors.push(
                invalid("/url", "the URL may not hold a login".into())
                    .hint("write `user: NAME` and `password: ${secret:NAME}`"),
            );
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            errors.push(
                invalid("/url", "the URL may not have a query".into())
                    .hint("write `tls`, `ca` and `timeout` beside it"),
            );
        }
        Ok(url) if url.path().trim_matches('/').is_empty() || url.path().matches('/').count() > 1 => {
            errors.push(invalid("/url", "the URL names no database".into()).hint(shape));
        }
        Ok(_) => {}
        Err(error) => errors.push(invalid("/url", format!("this is no URL: {error}")).hint(shape)),
    }
    errors.extend(written_out("/password", config.password.as_deref()));
    for (pointer, text) in [("/user", &config.user), ("/schema", &config.schema)] {
        if text.contains("${secret:") {
            errors.push(invalid(pointer, "this is shown, and may not be a secret".into()));
        }
    }
    if errors.is_empty() {
        Ok(config)
    } else {
        Err(errors)
    }
}

/// A source's config, if it can be one.
pub(super) fn check_source(config: &Node) -> Result<SourceConfig, Vec<Error>> {
    let config: SourceConfig = decode(config)?;
    let mut errors = Vec::new();
    if config.table.is_some() == config.query.is_some() {
        errors.push(
            invalid("", "a source reads a table or a query".into())
                .hint("write one of `table: NAME` and `query: SELECT …`"),
        );
    }
    if !(1..=MAX_PARALLEL).contains(&config.parallel) {
        errors.push(invalid(
            "/parallel",
            format!("{} connections; 1 to {MAX_PARALLEL} are allowed", config.parallel),
        ));
    }
    if config.parallel > 1 && config.query.is_some() {
        errors.push(
            invalid("/parallel", "only a table has pages to share out".into())
                .hint("leave it out, or read a `table`"),
        );
    }
    // A message of the protocol holds less than 1 GiB.
    if !(1..=1 << 30).contains(&config.max_value_bytes.0) {
        errors.push(invalid("/max_value_bytes", "1 B to 1 GiB are allowed".into()));
    }
    if errors.is_empty() {
        Ok(config)
    } else {
        Err(errors)
    }
}

pub(super) fn invalid(pointer: &str, message: String) -> Error {
    Error::new(Kind::Schema, "schema.invalid_value", message).at(Place::Pointer(pointer.to_owned()))
}
