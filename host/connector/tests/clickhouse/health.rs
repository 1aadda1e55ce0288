//! What `tidegate check --connect` asks of a database.

use std::net::TcpListener;

use tidegate_connector::clickhouse::ClickHouseConnector;
use tidegate_core::port::{AskHealth, Connector};

use crate::support::Warehouse;

#[tokio::test]
async fn a_database_is_looked_at_as_it_is_to_be_used() {
    let warehouse = Warehouse::new().await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let with = |key: &str, value: &str| {
        let mut resource = warehouse.resource.clone();
        resource[key] = value.into();
        resource
    };
    let mut quiet = with("url", &format!("http://{}", silent.local_addr().unwrap()));
    quiet["timeout"] = "200ms".into();
    for (resource, code) in [
        (warehouse.resource.clone(), None),
        (with("password", "wrong-secret"), Some("clickhouse.login")),
        (with("database", "nowhere"), Some("clickhouse.database")),
        (
            with("url", &format!("http://{closed}")),
            Some("clickhouse.network"),
        ),
        (
            with("url", "http://no-such-host.invalid:8123"),
            Some("clickhouse.network"),
        ),
        (quiet, Some("clickhouse.timeout")),
    ] {
        for writes in [false, true] {
            let ask = AskHealth {
                resource: &resource,
                reads: true,
                writes,
                silence_ms: 5_000,
            };
            match (ClickHouseConnector.check_health(ask).await, code) {
                (Ok(found), None) => assert!(found.unwrap().about.starts_with("ClickHouse 2")),
                (Err(errors), Some(code)) => {
                    assert_eq!(errors.len(), 1, "{errors:?}");
                    assert_eq!(errors[0].code, code, "{}", errors[0]);
                    assert!(!format!("{errors:?}").contains("wrong-secret"));
                }
                (other, _) => panic!("{resource}: {other:?}"),
            }
        }
    }
}
