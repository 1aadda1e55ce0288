//! What `tidegate check --connect` asks of a database.

use std::net::TcpListener;

use tidegate_connector::postgres::PostgresConnector;
use tidegate_core::Error;
use tidegate_core::port::{AskHealth, Connector, Health};

use crate::server::{PASSWORD, Server};
use crate::support::{Warehouse, resource};

async fn check(resource: &serde_json::Value, reads: bool, writes: bool) -> Result<Health, Vec<Error>> {
    let ask = AskHealth {
        resource,
        reads,
        writes,
        silence_ms: 5_000,
    };
    Ok(PostgresConnector.check_health(ask).await?.unwrap())
}

/// The codes of all that stands in the way; each has a hint, and none shows a password.
async fn codes(resource: &serde_json::Value, reads: bool, writes: bool) -> Vec<String> {
    let errors = check(resource, reads, writes).await.err().unwrap_or_default();
    for error in &errors {
        assert!(error.hint.is_some(), "{error}");
        let shown = format!("{error:?}");
        assert!(!shown.contains("-secret"), "{shown}");
    }
    errors.into_iter().map(|error| error.code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_looked_at_as_it_is_to_be_used() {
    let server = Server::start();
    let warehouse = Warehouse::on(&server.url(), PASSWORD).await;
    let found = check(&warehouse.resource, true, true).await.unwrap();
    assert!(found.about.starts_with("PostgreSQL 1"), "{found:?}");
    warehouse
        .execute(
            "CREATE SCHEMA mart; CREATE ROLE reader LOGIN PASSWORD 'reader-secret'; GRANT USAGE ON SCHEMA mart TO reader;
             CREATE ROLE nobody LOGIN PASSWORD 'nobody-secret'",
        )
        .await;
    let reader = warehouse
        .as_user("reader", "reader-secret")
        .with("schema", "mart");
    let nobody = warehouse
        .as_user("nobody", "nobody-secret")
        .with("schema", "mart");
    let grant = "postgres.grant";
    assert_eq!(codes(&reader.resource, true, false).await, [""; 0]);
    assert_eq!(codes(&reader.resource, true, true).await, [grant]);
    assert_eq!(codes(&nobody.resource, true, false).await, [grant]);
    // Both that are missing are told at once.
    assert_eq!(codes(&nobody.resource, false, true).await, [grant, grant]);
    assert_eq!(codes(&nobody.resource, false, false).await, [""; 0]);
    // No schema to load into, and none that a standby would let be loaded.
    let database = warehouse.text("current_database()").await;
    warehouse
        .execute(&format!(
            "ALTER DATABASE {database} SET default_transaction_read_only = on"
        ))
        .await;
    let elsewhere = warehouse.as_user("postgres", PASSWORD).with("schema", "nowhere");
    assert_eq!(
        codes(&elsewhere.resource, true, true).await,
        ["postgres.read_only", "postgres.table"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_is_told_at_once() {
    let server = Server::start();
    let warehouse = Warehouse::on(&server.url(), PASSWORD).await;
    let at = |url: &str, more: &str| resource(url, "postgres", PASSWORD, more);
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    // One that listens and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = |host: &str, port: u16| format!("postgres://{host}:{port}/postgres");
    for (resource, code) in [
        (
            warehouse.as_user("postgres", "wrong-secret").resource,
            "postgres.login",
        ),
        (
            warehouse.as_user("stranger", "wrong-secret").resource,
            "postgres.login",
        ),
        (
            at(&server.url().replace("/postgres", "/nowhere"), ""),
            "postgres.database",
        ),
        (at(&to("127.0.0.1", closed), ""), "postgres.network"),
        (at(&to("no-such-host.invalid", 5432), ""), "postgres.network"),
        (
            at(
                &to("127.0.0.1", silent.local_addr().unwrap().port()),
                ", timeout: 200ms",
            ),
            "postgres.timeout",
        ),
        (at(&server.url(), ", tls: require"), "postgres.tls"),
    ] {
        assert_eq!(codes(&resource, true, true).await, [code], "{resource}");
    }
}
