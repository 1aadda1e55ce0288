//! Built-in sources, destinations, and artifact and secret stores.

pub mod artifact;
mod blocking;
pub mod clickhouse;
mod durable;
pub mod file;
mod format;
mod layout;
mod manifest;
mod password;
pub mod postgres;
pub mod s3;
pub mod secret;

use std::sync::Arc;

use tidegate_core::port::Connector;

/// Every connector that is built in.
pub fn all() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(file::FileConnector),
        Arc::new(clickhouse::ClickHouseConnector),
        Arc::new(postgres::PostgresConnector),
        Arc::new(s3::S3Connector),
    ]
}
