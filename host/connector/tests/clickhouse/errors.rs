//! What can be wrong is told, each with its own code; and what an asset asks for is refused before anybody connects.

use tidegate_connector::clickhouse::ClickHouseConnector;
use tidegate_core::port::Connector;

use crate::support::{Attempt, Warehouse, engine, orders, rows, yaml};

fn resource(config: &str) -> Vec<String> {
    let checked = ClickHouseConnector.check_resource(&yaml(config), std::path::Path::new("/"));
    checked.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_resource_that_cannot_be_one_is_refused() {
    for (config, told) in [
        (
            "{url: 'clickhouse://h:9000'}",
            "the URL must be one of HTTP (at /url)",
        ),
        (
            "{url: 'http://me:secret@h:8123'}",
            "the URL may not hold a login (at /url)",
        ),
        (
            "{url: 'http://h:8123/?a=b'}",
            "the URL may not have a query (at /url)",
        ),
        (
            "{url: 'h'}",
            "this is no URL: relative URL without a base (at /url)",
        ),
        (
            "{url: 'http://h', password: secret}",
            "a password may not be written out (at /password)",
        ),
        (
            "{url: 'http://h', user: '${secret:U}'}",
            "this is shown, and may not be a secret (at /user)",
        ),
    ] {
        let errors = resource(config);
        assert_eq!(errors, [format!("schema.invalid_value: {told}")]);
        assert!(errors.iter().all(|error| !error.contains("me:secret")));
    }
}

#[tokio::test]
async fn what_an_asset_cannot_have_is_refused_all_at_once() {
    let warehouse = Warehouse::new().await;
    for (rest, told) in [
        (
            "destination: {resource: w, load: append, role: metric}",
            vec!["schema.load_unsupported"],
        ),
        (
            "destination: {resource: w, load: upsert, engine: MergeTree}",
            vec!["schema.invalid_value"],
        ),
        (
            "destination: {resource: w, load: append, time: amount, tenant: nobody, partition: month, version: at, \
             columns: {other: {}, id: {low_cardinality: true}}}",
            vec!["schema.invalid_value"; 5],
        ),
        (
            "destination: {resource: w, load: replace_partition}\npartitions: {monthly: {start: 2013-01}}",
            vec!["schema.invalid_value"],
        ),
        (
            "destination: {resource: w, load: replace_partition, partition: day}\npartitions: {monthly: {column: at, start: 2013-01}}",
            vec!["schema.invalid_value"],
        ),
        (
            "destination: {resource: w, load: append, rolle: event}",
            vec!["schema.unknown_key"],
        ),
    ] {
        let errors = warehouse.try_destination(&orders(rest)).unwrap_err();
        let codes: Vec<&str> = errors.iter().map(|error| error.code.as_str()).collect();
        assert_eq!(codes, told, "{rest}: {errors:#?}");
    }
}

#[tokio::test]
async fn login_database_and_address_have_errors_of_their_own() {
    let warehouse = Warehouse::new().await;
    let (url, user, password) = engine();
    let asset = orders("destination: {resource: w, load: append}");
    for (url, database, user, password, code) in [
        (
            url.as_str(),
            "default",
            user.as_str(),
            "wrong-password",
            "clickhouse.login",
        ),
        (&url, "no_such_database", &user, &password, "clickhouse.database"),
        (
            "http://127.0.0.1:1",
            "default",
            &user,
            &password,
            "clickhouse.network",
        ),
    ] {
        let mut spec = warehouse.destination(&asset);
        spec.resource["url"] = url.into();
        spec.resource["database"] = database.into();
        spec.resource["user"] = user.into();
        spec.resource["password"] = password.into();
        let open = tidegate_core::port::OpenChanges {
            spec: &spec,
            schema: tidegate_core::schema::Column::schema(&asset.columns),
            secrets: &[],
        };
        let error = ClickHouseConnector.changes(open).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.hint.is_some(), "{code}");
        assert!(!error.to_string().contains("wrong-password"));
    }
}

#[tokio::test]
async fn a_value_that_the_server_refuses_is_an_error_of_the_data() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append, columns: {name: {type: JSON}}}");
    let error = Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(1..2, 1, 1)])
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.value", "{error}");
    assert_eq!(warehouse.text("SELECT count() FROM orders").await, "0");
}

#[tokio::test]
async fn a_server_of_2018_is_told_to_be_too_old() {
    let Ok(given) = std::env::var("TIDEGATE_TEST_OLD_CLICKHOUSE_URL") else {
        // Only Debian 12 has a package of such a server; `cargo xtask test` says where it is left out.
        return;
    };
    let url = url::Url::parse(&given).unwrap();
    let warehouse = Warehouse::new().await;
    let old = warehouse
        .through(&format!("http://127.0.0.1:{}", url.port().unwrap()))
        .within("default");
    let asset = orders("destination: {resource: w, load: append}");
    let told = |error: tidegate_core::Error| {
        assert_eq!(error.code, "clickhouse.too_old", "{error}");
        assert!(
            error
                .message
                .contains("is ClickHouse 18.16.1, and Tidegate needs 23.8 or newer"),
            "{error}"
        );
    };
    told(Attempt::new(&old, &asset, 1, "one").open().await.err().unwrap());
    told(old.read(&asset, None).await.unwrap_err());
    told(old.changes(&asset).await.unwrap_err());
}

#[tokio::test]
async fn what_the_user_may_not_do_is_told_as_such() {
    let warehouse = Warehouse::new().await;
    // The engine lets the user of the tests do nearly everything, but not look at users.
    let query = "{query: SELECT name FROM system.users}";
    let error = warehouse
        .read_table(query, "[{name: name, type: utf8}]")
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.grant", "{error}");
    assert!(error.message.contains("SHOW USERS"), "{error}");
    let asset = orders("destination: {resource: w, load: append}");
    let reader = Warehouse::new().await.with_setting("readonly", 1);
    let error = Attempt::new(&reader, &asset, 1, "one")
        .open()
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "clickhouse.read_only", "{error}");
}
