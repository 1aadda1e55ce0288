//! A project that loads into a real engine, and what lies there.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use clickhouse::Client;

use crate::login::{engine, new_database};
use crate::support::Project;

/// Databases made so far, for a name of each.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Rows of a month; a checkpoint comes every 2,000 and a block holds about 1,000.
pub(crate) const ROWS: u32 = 6_000;

/// A project that loads two months of rows into a database of its own.
pub(crate) struct Trial {
    pub(crate) project: Project,
    pub(crate) client: Client,
}

impl Trial {
    pub(crate) async fn new(url: &str, load: &str, rest: &str) -> Self {
        let (direct, user, password) = engine();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let database = format!("cli_{}_{number}", std::process::id());
        let client = new_database(&direct, &database).await;
        let project = Project::new().with("TIDEGATE_SECRET_WAREHOUSE", &password);
        project.write(
            "schemas/project.yaml",
            "apiVersion: tidegate/v1\nkind: Project\nname: trial\nbatch_rows: 500\n",
        );
        project.write(
            "schemas/resources/warehouse.yaml",
            format!(
                "apiVersion: tidegate/v1\nkind: Resource\nname: warehouse\ntype: clickhouse\n\
                 config: {{url: \"{url}\", database: {database}, user: {user}, password: \"${{secret:WAREHOUSE}}\"}}\n"
            ),
        );
        project.asset(
            "orders",
            &format!(
                "source: {{resource: raw, path: orders.csv}}
columns:
  - {{name: id, type: int64, key: true}}
  - {{name: name, type: utf8}}
  - {{name: at, type: \"timestamp(ms, UTC)\", nullable: false}}
  - {{name: amount, type: int64}}
destination: {{resource: warehouse, load: {load}, block: 64KiB}}
checkpoint: {{every_rows: 2000}}
{rest}"
            ),
        );
        let trial = Self { project, client };
        trial.give(1);
        trial
    }

    /// Rows of both months; most keys are those of before, each with a new amount.
    pub(crate) fn give(&self, generation: u32) {
        let mut text = String::from("id,name,at,amount\n");
        for row in 0..ROWS * 2 {
            let id = row + generation * 100;
            let month = row % 2 + 1;
            // Writing into text does not fail.
            let _ = writeln!(
                text,
                "{id},name of order {id} in words,2024-0{month}-15T00:00:00Z,{generation}"
            );
        }
        self.project.write("in/orders.csv", text);
    }

    pub(crate) async fn content(&self) -> String {
        let query = "SELECT count(), sum(amount), sum(cityHash64(id, name, at, amount)) FROM orders FINAL";
        let plain = query.trim_end_matches(" FINAL");
        let engine = self
            .text("SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = 'orders'");
        let query = if engine.await.starts_with("Replacing") {
            query
        } else {
            plain
        };
        self.text(query).await
    }

    pub(crate) async fn text(&self, query: &str) -> String {
        let mut cursor = self.client.query_raw(query).fetch_bytes("TabSeparated").unwrap();
        String::from_utf8(cursor.collect().await.unwrap().to_vec())
            .unwrap()
            .trim_end()
            .to_owned()
    }
}
