//! State in Postgres: the server of the tests, a schema for each test.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The address of a state store in a schema of its own.
pub(crate) fn database(schema: &str) -> String {
    sql(&format!("CREATE SCHEMA {schema}"));
    let url = postgres_url();
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-csearch_path%3D{schema}")
}

/// The URL of the server.
pub(crate) fn postgres_url() -> String {
    std::env::var("TIDEGATE_TEST_POSTGRES_URL")
        .expect("TIDEGATE_TEST_POSTGRES_URL is not set: run `cargo xtask test`, which starts a Postgres for the tests")
}

/// Runs a statement on it.
pub(crate) fn sql(text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(&postgres_url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}
