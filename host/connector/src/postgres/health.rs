//! Whether a database can be read and loaded: asked of the catalog in one session, which changes nothing.

use tidegate_core::port::{AskHealth, Health};

use super::config::ResourceConfig;
use super::error::{PostgresError, Result};
use super::failure::Class;
use super::from_json;
use super::server::{Server, value};
use super::sql::literal;

/// Looks at server, login, schema and rights. The schema is that of the resource; tables of others are seen when they are
/// opened.
pub(super) async fn check(ask: &AskHealth<'_>) -> Result<Health, Vec<PostgresError>> {
    let (resource, found) = look(ask).await.map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let mut unfit = |class, message| errors.push(PostgresError::Unfit { class, message });
    let (url, schema) = (&resource.url, &resource.schema);
    if ask.writes && found.read_only {
        let message =
            format!("`{url}` takes no writes: it is a standby, or the user's sessions may only read");
        unfit(Class::ReadOnly, message);
    }
    match found.rights {
        None if ask.reads || ask.writes => {
            let message = format!("the database of `{url}` has no schema `{schema}`");
            unfit(Class::Table, message);
        }
        Some(rights) => {
            for (asked, given, right) in [
                (ask.reads || ask.writes, rights.usage, "USAGE"),
                (ask.writes, rights.create, "CREATE"),
            ] {
                if asked && !given {
                    let message = format!("the user lacks {right} on the schema `{schema}` of `{url}`");
                    unfit(Class::Grant, message);
                }
            }
        }
        None => {}
    }
    if errors.is_empty() {
        Ok(Health {
            about: format!("PostgreSQL {}", found.version),
            warnings: Vec::new(),
        })
    } else {
        Err(errors)
    }
}

/// What the catalog says.
struct Found {
    version: String,
    read_only: bool,
    /// On the schema; none where it is not there.
    rights: Option<Rights>,
}

struct Rights {
    usage: bool,
    create: bool,
}

async fn look(ask: &AskHealth<'_>) -> Result<(ResourceConfig, Found)> {
    let mut resource: ResourceConfig = from_json(ask.resource)?;
    resource.timeout.0 = resource.timeout.0.min(ask.silence_ms);
    let mut session = Server::new(&resource, "tidegate check")?.connect_once().await?;
    // Behind the number a package may tell of itself.
    let query = format!(
        "SELECT split_part(current_setting('server_version'), ' ', 1), \
         current_setting('transaction_read_only')::boolean, n.oid IS NOT NULL, \
         coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false) \
         FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON n.nspname = {}",
        literal(&resource.schema)
    );
    let row = session
        .row(&query)
        .await?
        .ok_or_else(|| PostgresError::Internal("no row came".into()))?;
    let rights = Rights {
        usage: value(&row, 3)?,
        create: value(&row, 4)?,
    };
    let found = Found {
        version: value(&row, 0)?,
        read_only: value(&row, 1)?,
        rights: value::<bool>(&row, 2)?.then_some(rights),
    };
    Ok((resource, found))
}
