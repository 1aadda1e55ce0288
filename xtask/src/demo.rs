//! `cargo xtask demo`: builds everything and runs the example project. Runs again as often as one likes: what is loaded
//! replaces what was there, and nothing else is touched.

use std::path::Path;
use std::process::Command;

use crate::process::{self, phase};
use crate::services::{clickhouse, postgres, s3};
use crate::{guests, setup};

/// The project whose assets lie on servers.
const DATABASES: &str = "examples/databases";

/// A question to its assets, wherever they lie.
const QUESTION: &str = "SELECT d.airline, d.departed, round(d.mean_delay_minutes, 1) AS mean_delay_minutes \
                        FROM airline_delays d JOIN airlines a ON a.name = d.airline \
                        ORDER BY mean_delay_minutes DESC LIMIT 5";

/// Builds Tidegate and runs the example project in schemas/; in full, the one among servers, which are started for it.
pub(crate) fn run(full: bool) -> Result<(), String> {
    phase("setup", setup::run)?;
    phase("plugins", || guests::build_rust().map(drop))?;
    let tidegate = phase("tidegate, release build", process::build_tidegate)?;
    if full {
        return databases(&tidegate);
    }
    phase("tidegate run --all", || {
        process::stream(
            Command::new(&tidegate)
                .args(["run", "--all"])
                .current_dir(process::root()),
        )
    })
}

/// Servers that are started here are stopped when this ends.
fn databases(tidegate: &Path) -> Result<(), String> {
    let shop = phase("postgres", || {
        postgres::install()?;
        postgres::up()
    })?;
    let bucket = phase("s3", s3::up)?;
    let warehouse = phase("clickhouse", clickhouse::up)?;
    let url = warehouse
        .address()
        .replace(&format!("{}:{}@", clickhouse::USER, clickhouse::PASSWORD), "");
    let tidegate = |arguments: &[&str]| {
        process::stream(
            Command::new(tidegate)
                .args(arguments)
                .current_dir(process::root().join(DATABASES))
                .env("DEMO_POSTGRES_URL", shop.url().replace("postgres@", ""))
                .env("DEMO_POSTGRES_USER", "postgres")
                .env("DEMO_CLICKHOUSE_URL", &url)
                .env("DEMO_CLICKHOUSE_USER", clickhouse::USER)
                .env("TIDEGATE_SECRET_DEMO_CLICKHOUSE", clickhouse::PASSWORD)
                .env("AWS_ENDPOINT_URL", bucket.address())
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", s3::USER)
                .env("AWS_SECRET_ACCESS_KEY", s3::SECRET),
        )
    };
    phase("tidegate run --all", || tidegate(&["run", "--all"]))?;
    phase("tidegate query", || tidegate(&["query", QUESTION]))
}
