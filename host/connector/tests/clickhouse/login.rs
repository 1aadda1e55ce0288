//! Where the engine of the tests is, and who may use it.

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
