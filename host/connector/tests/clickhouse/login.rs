//! Where the engine of the tests is, and who may use it.

use clickhouse::{Client, Compression};

/// The engine's URL without its login, and the login.
pub(crate) fn engine() -> (String, String, String) {
    let given = std::env::var("TIDEGATE_TEST_CLICKHOUSE_URL")
        .expect("TIDEGATE_TEST_CLICKHOUSE_URL: `cargo xtask test` sets it");
    let mut url = url::Url::parse(&given).unwrap();
    let login = (url.username().to_owned(), url.password().unwrap().to_owned());
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    (url.as_str().trim_end_matches('/').to_owned(), login.0, login.1)
}

/// A client of a new database of that name, on an engine with the login of the tests'.
pub(crate) async fn new_database(url: &str, database: &str) -> Client {
    let (_, user, password) = engine();
    let client = Client::default()
        .with_url(url)
        .with_user(user)
        .with_password(password)
        .with_compression(Compression::None);
    for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        client
            .query_raw(&format!("{statement} {database}"))
            .execute()
            .await
            .unwrap();
    }
    client.with_database(database)
}
