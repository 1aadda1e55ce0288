//! What is wrong with an address, a login or a grant: told with its code, and without the password.

use tidegate_connector::postgres::PostgresConnector;
use tidegate_core::port::Connector;

use crate::server::{PASSWORD, Server};
use crate::support::{Attempt, Warehouse, orders, resource, rows, yaml};

#[tokio::test(flavor = "multi_thread")]
async fn logins_databases_and_grants_are_told_apart() {
    let server = Server::start();
    let warehouse = Warehouse::on(&server.url(), PASSWORD).await;
    let asset = orders("destination: {resource: w, load: append}");
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..10, 3, 1)])
        .await
        .unwrap();
    warehouse
        .execute("CREATE ROLE reader LOGIN PASSWORD 'reader-secret'; CREATE ROLE nobody LOGIN PASSWORD 'nobody-secret'; GRANT SELECT ON orders TO reader")
        .await;
    let mut url = url::Url::parse(&server.url()).unwrap();
    url.set_path("nowhere");
    let elsewhere = Warehouse {
        resource: resource(url.as_str(), "postgres", PASSWORD, ""),
        ..Warehouse::on(&server.url(), PASSWORD).await
    };
    for (warehouse, code) in [
        (warehouse.as_user("postgres", "wrong-secret"), "postgres.login"),
        (warehouse.as_user("stranger", "wrong-secret"), "postgres.login"),
        (warehouse.as_user("nobody", "nobody-secret"), "postgres.grant"),
        (elsewhere, "postgres.database"),
    ] {
        let error = warehouse.read(&asset, None).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        let shown = format!("{error:?}");
        assert!(!shown.contains("-secret"), "{shown}");
    }
    let reader = warehouse.as_user("reader", "reader-secret");
    assert_eq!(reader.read(&asset, None).await.unwrap().len(), 10);
    let error = Attempt::new(&reader, &asset, 2, "two")
        .open()
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "postgres.grant");
    warehouse
        .execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        .await;
    // Encryption that the server does not offer is not done without.
    for tls in ["require", "verify"] {
        let error = warehouse
            .through(server.port())
            .with("tls", tls)
            .read(&asset, None)
            .await
            .unwrap_err();
        assert_eq!(error.code, "postgres.tls", "{tls}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_must_prove_its_name_where_that_is_asked_for() {
    let server = Server::start_encrypted();
    let asset = orders("destination: {resource: w, load: append}");
    let own = Warehouse::on(&server.url(), PASSWORD).await;
    Attempt::new(&own, &asset, 1, "one")
        .load(&[rows(0..10, 3, 1)])
        .await
        .unwrap();
    // Loopback is not encrypted unless told, and the certificate is one of `localhost`, not of an address.
    let named = |host: &str| own.url.replace("127.0.0.1", host);
    let through = |host: &str, tls: &str, ca: bool| {
        let config = if ca {
            format!(", tls: {tls}, ca: \"{}\"", server.authority().display())
        } else {
            format!(", tls: {tls}")
        };
        Warehouse {
            resource: resource(&named(host), "postgres", PASSWORD, &config),
            url: own.url.clone(),
            password: PASSWORD.into(),
        }
    };
    let encrypted = "(SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid())";
    let read = through("localhost", "verify", true)
        .read_from(
            &format!("{{query: \"SELECT {encrypted} AS ssl\"}}"),
            "[{name: ssl, type: utf8}]",
        )
        .await
        .unwrap();
    assert_eq!(read.lines, ["{\"ssl\":\"true\"}"]);
    assert_eq!(
        through("127.0.0.1", "require", false)
            .read(&asset, None)
            .await
            .unwrap()
            .len(),
        10
    );
    assert_eq!(
        through("localhost", "disable", false)
            .read(&asset, None)
            .await
            .unwrap()
            .len(),
        10
    );
    for (host, ca) in [("127.0.0.1", true), ("localhost", false)] {
        let error = through(host, "verify", ca).read(&asset, None).await.unwrap_err();
        assert_eq!(error.code, "postgres.tls", "{host}: {error}");
        assert!(error.hint.is_some());
    }
}

#[tokio::test]
async fn a_server_that_may_only_be_read_says_so() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute("DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$")
        .await;
    let asset = orders("destination: {resource: w, load: append}");
    let error = Attempt::new(&warehouse, &asset, 1, "one")
        .open()
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "postgres.read_only");
}

#[tokio::test]
async fn what_is_not_there_or_another_is_named() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute("CREATE TABLE shop (id integer, price numeric, ref uuid)")
        .await;
    for (config, columns, code, part) in [
        (
            "{table: ships}",
            "[{name: id, type: int64}]",
            "postgres.table",
            "ships",
        ),
        (
            "{table: shop}",
            "[{name: ident, type: int64}]",
            "postgres.no_column",
            "there is no column `ident`; there are id, price, ref",
        ),
        (
            "{table: shop}",
            "[{name: price, type: float64}]",
            "postgres.bad_column",
            "the server has `numeric`, which is `decimal(p,s)` or `utf8`, not `float64`",
        ),
        (
            "{table: shop}",
            "[{name: ref, type: int64}]",
            "postgres.bad_column",
            "the server has `uuid`, which can be read as `utf8`, not `int64`",
        ),
        (
            "{query: SELECT 1 AS id FROM nowhere}",
            "[{name: id, type: int64}]",
            "postgres.table",
            "nowhere",
        ),
        (
            "{query: SELEC 1}",
            "[{name: id, type: int64}]",
            "postgres.refused",
            "syntax error",
        ),
        (
            "{query: SELECT 1/0 AS id}",
            "[{name: id, type: int64}]",
            "postgres.value",
            "division by zero",
        ),
    ] {
        let error = warehouse.read_from(config, columns).await.unwrap_err();
        assert_eq!(error.code, code, "{config}: {error}");
        assert!(error.message.contains(part), "{error}");
    }
    let asset = orders("destination: {resource: w, load: append}");
    assert_eq!(
        warehouse.read(&asset, None).await.unwrap_err().code,
        "postgres.not_loaded"
    );
}

#[test]
fn configs_are_refused_where_they_are_wrong() {
    let root = std::path::Path::new("/");
    for (config, pointer) in [
        ("{url: \"http://h/db\", user: u}", "/url"),
        ("{url: \"postgres://u:p@h/db\", user: u}", "/url"),
        ("{url: \"postgres://h/db?sslmode=disable\", user: u}", "/url"),
        ("{url: \"postgres://h\", user: u}", "/url"),
        (
            "{url: \"postgres://h/db\", user: u, password: plain}",
            "/password",
        ),
        ("{url: \"postgres://h/db\", user: \"${secret:U}\"}", "/user"),
    ] {
        let errors = PostgresConnector.check_resource(&yaml(config), root).unwrap_err();
        assert_eq!(errors[0].code, "schema.invalid_value", "{config}");
        let shown = format!("{:?}", errors[0].place);
        assert!(shown.contains(pointer), "{config}: {shown}");
        assert!(!format!("{errors:?}").contains("u:p@"), "{errors:?}");
    }
    for config in [
        "{}",
        "{table: a, query: SELECT 1}",
        "{query: SELECT 1, parallel: 2}",
        "{table: a, parallel: 0}",
        "{table: a, max_value_bytes: 2GiB}",
    ] {
        assert!(
            PostgresConnector.check_source(&yaml(config), &[]).is_err(),
            "{config}"
        );
    }
}
